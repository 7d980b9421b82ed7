use barertc_arena::{Allocator, Shared};

/// The codec of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FrameKind {
    /// H.264; a frame is one access unit of NAL units, each behind its length in four bytes, most significant first.
    H264,
    /// Opus; a frame is one packet.
    Opus,
}

impl FrameKind {
    /// The ticks per second of the RTP clock (RFC 6184 §8.2.1, RFC 7587 §4.1).
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::H264 => 90_000,
            Self::Opus => 48_000,
        }
    }
}

/// One frame of a track, in memory that any number of readers share.
pub struct SourceFrame<A: Allocator> {
    /// The bytes, as [`FrameKind`] says.
    pub data: Shared<[u8], A>,
    /// What they are.
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
