//! Sound both ways: what a board needs beside a codec.
//!
//! Sound that was received goes from its decoder ([`G711`] is one) into a [`Playout`], and from there to a [`Speaker`].
//! Sound of a [`Microphone`] has a level ([`audio_level`]), goes into an encoder, and from there into a frame. [`Intercom`]
//! is both ways of one call.

mod device;
mod g711;
mod intercom;
mod level;
mod playout;

pub use device::{Microphone, Speaker};
pub use g711::G711;
pub use intercom::{Intercom, SoundCodec};
pub use level::audio_level;
pub use playout::{Playout, PlayoutConfig, PlayoutStats};
