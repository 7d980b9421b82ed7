//! Every test of the crate in one program.

mod bandwidth;
mod recorded_traces;
mod senders;
mod sharing;
mod trace;
