//! How much the application does at the same time, and the memory that follows from it.

use barertc::arena::Heap;
use barertc::{Config, PeerConnection, RustCrypto, config::SctpConfig};

/// Pages that are connected at the same time.
pub const PLACES: usize = 2;
/// The longest message that is said back, in bytes.
pub const MESSAGE: usize = 1024;
/// Channels that a page may have at the same time.
pub const CHANNELS: usize = CONFIG.sctp.max_channels as usize;

/// The bounds of a connection, and the memory that follows from them at compile time.
pub const CONFIG: Config = config();
pub const REGION: usize = PLACES * PeerConnection::<&Heap, RustCrypto>::region_bytes(&CONFIG);

const fn config() -> Config {
    let mut config = Config::new();
    config.max_tracks = 0;
    // The peer has a handful of addresses, and no server is asked.
    (config.ice.max_local, config.ice.max_remote, config.ice.max_pairs) = (2, 8, 12);
    (config.ice.max_questions, config.ice.max_relays) = (0, 0);
    // The longest first flight of a browser has 1,470 bytes.
    (config.dtls.reassembly, config.dtls.early) = (2_560, 1_280);
    config.sctp = SctpConfig::small();
    config.max_message_size = MESSAGE as u32;
    config
}
