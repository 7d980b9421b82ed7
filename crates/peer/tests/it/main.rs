//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod a_day;
mod a_full_queue_holds_nothing_up;
mod a_hostile_viewer;
mod an_attacker_on_the_path;
mod answers_of_a_realtime_server;
mod any_of_several_counts;
mod clocks_at_their_ends;
mod connections_may_change_threads;
mod data_channels_end;
mod descriptions_of_other_shapes;
mod dtls_in_checks;
mod every_datagram_fits;
mod fragmentation_is_bounded;
mod hostile;
mod later_descriptions;
mod many_viewers;
mod media_arrive;
mod memory_is_bounded_and_given_back;
mod memory_of_any_configuration;
mod moving;
mod no_event_is_lost;
mod offers_that_cross;
#[cfg(feature = "simulcast")]
mod simulcast;
mod sizes;
mod small_paths;
mod sources_are_unique;
mod support;
mod time_is_told_in_every_call;
mod tokens_of_sctp;
mod traced;
mod two_peers_connect;
mod what_cannot_work_is_said;
