//! What went wrong: with a call, an association, a packet.

use core::fmt;

use barertc_arena::AllocError;
use barertc_wire::ConfigError;

/// Why a call could not be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Error {
    /// The allocator is out of memory. Only the constructor says so.
    NoMemory,
    /// Not now: there is no room, or there is nothing to read. [`Event::Writable`](crate::Event::Writable) or
    /// [`Event::Readable`](crate::Event::Readable) tells when to try again.
    WouldBlock,
    /// The configuration cannot work.
    Config(ConfigError),
    /// No channel has this id, or it was closed and its [`Event::ChannelClosed`](crate::Event::ChannelClosed) taken.
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
    /// A message that is written in pieces is open on the channel; it must be finished first.
    MessageOpen,
    /// No message is open on the channel: none was begun, or it was given up for its age.
    NoMessageOpen,
    /// The sender gave up the message that is being read. What has been read of it so far is all there is.
    MessageAborted,
    /// The association is closed, is shutting down, or was never to be used this way.
    Closed,
    /// The association has failed, for this reason.
    Failed(Failure),
    /// What was passed in is not a well-formed INIT chunk.
    Malformed,
    /// The buffer that was passed in is too short.
    BufferTooShort {
        /// Bytes that it must have.
        needed: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMemory => f.write_str("out of memory"),
            Self::WouldBlock => f.write_str("would block"),
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
    /// Packets of our size do not arrive: the path's MTU is smaller than [`Config::mtu`](crate::Config::mtu) says.
    PathMtu,
    /// The peer started the association anew; with DTLS below that is a new peer, which needs a new association.
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
