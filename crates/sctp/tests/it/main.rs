//! Associations over simulated networks with a virtual clock, one file a subject.
#![allow(missing_docs)]

mod attacks;
mod bulk;
mod fairness;
mod latency;
mod setup;
mod simulator;
mod sizes;
mod support;
