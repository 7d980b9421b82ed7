//! The frames that sources give.

use barertc_arena::{Allocator, Shared};
use barertc_rtp::{Framing, PayloadFormat};

/// The codec of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FrameKind {
    /// H.264; a frame is one access unit of NAL units, each behind its length in four bytes, most significant first.
    H264,
    /// Opus; a frame is one packet.
    Opus,
    /// VP8; a frame is what the encoder gives out for a picture.
    Vp8,
    /// VP9; a frame is what the encoder gives out for a picture: a frame or a superframe.
    Vp9,
    /// AV1; a frame is a temporal unit, whose units have sizes.
    Av1,
}

impl FrameKind {
    /// All kinds of pictures.
    pub const VIDEO: [Self; 4] = [Self::H264, Self::Vp8, Self::Vp9, Self::Av1];

    /// The ticks per second of the RTP clock (RFC 6184 §8.2.1, RFC 7587 §4.1, RFC 7741 §4.1, RFC 9628 §4.1).
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        self.payload_format().clock_rate()
    }

    /// Whether frames are pictures.
    #[must_use]
    pub const fn is_video(self) -> bool {
        self.payload_format().is_video()
    }

    /// The format of its RTP payload.
    #[must_use]
    pub const fn payload_format(self) -> PayloadFormat {
        match self {
            Self::H264 => PayloadFormat::H264,
            Self::Opus => PayloadFormat::Opus,
            Self::Vp8 => PayloadFormat::Vp8,
            Self::Vp9 => PayloadFormat::Vp9,
            Self::Av1 => PayloadFormat::Av1,
        }
    }

    /// How names of files with one frame each end.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Opus => "opus",
            Self::Vp8 => "vp8",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
        }
    }

    /// How the parts of a frame stand in it.
    #[must_use]
    pub const fn framing(self) -> Framing {
        match self {
            Self::H264 => Framing::Length4,
            Self::Opus | Self::Vp8 | Self::Vp9 | Self::Av1 => Framing::Whole,
        }
    }
}

/// One frame of a track, in memory that any number of readers share.
pub struct SourceFrame<A: Allocator> {
    /// The bytes, as [`FrameKind`] says.
    pub data: Shared<[u8], A>,
    /// The kind of the frame.
    pub kind: FrameKind,
    /// Whether a decoder can begin here.
    pub keyframe: bool,
    /// The frame's place in the file or directory, from 0; begins again with every loop.
    pub number: u32,
    /// When the frame is shown, in ticks of [`FrameKind::clock_rate`] since the source began; runs on over loops.
    pub timestamp: u64,
    /// How long it is shown, in the same ticks.
    pub duration: u32,
}

impl<A: Allocator + Clone> Clone for SourceFrame<A> {
    fn clone(&self) -> Self {
        Self { data: self.data.clone(), ..*self }
    }
}

impl<A: Allocator> core::fmt::Debug for SourceFrame<A> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Frame")
            .field("kind", &self.kind)
            .field("number", &self.number)
            .field("keyframe", &self.keyframe)
            .field("timestamp", &self.timestamp)
            .field("len", &self.data.len())
            .finish_non_exhaustive()
    }
}

barertc_wire::opaque_format! { [A: Allocator] SourceFrame<A> }
