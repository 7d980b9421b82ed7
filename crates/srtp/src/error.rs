use core::fmt;

use barertc_arena::AllocError;
use barertc_wire::ConfigError;

barertc_wire::reasons! {
    /// Why a received packet was dropped.
    pub enum Discard: Discards {
        /// No RTP or RTCP header, or too short for what follows it.
        Malformed,
        /// The tag is wrong: not from the peer, or changed on its way.
        Unauthenticated,
        /// Accepted before.
        Replayed,
        /// Behind the replay window.
        TooOld,
        /// From a stream beyond the number configured.
        TooManyStreams,
    }
}

/// What can go wrong here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// A master key or exported keying material of another length than the profile's.
    KeyLength,
    /// The crypto provider did not take a key of the right length, for example because all its slots are in use.
    KeyRefused,
    /// The configuration cannot be used.
    Config(ConfigError),
    /// The allocator gave no memory.
    NoMemory,
    /// A packet to protect that is no RTP or RTCP packet.
    Malformed,
    /// The buffer ends before the tag does.
    BufferTooShort {
        /// Bytes that it must have.
        needed: usize,
    },
    /// A table is full.
    TooMany {
        /// The field of [`Config`](crate::Config) that bounds it.
        what: &'static str,
        /// The value of that field.
        limit: usize,
    },
    /// A packet to protect whose sequence number is not above those protected before.
    SequenceUsed,
    /// A packet to protect again whose sequence number was not protected before.
    SequenceUnused,
    /// The index has reached its end; there must be a new key before anything more is sent (RFC 3711 §9.2).
    KeyExhausted,
    /// A received packet was dropped, and counted.
    Discarded(Discard),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyLength => "master key of the wrong length",
            Self::KeyRefused => "crypto provider did not take a key",
            Self::Config(error) => return error.fmt(f),
            Self::NoMemory => "out of memory",
            Self::Malformed => "no RTP or RTCP packet",
            Self::BufferTooShort { needed } => return write!(f, "buffer must have {needed} bytes"),
            Self::TooMany { what, limit } => return write!(f, "{what} allows {limit}"),
            Self::SequenceUsed => "sequence number was used, or lies before one that was",
            Self::SequenceUnused => "sequence number was not used before",
            Self::KeyExhausted => "no packet index left under this key",
            Self::Discarded(Discard::Malformed) => "received packet is malformed",
            Self::Discarded(Discard::Unauthenticated) => "received packet is not authentic",
            Self::Discarded(Discard::Replayed) => "received packet came before",
            Self::Discarded(Discard::TooOld) => "received packet is older than the replay window",
            Self::Discarded(Discard::TooManyStreams) => "received packet of a stream too many",
        })
    }
}

impl core::error::Error for Error {}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        Self::NoMemory
    }
}
