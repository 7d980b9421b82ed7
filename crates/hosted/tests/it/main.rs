//! The driver against the simulated co-processor, on a simulated clock.

mod aggregated;
mod data;
mod noise;
mod rig;
mod start;
mod trouble;
mod wifi;
