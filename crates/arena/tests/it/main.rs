//! Every test of the crate in one program, but those that need one of their own: a logger, a compiler, or loom.

mod a_thousand_shared_objects;
mod containers_hold_against_models;
mod exhaustion_is_an_error;
mod heap_holds_against_a_model;
mod shared_holds_against_a_model;
