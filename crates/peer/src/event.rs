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
    /// No description has been applied.
    New,
    /// ICE or DTLS are at work.
    Connecting,
    /// Media and data can flow.
    Connected,
    /// The selected path is silent. ICE looks for another one.
    Disconnected,
    /// The connection failed. The reason says whether an ICE restart may help.
    Failed(Failure),
    /// Closed by either side.
    Closed,
}

/// What the connection waits for while it is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Stage {
    /// ICE waits for the answer to a connectivity check. The reason says what is known of why none came.
    Ice(FailureReason),
    /// DTLS waits for the peer's part of the handshake.
    Dtls,
}

/// A change that the application is told of.
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
    /// The state of gathering changed: local candidates are being found, or all were found.
    IceGatheringState(GatheringState),
    /// A local candidate was found. An application that trickles sends it to the peer.
    LocalCandidate(Candidate),
    /// A STUN or TURN server gives no candidate: the W3C's `icecandidateerror`.
    IceServerFailed {
        /// The server.
        server: SocketAddr,
        /// The reason.
        error: ServerError,
    },
    /// The peer has not answered while the connection was being made: to ICE for `Config::ice.no_answer_after`, to DTLS for
    /// [`Config::silence`](crate::Config::silence). It is still tried.
    PeerSilent(Stage),
    /// A description has changed what was agreed on for this track: its direction, its codec or its m-line.
    /// [`track`](crate::PeerConnection::track) tells them.
    TrackNegotiated(TrackId),
    /// The peer begins to send on this track: the W3C's `track` event.
    RemoteTrack(TrackId),
    /// The peer cannot go on with this track without a key frame: it has asked for one (PLI, FIR), or frames were
    /// dropped here.
    KeyFrameWanted(TrackId),
    /// A track has received a frame: [`read_frame`](crate::PeerConnection::read_frame) until it would block.
    FrameReceived(TrackId),
    /// The estimate of what the path carries has changed by a tenth or more, in bits a second.
    Bitrate(u64),
    /// A data channel is open and can be written to. This side or the peer has opened it.
    ChannelOpen(ChannelId),
    /// A data channel has something to read.
    ChannelReadable(ChannelId),
    /// A data channel has room again, after a write that returned `WouldBlock`.
    ChannelWritable(ChannelId),
    /// What waits on a data channel has fallen to its threshold: the W3C's `bufferedamountlow`.
    ChannelBufferedAmountLow(ChannelId),
    /// A data channel was closed, by either side or with its association. Its id is no longer valid.
    ChannelClosed(ChannelId),
    /// The association of the data channels is over, and all channels with it. `None`: the peer has ended it in good
    /// order. The next description, or one after an ICE restart, makes a new one.
    DataClosed(Option<barertc_sctp::Failure>),
}
