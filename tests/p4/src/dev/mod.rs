//! The devices, one file each. Each says where what it does is written, other than in the driver that it is to test.

pub mod analog;
pub mod checksum;
pub mod clic;
pub mod clocks;
pub mod crypto;
pub mod emac;
pub mod gpio;
pub mod phy;
pub mod psram;
pub mod radio;
pub mod sdhost;
pub mod serial;
pub mod timers;
