//! Frames from encoders: bytes cut anywhere, clocks, and what the network asks for.

mod access_units;
mod clock;
mod ffmpeg;
mod ivf;
mod packets;
mod steering;
