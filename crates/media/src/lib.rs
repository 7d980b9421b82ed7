//! Frames from files and encoders, and the clocks that pace them.
//!
//! A source reads one frame at a time through a [`Storage`] into memory of the caller's allocator, where any number of
//! senders share it: a [`Directory`] of numbered files, an H.264 elementary stream ([`AnnexB`]), VP8, VP9 or AV1 in
//! [`Ivf`], Opus in [`Ogg`], or a [`Packed`] file, which needs one read a frame and finds any key frame. All begin again at their end. A [`Schedule`] says
//! when a frame is due.
//!
//! What is encoded now comes from an [`Encoder`], or as bytes in chunks of any size: [`AccessUnits`],
//! [`IvfFrames`], [`OggPackets`] and [`PrefixedPackets`] cut them. [`Pictures`] finds out which of the first two it is. [`RateControl`], [`KeyFrames`] and [`Prober`] let the network steer the encoder.
//!
//! Sound of the other side goes through a [`Playout`] to a [`Speaker`]; [`G711`] needs no codec library.
//!
//! ```
//! use barertc_arena::Heap;
//! use barertc_media::{Directory, DirectoryConfig, Embedded, FrameKind};
//!
//! # async fn play() -> Result<(), barertc_media::Error<core::convert::Infallible>> {
//! let mut storage = Embedded(&[("opus/0.opus", &[0xfc, 1, 2, 3]), ("opus/1.opus", &[0xfc, 4, 5, 6])]);
//! let mut memory = [core::mem::MaybeUninit::uninit(); 4096];
//! let heap: Heap = Heap::new(&mut memory).expect("a region of this size");
//!
//! let mut sound = Directory::open(&mut storage, "opus", FrameKind::Opus, DirectoryConfig::default(), &heap).await?;
//! for (number, timestamp) in [(0, 0), (1, 960), (0, 1920)] {
//!     let frame = sound.next(&mut storage).await?;
//!     assert_eq!((frame.number, frame.timestamp, frame.duration), (number, timestamp, 960));
//! }
//! # Ok(())
//! # }
//! # let mut play = core::pin::pin!(play());
//! # let mut context = core::task::Context::from_waker(core::task::Waker::noop());
//! # assert!(matches!(play.as_mut().poll(&mut context), core::task::Poll::Ready(Ok(()))));
//! # use core::future::Future;
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
//! - `std`: `Disk`: a storage over the machine's file system.
//! - `pack`: `pack`: writes packed files, on a desktop.
//! - `defmt`: `defmt::Format` on the public types.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, unnameable_types)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::disallowed_methods
    )
)]

#[cfg(any(feature = "std", test))]
extern crate std;

mod access_unit;
mod annexb;
mod crc;
mod directory;
#[cfg(feature = "std")]
mod disk;
mod error;
mod file;
mod format;
mod frame;
mod h264;
mod ivf;
mod live;
mod ogg;
mod opus;
#[cfg(feature = "pack")]
pub mod pack;
mod packed;
mod parameter_sets;
mod schedule;
mod sound;
mod source;
mod storage;

pub use annexb::{AnnexB, AnnexBConfig};
pub use directory::{Directory, DirectoryConfig};
#[cfg(feature = "std")]
pub use disk::Disk;
pub use error::{Error, ErrorKind, Path};
pub use frame::{FrameKind, SourceFrame};
/// Strings and vectors of fixed capacity, which signatures of this crate have.
#[doc(no_inline)]
pub use heapless;
pub use ivf::{Ivf, IvfConfig};
pub use live::{
    AccessUnits, AccessUnitsConfig, CaptureClock, Encoder, EncoderRate, IvfFrames, IvfFramesConfig, KeyFrames,
    LowestGood, OggPackets, OggPacketsConfig, Pictures, PrefixedPackets, PrefixedPacketsConfig, Prober, RateConfig,
    RateControl, ShareRule, StartError, StreamError,
};
pub use ogg::{Ogg, OggConfig, Unplayed};
pub use opus::Silence;
pub use packed::{Packed, PackedConfig};
pub use schedule::Schedule;
pub use sound::{G711, Intercom, Microphone, Playout, PlayoutConfig, PlayoutStats, SoundCodec, Speaker, audio_level};
pub use source::Source;
pub use storage::{Embedded, Storage};
