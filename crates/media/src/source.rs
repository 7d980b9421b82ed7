//! One type for all sources.

use core::time::Duration;

use barertc_arena::Allocator;

use crate::annexb::AnnexB;
use crate::directory::Directory;
use crate::error::Error;
use crate::frame::{FrameKind, SourceFrame};
use crate::ivf::Ivf;
use crate::ogg::Ogg;
use crate::packed::Packed;
use crate::schedule;
use crate::storage::Storage;

/// A source of any kind, for programs that learn at run time where their media are.
pub enum Source<S: Storage, A: Allocator> {
    /// A directory of numbered files.
    Directory(Directory<A>),
    /// An H.264 elementary stream.
    AnnexB(AnnexB<S, A>),
    /// VP8, VP9 or AV1 in IVF.
    Ivf(Ivf<S, A>),
    /// Opus in Ogg.
    Ogg(Ogg<S, A>),
    /// One track of a packed file.
    Packed(Packed<S, A>),
}

impl<S: Storage, A: Allocator + Clone> Source<S, A> {
    /// Reads the next frame. After the last one the source begins again.
    ///
    /// # Errors
    /// As `next` of the source.
    pub async fn next(&mut self, storage: &mut S) -> Result<SourceFrame<A>, Error<S::Error>> {
        match self {
            Self::Directory(source) => source.next(storage).await,
            Self::AnnexB(source) => source.next(storage).await,
            Self::Ivf(source) => source.next(storage).await,
            Self::Ogg(source) => source.next(storage).await,
            Self::Packed(source) => source.next(storage).await,
        }
    }

    /// Makes a key frame the next one. A packed file goes to the nearest, and any other source to its first frame.
    /// Returns the media time of the key frame, for [`seek_time`](Self::seek_time) of the other tracks. Timestamps go
    /// on.
    pub fn seek_key_frame(&mut self) -> Duration {
        match self {
            Self::Packed(source) => {
                let key = source.nearest_key_frame(source.position());
                // A key frame's number is in range by construction of the index.
                let _ = source.seek(key);
                let ticks = u64::from(key).saturating_mul(source.duration().into());
                schedule::time(ticks, source.kind().clock_rate())
            }
            _ => {
                self.seek_time(Duration::ZERO);
                Duration::ZERO
            }
        }
    }

    /// Makes the frame the next one that is shown at the media time `at`. A packed file and a directory find it by its
    /// number. A stream can only go to its beginning, and stays where it is for any other time. Timestamps go on.
    pub fn seek_time(&mut self, at: Duration) {
        let ticks = schedule::ticks(at, self.kind().clock_rate());
        match self {
            Self::Directory(source) => source.seek_ticks(ticks),
            Self::AnnexB(source) if at.is_zero() => source.rewind(),
            Self::Ivf(source) if at.is_zero() => source.rewind(),
            Self::Ogg(source) if at.is_zero() => source.rewind(),
            Self::AnnexB(_) | Self::Ivf(_) | Self::Ogg(_) => {}
            Self::Packed(source) => {
                let number = ticks.checked_div(source.duration().into()).unwrap_or(0);
                let number = number.checked_rem(source.frames().into()).unwrap_or(0);
                let _ = source.seek(u32::try_from(number).unwrap_or(0));
            }
        }
    }

    /// The media time of the next frame. Only a packed file knows it.
    #[must_use]
    pub fn position(&self) -> Option<Duration> {
        let Self::Packed(source) = self else { return None };
        let ticks = u64::from(source.position()).saturating_mul(source.duration().into());
        Some(schedule::time(ticks, source.kind().clock_rate()))
    }

    /// The average bits per second. Only a packed file knows it.
    #[must_use]
    pub fn bitrate(&self) -> Option<u64> {
        let Self::Packed(source) = self else { return None };
        let bytes = (0..source.frames()).map(|n| source.frame_len(n) as u64).fold(0, u64::saturating_add);
        let ticks = u64::from(source.frames()).saturating_mul(source.duration().into());
        bytes.saturating_mul(8).saturating_mul(source.kind().clock_rate().into()).checked_div(ticks)
    }

    /// The codec of the source.
    #[must_use]
    pub fn kind(&self) -> FrameKind {
        match self {
            Self::Directory(source) => source.kind(),
            Self::AnnexB(_) => FrameKind::H264,
            Self::Ivf(source) => source.kind(),
            Self::Ogg(_) => FrameKind::Opus,
            Self::Packed(source) => source.kind(),
        }
    }
}
