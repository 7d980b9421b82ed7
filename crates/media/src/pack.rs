//! Writes packed files and takes them apart again, on a desktop.
//!
//! ```
//! use barertc_media::FrameKind;
//! use barertc_media::pack::{Track, write};
//!
//! let sound = Track { kind: FrameKind::Opus, duration: 960, frames: vec![vec![0xfc, 1], vec![0xfc, 2]], key_frames: vec![] };
//! let mut file = vec![];
//! write(&mut file, &[sound])?;
//! assert!(file.starts_with(b"BRTC"));
//! # Ok::<(), std::io::Error>(())
//! ```
#![allow(clippy::disallowed_methods, reason = "host only: memory is not counted here")]

use std::io::{self, Write};
use std::string::ToString;
use std::vec::Vec;

use barertc_arena::Global;

use crate::crc::Crc;
use crate::error::{Error, ErrorKind};
use crate::frame::{FrameKind, SourceFrame};
use crate::packed::{CHECKSUM_AT, Entry, HEAD_LEN, Head, TRACK_LEN};
use crate::packed::{Packed, PackedConfig};
use crate::source::Source;
use crate::storage::Storage;

/// All of a track, in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Track {
    /// What it carries.
    pub kind: FrameKind,
    /// How long every frame is shown, in ticks of the kind's clock.
    pub duration: u32,
    /// The frames, as [`FrameKind`] says.
    pub frames: Vec<Vec<u8>>,
    /// The numbers of the key frames, ascending; none where every frame is one.
    pub key_frames: Vec<u32>,
}

/// Why a source cannot be packed.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PackError<E> {
    /// Reading it failed.
    Source(Error<E>),
    /// Frame `number` lasts `duration` ticks, the ones before it `expected`: a packed track has one duration.
    Duration {
        /// The frame.
        number: u32,
        /// How long it lasts.
        duration: u32,
        /// How long the others do.
        expected: u32,
    },
    /// The first picture is no key frame, so no decoder could begin.
    NoKeyFrame,
}

impl<E: core::fmt::Display> core::fmt::Display for PackError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Source(e) => e.fmt(f),
            Self::Duration { number, duration, expected } => {
                write!(f, "frame {number} lasts {duration} ticks, those before it {expected}")
            }
            Self::NoKeyFrame => f.write_str("the first frame is no key frame"),
        }
    }
}

impl<E: core::fmt::Debug + core::fmt::Display> core::error::Error for PackError<E> {}

impl Track {
    /// Reads `source` until it begins again.
    ///
    /// # Errors
    /// What the source says, [`PackError::Duration`], [`PackError::NoKeyFrame`].
    pub async fn read<S: Storage>(
        storage: &mut S,
        source: &mut Source<S, Global>,
    ) -> Result<Self, PackError<S::Error>> {
        let kind = source.kind();
        let mut track = Self { kind, duration: 0, frames: Vec::new(), key_frames: Vec::new() };
        loop {
            let frame = source.next(storage).await.map_err(PackError::Source)?;
            if frame.number == 0 && !track.frames.is_empty() {
                return Ok(track);
            }
            track.add(&frame)?;
        }
    }

    fn add<E>(&mut self, frame: &SourceFrame<Global>) -> Result<(), PackError<E>> {
        if self.frames.is_empty() {
            self.duration = frame.duration;
            if !frame.keyframe {
                return Err(PackError::NoKeyFrame);
            }
        }
        if frame.duration != self.duration {
            let (number, duration, expected) = (frame.number, frame.duration, self.duration);
            return Err(PackError::Duration { number, duration, expected });
        }
        if frame.keyframe && self.kind.is_video() {
            self.key_frames.push(frame.number);
        }
        self.frames.push(frame.data.to_vec());
        Ok(())
    }

    /// Bytes of all frames.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.frames.iter().fold(0, |sum, f| sum.saturating_add(f.len()))
    }

    /// Seconds that the track plays.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.frames.len() as f64 * f64::from(self.duration) / f64::from(self.kind.clock_rate())
    }

    /// The pictures of an H.264 track as an elementary stream with start codes (H.264 Annex B).
    #[must_use]
    pub fn annex_b(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes());
        for mut rest in self.frames.iter().map(Vec::as_slice) {
            while let Some((len, tail)) = rest.split_first_chunk::<4>() {
                let (nal, tail) = tail.split_at_checked(u32::from_be_bytes(*len) as usize).unwrap_or((tail, &[]));
                out.extend_from_slice(&[0, 0, 0, 1]);
                out.extend_from_slice(nal);
                rest = tail;
            }
        }
        out
    }
}

