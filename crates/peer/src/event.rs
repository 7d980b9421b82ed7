use barertc_ice::{Candidate, GatheringState, State};
use barertc_sctp::ChannelId;

use crate::TrackId;

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
    /// It did not work, or works no more; an ICE restart may help if DTLS was not the reason.
    Failed,
    /// Closed by either side.
    Closed,
}

/// What the application should know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The connection's state changed.
    ConnectionState(ConnectionState),
    /// ICE's state changed.
    IceState(State),
    /// Whether local candidates are still being found.
    IceGatheringState(GatheringState),
    /// A local candidate to be told to the other side, for those who trickle.
    LocalCandidate(Candidate),
    /// The peer cannot go on with this track without a key frame (PLI, FIR, or we had to drop frames).
    KeyFrameWanted(TrackId),
    /// A data channel can be written to: one of ours that the peer has confirmed, or one that the peer has opened.
    ChannelOpen(ChannelId),
    /// A data channel has something to read.
    ChannelReadable(ChannelId),
    /// A data channel that was full, or whose buffered amount was above its threshold, no longer is.
    ChannelWritable(ChannelId),
    /// A data channel is gone.
    ChannelClosed(ChannelId),
    /// A track has received a frame: [`read_frame`](crate::PeerConnection::read_frame) until it would block.
    FrameReceived(TrackId),
}
