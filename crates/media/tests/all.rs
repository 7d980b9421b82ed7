//! Every test of the crate in one program: each file would else be compiled and linked with all of the crate again.

mod annexb;
mod common;
mod directory;
mod ogg;
mod packed;
mod sources;
