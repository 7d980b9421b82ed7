//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod client_hello_of_browsers;
mod common;
mod hostile_input;
mod lossy_network;
mod memory_is_bounded;
mod two_peers_connect;
