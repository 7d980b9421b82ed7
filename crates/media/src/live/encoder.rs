//! The trait of live encoders.

use core::fmt;

use barertc_arena::Allocator;
use barertc_wire::Instant;

use crate::frame::{FrameKind, SourceFrame};

/// What an encoder is to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct EncoderRate {
    /// Bits a second on average.
    pub bits_per_second: u64,
    /// Pictures a second; of no meaning for sound.
    pub frames_per_second: u32,
}

/// A source of frames that are made now: an encoder in hardware, or a program at the other end of a pipe.
///
/// A frame lies in memory of the allocator `A` once; all viewers share it.
#[allow(async_fn_in_trait)] // The futures stay with the caller, who knows whether they have to be `Send`.
pub trait Encoder<A: Allocator> {
    /// Why there is no frame.
    type Error: fmt::Display;

    /// What the frames are. `None` while that is not known, as of a program that has not written anything.
    fn kind(&self) -> Option<FrameKind>;

    /// Waits for the next frame.
    ///
    /// The future may be dropped at any time: the next call goes on where it was, and no frame is lost.
    ///
    /// # Errors
    /// A frame that could not be made. The encoder may be asked again: where it has ended, it begins anew.
    async fn next(&mut self) -> Result<SourceFrame<A>, Self::Error>;

    /// Asks for a key frame as soon as the encoder can make one. The frame says when it was ([`SourceFrame::keyframe`]).
    fn request_key_frame(&mut self, now: Instant);

    /// Asks for another rate. An encoder that cannot change goes on as it was.
    fn set_rate(&mut self, now: Instant, rate: EncoderRate);
}
