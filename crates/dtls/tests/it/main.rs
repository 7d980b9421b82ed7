//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod client_hello_of_browsers;
mod every_fate_of_a_datagram;
mod forged_plaintext;
mod hostile_input;
mod lossy_network;
mod memory_is_bounded;
mod out_of_place;
mod rules_of_hellos;
mod secrets_are_wiped;
mod small_paths;
mod support;
mod two_peers_connect;
