//! The networks: Ethernet of the function EV board, or WiFi through a co-processor.

pub mod ethernet;
mod phy;
pub mod wifi;
