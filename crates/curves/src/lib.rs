//! P-256 and X25519 for machines of any size.
//!
//! - No `std`, no heap, no static initialisers. Tables are constants: 3 KB for P-256, none for X25519.
//! - What works on secrets takes the same steps for every secret. Tests count the instructions of the machine code on
//!   RISC-V, where compilers make branches of carries.
//! - On x86-64 and AArch64 the field arithmetic is `fiat-crypto`'s, which is generated from machine-checked proofs. Elsewhere it
//!   is our own, by columns of 32-bit words: faster without a carry flag, free of branches on RISC-V, and tested against `fiat-crypto`.
//! - Secrets are wiped when they are dropped, and so is what a computation named. What the compiler kept on the stack is
//!   for the caller to overwrite.
//! - Nothing draws random bytes: keys and fresh bytes are arguments.
//!
//! ```
//! use barertc_curves::p256::{PublicKey, SecretKey};
//!
//! let random = [7; 32]; // from a generator that fits cryptography
//! let secret = SecretKey::from_bytes(&random)?;
//! let public = secret.public_key().to_sec1();
//!
//! let digest = [1; 32]; // SHA-256 of a message
//! let signature = secret.sign(&digest);
//! PublicKey::from_sec1(&public)?.verify(&digest, &signature)?;
//!
//! let peer = SecretKey::from_bytes(&[9; 32])?;
//! assert_eq!(secret.agree(&peer.public_key()), peer.agree(&secret.public_key()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! ```
//! use barertc_curves::x25519;
//!
//! let (alice, bob) = ([1; 32], [2; 32]); // random bytes
//! let shared = x25519::agree(&alice, &x25519::public_key(&bob))?;
//! assert_eq!(shared, x25519::agree(&bob, &x25519::public_key(&alice))?);
//! # Ok::<(), barertc_curves::SmallOrder>(())
//! ```
#![no_std]
#![deny(missing_debug_implementations, unnameable_types)]
#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing))]

#[cfg(test)]
extern crate std;

mod error;
pub mod p256;
#[allow(unsafe_code)]
mod word;
pub mod x25519;

pub use error::{InvalidPoint, InvalidScalar, InvalidSignature, SmallOrder};
