//! Associations over simulated networks with a virtual clock, one file a subject.
#![allow(missing_docs)]

mod attacks;
mod bulk;
mod counted;
mod dead_association;
mod exhaustive;
mod fairness;
mod given_up;
mod latency;
mod limits;
mod numbers_that_run_over;
mod pauses;
mod resets;
mod setup;
mod simulator;
mod sizes;
mod support;
mod unknown_chunks;
mod within_a_machine;
mod writing;
