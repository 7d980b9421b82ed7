//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod a_clock_that_started_long_ago;
mod a_path_that_changes;
mod both_families;
mod bounds;
mod checks_that_come_early;
mod closing;
mod floods;
mod nat_combinations;
mod support;
