//! The layout of a packed file. All numbers have their most significant byte first.
//!
//! ```text
//! head    0  "BRTC"
//!         4  version: u16 = 1
//!         6  tracks: u16
//!         8  size of head, track entries and indices together: u32
//!        12  checksum of all of that, these four bytes taken as zero: u32
//! track   0  kind: u8 (1 H.264, 2 Opus, 3 VP8, 4 VP9, 5 AV1)
//!         1  zero: [u8; 3]
//!         4  duration of every frame in ticks of the kind's clock: u32
//!         8  frames: u32
//!        12  key frames listed: u32 (0: every frame is one)
//!        16  where the track's index begins: u32
//!        20  zero: u32
//!        24  where the track's frames begin: u64
//! index      frames + 1 of: u32, where the frame begins after the start of the frames, and where the last one ends
//!            key frames of: u32, numbers of frames, ascending
//! frames     one after the other
//! ```

use barertc_wire::Reader;

use crate::frame::FrameKind;

pub(crate) const MAGIC: [u8; 4] = *b"BRTC";
pub(crate) const VERSION: u16 = 1;
pub(crate) const HEAD_LEN: usize = 16;
pub(crate) const TRACK_LEN: usize = 32;
/// Where in the head the checksum stands.
pub(crate) const CHECKSUM_AT: usize = 12;
/// More tracks than anybody has; keeps what a broken head can make us read small.
pub(crate) const MAX_TRACKS: u16 = 16;

/// The head of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) tracks: u16,
    pub(crate) size: u32,
    pub(crate) checksum: u32,
}

/// One track's entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: FrameKind,
    pub(crate) duration: u32,
    pub(crate) frames: u32,
    pub(crate) key_frames: u32,
    pub(crate) index_at: u32,
    pub(crate) data_at: u64,
}

impl Head {
    /// Reads a head; else the rule that it breaks, and the byte.
    pub(crate) fn parse(bytes: &[u8; HEAD_LEN]) -> Result<Self, (u64, &'static str)> {
        const SHORT: (u64, &str) = (0, "short head");
        let mut r = Reader::new(bytes);
        if r.array::<4>().map_err(|_| SHORT)? != MAGIC {
            return Err((0, "not a packed file"));
        }
        if r.u16().map_err(|_| SHORT)? != VERSION {
            return Err((4, "a version of the packed file that is not known here"));
        }
        let tracks = r.u16().map_err(|_| SHORT)?;
        if tracks > MAX_TRACKS {
            return Err((6, "too many tracks"));
        }
        let size = r.u32().map_err(|_| SHORT)?;
        if u64::from(size) < entry_at(tracks) {
            return Err((8, "size of the head is less than its tracks need"));
        }
        Ok(Self { tracks, size, checksum: r.u32().map_err(|_| SHORT)? })
    }

    #[cfg(feature = "pack")]
    pub(crate) fn write(self) -> [u8; HEAD_LEN] {
        let mut out = [0; HEAD_LEN];
        let mut w = barertc_wire::Writer::new(&mut out);
        let written = w.put(&MAGIC).and(w.u16(VERSION)).and(w.u16(self.tracks)).and(w.u32(self.size));
        debug_assert!(written.and(w.u32(self.checksum)).is_ok());
        out
    }
}

/// Where the entry of track `n` begins.
pub(crate) fn entry_at(n: u16) -> u64 {
    (HEAD_LEN as u64).saturating_add(u64::from(n).saturating_mul(TRACK_LEN as u64))
}

impl Entry {
    /// Reads an entry; `None` for a kind that is not known here.
    pub(crate) fn parse(bytes: &[u8; TRACK_LEN]) -> Option<Self> {
        let mut r = Reader::new(bytes);
        let kind = match r.u8().ok()? {
            1 => FrameKind::H264,
            2 => FrameKind::Opus,
            3 => FrameKind::Vp8,
            4 => FrameKind::Vp9,
            5 => FrameKind::Av1,
            _ => return None,
        };
        r.skip(3).ok()?;
        let (duration, frames, key_frames) = (r.u32().ok()?, r.u32().ok()?, r.u32().ok()?);
        let index_at = r.u32().ok()?;
        r.skip(4).ok()?;
        Some(Self { kind, duration, frames, key_frames, index_at, data_at: r.u64().ok()? })
    }

    /// Where the list of key frames begins, and where it ends; `None` past the end of the number space.
    pub(crate) fn keys(&self) -> Option<(u32, u32)> {
        let begin = self.frames.checked_add(1)?.checked_mul(4)?.checked_add(self.index_at)?;
        Some((begin, self.key_frames.checked_mul(4)?.checked_add(begin)?))
    }

    #[cfg(feature = "pack")]
    pub(crate) fn write(self) -> [u8; TRACK_LEN] {
        let mut out = [0; TRACK_LEN];
        let mut w = barertc_wire::Writer::new(&mut out);
        let kind = match self.kind {
            FrameKind::H264 => 1,
            FrameKind::Opus => 2,
            FrameKind::Vp8 => 3,
            FrameKind::Vp9 => 4,
            FrameKind::Av1 => 5,
        };
        let first = w.u8(kind).and(w.zeros(3)).and(w.u32(self.duration)).and(w.u32(self.frames));
        let second = w.u32(self.key_frames).and(w.u32(self.index_at)).and(w.zeros(4)).and(w.u64(self.data_at));
        debug_assert!(first.and(second).is_ok());
        out
    }
}
