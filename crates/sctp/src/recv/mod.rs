//! The receiving half: payload memory, reassembly, and what a SACK says.

mod reassembly;
mod receiver;
mod tracker;

pub use receiver::Read;

pub(crate) use reassembly::Delivered;
pub(crate) use receiver::Receiver;
pub(crate) use tracker::Arrival;
