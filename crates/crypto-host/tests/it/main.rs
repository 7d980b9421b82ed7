//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod both_providers_connect;
mod keys_are_wiped;
mod same_bytes;
mod vectors;
