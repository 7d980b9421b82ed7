//! Pictures and sound over bad networks, on a simulated clock: two connections, a link between them that loses, delays and
//! is narrow, and a player that counts freezes as browsers do. The same seed gives the same run.
//!
//! `cargo test -p barertc --test sim -- --nocapture` prints a line for each network.

#[path = "../../../../examples/streamer/src/rendition.rs"]
#[allow(dead_code)]
mod rendition;
#[path = "../it/support.rs"]
mod support;

mod networks;
mod player;
mod source;
mod world;
