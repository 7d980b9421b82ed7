//! Every test of the crate in one program.

mod fewest_packets;
mod payload_formats;
