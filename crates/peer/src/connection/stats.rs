//! Statistics, named as in the W3C's webrtc-stats, in snake case.

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_dtls::{Role, Version};
use barertc_ice::CandidatePairStats;
use barertc_rtcp_nack::{InboundStats, OutboundStats, RecvDiscards, RemoteInboundStats, SendDiscards};
use barertc_sdp::{Direction, MediaKind as Kind};
use barertc_srtp::Profile;

use super::PeerConnection;
use crate::{ConnectionState, Discards, TrackId};

/// What a connection is and did; [`track_stats`](PeerConnection::track_stats) has the media.
#[derive(Clone, Debug)]
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
    pub sctp: Option<barertc_sctp::Stats>,
    /// Bits a second that the path carries, as far as its feedback tells.
    pub available_outgoing_bitrate: u64,
    /// What was dropped, by reason.
    pub discards: DiscardStats<'c>,
}

/// `RTCTransportStats`: sums over all candidate pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Datagrams of DTLS, RTP and RTCP.
    pub packets_sent: u64,
    /// Likewise.
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_sent: u64,
    /// Likewise.
    pub bytes_received: u64,
}

/// What was dropped, by protocol and reason.
#[derive(Clone, Copy, Debug)]
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
#[non_exhaustive]
pub struct TrackStats<'c> {
    /// The name of its m-line; empty before the first description.
    pub mid: &'c str,
    /// Audio or video.
    pub kind: Kind,
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

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// Figures of the connection as it is now.
    #[must_use]
    pub fn stats(&self) -> Stats<'_> {
        Stats {
            candidate_pair: self.ice.pair_stats().find(|pair| pair.selected),
            transport: self.transport_stats(),
            data_channels_opened: self.channels_opened,
            data_channels_closed: self.channels_closed,
            sctp: self.sctp.as_ref().map(|sctp| sctp.stats()),
            available_outgoing_bitrate: self.available_outgoing_bitrate(),
            discards: DiscardStats {
                connection: &self.discards,
                ice: self.ice.discards(),
                dtls: self.dtls.as_ref().map(|dtls| dtls.discards()),
                srtp: self.srtp.as_ref().map(|srtp| srtp.discards()),
                sctp: self.sctp.as_ref().map(|sctp| sctp.discards()),
            },
        }
    }

    fn transport_stats(&self) -> TransportStats {
        let mut transport = TransportStats {
            state: self.state,
            ice_state: self.ice.state(),
            dtls_connected: self.srtp_or_data_ready(),
            dtls_role: self.dtls.as_ref().map(|dtls| dtls.role()),
            tls_version: self.dtls_version,
            srtp_profile: self.srtp.as_ref().map(|srtp| srtp.profile()),
            packets_sent: 0,
            packets_received: 0,
            bytes_sent: 0,
            bytes_received: 0,
        };
        for pair in self.ice.pair_stats() {
            transport.packets_sent = transport.packets_sent.saturating_add(pair.packets_sent);
            transport.packets_received = transport.packets_received.saturating_add(pair.packets_received);
            transport.bytes_sent = transport.bytes_sent.saturating_add(pair.bytes_sent);
            transport.bytes_received = transport.bytes_received.saturating_add(pair.bytes_received);
        }
        transport
    }

    /// Figures of a track; `None` for a number that is none.
    #[must_use]
    pub fn track_stats(&self, track: TrackId) -> Option<TrackStats<'_>> {
        let track = self.tracks.get(track.index())?;
        Some(TrackStats {
            mid: &track.mid,
            kind: track.config.kind,
            current_direction: track.direction,
            outbound: track.send.as_ref().map(|s| s.stats()),
            remote_inbound: track.send.as_ref().map(|s| s.remote_stats()),
            send_discards: track.send.as_ref().map(|s| s.discards()),
            inbound: track.recv.as_ref().map(|r| r.stream.stats()),
            recv_discards: track.recv.as_ref().map(|r| r.stream.discards()),
        })
    }
}
