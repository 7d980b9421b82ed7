//! A model of the ESP32-P4 (revision 3) that runs the program as it is flashed: the processor, the memories, and the devices that the program
//! uses. What is not modelled fails the run and says which register it was. See `docs/esp32-p4.md`.
#![allow(missing_docs)] // A test's tool; the names are the chip's.
#![forbid(unsafe_code)]

pub mod block;
pub mod board;
pub mod bus;
pub mod cpu;
pub mod dev;
pub mod flash;
pub mod loader;
pub mod machine;
pub mod memory;
pub mod net;
pub mod rom;
pub mod symbols;
mod tables {
    pub mod clocks;
    pub mod memories;
    pub mod others;
    pub mod sdhost;
}
