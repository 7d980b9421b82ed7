//! Errors, and the reasons for dropped packets.

use core::fmt;

use barertc_arena::AllocError;
use barertc_wire::ConfigError;

barertc_wire::reasons! {
    /// The reason why a received packet was dropped.
    pub enum Discard: Discards {
        /// The packet has no valid RTP or RTCP header, or is too short for its tag.
        Malformed,
        /// The authentication tag is wrong: the packet is not from the peer, or was changed on the path.
        Unauthenticated,
        /// The packet was accepted before.
        Replayed,
        /// The packet is older than the replay window.
        TooOld,
        /// The packet has a new SSRC, and [`Config::remote_streams`](crate::Config::remote_streams) are in use.
        TooManyStreams,
    }
}

/// The reason why a call on a session failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The master key or the exported keying material has not the length of the profile.
    KeyLength,
    /// The crypto provider refused a key of the right length, for example because all slots of its hardware are in use.
    KeyRefused,
    /// A field of the configuration breaks its rule.
    Config(ConfigError),
    /// The allocator has not enough memory.
    NoMemory,
    /// The packet to protect is not an RTP or RTCP packet.
    Malformed,
    /// The buffer has not enough room for the authentication tag.
    BufferTooShort {
        /// The length that the buffer must have, in bytes.
        needed: usize,
    },
    /// A table is full.
    TooMany {
        /// The field of [`Config`](crate::Config) that limits the table.
        what: &'static str,
        /// The value of that field.
        limit: usize,
    },
    /// The sequence number of the packet to protect is not above those that were protected before.
    SequenceUsed,
    /// The sequence number of the packet to protect again was not protected before.
    SequenceUnused,
    /// The packet index has reached its end. The connection needs a new key before it can send more (RFC 3711 §9.2).
    KeyExhausted,
    /// The received packet was dropped and counted, for this reason.
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
