//! The programs of the folder, run.

mod devices;
mod media;
