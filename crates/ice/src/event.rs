//! What the agent tells its owner.
use core::fmt;
use core::net::SocketAddr;
use core::ops::Range;

use crate::candidate::Candidate;
use crate::route::Route;
use crate::stream::StreamEnd;
use crate::stun::{Class, TransactionId};

/// The state of the connection: the W3C's `RTCIceConnectionState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// Checking has not begun.
    New,
    /// Checking has begun, and no pair works yet.
    Checking,
    /// A pair works, and data may be sent.
    Connected,
    /// A pair is nominated, and no check is under way.
    Completed,
    /// The pair in use is silent, or its socket or connection is gone. The agent looks for another one.
    Disconnected,
    /// No pair works. A new candidate, a check from the peer or a restart may still change that.
    Failed(FailureReason),
    /// [`Agent::close`](crate::Agent::close) was called.
    Closed,
}

/// Why no candidate pair works: the first of these that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FailureReason {
    /// A path was in use, and the peer's consent to receive on it has run out (RFC 7675 §5.1).
    ConsentLost,
    /// There is no local candidate to check from: no socket, or with a policy of relay only, no relay.
    NoLocalCandidate,
    /// The peer has named no candidate, and no check of it has arrived.
    NoRemoteCandidate,
    /// No local candidate fits a remote one: they differ in address family or scope.
    NoPair,
    /// The peer has answered a check with this error code (RFC 8489 §14.8).
    Refused(u16),
    /// Checks or responses arrive, but were made with another password than the description's. Descriptions of different
    /// sessions have been mixed, or somebody forges checks.
    Unauthenticated,
    /// Checks of the peer arrive, but none of ours is answered.
    OneWay,
    /// Nothing has arrived from the peer.
    Unanswered,
}

impl fmt::Display for FailureReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConsentLost => "the peer's consent to receive has run out",
            Self::NoLocalCandidate => "there is no local candidate",
            Self::NoRemoteCandidate => "the peer has named no candidate",
            Self::NoPair => "no local candidate fits a remote one",
            Self::Refused(code) => return write!(f, "the peer has refused a check with error {code}"),
            Self::Unauthenticated => "what arrives was made with another password",
            Self::OneWay => "checks of the peer arrive, but ours are not answered",
            Self::Unanswered => "nothing arrives from the peer",
        })
    }
}

/// The state of gathering: the W3C's `RTCIceGatheringState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum GatheringState {
    /// Gathering has not begun.
    New,
    /// Servers are being asked.
    Gathering,
    /// There will be no more local candidates. The peer may be told so.
    Complete,
}

/// Why a STUN or TURN server gives no candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ServerError {
    /// The server has not answered.
    Unanswered,
    /// The server has answered with this error code (RFC 8489 §14.8, RFC 8656 §19).
    Refused(u16),
    /// The server does not accept user name and password.
    Credentials,
    /// The server's responses do not prove that it knows the password.
    Unauthenticated,
    /// The server supports no password algorithm that the client supports.
    Algorithm,
    /// The server's challenge lacks the list of algorithms that its nonce announces: somebody has removed the list
    /// (RFC 8489 §9.2.5).
    BidDown,
    /// The response lacks what it must have, or has an address that nothing can be sent to.
    Malformed,
    /// The request does not fit into the buffers of [`Agent::poll_transmit`](crate::Agent::poll_transmit).
    RequestTooLong {
        /// Bytes of that buffer.
        buffer: usize,
    },
    /// There is no memory or configured room for what the server has sent.
    NoRoom,
    /// The stream to the server has ended.
    Stream(StreamEnd),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unanswered => "the server does not answer",
            Self::Refused(code) => return write!(f, "the server refuses with error {code}"),
            Self::Credentials => "the server does not accept user name and password",
            Self::Unauthenticated => "the server does not prove that it knows the password",
            Self::Algorithm => "the server supports no password algorithm of ours",
            Self::BidDown => "the server's list of password algorithms has been removed",
            Self::Malformed => "the server's response is malformed",
            Self::RequestTooLong { buffer } => return write!(f, "the request does not fit into {buffer} bytes"),
            Self::NoRoom => "there is no room for the server's challenge",
            Self::Stream(end) => return end.fmt(f),
        })
    }
}

