//! Statistics, named as in the W3C's webrtc-stats, in snake case.

use barertc_dtls::{Role, Version};
use barertc_sdp::{Direction, MediaKind};
use barertc_srtp::Profile;

use crate::event::ConnectionState;

pub use crate::error::Discards;
pub use barertc_congestion::GccStats;
pub use barertc_ice::CandidatePairStats;
pub use barertc_rtcp_nack::{InboundStats, OutboundStats, RecvDiscards, RemoteInboundStats, SendDiscards};
pub use barertc_sctp::Stats as SctpStats;

/// Statistics of a connection. Those of a track are in [`track_stats`](crate::PeerConnection::track_stats).
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stats<'c> {
    /// The candidate pair that ICE has selected: its round-trip time, packets and bytes. `None` before ICE has selected one.
    pub candidate_pair: Option<CandidatePairStats>,
    /// The state and the sums of ICE, DTLS and SRTP.
    pub transport: TransportStats,
    /// How many data channels either side has opened.
    pub data_channels_opened: u32,
    /// How many data channels were closed.
    pub data_channels_closed: u32,
    /// Statistics of the SCTP association. `None` without data channels.
    pub sctp: Option<SctpStats>,
    /// The estimate of what the path carries, in bits per second. `None` before the peer has sent feedback.
    pub available_outgoing_bitrate: Option<u64>,
    /// Counters of dropped datagrams, by protocol and reason.
    pub discards: DiscardStats<'c>,
}

/// The W3C's `RTCTransportStats`. Packets and bytes are sums over all candidate pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TransportStats {
    /// The state of the connection.
    pub state: ConnectionState,
    /// The state of ICE.
    pub ice_state: barertc_ice::State,
    /// Whether the DTLS handshake is complete and the DTLS connection has not ended.
    pub dtls_connected: bool,
    /// The DTLS role of this side. `None` before the descriptions have decided it.
    pub dtls_role: Option<Role>,
    /// The version of DTLS. `None` before the handshake has chosen it.
    pub tls_version: Option<Version>,
    /// The SRTP protection profile (RFC 5764 §4.1.2). `None` without media.
    pub srtp_profile: Option<Profile>,
    /// How many datagrams of DTLS, RTP and RTCP were sent.
    pub packets_sent: u64,
    /// How many datagrams of DTLS, RTP and RTCP were received.
    pub packets_received: u64,
    /// Bytes of UDP payload in the datagrams that were sent.
    pub bytes_sent: u64,
    /// Bytes of UDP payload in the datagrams that were received.
    pub bytes_received: u64,
}

/// Counters of what was dropped, by protocol and reason.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct DiscardStats<'c> {
    /// Datagrams that belong to no protocol, and frames that were not sent.
    pub connection: &'c Discards,
    /// Datagrams that ICE dropped.
    pub ice: &'c barertc_ice::Discards,
    /// Records that DTLS dropped. `None` before DTLS has begun.
    pub dtls: Option<&'c barertc_dtls::Discards>,
    /// Packets that SRTP dropped. `None` before there are keys.
    pub srtp: Option<&'c barertc_srtp::Discards>,
    /// Packets and chunks that SCTP dropped. `None` without data channels.
    pub sctp: Option<&'c barertc_sctp::Discards>,
}

impl DiscardStats<'_> {
    /// The sum of all counters.
    #[must_use]
    pub fn total(&self) -> u32 {
        [
            self.connection.total(),
            self.ice.total(),
            self.dtls.map_or(0, |d| d.total()),
            self.srtp.map_or(0, |d| d.total()),
            self.sctp.map_or(0, |d| d.total()),
        ]
        .into_iter()
        .fold(0, u32::saturating_add)
    }
}

/// Statistics of one encoding of a track that has several encodings.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct EncodingStats<'c> {
    /// Its name.
    pub rid: &'c str,
    /// The SSRC of its stream.
    pub ssrc: u32,
    /// The SSRC of its retransmissions (RFC 4588).
    pub rtx_ssrc: u32,
    /// Whether frames of it are sent: descriptions have agreed on it, and the path carries it.
    pub active: bool,
    /// What was sent. `None` when descriptions have never agreed on it.
    pub outbound: Option<&'c OutboundStats>,
    /// The peer's reports about it.
    pub remote_inbound: Option<&'c RemoteInboundStats>,
    /// Frames and packets of it that were dropped or refused.
    pub send_discards: Option<&'c SendDiscards>,
}

/// Statistics of a track.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TrackStats<'c> {
    /// The mid of its m-line (RFC 9143). It is empty before the first description.
    pub mid: &'c str,
    /// Audio or video.
    pub kind: MediaKind,
    /// The direction that the last descriptions have agreed on.
    pub current_direction: Direction,
    /// The stream that this side sends. `None` when it has never sent.
    pub outbound: Option<&'c OutboundStats>,
    /// The peer's reports about the stream that this side sends.
    pub remote_inbound: Option<&'c RemoteInboundStats>,
    /// Frames and packets of the sent stream that were dropped or refused.
    pub send_discards: Option<&'c SendDiscards>,
    /// The stream that this side receives. `None` while the track does not receive.
    pub inbound: Option<InboundStats>,
    /// Packets of the received stream that could not be used.
    pub recv_discards: Option<&'c RecvDiscards>,
}
