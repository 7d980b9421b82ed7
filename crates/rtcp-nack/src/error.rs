//! Errors of streams.

use core::fmt;

use barertc_arena::AllocError;
use barertc_wire::ConfigError;

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The queue is full. Try again when packets were sent.
    WouldBlock,
    /// The frame has another payload format than the stream.
    WrongFormat,
    /// The audio frame does not fit into a packet. Audio frames are not fragmented.
    FrameTooLarge {
        /// The size of the frame in bytes.
        bytes: usize,
        /// The payload bytes that a packet has room for.
        limit: usize,
    },
    /// A field of the configuration breaks its rule.
    Config(ConfigError),
    /// The retransmission stream (RFC 4588 §5.3) has the SSRC of the media stream.
    RtxSource {
        /// The source of both.
        ssrc: u32,
    },
    /// The repair stream (RFC 5956 §4.3) has the SSRC of the media stream or of its retransmission stream.
    RepairSource {
        /// The source of both.
        ssrc: u32,
    },
    /// The payload format has NAL units, and [`Framing::Whole`](barertc_rtp::Framing::Whole) does not separate them.
    Unframed,
    /// The allocator had no room.
    NoMemory,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WouldBlock => f.write_str("queue is full"),
            Self::WrongFormat => f.write_str("frame is in another payload format"),
            Self::FrameTooLarge { bytes, limit } => write!(f, "frame of {bytes} bytes, a packet has room for {limit}"),
            Self::Config(error) => error.fmt(f),
            Self::RtxSource { ssrc } => write!(f, "media and retransmissions have the same source {ssrc}"),
            Self::RepairSource { ssrc } => write!(f, "repair packets have the source {ssrc} of something else"),
            Self::Unframed => f.write_str("NAL units without a framing"),
            Self::NoMemory => f.write_str("allocator had no room"),
        }
    }
}

impl core::error::Error for Error {}

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

impl From<barertc_rtp::Error> for Error {
    fn from(error: barertc_rtp::Error) -> Self {
        match error {
            barertc_rtp::Error::Config(error) => Self::Config(error),
            barertc_rtp::Error::NoMemory => Self::NoMemory,
            _ => Self::Unframed,
        }
    }
}
