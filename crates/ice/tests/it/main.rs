//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod a_clock_that_started_long_ago;
mod a_path_that_changes;
mod addresses_without_a_host;
mod both_families;
mod bounds;
mod candidates_told;
mod carrying;
mod checks_that_come_early;
mod closing;
mod every_loss;
mod floods;
mod forged_answers;
mod nat_combinations;
mod path_mtu;
mod replays;
mod silence_has_a_reason;
mod streams_to_turn_servers;
mod support;
mod tcp_candidates;
mod turn_server_says_no;
