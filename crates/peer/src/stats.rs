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

/// What a connection is and did. The media are in [`track_stats`](crate::PeerConnection::track_stats).
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Stats<'c> {
    /// The pair that data go by: round trip, packets and bytes.
    pub candidate_pair: Option<CandidatePairStats>,
    /// ICE, DTLS and SRTP.
    pub transport: TransportStats,
    /// Data channels that were opened, by either side.
    pub data_channels_opened: u32,
    /// Those that were closed again.
    pub data_channels_closed: u32,
    /// The association of the data channels.
    pub sctp: Option<SctpStats>,
    /// Bits a second that the path carries, as far as the peer's feedback tells; `None` before there was any.
    pub available_outgoing_bitrate: Option<u64>,
    /// What was dropped, by reason.
    pub discards: DiscardStats<'c>,
}

/// `RTCTransportStats`: sums over all candidate pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TransportStats {
    /// Of ICE and DTLS together.
    pub state: ConnectionState,
    /// Of ICE alone.
    pub ice_state: barertc_ice::State,
    /// Of DTLS: whether keys were agreed on and it has not ended.
    pub dtls_connected: bool,
    /// Our part in DTLS, once there is one.
    pub dtls_role: Option<Role>,
    /// The version that was agreed on.
    pub tls_version: Option<Version>,
    /// How media are protected, where there are any.
    pub srtp_profile: Option<Profile>,
    /// Datagrams of DTLS, RTP and RTCP that were sent.
    pub packets_sent: u64,
    /// Datagrams of DTLS, RTP and RTCP that were received.
    pub packets_received: u64,
    /// Bytes in those that were sent.
    pub bytes_sent: u64,
    /// Bytes in those that were received.
    pub bytes_received: u64,
}

/// What was dropped, by protocol and reason.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct DiscardStats<'c> {
    /// By the connection itself.
    pub connection: &'c Discards,
    /// By ICE.
    pub ice: &'c barertc_ice::Discards,
    /// By DTLS, once it has begun.
    pub dtls: Option<&'c barertc_dtls::Discards>,
    /// By SRTP, once there are keys.
    pub srtp: Option<&'c barertc_srtp::Discards>,
    /// By SCTP, where there are data channels.
    pub sctp: Option<&'c barertc_sctp::Discards>,
}

impl DiscardStats<'_> {
    /// How many there were of any reason.
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

/// What one track did.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct TrackStats<'c> {
    /// The name of its m-line; empty before the first description.
    pub mid: &'c str,
    /// Audio or video.
    pub kind: MediaKind,
    /// The direction that was agreed on last.
    pub current_direction: Direction,
    /// What was sent, if ever.
    pub outbound: Option<&'c OutboundStats>,
    /// What the peer says of it.
    pub remote_inbound: Option<&'c RemoteInboundStats>,
    /// What of it was dropped or refused.
    pub send_discards: Option<&'c SendDiscards>,
    /// What was received, while the track receives.
    pub inbound: Option<InboundStats>,
    /// What of it could not be used.
    pub recv_discards: Option<&'c RecvDiscards>,
}
