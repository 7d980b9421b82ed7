use core::fmt;

use barertc_arena::AllocError;

/// Why a call could not be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// The allocator is out of memory; only the constructor says so.
    OutOfMemory,
    /// Not now: the queue is full, or there is nothing to read. `BufferedAmountLow`, `Writable` or `Readable` tells when
    /// to try again.
    WouldBlock,
    /// The configuration contradicts itself, or has no room for even one packet.
    InvalidConfig,
    /// The channel does not exist (any more).
    NoSuchChannel,
    /// The channel is closing: nothing more can be written.
    Closing,
    /// Every channel that the configuration allows is in use.
    TooManyChannels,
    /// The stream id is taken, or out of range.
    StreamInUse,
    /// Label and protocol together are longer than the configuration allows.
    LabelTooLong,
    /// Longer than the send buffer, so it has to be written in pieces, or longer than the peer takes.
    MessageTooLarge,
    /// A message written in pieces is open on the channel, or none is.
    MessageState,
    /// The message being read was given up by its sender; what has been read of it so far is all there is.
    MessageAborted,
    /// The association is closed or has failed.
    Closed,
    /// What was passed in is not a well-formed chunk.
    Malformed,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "out of memory",
            Self::WouldBlock => "would block",
            Self::InvalidConfig => "configuration is not usable",
            Self::NoSuchChannel => "no such channel",
            Self::Closing => "channel is closing",
            Self::TooManyChannels => "no room for another channel",
            Self::StreamInUse => "stream id is taken",
            Self::LabelTooLong => "label and protocol are too long",
            Self::MessageTooLarge => "message is too large",
            Self::MessageState => "wrong order of begin, append and finish",
            Self::MessageAborted => "message was given up by its sender",
            Self::Closed => "association is closed",
            Self::Malformed => "not a well-formed chunk",
        })
    }
}

impl core::error::Error for Error {}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        Self::OutOfMemory
    }
}

/// Why an association failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Failure {
    /// The peer did not answer the handshake.
    HandshakeTimeout,
    /// The peer stopped answering (RFC 9260 section 8.1).
    PeerUnreachable,
    /// The peer sent ABORT with this cause (RFC 9260 section 3.3.10; zero when it gave none).
    AbortedByPeer(u16),
    /// The peer broke the protocol, and was told so.
    ProtocolViolation,
    /// The peer started the association anew; with DTLS below that is a new peer, which needs a new association.
    PeerRestarted,
}

barertc_wire::reasons! {
    /// Why a packet or a chunk was dropped.
    pub enum Discard: Discards {
        /// Too short for its headers, or with a length that lies.
        Malformed,
        /// The checksum is wrong.
        BadChecksum,
        /// Not from or to the ports of this association.
        WrongPort,
        /// The verification tag is not ours.
        BadTag,
        /// A chunk that has no place in the present state.
        Unexpected,
        /// A chunk type not known here.
        UnknownChunk,
        /// INIT or INIT ACK with a zero tag or without streams, or one bundled with other chunks.
        BadInit,
        /// A cookie that was never handed out.
        ForgedCookie,
        /// A SACK of data that was never sent, or older than the last one.
        BadSack,
        /// A DATA chunk without data, or of the kind that was not negotiated.
        BadData,
        /// Data further ahead than is tracked.
        BeyondWindow,
        /// Data for which there is no memory; it will be sent again.
        NoMemory,
        /// Data for a stream that was refused: every channel is in use.
        NoChannel,
        /// Data that had arrived before.
        Duplicate,
        /// A data-channel message that is malformed, or breaks the rules of RFC 8832.
        BadDcep,
        /// A message with an unknown payload protocol.
        UnknownProtocol,
        /// Data for a channel that is closed here.
        ClosedChannel,
        /// A re-configuration request out of step.
        BadReconfig,
        /// A heartbeat answer that was not asked for.
        BadHeartbeat,
        /// The answer to a chunk is larger than is kept for it.
        TooLong,
    }
}
