use core::fmt;

use barertc_arena::AllocError;

barertc_wire::reasons! {
    /// Why a received packet was dropped.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
    /// A replay window that is no power of two of at least 64, or no streams at all.
    Config,
    /// The allocator gave no memory.
    OutOfMemory,
    /// A packet to protect that is no RTP or RTCP packet.
    Malformed,
    /// The buffer ends before the tag does.
    NoRoom,
    /// More streams to send than configured.
    TooManyStreams,
    /// A packet to protect whose number lies before the start of its stream.
    TooOld,
    /// The index has reached its end; there must be a new key before anything more is sent (RFC 3711 §9.2).
    KeyExhausted,
    /// A received packet was dropped, and counted.
    Discarded(Discard),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyLength => "master key of the wrong length",
            Self::Config => "replay window is no power of two of at least 64, or no streams",
            Self::OutOfMemory => "out of memory",
            Self::Malformed => "no RTP or RTCP packet",
            Self::NoRoom => "no room for the tag",
            Self::TooManyStreams => "more streams than configured",
            Self::TooOld => "sequence number before the start of the stream",
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

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        Self::OutOfMemory
    }
}
