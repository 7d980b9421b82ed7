//! What the application is told.

use core::net::SocketAddr;

use barertc_ice::{Candidate, FailureReason, GatheringState, ServerError, State};

use crate::channel::ChannelId;
use crate::error::Failure;
use crate::track::TrackId;

/// The W3C's `RTCPeerConnectionState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ConnectionState {
    /// Nothing has begun.
    New,
    /// ICE or DTLS are at work.
    Connecting,
    /// Media and data can flow.
    Connected,
    /// The path is silent; ICE looks for another.
    Disconnected,
    /// It did not work, or works no more. The reason says whether an ICE restart may help.
    Failed(Failure),
    /// Closed by either side.
    Closed,
}

/// What is being waited for while a connection is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Stage {
    /// The answer to a connectivity check; with what is known of why there is none.
    Ice(FailureReason),
    /// The peer's part of the DTLS handshake.
    Dtls,
}

/// What the application should know.
///
/// An event stands for a state that has changed since it was told: two changes of one object that nobody has fetched
/// become one event. So none is ever lost, however late the application asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// The connection's state changed.
    ConnectionState(ConnectionState),
    /// ICE's state changed.
    IceState(State),
    /// Local candidates are being found, or no more will be.
    IceGatheringState(GatheringState),
    /// A local candidate for the other side, for those who trickle.
    LocalCandidate(Candidate),
    /// A STUN or TURN server gives no candidate: the W3C's `icecandidateerror`.
    IceServerFailed {
        /// The server.
        server: SocketAddr,
        /// Why.
        error: ServerError,
    },
    /// The peer has not answered while the connection was being made: to ICE for `Config::ice.no_answer_after`, to DTLS for
    /// [`Config::silence`](crate::Config::silence). It is still tried.
    PeerSilent(Stage),
    /// A description has changed what was agreed on for this track: its direction, its codec or its m-line.
    /// [`track`](crate::PeerConnection::track) tells them.
    TrackNegotiated(TrackId),
    /// The peer will send on this track, which it did not before: the W3C's `track` event.
    RemoteTrack(TrackId),
    /// The peer cannot go on with this track without a key frame: it has asked for one (PLI, FIR), or frames were
    /// dropped here.
    KeyFrameWanted(TrackId),
    /// A track has received a frame: [`read_frame`](crate::PeerConnection::read_frame) until it would block.
    FrameReceived(TrackId),
    /// The estimate of what the path carries has changed by a tenth or more, in bits a second.
    Bitrate(u64),
    /// A data channel can be written to: one of ours, or one that the peer has opened.
    ChannelOpen(ChannelId),
    /// A data channel has something to read.
    ChannelReadable(ChannelId),
    /// A write that did not fit a data channel would fit now.
    ChannelWritable(ChannelId),
    /// What waits on a data channel has fallen to its threshold: the W3C's `bufferedamountlow`.
    ChannelBufferedAmountLow(ChannelId),
    /// A data channel is closed, by either side or with its association. Its number means nothing any more.
    ChannelClosed(ChannelId),
    /// The association of the data channels is over, and all channels with it. `None`: the peer has ended it in good
    /// order. The next description, or one after an ICE restart, makes a new one.
    DataClosed(Option<barertc_sctp::Failure>),
}
