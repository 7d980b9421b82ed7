//! Errors of live streams.

use core::fmt;

use barertc_wire::ConfigError;

/// Why a piece of a live stream did not become a frame. The stream goes on behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StreamError {
    /// A frame or page has more bytes than the configuration allows. It is left out.
    TooLarge {
        /// The field of the configuration.
        field: &'static str,
        /// Its value.
        limit: usize,
        /// Bytes that the frame has, or has at least.
        len: usize,
    },
    /// As many bytes came without the mark at which a frame begins (H.264 Annex B, RFC 3533 §6). They are left out.
    NotFound {
        /// The mark.
        what: &'static str,
        /// Bytes that were left out.
        bytes: usize,
    },
    /// The stream says that it has this codec, of which no frame can be sent.
    Codec {
        /// Its four characters in the head of the stream.
        fourcc: [u8; 4],
    },
    /// A frame or page breaks this rule of its format. It is left out.
    Malformed(&'static str),
    /// The allocator gave no memory for a frame of `len` bytes. It is left out.
    OutOfMemory {
        /// Bytes of the frame.
        len: usize,
    },
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { field, limit, len } => {
                write!(f, "{len} bytes in one piece, {field} allows {limit}")
            }
            Self::NotFound { what, bytes } => write!(f, "no {what} in {bytes} bytes"),
            Self::Codec { fourcc } => write!(f, "codec \"{}\" in IVF cannot be sent", fourcc.escape_ascii()),
            Self::Malformed(rule) => f.write_str(rule),
            Self::OutOfMemory { len } => write!(f, "out of memory for a frame of {len} bytes"),
        }
    }
}

impl core::error::Error for StreamError {}

/// Why a splitter cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum StartError {
    /// A field of the configuration cannot be used.
    Config(ConfigError),
    /// The allocator gave no memory for the bounds of the configuration.
    OutOfMemory,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => write!(f, "{error}"),
            Self::OutOfMemory => f.write_str("out of memory"),
        }
    }
}

impl core::error::Error for StartError {}
