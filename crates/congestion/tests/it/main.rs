//! Every test of the crate in one program.

mod bandwidth;
mod pictures_on_bad_paths;
mod recorded_traces;
mod senders;
mod sharing;
mod trace;