/// Writes a packed file of these tracks; how many bytes it has.
///
/// # Errors
/// What the writer says; `InvalidInput` for a track without frames, with an empty one, or beyond 4 GiB.
pub fn write(out: &mut impl Write, tracks: &[Track]) -> io::Result<u64> {
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why.to_string());
    let head_len = HEAD_LEN.saturating_add(tracks.len().saturating_mul(TRACK_LEN));
    let index_len = |t: &Track| t.frames.len().saturating_add(1).saturating_add(t.key_frames.len()).saturating_mul(4);
    let size = tracks.iter().fold(head_len, |sum, t| sum.saturating_add(index_len(t)));
    let size = u32::try_from(size).map_err(|_| invalid("too many frames"))?;
    let track_count = u16::try_from(tracks.len()).map_err(|_| invalid("too many tracks"))?;

    let mut head = Vec::new();
    head.extend_from_slice(&Head { tracks: track_count, size, checksum: 0 }.write());
    let mut index = Vec::new();
    let mut data_at = u64::from(size);
    for track in tracks {
        if track.frames.is_empty() || track.frames.iter().any(Vec::is_empty) || track.duration == 0 {
            return Err(invalid("a track without frames, or with an empty one"));
        }
        let index_at = head_len.saturating_add(index.len());
        let entry = Entry {
            kind: track.kind,
            duration: track.duration,
            frames: track.frames.len() as u32,
            key_frames: track.key_frames.len() as u32,
            index_at: u32::try_from(index_at).map_err(|_| invalid("too many frames"))?,
            data_at,
        };
        head.extend_from_slice(&entry.write());
        let mut at = 0u32;
        index.extend_from_slice(&at.to_be_bytes());
        for frame in &track.frames {
            let len = u32::try_from(frame.len()).ok();
            at = len.and_then(|len| at.checked_add(len)).ok_or_else(|| invalid("a track of more than 4 GiB"))?;
            index.extend_from_slice(&at.to_be_bytes());
        }
        for key in &track.key_frames {
            index.extend_from_slice(&key.to_be_bytes());
        }
        data_at = data_at.saturating_add(at.into());
    }
    head.append(&mut index);
    let mut crc = Crc::default();
    crc.update(&head);
    if let Some(place) = head.get_mut(CHECKSUM_AT..).and_then(|h| h.first_chunk_mut::<4>()) {
        *place = crc.value().to_be_bytes();
    }
    out.write_all(&head)?;
    for frame in tracks.iter().flat_map(|t| &t.frames) {
        out.write_all(frame)?;
    }
    Ok(data_at)
}

/// Reads every track of the packed file at `path`.
///
/// # Errors
/// As [`Packed::open`] and [`Packed::next`].
pub async fn read<S: Storage>(storage: &mut S, path: &str) -> Result<Vec<Track>, Error<S::Error>> {
    let config = PackedConfig { max_frames: u32::MAX, max_frame_bytes: usize::MAX };
    let mut tracks = Vec::new();
    for kind in FrameKind::VIDEO.into_iter().chain([FrameKind::Opus]) {
        let mut packed = match Packed::open(storage, path, kind, config, Global).await {
            Err(Error { kind: ErrorKind::NoSuchTrack, .. }) => continue,
            opened => opened?,
        };
        let mut track = Track { kind, duration: packed.duration(), frames: Vec::new(), key_frames: Vec::new() };
        for number in 0..packed.frames() {
            let frame = packed.next(storage).await?;
            if frame.keyframe && kind.is_video() {
                track.key_frames.push(number);
            }
            track.frames.push(frame.data.to_vec());
        }
        packed.close(storage).await;
        tracks.push(track);
    }
    Ok(tracks)
}

/// Runs a future whose storage never waits, as [`Disk`](crate::Disk) and [`Embedded`](crate::Embedded) never do.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = core::pin::pin!(future);
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    loop {
        if let core::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        core::hint::spin_loop();
    }
}
