//! Statistics of the connection, collected from its modules.

use barertc_arena::Allocator;
use barertc_crypto::Provider;

use super::PeerConnection;
use crate::stats::{DiscardStats, EncodingStats, Stats, TrackStats, TransportStats};
use crate::track::TrackId;

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// The statistics of the connection as they are now.
    #[must_use]
    pub fn stats(&self) -> Stats<'_> {
        let (transport, data) = (&self.transport, self.transport.data());
        let security = transport.security();
        Stats {
            candidate_pair: transport.ice().pair_stats().find(|pair| pair.selected),
            transport: self.transport_stats(),
            data_channels_opened: data.counts().opened,
            data_channels_closed: data.counts().closed,
            sctp: data.association().map(|association| association.stats()),
            available_outgoing_bitrate: self.available_outgoing_bitrate(),
            discards: DiscardStats {
                connection: &self.discards,
                ice: transport.ice().discards(),
                dtls: security.dtls().map(|dtls| dtls.discards()),
                srtp: security.srtp().map(|srtp| srtp.discards()),
                sctp: data.association().map(|association| association.discards()),
            },
        }
    }

    fn transport_stats(&self) -> TransportStats {
        let (ice, security) = (self.transport.ice(), self.transport.security());
        let mut stats = TransportStats {
            state: self.connection_state(),
            ice_state: ice.state(),
            dtls_connected: security.is_up(),
            dtls_role: security.role(),
            tls_version: security.version(),
            srtp_profile: self.transport.srtp_profile(),
            packets_sent: 0,
            packets_received: 0,
            bytes_sent: 0,
            bytes_received: 0,
        };
        for pair in ice.pair_stats() {
            stats.packets_sent = stats.packets_sent.saturating_add(pair.packets_sent);
            stats.packets_received = stats.packets_received.saturating_add(pair.packets_received);
            stats.bytes_sent = stats.bytes_sent.saturating_add(pair.bytes_sent);
            stats.bytes_received = stats.bytes_received.saturating_add(pair.bytes_received);
        }
        stats
    }

    /// The statistics of one encoding of a track that has several encodings. `None` when there is no such encoding.
    #[must_use]
    pub fn encoding_stats(&self, track: TrackId, encoding: usize) -> Option<EncodingStats<'_>> {
        let agreed = self.tracks.get(track.index())?;
        let rid = agreed.config().rid(encoding)?.as_str();
        let (source, send) = (agreed.source(encoding), self.media.send_stream(track.index(), encoding));
        Some(EncodingStats {
            rid,
            ssrc: source.ssrc,
            rtx_ssrc: source.rtx,
            active: self.media.is_active(track.index(), encoding),
            outbound: send.map(|stream| stream.stats()),
            remote_inbound: send.map(|stream| stream.remote_stats()),
            send_discards: send.map(|stream| stream.discards()),
        })
    }

    /// The statistics of a track. Of several encodings they are those of the first. `None` when no track has this id.
    #[must_use]
    pub fn track_stats(&self, track: TrackId) -> Option<TrackStats<'_>> {
        let info = self.track(track)?;
        let (send, recv) = (self.media.send_stream(track.index(), 0), self.media.recv_stream(track.index()));
        Some(TrackStats {
            mid: info.mid,
            kind: info.kind,
            current_direction: info.current_direction,
            outbound: send.map(|stream| stream.stats()),
            remote_inbound: send.map(|stream| stream.remote_stats()),
            send_discards: send.map(|stream| stream.discards()),
            inbound: recv.map(|stream| stream.stats()),
            recv_discards: recv.map(|stream| stream.discards()),
        })
    }
}
