//! Events and states of a connection.

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
    /// ICE or DTLS is under way.
    Connecting,
    /// Media and data can flow.
    Connected,
    /// The selected path is silent, or its socket is gone. ICE looks for another one.
    Disconnected,
    /// The connection failed. The reason says whether an ICE restart may help.
    Failed(Failure),
    /// This side or the peer has closed the connection.
    Closed,
}

/// The part of the connection that waits for the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Stage {
    /// ICE waits for the answer to a connectivity check. The reason tells what is known about its absence.
    Ice(FailureReason),
    /// DTLS waits for the peer's part of the handshake.
    Dtls,
}

/// A change that the application is told of.
///
/// An event stands for an object whose state has changed since the last event about it. Two changes of one object
/// become one event when nobody fetches the first. So no event is lost, however late the application asks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// The connection's state changed.
    ConnectionState(ConnectionState),
    /// ICE's state changed.
    IceState(State),
    /// The state of gathering changed.
    IceGatheringState(GatheringState),
    /// A local candidate was found. An application that trickles sends it to the peer.
    LocalCandidate(Candidate),
    /// A STUN or TURN server has given no candidate: the W3C's `icecandidateerror`.
    IceServerFailed {
        /// The server.
        server: SocketAddr,
        /// The reason.
        error: ServerError,
    },
    /// The peer has not answered while the connection was being made. ICE has waited for `Config::ice.no_answer_after`,
    /// or DTLS for [`Config::silence`](crate::Config::silence). The connection goes on trying.
    PeerSilent(Stage),
    /// A description has changed the direction, the codec, the payload type or the m-line of this track.
    /// [`track`](crate::PeerConnection::track) returns them.
    TrackNegotiated(TrackId),
    /// The peer has begun to send on this track: the W3C's `track` event.
    RemoteTrack(TrackId),
    /// The peer needs a key frame of this track. It has asked for one (PLI, FIR), or frames were dropped on this side.
    KeyFrameWanted(TrackId),
    /// The peer needs a key frame of one encoding of a track that has several encodings. The reasons are those of
    /// [`KeyFrameWanted`](Self::KeyFrameWanted). A further reason is that the encoding has begun to be sent again.
    EncodingKeyFrameWanted {
        /// The track.
        track: TrackId,
        /// The number of the encoding, counted from 0.
        encoding: usize,
    },
    /// An encoding of a track with several encodings has begun or ended to be sent. Descriptions have changed that, or the path
    /// carries more or less than before. Frames flow only while the connection is up.
    EncodingActive {
        /// The track.
        track: TrackId,
        /// The number of the encoding, counted from 0.
        encoding: usize,
        /// Whether frames of it are sent.
        active: bool,
    },
    /// A track has received a frame. [`read_frame`](crate::PeerConnection::read_frame) returns it.
    FrameReceived(TrackId),
    /// The bandwidth estimate has changed by a tenth or more. The value is in bits per second.
    Bitrate(u64),
    /// A data channel is open and can be written to. Either side has opened it.
    ChannelOpen(ChannelId),
    /// A data channel has a message, or a part of one, to read.
    ChannelReadable(ChannelId),
    /// A data channel has room again. A write has returned [`Error::WouldBlock`](crate::Error::WouldBlock) before.
    ChannelWritable(ChannelId),
    /// The buffered amount of a data channel has fallen to its threshold: the W3C's `bufferedamountlow`.
    ChannelBufferedAmountLow(ChannelId),
    /// A data channel is closed. Either side has closed it, or its SCTP association has ended. Its id is no longer
    /// valid.
    ChannelClosed(ChannelId),
    /// Packets of the data channels do not arrive, and smaller ones do: the path carries less than
    /// [`Config::mtu`](crate::Config::mtu). The association goes on trying, and ends with
    /// [`Failure::PathMtu`](barertc_sctp::Failure::PathMtu) unless the path changes.
    PathMtuExceeded {
        /// The size in bytes of an SCTP packet that does not arrive.
        size: usize,
    },
    /// The SCTP association of the data channels has ended, and all its channels with it. `None` means that it was
    /// closed and has not failed. After the next description, or one after an ICE restart, there is a new association.
    DataClosed(Option<barertc_sctp::Failure>),
}
