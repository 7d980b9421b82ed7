//! H.264 elementary streams with start codes (H.264 annex B).

use barertc_arena::{Allocator, Shared, Vec};

use crate::access_unit::{self, Unfit};
use crate::error::{Error, ErrorKind};
use crate::file::File;
use crate::frame::{FrameKind, SourceFrame};
use crate::h264;
use crate::parameter_sets::{ParameterSets, SETS_TOO_LARGE};
use crate::storage::Storage;

/// How much is read at once.
const PIECE: usize = 4096;

/// The configuration of an [`AnnexB`] source.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AnnexBConfig {
    /// How long a picture is shown, in ticks of 1/90000 s. 3000 is for 30 pictures per second. The stream itself does
    /// not tell it here.
    pub frame_duration: u32,
    /// The size in bytes of the largest access unit, start codes included. The source holds as much memory.
    pub max_frame_bytes: usize,
}

impl Default for AnnexBConfig {
    fn default() -> Self {
        Self { frame_duration: 3000, max_frame_bytes: 256 * 1024 }
    }
}

impl AnnexBConfig {
    /// Behind the access unit, the start of the next one must be seen.
    const fn buffer(&self) -> usize {
        self.max_frame_bytes.saturating_add(PIECE)
    }
}

/// An H.264 elementary stream (H.264 Annex B), cut into access units.
///
/// After the last frame the source begins again with the first. Timestamps go on.
pub struct AnnexB<S: Storage, A: Allocator> {
    file: File<S>,
    alloc: A,
    config: AnnexBConfig,
    /// What has been read of the file and not given out, from `base` on.
    buf: Vec<u8, A>,
    base: u64,
    number: u32,
    timestamp: u64,
    sets: ParameterSets,
}

impl<S: Storage, A: Allocator + Clone> AnnexB<S, A> {
    /// The bytes that a source with this configuration takes from its allocator. Frames that it has given out are not
    /// counted.
    #[must_use]
    pub const fn worst_case_bytes(config: &AnnexBConfig) -> usize {
        Vec::<u8, A>::bytes(config.buffer())
    }

    /// Opens the stream at `path`.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Empty`], [`ErrorKind::OutOfMemory`], or an error of the storage.
    pub async fn open(storage: &mut S, path: &str, config: AnnexBConfig, alloc: A) -> Result<Self, Error<S::Error>> {
        let file = File::open(storage, format_args!("{path}")).await?;
        if file.size() == 0 {
            return Err(file.error(0, ErrorKind::Empty));
        }
        let buf =
            Vec::with_capacity(config.buffer(), alloc.clone()).map_err(|_| file.error(0, ErrorKind::OutOfMemory))?;
        Ok(Self { file, alloc, config, buf, base: 0, number: 0, timestamp: 0, sets: ParameterSets::default() })
    }

    /// Reads the next access unit. On an error the source stays where it is.
    ///
    /// # Errors
    /// [`ErrorKind::Malformed`] where no start code is, [`ErrorKind::Empty`] for a stream without a picture,
    /// [`ErrorKind::TooLarge`], [`ErrorKind::OutOfMemory`], or an error of the storage.
    pub async fn next(&mut self, storage: &mut S) -> Result<SourceFrame<A>, Error<S::Error>> {
        let mut end = self.find_end(storage).await?;
        if end.is_none() && self.number > 0 {
            self.rewind();
            end = self.find_end(storage).await?;
        }
        let end = end.ok_or_else(|| self.file.error(self.base, ErrorKind::Empty))?;
        let data = self.gather(end)?;
        let keyframe = h264::nals(self.buf.get(..end).unwrap_or_default()).any(|nal| h264::nal_type(nal) == h264::IDR);
        self.buf.remove_front(end);
        self.base = self.base.saturating_add(end as u64);
        let (number, timestamp, duration) = (self.number, self.timestamp, self.config.frame_duration);
        self.number = number.saturating_add(1);
        self.timestamp = timestamp.saturating_add(duration.into());
        Ok(SourceFrame { data, kind: FrameKind::H264, keyframe, number, timestamp, duration })
    }

    /// Goes back to the first frame. Timestamps go on.
    pub fn rewind(&mut self) {
        self.buf.clear();
        self.base = 0;
        self.number = 0;
        self.sets = ParameterSets::default();
    }

    /// Closes the file.
    pub async fn close(self, storage: &mut S) {
        self.file.close(storage).await;
    }

    /// Where in `buf` the access unit at its front ends; `None` at the end of the file without another picture.
    async fn find_end(&mut self, storage: &mut S) -> Result<Option<usize>, Error<S::Error>> {
        let (mut from, mut first, mut picture) = (0, true, false);
        loop {
            // The two bytes behind a start code tell whether a picture begins.
            let found = h264::start_code(&self.buf, from);
            if let Some(at) = found.filter(|at| at.saturating_add(5) <= self.buf.len()) {
                let (before, nal) = (self.buf.get(..at), self.buf.get(at.saturating_add(3)..).unwrap_or_default());
                if first && before.is_none_or(|b| b.iter().any(|b| *b != 0)) {
                    return Err(self.file.error(self.base, ErrorKind::Malformed("no start code")));
                }
                if picture && h264::begins_picture(nal) {
                    return Ok(Some(at));
                }
                picture |= h264::is_slice(h264::nal_type(nal));
                first = false;
                from = at.saturating_add(3);
                continue;
            }
            // What was searched needn't be searched again, but for half a start code at its end.
            from = found.unwrap_or(self.buf.len().saturating_sub(2)).max(from);
            if !self.fill(storage).await? {
                if first && found.is_none() && self.buf.iter().any(|b| *b != 0) {
                    return Err(self.file.error(self.base, ErrorKind::Malformed("no start code")));
                }
                return Ok(picture.then_some(self.buf.len()));
            }
        }
    }

    /// Reads on behind what is in `buf`; whether there was anything.
    async fn fill(&mut self, storage: &mut S) -> Result<bool, Error<S::Error>> {
        let begin = self.buf.len();
        let at = self.base.saturating_add(begin as u64);
        if at >= self.file.size() {
            return Ok(false);
        }
        if self.buf.is_full() {
            let max = self.config.max_frame_bytes;
            return Err(self.file.error(self.base, ErrorKind::TooLarge { len: begin as u64, max }));
        }
        let end = begin.saturating_add(PIECE.min(self.buf.room()));
        if self.buf.try_resize(end, 0).is_err() {
            return Ok(false);
        }
        let room = self.buf.get_mut(begin..).unwrap_or_default();
        match self.file.read(storage, at, room).await {
            Ok(read) => {
                self.buf.truncate(begin.saturating_add(read));
                if read == 0 { Err(self.file.error(at, ErrorKind::Truncated)) } else { Ok(true) }
            }
            Err(error) => {
                self.buf.truncate(begin);
                Err(error)
            }
        }
    }

    /// The NAL units of the first `end` bytes with lengths before them.
    fn gather(&mut self, end: usize) -> Result<Shared<[u8], A>, Error<S::Error>> {
        let (unit, max) = (self.buf.get(..end).unwrap_or_default(), self.config.max_frame_bytes);
        access_unit::gather(unit, &mut self.sets, max, self.alloc.clone()).map_err(|unfit| {
            let kind = match unfit {
                Unfit::TooLarge(len) => ErrorKind::TooLarge { len: len as u64, max },
                Unfit::Sets => ErrorKind::Malformed(SETS_TOO_LARGE),
                Unfit::OutOfMemory(_) => ErrorKind::OutOfMemory,
            };
            self.file.error(self.base, kind)
        })
    }
}
