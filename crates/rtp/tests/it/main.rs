//! Every test of the crate in one program.

mod complete_means_complete;
mod fewest_packets;
mod payload_formats;
mod vp9_and_av1;
