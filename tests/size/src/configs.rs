//! What each profile asks a connection for: as little as it needs.

use core::time::Duration;

use barertc::Config;
use barertc::config::{RecvBounds, SctpConfig};

/// A data channel with 6 KiB each way, to a peer with a few addresses. No server is asked.
pub const CHANNEL: Config = channel();
/// One video, one sound, and the data channel of [`CHANNEL`].
pub const SEND: Config = send();
/// The same, and one video and one sound that come in.
pub const RECEIVE: Config = receive();
/// The default of a connection, with media in both directions.
pub const EVERYTHING: Config = everything();

const fn channel() -> Config {
    let mut config = Config::new();
    config.ice.max_local = 4;
    config.ice.max_remote = 8;
    config.ice.max_pairs = 12;
    (config.ice.max_questions, config.ice.max_relays) = (0, 0);
    // The longest ClientHello of a browser has 1,470 bytes.
    (config.dtls.reassembly, config.dtls.early) = (2_560, 1_280);
    config.sctp = SctpConfig::small();
    config.sctp.mtu = u16::MAX;
    config.max_message_size = 4 << 10;
    (config.max_tracks, config.sent_packets, config.arrivals) = (0, 1, 1);
    config
}

const fn send() -> Config {
    let mut config = channel();
    (config.max_tracks, config.sent_packets) = (2, 256);
    // Video, its retransmissions and repair packets, sound; of the peer reports alone.
    (config.srtp.local_streams, config.srtp.remote_streams, config.srtp.window) = (5, 4, 64);
    (config.video.history.packets, config.video.history.frames) = (512, 64);
    config.video.history.age = Duration::from_secs(2);
    config.video.repair_packets = 0;
    (config.audio.history.packets, config.audio.history.frames) = (24, 24);
    config.audio.history.age = Duration::from_millis(500);
    config.audio.retransmit.queue = 16;
    config
}

const fn receive() -> Config {
    let mut config = send();
    (config.srtp.remote_streams, config.srtp.window, config.arrivals) = (5, 128, 128);
    (config.recv_video, config.recv_audio) = (RecvBounds::video(1), RecvBounds::audio(1));
    (config.recv_video.packets, config.recv_video.repair_window, config.recv_video.missing) = (64, 0, 64);
    config.recv_audio.packets = 16;
    config
}

const fn everything() -> Config {
    let mut config = Config::new();
    (config.recv_video, config.recv_audio) = (RecvBounds::video(1), RecvBounds::audio(1));
    (config.snap, config.sped) = (true, true);
    config
}
