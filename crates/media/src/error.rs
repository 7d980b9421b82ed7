//! Errors of sources.

use core::fmt;

/// A path inside a [`Storage`](crate::Storage): at most 64 bytes.
pub type Path = heapless::String<64>;

/// An error with the file, and the place in it, that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Error<E> {
    /// The file.
    pub path: Path,
    /// The byte of the file at which it went wrong.
    pub offset: u64,
    /// What went wrong.
    pub kind: ErrorKind<E>,
}

/// What is wrong with a file of media. `E` is the error of the storage.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ErrorKind<E> {
    /// The storage failed.
    Storage(E),
    /// There is no such file.
    NotFound,
    /// The path has more than 64 bytes. The error has the part that fits.
    PathTooLong,
    /// The file has no frame.
    Empty,
    /// The file ends in the middle of a frame or a header.
    Truncated,
    /// The file breaks a rule of its format.
    Malformed(&'static str),
    /// A frame, page or index of `len` bytes is larger than the configured `max`.
    TooLarge {
        /// Bytes that it has, or has at least.
        len: u64,
        /// Bytes that were allowed.
        max: usize,
    },
    /// The allocator has no memory. The source has not moved, and the same call may succeed later.
    OutOfMemory,
    /// The sound has more channels than RTP carries (RFC 7587 §7: one or two).
    Channels {
        /// Channels that it has.
        channels: u8,
        /// Channels that can be sent.
        limit: u8,
    },
    /// The channel mapping family (RFC 7845 §5.1.1) needs several streams, or another order of channels than the usual
    /// one. RTP cannot carry that.
    MappingFamily(u8),
    /// The file has no track of this codec.
    NoSuchTrack,
    /// There is no frame of this number.
    NoSuchFrame {
        /// The number that was asked for.
        number: u32,
        /// How many frames there are. Their numbers are below.
        limit: u32,
    },
}

impl<E: fmt::Display> fmt::Display for Error<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.path, self.offset, self.kind)
    }
}

impl<E: fmt::Display> fmt::Display for ErrorKind<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage(e) => write!(f, "{e}"),
            Self::NotFound => f.write_str("no such file"),
            Self::PathTooLong => write!(f, "path has more than {} bytes", Path::new().capacity()),
            Self::Empty => f.write_str("no frame in the file"),
            Self::Truncated => f.write_str("file ends too early"),
            Self::Malformed(rule) => f.write_str(rule),
            Self::TooLarge { len, max } => write!(f, "{len} bytes in one piece, {max} allowed"),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::Channels { channels, limit } => write!(f, "{channels} channels of sound, RTP carries {limit}"),
            Self::MappingFamily(family) => write!(f, "channel mapping family {family} cannot be sent in RTP"),
            Self::NoSuchTrack => f.write_str("no track of this kind"),
            Self::NoSuchFrame { number, limit } => write!(f, "no frame {number}: there are {limit}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for Error<E> {}
