//! SRTP and SRTCP (RFC 3711, RFC 7714) with keys from DTLS (RFC 5764).
//!
//! A [`Session`] protects both directions of one connection. It encrypts and decrypts packets in place, in the caller's
//! buffer. It allocates all its memory when it is made: [`Session::worst_case_bytes`].
//!
//! ```
//! use barertc_crypto::RustCrypto;
//! use barertc_srtp::{Config, Masters, Profile, Session, Side};
//!
//! # fn main() -> Result<(), barertc_srtp::Error> {
//! let mut memory = [core::mem::MaybeUninit::uninit(); 8192];
//! let heap: barertc_arena::Heap = barertc_arena::Heap::new(&mut memory).expect("a region of this size");
//!
//! // Both sides export the same bytes from their DTLS connection. Each side knows its DTLS role.
//! let profile = Profile::from_dtls(0x0007).unwrap();
//! let exported = [7u8; 56];
//! let ours = Masters::split(profile, &exported, Side::Client)?;
//! let theirs = Masters::split(profile, &exported, Side::Server)?;
//! let config = Config::default();
//! let mut us = Session::new(config, profile, ours.local(), ours.remote(), &heap, RustCrypto)?;
//! let mut peer = Session::new(config, profile, theirs.local(), theirs.remote(), &heap, RustCrypto)?;
//!
//! let rtp = *b"\x80\x60\x00\x01\0\0\0\x00\0\0\0\x01payload";
//! let mut buf = [0; 64];
//! buf[..rtp.len()].copy_from_slice(&rtp);
//! let len = us.protect_rtp(&mut buf, rtp.len())?;
//! assert_eq!(len, rtp.len() + profile.tag_len());
//!
//! let len = peer.unprotect_rtp(&mut buf[..len])?;
//! assert_eq!(buf[..len], rtp);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
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

#[cfg(test)]
extern crate std;

mod config;
mod crypt;
mod error;
mod header;
mod keys;
mod profile;
mod session;
mod window;

pub use config::Config;
pub use error::{Discard, Discards, Error};
pub use profile::{Masters, Profile, Side};
pub use session::Session;
