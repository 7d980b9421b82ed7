use core::fmt;

use barertc_arena::AllocError;
use barertc_wire::{NoRoom, Truncated};

/// Why an RTP or RTCP operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The packet ends before its own fields do.
    Truncated,
    /// The version field is not 2 (RFC 3550 section 5.1).
    Version,
    /// The padding count is zero or larger than the payload (RFC 3550 section 5.1).
    Padding,
    /// A field has a value that its specification forbids.
    Malformed,
    /// The output has no room.
    NoRoom,
    /// The frame has no bytes.
    EmptyFrame,
    /// A length prefix of the frame points past its end; the offset of that prefix in bytes.
    BadLength(usize),
    /// The frame has more than [`MAX_NALS`](crate::MAX_NALS) NAL units.
    TooManyNals,
    /// The frame doesn't fit: an audio frame is never cut, and a packet that never leaves is an error up front.
    FrameTooLarge,
    /// The room left for payload is below [`MIN_BUDGET`](crate::MIN_BUDGET).
    BudgetTooSmall,
    /// The header extension identifier is not one of 1–14 or 16–255, or is taken (RFC 8285 section 4.2, 4.3).
    ExtensionId,
    /// A value in the configuration that can't work.
    Config,
    /// The allocator had no room.
    OutOfMemory,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "packet ends before its fields do",
            Self::Version => "version is not 2",
            Self::Padding => "padding is longer than the payload",
            Self::Malformed => "forbidden value in a field",
            Self::NoRoom => "output has no room",
            Self::EmptyFrame => "frame is empty",
            Self::BadLength(at) => return write!(f, "NAL length at byte {at} points past the frame's end"),
            Self::TooManyNals => "frame has too many NAL units",
            Self::FrameTooLarge => "frame does not fit",
            Self::BudgetTooSmall => "no room for payload beside the headers",
            Self::ExtensionId => "header extension identifier cannot be used",
            Self::Config => "configuration cannot work",
            Self::OutOfMemory => "allocator had no room",
        })
    }
}

impl core::error::Error for Error {}

impl From<Truncated> for Error {
    fn from(_: Truncated) -> Self {
        Self::Truncated
    }
}

impl From<NoRoom> for Error {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        Self::OutOfMemory
    }
}
