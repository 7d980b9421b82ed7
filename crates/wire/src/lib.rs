//! What every protocol crate of barertc speaks: [`Instant`], byte [`Reader`]s and [`Writer`]s, and counters of
//! discarded packets.
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
#![no_std]
#![forbid(unsafe_code)]
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

mod discard;
mod reader;
mod time;
mod writer;

pub use discard::{Counters, Reason};
pub use reader::{Reader, Truncated};
pub use time::Instant;
pub use writer::{NoRoom, TryPut, Writer};
