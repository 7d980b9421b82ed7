//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod a_reference_is_the_provider;
mod nothing_is_told;
