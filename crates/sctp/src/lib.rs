//! SCTP over DTLS and data channels (RFC 9260, RFC 8261, RFC 8831, RFC 8832), without I/O and in fixed memory.
//!
//! An [`Association`] takes all its memory from its allocator when it is made. [`Association::worst_case_bytes`] tells
//! beforehand how much. Both sides call [`connect`](Association::connect) once DTLS is up. Then
//! [`handle`](Association::handle) takes packets. [`poll_transmit`](Association::poll_transmit) writes each packet to
//! its place inside a DTLS record.
//!
//! ```
//! use barertc_arena::Global;
//! use barertc_sctp::{Association, ChannelConfig, Config, Event, MessageKind, Role};
//! use barertc_wire::Instant;
//! # struct Rng(u64);
//! # impl rand_core::TryRng for Rng {
//! #     type Error = core::convert::Infallible;
//! #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok((self.try_next_u64()? >> 32) as u32) }
//! #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
//! #         self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
//! #         Ok(self.0)
//! #     }
//! #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
//! #         for b in out { *b = self.try_next_u32()? as u8; }
//! #         Ok(())
//! #     }
//! # }
//! # impl rand_core::TryCryptoRng for Rng {}
//! # let mut rng = Rng(1);
//! let now = Instant::ZERO;
//! let mut a = Association::new(Config::default(), Global, &mut rng)?;
//! let mut b = Association::new(Config::default(), Global, &mut rng)?;
//! a.set_role(now, Role::Client);
//! b.set_role(now, Role::Server);
//! a.connect(now);
//! b.connect(now);
//! let chat = a.open(now, &ChannelConfig { label: "chat", ..ChannelConfig::default() })?;
//!
//! let mut record = [0u8; 1200];
//! let mut said = false;
//! let mut heard = None;
//! while heard.is_none() {
//!     while let Some(len) = a.poll_transmit(now, &mut record) {
//!         let _ = b.handle(now, &mut record[..len]);
//!     }
//!     while let Some(len) = b.poll_transmit(now, &mut record) {
//!         let _ = a.handle(now, &mut record[..len]);
//!     }
//!     while let Some(event) = a.poll_event() {
//!         if matches!(event, Event::ChannelOpened { .. }) && !said {
//!             a.write(now, chat, MessageKind::Text, b"hello")?;
//!             said = true;
//!         }
//!     }
//!     while let Some(event) = b.poll_event() {
//!         if let Event::Readable(id) = event {
//!             let mut text = [0u8; 16];
//!             let read = b.read(now, id, &mut text)?;
//!             assert_eq!((b.channel(id).unwrap().label, &text[..read.len]), ("chat", &b"hello"[..]));
//!             heard = Some(read.kind);
//!         }
//!     }
//! }
//! assert_eq!(heard, Some(MessageKind::Text));
//! # Ok::<(), barertc_sctp::Error>(())
//! ```
//!
//! # Memory
//! Payload lies in two pools of blocks, one for each direction. A write that does not fit is refused with
//! [`Error::WouldBlock`], and [`Event::Writable`] tells when to try again. When received data fill their pool, the
//! receive window is closed until the application reads.
//!
//! # The end
//! An association ends once. [`Event::Failed`] or [`Event::Closed`] tells the end, and [`Event::ChannelClosed`] follows
//! for every channel. To go on, both sides drop the association and make a new one.
//!
//! # Features
//!
//! `wide-crc` is on by default.
//!
//! - `wide-crc`: CRC-32C sixteen bytes a step with 16 KiB of tables; without it one byte a step with 1 KiB.
//! - `simd-crc`: CRC-32C by the processor's instruction where it has one (x86-64, AArch64); needs `std`. Goes before
//!   `wide-crc`.
//! - `log`: Traces changes of state with `log`.
//! - `defmt`: `defmt::Format` on public types, and the traces of `log` with `defmt`.
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

mod association;
mod channel;
mod channels;
#[doc(hidden)]
pub mod chunk;
mod config;
mod congestion;
mod crc;
mod dcep;
mod error;
#[doc(hidden)]
pub mod packet;
mod pool;
mod recv;
mod rto;
mod send;
mod serial;
mod timer;

pub use association::{Association, Event, RemoteInit, Role, Stats};
pub use barertc_wire::{ConfigError, Rule};
pub use channel::{ChannelConfig, ChannelId, ChannelInfo, MessageKind, Reliability};
pub use config::{Config, Congestion};
#[doc(hidden)]
pub use dcep::{Dcep, Open};
pub use error::{Discard, Discards, Error, Failure};
pub use recv::Read;
#[doc(hidden)]
pub use serial::Tsn;
