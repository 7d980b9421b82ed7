//! Directories of numbered files, one for each frame.

use barertc_arena::Allocator;

use crate::error::{Error, ErrorKind, Path};
use crate::file::File;
use crate::frame::{FrameKind, SourceFrame};
use crate::parameter_sets::{ParameterSets, SETS_TOO_LARGE};
use crate::storage::Storage;
use crate::{h264, opus};

/// The configuration of a [`Directory`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DirectoryConfig {
    /// How long a picture is shown, in ticks of 1/90000 s: 3000 for 30 a second. Opus packets tell it themselves.
    pub frame_duration: u32,
    /// The size of the largest file in bytes.
    pub max_frame_bytes: usize,
}

impl Default for DirectoryConfig {
    fn default() -> Self {
        Self { frame_duration: 3000, max_frame_bytes: 256 * 1024 }
    }
}

/// A directory with one frame in each file: `sample-0.h264`, `sample-1.h264`, … or `0.h264`, `1.h264`, …. Files of
/// other codecs end in `.opus`, `.vp8`, `.vp9` or `.av1`.
///
/// An H.264 file is one access unit: NAL units, each behind its length in 4 bytes. An Opus file is one packet. A file of
/// another codec is the output of its encoder for one picture. When there is no file with the next number, the source begins
/// again with the first file. Timestamps go on. The source holds no memory and no open file.
pub struct Directory<A: Allocator> {
    alloc: A,
    config: DirectoryConfig,
    kind: FrameKind,
    path: Path,
    prefix: &'static str,
    number: u32,
    timestamp: u64,
    /// How long the last frame was.
    duration: u32,
    sets: ParameterSets,
}

impl<A: Allocator + Clone> Directory<A> {
    /// Finds out which of the two names the files at `path` have.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] for a directory without a first file, or an error of the storage.
    pub async fn open<S: Storage>(
        storage: &mut S,
        path: &str,
        kind: FrameKind,
        config: DirectoryConfig,
        alloc: A,
    ) -> Result<Self, Error<S::Error>> {
        let too_long = |_| Error { path: Path::new(), offset: 0, kind: ErrorKind::PathTooLong };
        let path = path.try_into().map_err(too_long)?;
        // Nearly all Opus is of 20 ms.
        let duration = if kind == FrameKind::Opus { 960 } else { config.frame_duration };
        let mut directory = Self {
            alloc,
            config,
            kind,
            path,
            prefix: "",
            number: 0,
            timestamp: 0,
            duration,
            sets: ParameterSets::default(),
        };
        for prefix in ["sample-", ""] {
            directory.prefix = prefix;
            if let Some(file) = directory.file(storage, 0).await? {
                file.close(storage).await;
                return Ok(directory);
            }
        }
        directory.prefix = "sample-";
        directory.first(storage).await.map(|_| directory)
    }

    /// Reads the next file. On an error the source stays where it is, and [`skip`](Self::skip) goes past a broken file.
    ///
    /// # Errors
    /// [`ErrorKind::Empty`], [`ErrorKind::Truncated`] or [`ErrorKind::Malformed`] for a file that breaks its format,
    /// [`ErrorKind::TooLarge`], [`ErrorKind::OutOfMemory`], or an error of the storage.
    pub async fn next<S: Storage>(&mut self, storage: &mut S) -> Result<SourceFrame<A>, Error<S::Error>> {
        let mut file = match self.file(storage, self.number).await? {
            Some(file) => file,
            None => {
                self.number = 0;
                self.first(storage).await?
            }
        };
        if self.number == 0 {
            self.sets = ParameterSets::default();
        }
        let frame = self.read(storage, &mut file).await;
        file.close(storage).await;
        let frame = frame?;
        self.number = self.number.saturating_add(1);
        self.duration = frame.duration;
        self.timestamp = self.timestamp.saturating_add(frame.duration.into());
        Ok(frame)
    }

    /// Goes past the next file.
    pub fn skip(&mut self) {
        self.number = self.number.saturating_add(1);
    }

    /// Lets the frame be next that is shown so many ticks after the first, where all last as long as the last one read.
    pub(crate) fn seek_ticks(&mut self, ticks: u64) {
        self.number = u32::try_from(ticks.checked_div(self.duration.into()).unwrap_or(0)).unwrap_or(0);
    }

    /// Goes back to the first frame. Timestamps go on.
    pub fn rewind(&mut self) {
        self.number = 0;
    }

    /// The codec of the files.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        self.kind
    }

    async fn read<S: Storage>(
        &mut self,
        storage: &mut S,
        file: &mut File<S>,
    ) -> Result<SourceFrame<A>, Error<S::Error>> {
        if file.size() == 0 {
            return Err(file.error(0, ErrorKind::Empty));
        }
        let max = self.config.max_frame_bytes;
        let data = file.read_shared(storage, 0, file.size(), max, self.alloc.clone()).await?;
        let (data, keyframe, duration) = match self.kind {
            FrameKind::H264 => {
                let keyframe = h264::check_access_unit(&data).map_err(|bad| {
                    file.error(bad.offset as u64, bad.rule.map_or(ErrorKind::Truncated, ErrorKind::Malformed))
                })?;
                let data = self.sets.complete(data, self.alloc.clone());
                let data = data.map_err(|_| file.error(0, ErrorKind::OutOfMemory))?;
                let data = data.map_err(|_| file.error(0, ErrorKind::Malformed(SETS_TOO_LARGE)))?;
                if data.len() > max {
                    return Err(file.error(0, ErrorKind::TooLarge { len: data.len() as u64, max }));
                }
                (data, keyframe, self.config.frame_duration)
            }
            kind @ (FrameKind::Vp8 | FrameKind::Vp9 | FrameKind::Av1) => {
                let keyframe = kind.payload_format().is_key_frame(&data);
                (data, keyframe, self.config.frame_duration)
            }
            FrameKind::Opus => {
                let bad = || file.error(0, ErrorKind::Malformed("not an Opus packet"));
                {
                    let duration = opus::duration(&data).ok_or_else(bad)?;
                    (data, true, duration)
                }
            }
        };
        Ok(SourceFrame { data, kind: self.kind, keyframe, number: self.number, timestamp: self.timestamp, duration })
    }

    async fn first<S: Storage>(&self, storage: &mut S) -> Result<File<S>, Error<S::Error>> {
        File::open(storage, format_args!("{}/{}0.{}", self.path, self.prefix, self.kind.extension())).await
    }

    async fn file<S: Storage>(&self, storage: &mut S, number: u32) -> Result<Option<File<S>>, Error<S::Error>> {
        File::find(storage, format_args!("{}/{}{number}.{}", self.path, self.prefix, self.kind.extension())).await
    }
}
