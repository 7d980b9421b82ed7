//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod a_full_queue_holds_nothing_up;
mod every_datagram_fits;
mod later_descriptions;
mod many_viewers;
mod media_arrive;
mod memory_is_bounded_and_given_back;
mod moving;
mod sizes;
mod two_peers_connect;
mod util;