/// What the owner of an agent should know. Events are kept in the objects that they are about and never dropped; an
/// owner that polls late gets the last state of each.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// A candidate to be told to the other side.
    LocalCandidate(Candidate),
    /// Gathering began or ended.
    Gathering(GatheringState),
    /// A server gives no candidate: the W3C's `icecandidateerror`. A TURN server is asked again later where RFC 8656 §7.4
    /// allows for it.
    ServerFailed {
        /// The server.
        server: SocketAddr,
        /// Why.
        error: ServerError,
    },
    /// The connection's state changed.
    State(State),
    /// Checking has gone on for [`Config::no_answer_after`](crate::Config::no_answer_after) and no pair works. Checking
    /// continues. It is told once; a new description or candidate starts the time anew.
    NoAnswer(FailureReason),
    /// Data take this route from now on.
    Selected(Route),
    /// The peer's consent to receive on this route has run out. Nothing may be sent there any more.
    ConsentLost(Route),
    /// A role conflict was resolved: this side has changed its role.
    RoleChanged {
        /// Whether this side is controlling now.
        controlling: bool,
    },
}

/// What became of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Handled {
    /// The datagram was ICE's. There may be something to transmit or an event.
    Consumed,
    /// As [`Consumed`](Self::Consumed), for a check or response that may carry attributes of another protocol: see
    /// [`Config::carried`](crate::Config::carried).
    Carried(Carried),
    /// Application data: these bytes of the datagram, as if received on `route` (on a relayed path, at the relay).
    Data {
        /// Where the data lie in the datagram.
        range: Range<usize>,
        /// The path that they took.
        route: Route,
    },
    /// The datagram was dropped and counted.
    Dropped(Discard),
}

/// An authentic Binding request or success response, and the attributes that it carries for another protocol. The agent
/// writes the response to a request in [`Agent::poll_transmit`](crate::Agent::poll_transmit). The other protocol reads
/// the attributes before that call, so its answer can be in that response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Carried {
    /// [`Class::Request`] or [`Class::Success`].
    pub class: Class,
    /// The transaction. A response has that of the request which it answers.
    pub id: TransactionId,
    /// The path that the message took.
    pub route: Route,
    /// For each type of [`Config::carried`](crate::Config::carried), where its value lies in the datagram, without
    /// padding; none where the message has no such attribute.
    pub values: [Option<Range<usize>>; 2],
}

/// A datagram to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Transmit {
    /// Socket and destination. The protocol is UDP, unless a TURN server is reached otherwise.
    pub route: Route,
    /// Bytes written into the caller's buffer, from its start.
    pub len: usize,
}

barertc_wire::reasons! {
    /// Why a datagram was dropped.
    pub enum Discard: Discards {
        /// Received on an address that was not added.
        UnknownLocal,
        /// Application data from an address that no authentic check came from.
        UnknownRemote,
        /// From or for an address that no datagram can be sent to: multicast, broadcast, unspecified, or port 0.
        NotUnicast,
        /// Begins like a STUN or TURN message, and is none.
        Malformed,
        /// A check whose user name is not this session's.
        OtherSession,
        /// A check or response that was not made with the password.
        Unauthenticated,
        /// A response to no request that is under way.
        UnknownTransaction,
        /// A response that took another path than its request.
        Asymmetric,
        /// ChannelData with a number that no channel has.
        UnknownChannel,
        /// A method or response that has no meaning here.
        Unexpected,
        /// More checks than [`Config::answers_per_second`](crate::Config::answers_per_second).
        RateLimited,
        /// No room for another candidate or pair.
        CandidatesFull,
        /// More requests between two polls than responses can wait.
        AnswersFull,
        /// The caller's buffer was too short for a message.
        NoRoom,
        /// Received after [`Agent::close`](crate::Agent::close).
        Closed,
    }
}
