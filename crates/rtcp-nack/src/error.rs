use core::fmt;

use barertc_arena::AllocError;

/// Why a stream could not do what it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The queue is full: try again when packets have gone out.
    WouldBlock,
    /// The frame is in another payload format than the stream.
    WrongFormat,
    /// The frame can't be cut into packets of the configured size.
    FrameTooLarge,
    /// The history can't hold the largest key frame: too few packets, or too few bytes.
    HistoryTooSmall,
    /// The datagram size leaves no room for payload beside headers, extensions and protection.
    MtuTooSmall,
    /// Another value in the configuration that can't work.
    Config,
    /// The allocator had no room.
    OutOfMemory,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WouldBlock => "queue is full",
            Self::WrongFormat => "frame is in another payload format",
            Self::FrameTooLarge => "frame does not fit its packets",
            Self::HistoryTooSmall => "history cannot hold the largest key frame",
            Self::MtuTooSmall => "no room for payload in a datagram",
            Self::Config => "configuration cannot work",
            Self::OutOfMemory => "allocator had no room",
        })
    }
}

impl core::error::Error for Error {}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        Self::OutOfMemory
    }
}
