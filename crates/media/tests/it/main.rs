//! Every test of the crate in one program.

mod annexb;
mod directory;
mod live;
mod ogg;
mod packed;
mod parameter_sets;
mod sound;
mod sources;
mod support;
