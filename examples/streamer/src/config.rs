//! What one viewer may take: enough for one video, one sound and two data channels to a browser, and not more.

use core::time::Duration;

use barertc::Config;

use crate::settings::Settings;

/// Connections of pages and signaling that are served at the same time.
pub(crate) const HTTP_CONNECTIONS: usize = 4 * 4;

/// The bounds of one viewer's connection.
pub(crate) fn viewer_config(settings: &Settings<'_>) -> Config {
    let mut config = of_a_viewer(settings.mtu);
    config.ice.relay_only = settings.relay_only;
    // No search for the path MTU: with it, a link that becomes narrow has longer pauses between pictures (`sim::live`).
    config.min_mtu = config.mtu;
    config.video.latency = settings.latency;
    // Two round trips less for who understands them.
    (config.snap, config.sped) = (true, true);
    if settings.stun.is_some() {
        config.ice.max_questions = 4;
        config.ice.max_local = config.ice.max_local.saturating_add(4);
    }
    #[cfg(feature = "ice-tcp")]
    if settings.ice_tcp.is_some() {
        // Four more addresses of ours, and four connections to them.
        config.ice.max_local = config.ice.max_local.saturating_add(4);
        config.ice.max_remote = config.ice.max_remote.saturating_add(4);
        config.ice.max_pairs = config.ice.max_pairs.saturating_add(4);
    }
    // There is room for `MAX_TURN` of them.
    let servers = u16::try_from(settings.turn.len()).unwrap_or(u16::MAX);
    if servers > 0 {
        // The socket that is lent for relays, and for each server the relay and how the server sees us.
        config.ice.max_relays = servers;
        config.ice.max_local = config.ice.max_local.saturating_add(1).saturating_add(servers.saturating_mul(2));
    }
    config
}

/// The bounds of a connection without servers.
fn of_a_viewer(mtu: u16) -> Config {
    let mut config = Config { mtu, ..Config::default() };
    // Four addresses of ours, one of them under another name; a browser tells of as many that count. Neither STUN nor TURN
    // servers are asked.
    config.ice.max_local = 5;
    config.ice.max_remote = 8;
    config.ice.max_pairs = 12;
    config.ice.max_questions = 0;
    config.ice.max_relays = 0;
    // The longest ClientHello of a browser has 1,470 bytes; a certificate with an RSA key 900.
    config.dtls.reassembly = 2_560;
    config.dtls.early = 1_280;
    // Video, its retransmissions and repair packets, sound; the peer sends reports alone, whose numbers need no long memory.
    config.srtp.local_streams = 5;
    config.srtp.remote_streams = 4;
    config.srtp.window = 64;
    // A `Ping` now and then, and a line of figures a second.
    let sctp = &mut config.sctp;
    (sctp.send_buffer, sctp.receive_buffer) = (6 << 10, 6 << 10);
    sctp.partial_delivery_point = 3 << 10;
    (sctp.max_messages, sctp.max_in_flight, sctp.max_fragments) = (16, 16, 32);
    (sctp.max_channels, sctp.label_room) = (4, 64);
    config.max_message_size = 4 << 10;
    config.max_tracks = 2;
    // 109 packets of a key frame, and a second of what follows.
    config.video.history.packets = 512;
    config.video.history.frames = 64;
    config.video.history.age = Duration::from_secs(2);
    // Sound is of use for half a second: what feedback misses goes again.
    // Each repair packet in the making takes a packet's room: a viewer is to fit 64 KB. Fewer protect smaller groups.
    config.video.repair_packets = 5;
    config.audio.history.packets = 24;
    config.audio.history.frames = 24;
    config.audio.history.age = Duration::from_millis(500);
    config.audio.retransmit.queue = 16;
    config.sent_packets = 256;
    config
}
