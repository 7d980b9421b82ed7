//! Errors of packets and payloads.

use core::fmt;

use barertc_arena::AllocError;
use barertc_wire::{ConfigError, NoRoom, Truncated};

/// Why an RTP or RTCP operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The packet ends before its fields do.
    Truncated,
    /// The version field is not 2 (RFC 3550 §5.1).
    Version,
    /// The padding count is zero or larger than the payload (RFC 3550 §5.1).
    Padding,
    /// A field has a value that its specification forbids.
    Malformed,
    /// The output buffer is too short.
    NoRoom,
    /// The frame has no bytes.
    EmptyFrame,
    /// A length prefix in the frame points past its end. The value is the offset of the prefix in bytes.
    BadLength(usize),
    /// The frame has too many NAL units.
    TooManyNals {
        /// [`MAX_NALS`](crate::MAX_NALS).
        limit: usize,
    },
    /// The frame is larger than the limit of the call.
    FrameTooLarge {
        /// The most bytes that a frame may have.
        limit: usize,
        /// The bytes that it has.
        value: usize,
    },
    /// [`Framing::Whole`](crate::Framing::Whole) does not set NAL units apart, and the payload format has some.
    Unframed,
    /// A field of the configuration breaks its rule.
    Config(ConfigError),
    /// The allocator had no room.
    NoMemory,
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
            Self::TooManyNals { limit } => return write!(f, "frame has more than {limit} NAL units"),
            Self::FrameTooLarge { limit, value } => {
                return write!(f, "frame has {value} bytes, {limit} are the most");
            }
            Self::Unframed => "NAL units without a framing",
            Self::Config(error) => return error.fmt(f),
            Self::NoMemory => "allocator had no room",
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
        Self::NoMemory
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
