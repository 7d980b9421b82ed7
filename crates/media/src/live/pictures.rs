//! Finds out in which format pictures come.

use barertc_arena::Allocator;
use barertc_wire::Instant;

use crate::frame::{FrameKind, SourceFrame};
use crate::ivf::MAGIC;
use crate::live::access_units::{AccessUnits, AccessUnitsConfig};
use crate::live::clock::CaptureClock;
use crate::live::error::{StartError, StreamError};
use crate::live::ivf_frames::{IvfFrames, IvfFramesConfig};

/// Cuts what an encoder writes into pictures, in whichever format it is: VP8, VP9 or AV1 in IVF, or H.264 with start
/// codes. The first four bytes tell.
pub struct Pictures<A: Allocator> {
    config: AccessUnitsConfig,
    clock: CaptureClock,
    alloc: A,
    /// The bytes that tell, as far as they came.
    first: [u8; MAGIC.len()],
    seen: usize,
    format: Format<A>,
}

#[allow(clippy::large_enum_variant)] // Nothing is allocated to keep what is used for as long as the stream.
enum Format<A: Allocator> {
    Unknown,
    H264(AccessUnits<A>),
    Ivf(IvfFrames<A>),
}

impl<A: Allocator + Clone> Pictures<A> {
    /// Bytes that it takes at most while the frames that it gave are not kept.
    #[must_use]
    pub const fn worst_case_bytes(config: &AccessUnitsConfig) -> usize {
        let (units, frames) =
            (AccessUnits::<A>::worst_case_bytes(config), IvfFrames::<A>::worst_case_bytes(&ivf_config(config)));
        if units > frames { units } else { frames }
    }

    /// Frames have timestamps of `clock`, which is one of any kind of pictures: all have one rate.
    ///
    /// # Errors
    /// When the configuration cannot be used. Memory is taken with the first bytes.
    pub fn new(config: AccessUnitsConfig, clock: CaptureClock, alloc: A) -> Result<Self, StartError> {
        config.check().map_err(StartError::Config)?;
        Ok(Self { config, clock, alloc, first: [0; MAGIC.len()], seen: 0, format: Format::Unknown })
    }

    /// Takes bytes off the front of `chunk`, which came at `now`, until a frame is whole. `None` when all are taken.
    ///
    /// # Errors
    /// What was left out, and why. The next call goes on behind it. [`StreamError::OutOfMemory`] before the first frame leaves
    /// nothing out: the next call tries again.
    pub fn next(&mut self, now: Instant, chunk: &mut &[u8]) -> Result<Option<SourceFrame<A>>, StreamError> {
        while matches!(self.format, Format::Unknown) {
            let Some((byte, rest)) = chunk.split_first() else { return Ok(None) };
            if let Some(place) = self.first.get_mut(self.seen) {
                (*place, *chunk) = (*byte, rest);
                self.seen = self.seen.saturating_add(1);
            }
            let seen = self.first.get(..self.seen).unwrap_or_default();
            if MAGIC.starts_with(seen) && seen.len() < MAGIC.len() {
                continue;
            }
            self.find_format(now)?;
        }
        match &mut self.format {
            Format::Unknown => Ok(None),
            Format::H264(units) => units.next(now, chunk),
            Format::Ivf(frames) => frames.next(now, chunk),
        }
    }

    /// The kind of the frames. `None` before the stream has told it.
    #[must_use]
    pub const fn kind(&self) -> Option<FrameKind> {
        match &self.format {
            Format::Unknown => None,
            Format::H264(_) => Some(FrameKind::H264),
            Format::Ivf(frames) => frames.kind(),
        }
    }

    /// Makes what cuts the format of the bytes seen, and gives them to it: too few for a frame.
    fn find_format(&mut self, now: Instant) -> Result<(), StreamError> {
        let mut seen = self.first.get(..self.seen).unwrap_or_default();
        let (clock, alloc) = (self.clock, self.alloc.clone());
        let len = self.config.max_frame_bytes;
        let memory = |_| StreamError::OutOfMemory { len };
        if seen == MAGIC {
            let mut frames = IvfFrames::new(ivf_config(&self.config), clock, alloc).map_err(memory)?;
            frames.next(now, &mut seen)?;
            self.format = Format::Ivf(frames);
        } else {
            let mut units = AccessUnits::new(self.config, clock, alloc).map_err(memory)?;
            units.next(now, &mut seen)?;
            self.format = Format::H264(units);
        }
        Ok(())
    }
}

const fn ivf_config(config: &AccessUnitsConfig) -> IvfFramesConfig {
    IvfFramesConfig { max_frame_bytes: config.max_frame_bytes, frame_duration: config.frame_duration }
}
