//! IVF: a head of 32 bytes, and frames, each behind its length. Numbers have their least significant byte first.

use barertc_arena::Allocator;
use barertc_wire::Reader;

use crate::error::{Error, ErrorKind};
use crate::file::File;
use crate::frame::{FrameKind, SourceFrame};
use crate::storage::Storage;

/// Bytes of the head, at least.
pub(crate) const HEAD_LEN: usize = 32;
/// Before each frame: its length in 4 bytes, and its time in 8.
pub(crate) const FRAME_HEAD_LEN: usize = 12;
/// How the head begins.
pub(crate) const MAGIC: [u8; 4] = *b"DKIF";

/// What the head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes of the head: the first frame is behind it.
    pub(crate) len: u16,
    pub(crate) fourcc: [u8; 4],
}

impl Head {
    /// Reads a head: "DKIF", a version of 0, the length of the head, the codec. The rest is of no use here.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub(crate) fn parse(bytes: &[u8; HEAD_LEN]) -> Result<Self, &'static str> {
        const SHORT: &str = "short head of IVF";
        let mut r = Reader::new(bytes);
        if r.array::<4>().map_err(|_| SHORT)? != MAGIC {
            return Err("not IVF");
        }
        let mut number = || r.array::<2>().map(u16::from_le_bytes).map_err(|_| SHORT);
        let (version, len) = (number()?, number()?);
        if version != 0 {
            return Err("a version of IVF that is not known here");
        }
        if usize::from(len) < HEAD_LEN {
            return Err("head of IVF is shorter than its fields");
        }
        Ok(Self { len, fourcc: r.array().map_err(|_| SHORT)? })
    }

    /// What the frames are; `None` for a codec that cannot be sent.
    pub(crate) const fn kind(&self) -> Option<FrameKind> {
        match &self.fourcc {
            b"VP80" => Some(FrameKind::Vp8),
            b"VP90" => Some(FrameKind::Vp9),
            b"AV01" => Some(FrameKind::Av1),
            _ => None,
        }
    }
}

/// Bytes of the frame behind this head.
pub(crate) const fn frame_len(head: [u8; FRAME_HEAD_LEN]) -> u32 {
    let [a, b, c, d, ..] = head;
    u32::from_le_bytes([a, b, c, d])
}

/// The configuration of an [`Ivf`] source.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct IvfConfig {
    /// How long a picture is shown, in ticks of 1/90000 s. 3000 is for 30 pictures per second.
    pub frame_duration: u32,
    /// The size in bytes of the largest frame.
    pub max_frame_bytes: usize,
}

impl Default for IvfConfig {
    fn default() -> Self {
        Self { frame_duration: 3000, max_frame_bytes: 256 * 1024 }
    }
}

/// VP8, VP9 or AV1 in IVF. The source holds no memory.
///
/// After the last frame the source begins again with the first. Timestamps go on. The times in the file are not used.
pub struct Ivf<S: Storage, A: Allocator> {
    file: File<S>,
    alloc: A,
    config: IvfConfig,
    kind: FrameKind,
    /// Where the first frame's head begins, and the next one's.
    begin: u64,
    at: u64,
    number: u32,
    timestamp: u64,
}

impl<S: Storage, A: Allocator + Clone> Ivf<S, A> {
    /// Opens the file at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Truncated`], [`ErrorKind::Malformed`] for another format, or a codec other
    /// than VP8, VP9 and AV1; or an error of the storage.
    pub async fn open(storage: &mut S, path: &str, config: IvfConfig, alloc: A) -> Result<Self, Error<S::Error>> {
        let mut file = File::open(storage, format_args!("{path}")).await?;
        let mut bytes = [0; HEAD_LEN];
        file.read_exact(storage, 0, &mut bytes).await?;
        let head = Head::parse(&bytes).map_err(|rule| file.error(0, ErrorKind::Malformed(rule)))?;
        let kind = head.kind();
        let kind = kind.ok_or_else(|| file.error(8, ErrorKind::Malformed("IVF of a codec that cannot be sent")))?;
        let begin = u64::from(head.len);
        Ok(Self { file, alloc, config, kind, begin, at: begin, number: 0, timestamp: 0 })
    }

    /// Reads the next frame. Frames without bytes, which encoders write for pictures that they leave out, are passed
    /// over. On an error the source stays where it is.
    ///
    /// # Errors
    /// [`ErrorKind::Empty`] for a file without a frame, [`ErrorKind::Truncated`], [`ErrorKind::TooLarge`],
    /// [`ErrorKind::OutOfMemory`], or an error of the storage.
    pub async fn next(&mut self, storage: &mut S) -> Result<SourceFrame<A>, Error<S::Error>> {
        loop {
            if self.at >= self.file.size() {
                if self.number == 0 {
                    return Err(self.file.error(self.at, ErrorKind::Empty));
                }
                self.rewind();
            }
            let mut head = [0; FRAME_HEAD_LEN];
            self.file.read_exact(storage, self.at, &mut head).await?;
            let len = u64::from(frame_len(head));
            let begin = self.at.saturating_add(FRAME_HEAD_LEN as u64);
            let duration = self.config.frame_duration;
            if len == 0 {
                (self.at, self.timestamp) = (begin, self.timestamp.saturating_add(duration.into()));
                continue;
            }
            let max = self.config.max_frame_bytes;
            let data = self.file.read_shared(storage, begin, len, max, self.alloc.clone()).await?;
            self.at = begin.saturating_add(len);
            let (kind, number, timestamp) = (self.kind, self.number, self.timestamp);
            self.number = number.saturating_add(1);
            self.timestamp = timestamp.saturating_add(duration.into());
            let keyframe = kind.payload_format().is_key_frame(&data);
            return Ok(SourceFrame { data, kind, keyframe, number, timestamp, duration });
        }
    }

    /// Goes back to the first frame. Timestamps go on.
    pub fn rewind(&mut self) {
        (self.at, self.number) = (self.begin, 0);
    }

    /// The codec of the file.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    /// Closes the file.
    pub async fn close(self, storage: &mut S) {
        self.file.close(storage).await;
    }
}
