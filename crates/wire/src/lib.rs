//! Types that the crates of barertc share.
//!
//! - Time: [`Instant`], and the board's [`Clock`].
//! - Bytes: [`Reader`] and [`Writer`], and the elements of [DER](der).
//! - Statistics: [`Count`], and [`Counters`] of discarded packets by [`Reason`].
//! - Configuration: [`ConfigError`] names the field that breaks a [`Rule`].
//! - Values that session descriptions and the protocols share: the [`Fingerprint`] of a certificate, RTP header
//!   [`Extension`]s with the [`ExtensionMap`] of their identifiers, and ICE strings ([`is_ice_string`]).
//!
//! ```
//! use barertc_wire::{Instant, Reader, Writer};
//! use core::time::Duration;
//!
//! let mut room = [0u8; 8];
//! let mut w = Writer::new(&mut room);
//! w.u8(0x80)?;
//! w.u16(0x1234)?; // network byte order
//! let len = w.len();
//!
//! let mut r = Reader::new(&room[..len]);
//! assert_eq!((r.u8()?, r.u16()?), (0x80, 0x1234));
//! assert!(r.u8().is_err());
//!
//! let start = Instant::from_micros(1_000);
//! assert_eq!((start + Duration::from_millis(2)).as_micros(), 3_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
//! - `critical-section`: On chips without compare-and-swap: atomics by the `critical-section` that the firmware links.
//! - `defmt`: `defmt::Format` on every public type, and on every enum that `reasons!` declares.
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

#[cfg(test)]
extern crate std;

mod clock;
mod config;
mod copy;
mod count;
pub mod der;
mod discard;
mod extension;
mod fingerprint;
mod ice;
mod opaque;
mod reader;
pub mod text;
mod time;
mod trace;
mod writer;

pub use clock::Clock;
pub use config::{ConfigError, Rule};
pub use copy::{NoRoom, move_down, move_up, put_at};
pub use count::Count;
pub use discard::{Counters, Reason};
pub use extension::{Extension, ExtensionIdError, ExtensionMap};
pub use fingerprint::{Fingerprint, Fingerprints, HashAlgorithm};
pub use ice::{MAX_ICE_STRING, is_ice_string, is_received_ice_char, is_received_ice_string};
pub use reader::{Reader, Truncated};
pub use time::{Instant, ticks};
pub use writer::{TryPut, Writer};

/// The crate of `BufMut`, which [`Writer`] implements.
pub use bytes;

/// For [`reasons!`], which implements its trait.
#[cfg(feature = "defmt")]
#[doc(hidden)]
pub use defmt;
