use core::ops::Range;

use crate::candidate::{Candidate, Route};

/// The W3C's `RTCIceConnectionState`, whose words these are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// No checks yet.
    New,
    /// No pair works yet.
    Checking,
    /// A pair works, and data may be sent.
    Connected,
    /// A pair is nominated and no check is under way.
    Completed,
    /// The pair in use is silent; other ways are being looked for.
    Disconnected,
    /// No pair works. A new candidate, a check from the peer or a restart may still change that.
    Failed,
    /// [`Agent::close`](crate::Agent::close) was called.
    Closed,
}

/// The W3C's `RTCIceGatheringState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum GatheringState {
    /// Not asked for yet.
    New,
    /// Servers are being asked.
    Gathering,
    /// There will be no more local candidates: the peer may be told so.
    Complete,
}

/// What the caller should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// A candidate to be told to the other side.
    LocalCandidate(Candidate),
    /// Gathering began or ended.
    Gathering(GatheringState),
    /// The connection's state changed.
    State(State),
    /// Data take this way from now on.
    Selected(Route),
    /// The peer has not consented for too long to be sent to on this route, which is not to be used any more.
    ConsentLost(Route),
    /// A role conflict was resolved by changing this side's role.
    RoleChanged {
        /// The role now.
        controlling: bool,
    },
}

/// What became of a datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Handled {
    /// It was ICE's; there may be something to transmit or an event.
    Consumed,
    /// Application data: these bytes of the datagram, as if received on `route` (at a relay, where they came that way).
    Data {
        /// Where they lie in the datagram.
        range: Range<usize>,
        /// The path they took.
        route: Route,
    },
    /// It was dropped, and counted.
    Dropped(Discard),
}

/// A datagram to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Transmit {
    /// From which socket, where to, and how: over UDP, unless a TURN server is reached otherwise.
    pub route: Route,
    /// Bytes written into the caller's buffer, from its start.
    pub len: usize,
}

barertc_wire::reasons! {
    /// Why a datagram or an event was dropped.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum Discard: Discards {
        /// Not received on an address that was added.
        UnknownLocal,
        /// Application data from an address that never sent an authentic check.
        UnknownRemote,
        /// Begins like STUN and isn't.
        Malformed,
        /// A check whose user name is not this session's.
        OtherSession,
        /// A check or response that was not made with the password.
        Unauthenticated,
        /// A response to nothing that was asked.
        UnknownTransaction,
        /// A response that came another way than the request went.
        Asymmetric,
        /// ChannelData with a number that was never bound.
        UnknownChannel,
        /// A method or response that has no meaning here.
        Unexpected,
        /// More checks than [`Config::answers_per_second`](crate::Config::answers_per_second).
        RateLimited,
        /// No place for another candidate or pair.
        CandidatesFull,
        /// More requests than answers between two polls.
        AnswersFull,
        /// More events than [`Config::max_events`](crate::Config::max_events) between two polls.
        EventsFull,
        /// The caller's buffer was too short for a message.
        NoRoom,
        /// It came after [`Agent::close`](crate::Agent::close).
        Closed,
    }
}
