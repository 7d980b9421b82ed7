//! Figures.

use barertc::wire::Count;

use crate::address::brtc_route;
use crate::event::{ice_state, of_connection};
use crate::handle::{self, brtc_connection};
use crate::raw;
use crate::result::{Cause, brtc_result};

/// Figures of a connection, named as in the W3C's webrtc-stats.
// More than fifteen fields: one for each number that a program in C may show.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct brtc_stats {
    /// Bytes of this structure, set by the caller.
    pub size: u32,
    /// A `brtc_connection_state`.
    pub connection_state: u32,
    /// A `brtc_ice_state`.
    pub ice_state: u32,
    /// 1 where the DTLS handshake is complete.
    pub dtls_connected: u32,
    /// Datagrams of DTLS, RTP and RTCP that were sent.
    pub packets_sent: u64,
    /// Datagrams of DTLS, RTP and RTCP that were received.
    pub packets_received: u64,
    /// Bytes of their UDP payload that were sent.
    pub bytes_sent: u64,
    /// Bytes of their UDP payload that were received.
    pub bytes_received: u64,
    /// The round-trip time on the selected path, in microseconds; 0 before it was measured.
    pub round_trip_time: u64,
    /// The estimate of what the path carries, in bits a second; 0 before there was feedback.
    pub available_outgoing_bitrate: u64,
    /// The selected path; zero before there is one.
    pub route: brtc_route,
    /// Data channels that either side has opened.
    pub data_channels_opened: u32,
    /// Data channels that were closed.
    pub data_channels_closed: u32,
    /// Datagrams, or parts of them, that were dropped, for all reasons.
    pub discarded: u32,
    /// Of these, what belongs to no protocol, came too early, or is of a stream that was not agreed on.
    pub discarded_connection: u32,
    /// Of these, what ICE dropped.
    pub discarded_ice: u32,
    /// Of these, what DTLS dropped.
    pub discarded_dtls: u32,
    /// Of these, what SRTP dropped.
    pub discarded_srtp: u32,
    /// Of these, what SCTP dropped.
    pub discarded_sctp: u32,
}

raw::growing!(brtc_stats, "stats.size");

/// Figures of a track. Those of a direction that it does not have are 0.
// More than fifteen fields: the members of the W3C's statistics of a stream.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct brtc_track_stats {
    /// Bytes of this structure, set by the caller.
    pub size: u32,
    /// Zero.
    pub reserved: u32,
    /// Packets that this side sent and the peer did not receive, as its last report says.
    pub remote_packets_lost: i32,
    /// Packets that the peer sent and this side did not receive (RFC 3550 §6.4.1).
    pub packets_lost: i32,
    /// Packets that were sent.
    pub packets_sent: u64,
    /// Packets that were sent again.
    pub retransmitted_packets_sent: u64,
    /// Bytes of payload that were sent.
    pub bytes_sent: u64,
    /// Frames that were sent.
    pub frames_sent: u64,
    /// Key frames that were sent.
    pub key_frames_sent: u64,
    /// Frames that were taken and then dropped instead of being sent. Those that `brtc_send_frame` refused are not among them.
    pub frames_dropped: u64,
    /// Key frames that the peer has asked for (PLI and FIR).
    pub key_frames_wanted: u64,
    /// Retransmissions that the peer has asked for (NACK).
    pub nack_count: u64,
    /// The round-trip time by the peer's reports, in microseconds; 0 before it was measured.
    pub round_trip_time: u64,
    /// Packets that were received.
    pub packets_received: u64,
    /// Bytes of payload that were received.
    pub bytes_received: u64,
    /// Frames that were received.
    pub frames_received: u64,
    /// Frames of which something was missing.
    pub frames_incomplete: u64,
    /// Variation of the time that packets take, in microseconds.
    pub jitter: u64,
}

raw::growing!(brtc_track_stats, "track_stats.size");

/// Figures of the connection as it is now. The caller sets `size` to `sizeof(brtc_stats)` first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_get_stats(connection: *mut brtc_connection, stats: *mut brtc_stats) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let now = inside.peer.stats();
            let (transport, pair, discards) = (now.transport, now.candidate_pair, now.discards);
            let round_trip = pair.as_ref().and_then(|pair| pair.current_round_trip_time);
            let value = brtc_stats {
                size: 0,
                connection_state: of_connection(transport.state).0 as u32,
                ice_state: ice_state(transport.ice_state).0 as u32,
                dtls_connected: transport.dtls_connected.into(),
                packets_sent: transport.packets_sent,
                packets_received: transport.packets_received,
                bytes_sent: transport.bytes_sent,
                bytes_received: transport.bytes_received,
                round_trip_time: round_trip.map_or(0, micros),
                available_outgoing_bitrate: now.available_outgoing_bitrate.unwrap_or(0),
                route: pair.map_or_else(brtc_route::default, |pair| pair.route.into()),
                data_channels_opened: now.data_channels_opened,
                data_channels_closed: now.data_channels_closed,
                discarded: discards.total(),
                discarded_connection: discards.connection.total(),
                discarded_ice: discards.ice.total(),
                discarded_dtls: discards.dtls.map_or(0, |count| count.total()),
                discarded_srtp: discards.srtp.map_or(0, |count| count.total()),
                discarded_sctp: discards.sctp.map_or(0, |count| count.total()),
            };
            raw::write(stats, value)
        })
    }
}

/// Figures of a track. The caller sets `size` to `sizeof(brtc_track_stats)` first.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_get_track_stats(
    connection: *mut brtc_connection,
    track: u32,
    stats: *mut brtc_track_stats,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let id = inside.track(track)?;
            let now = inside.peer.track_stats(id).ok_or(Cause::Peer(barertc::Error::NoSuchTrack))?;
            let mut value = brtc_track_stats::default();
            if let Some(sent) = now.outbound {
                value.packets_sent = count(sent.packets_sent);
                value.retransmitted_packets_sent = count(sent.retransmitted_packets_sent);
                value.bytes_sent = count(sent.bytes_sent);
                value.frames_sent = count(sent.frames_sent);
                value.key_frames_sent = count(sent.key_frames_sent);
                value.frames_dropped = count(sent.frames_dropped);
                value.key_frames_wanted = count(sent.pli_count).saturating_add(count(sent.fir_count));
                value.nack_count = count(sent.nack_count);
            }
            if let Some(remote) = now.remote_inbound {
                value.remote_packets_lost = remote.packets_lost;
                value.round_trip_time = remote.round_trip_time.map_or(0, micros);
            }
            if let Some(received) = now.inbound {
                value.packets_received = count(received.packets_received);
                value.packets_lost = received.packets_lost;
                value.bytes_received = count(received.bytes_received);
                value.frames_received = count(received.frames_received);
                value.frames_incomplete = count(received.frames_incomplete);
                value.jitter = micros(received.jitter);
            }
            raw::write(stats, value)
        })
    }
}

fn count(count: Count) -> u64 {
    count.get()
}

fn micros(time: core::time::Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
