//! Errors of calls, reasons why an association failed, and reasons why a packet was dropped.

use core::fmt;

use barertc_arena::AllocError;
use barertc_wire::ConfigError;

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// The allocator is out of memory. Only the constructor says so.
    NoMemory,
    /// There is no room now, or nothing to read. [`Event::Writable`](crate::Event::Writable) or
    /// [`Event::Readable`](crate::Event::Readable) tells when to call again.
    WouldBlock,
    /// The configuration breaks a rule.
    Config(ConfigError),
    /// No channel has this id. The channel was closed, and its [`Event::ChannelClosed`](crate::Event::ChannelClosed)
    /// was taken.
    NoSuchChannel,
    /// The channel is closing or closed: nothing more can be written.
    ChannelClosing,
    /// A table is full.
    TooMany {
        /// What it holds.
        what: &'static str,
        /// How many fit.
        limit: usize,
    },
    /// Another channel uses this stream id.
    StreamInUse(u16),
    /// The stream id is above the highest one that can be used.
    StreamOutOfRange {
        /// The highest id.
        limit: u16,
        /// The id asked for.
        value: u16,
    },
    /// The peer's port is 0, which no packet may have (RFC 9260 §3.1).
    ZeroPort,
    /// The association has begun with another port of the peer.
    PortInUse {
        /// The port that it has.
        current: u16,
        /// The port asked for.
        value: u16,
    },
    /// Label and protocol together are longer than [`Config::label_room`](crate::Config::label_room).
    LabelTooLong {
        /// Bytes that fit.
        limit: usize,
        /// Bytes of both.
        value: usize,
    },
    /// The message is larger than the send buffer or the peer takes.
    MessageTooLarge {
        /// Bytes of the largest message.
        limit: usize,
        /// Bytes of this message, as far as they are known.
        value: usize,
    },
    /// A message that is written in pieces has not ended. Finish it first.
    MessageOpen,
    /// No message was begun on the channel, or the message was given up for its age.
    NoMessageOpen,
    /// The sender has given up the message that is being read. No further part of it will arrive.
    MessageAborted,
    /// The association is closed or is shutting down, or it has begun in another way.
    Closed,
    /// The association has failed, for this reason.
    Failed(Failure),
    /// The bytes are not a well-formed INIT chunk.
    Malformed,
    /// The buffer is too short.
    BufferTooShort {
        /// Bytes that it must have.
        needed: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMemory => f.write_str("out of memory"),
            Self::WouldBlock => f.write_str("a buffer is full, or there is nothing to read"),
            Self::Config(error) => error.fmt(f),
            Self::NoSuchChannel => f.write_str("no such channel"),
            Self::ChannelClosing => f.write_str("channel is closing"),
            Self::TooMany { what, limit } => write!(f, "no room for more than {limit} {what}"),
            Self::StreamInUse(id) => write!(f, "stream {id} is in use"),
            Self::StreamOutOfRange { limit, value } => write!(f, "stream {value} is above the highest, {limit}"),
            Self::ZeroPort => f.write_str("the peer's port is 0"),
            Self::PortInUse { current, value } => {
                write!(f, "the peer's port is {value}, and the association has begun with {current}")
            }
            Self::LabelTooLong { limit, value } => {
                write!(f, "label and protocol have {value} bytes, {limit} fit")
            }
            Self::MessageTooLarge { limit, value } => write!(f, "message has {value} bytes, {limit} are the most"),
            Self::MessageOpen => f.write_str("a message is open on the channel"),
            Self::NoMessageOpen => f.write_str("no message is open on the channel"),
            Self::MessageAborted => f.write_str("message was given up by its sender"),
            Self::Closed => f.write_str("association is closed"),
            Self::Failed(failure) => write!(f, "association has failed: {failure}"),
            Self::Malformed => f.write_str("not a well-formed INIT chunk"),
            Self::BufferTooShort { needed } => write!(f, "buffer must have {needed} bytes"),
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

/// Why an association failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Failure {
    /// The peer did not answer the handshake.
    HandshakeTimeout,
    /// The peer stopped answering (RFC 9260 §8.1).
    PeerUnreachable,
    /// The peer sent ABORT with this cause (RFC 9260 §3.3.10; zero when it gave none).
    AbortedByPeer(u16),
    /// The peer broke the protocol, and was told so.
    ProtocolViolation,
    /// A packet does not arrive because it is longer than the path carries: the path has shrunk since its chunk was sent, or its
    /// size is not searched for.
    PathMtu,
    /// The peer has started the association anew. Over the same DTLS connection that needs a new association on this
    /// side, too.
    PeerRestarted,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HandshakeTimeout => f.write_str("the peer did not answer the handshake"),
            Self::PeerUnreachable => f.write_str("the peer stopped answering"),
            Self::AbortedByPeer(cause) => write!(f, "the peer aborted with cause {cause}"),
            Self::ProtocolViolation => f.write_str("the peer broke the protocol"),
            Self::PathMtu => f.write_str("the path does not carry packets as large as ours"),
            Self::PeerRestarted => f.write_str("the peer started anew"),
        }
    }
}

impl core::error::Error for Failure {}

barertc_wire::reasons! {
    /// Why a packet or a chunk was dropped.
    pub enum Discard: Discards {
        /// The packet is too short for its headers, or a length field is wrong.
        Malformed,
        /// The checksum is wrong.
        BadChecksum,
        /// The ports are not those of this association.
        WrongPort,
        /// The verification tag is not that of this side.
        BadTag,
        /// The chunk is not allowed in the present state.
        Unexpected,
        /// The type of the chunk is unknown.
        UnknownChunk,
        /// INIT or INIT ACK with a zero tag or without streams, or one bundled with other chunks (RFC 9260 §6.10).
        BadInit,
        /// A cookie that was never handed out.
        ForgedCookie,
        /// A SACK of data that was never sent, or older than the last one.
        BadSack,
        /// A DATA chunk without data, or of the kind that was not negotiated.
        BadData,
        /// Data with a TSN beyond those that are tracked.
        BeyondWindow,
        /// Data for which there is no memory, or that was given up for data before it. The peer will send them again.
        NoMemory,
        /// Data for a stream that was refused because every channel is in use.
        NoChannel,
        /// Data or FORWARD-TSN that arrived before.
        Duplicate,
        /// A data-channel message that is malformed, or breaks the rules of RFC 8832.
        BadDcep,
        /// A message with an unknown payload protocol.
        UnknownProtocol,
        /// Data for a channel that is closed on this side.
        ClosedChannel,
        /// A re-configuration request that is out of sequence.
        BadReconfig,
        /// A HEARTBEAT ACK to no HEARTBEAT of this side.
        BadHeartbeat,
        /// The answer to the chunk is longer than the memory for answers.
        TooLong,
        /// A channel of the peer whose label and protocol are longer than
        /// [`Config::label_room`](crate::Config::label_room). The channel is closed.
        LabelTooLong,
        /// The peer has refused to reset streams (RFC 6525 §4.4). Their channels are closed here, and their ids are not
        /// used again.
        ResetRefused,
        /// An ERROR chunk of the peer with a cause that changes nothing here (RFC 9260 §3.3.10).
        PeerError,
    }
}
