//! Frames from an encoder instead of a file.
//!
//! An [`Encoder`] gives one frame at a time. Where it hands out a stream of bytes, [`AccessUnits`], [`IvfFrames`],
//! [`OggPackets`] and [`PrefixedPackets`] cut that into frames. A [`RateControl`] tells the encoder what the paths of all viewers carry,
//! [`KeyFrames`] bounds how often it is asked for a key frame, and a [`Prober`] says when to look for more room.

mod access_units;
mod clock;
mod encoder;
mod error;
mod ivf_frames;
mod key_frames;
mod ogg_packets;
mod pictures;
mod prefixed;
mod probe;
mod rate;

pub use access_units::{AccessUnits, AccessUnitsConfig};
pub use clock::CaptureClock;
pub use encoder::{Encoder, EncoderRate};
pub use error::{StartError, StreamError};
pub use ivf_frames::{IvfFrames, IvfFramesConfig};
pub use key_frames::KeyFrames;
pub use ogg_packets::{OggPackets, OggPacketsConfig};
pub use pictures::Pictures;
pub use prefixed::{PrefixedPackets, PrefixedPacketsConfig};
pub use probe::Prober;
pub use rate::{LowestGood, RateConfig, RateControl, ShareRule};
