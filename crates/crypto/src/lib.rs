//! The cryptographic primitives of barertc, behind one trait that hardware can implement.
//!
//! [`Provider`] has one method for each primitive, and each method has a default in software. The ciphers and hashes are
//! those of RustCrypto. The curves are those of `barertc-curves`, or of RustCrypto with the feature `rustcrypto-curves`.
//!
//! A chip with an accelerator overrides the methods that the accelerator implements. [`RustCrypto`] is the provider that
//! overrides none. A provider may have its own types for cipher keys. The types of this crate hold the raw key for hardware
//! and the expanded key for software. They are wiped on drop.
//!
//! ```
//! use barertc_crypto::{Provider, RustCrypto};
//!
//! let p = RustCrypto;
//! let key = p.gcm_key(&[7; 16])?;
//! let mut data = *b"a frame of video";
//! let tag = p.gcm_seal(&key, &[1; 12], b"header", &mut data);
//! assert_ne!(&data, b"a frame of video");
//!
//! p.gcm_open(&key, &[1; 12], b"header", &mut data, &tag)?;
//! assert_eq!(&data, b"a frame of video");
//! # Ok::<(), barertc_crypto::Error>(())
//! ```
//!
//! # Randomness
//!
//! Each method that needs random bytes takes a generator. There is no default generator, because a machine without an
//! operating system has no source that this crate could use.
//!
//! ```compile_fail,E0061
//! use barertc_crypto::{Provider, RustCrypto};
//! let key = RustCrypto.x25519_key(); // no generator: does not compile
//! ```
//!
//! # Hardware
//!
//! ```
//! use barertc_crypto::{AesKey, ChaChaKey, GcmKey, Provider};
//!
//! struct Accelerator; // holds the peripheral, behind a lock of the chip
//!
//! impl Provider for Accelerator {
//!     type AesKey = AesKey;
//!     type GcmKey = GcmKey;
//!     type ChaChaKey = ChaChaKey;
//!
//!     fn aes_block(&self, key: &AesKey, block: &mut [u8; 16]) {
//!         let _loaded_into_the_peripheral: &[u8] = key.raw();
//!         # key.encrypt_block(block);
//!     }
//! }
//! ```
//!
//! A reference to a provider is a provider too. So a state machine with a parameter `P: Provider` also takes `&Accelerator`.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `selftest`: The RFC and NIST vectors as a function that any machine can run: `selftest::run`.
//! - `rustcrypto-curves`: RustCrypto's curves in place of those of `barertc-curves`. The results are the same; they are
//!   slower and larger.
//! - `defmt`: `defmt::Format` on the public types.
//! - `rsa`: Verifying RSA signatures of up to 4,096 bits.
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

mod compare;
mod curve25519;
mod der;
mod error;
mod generator;
mod hash;
mod hkdf;
mod key_schedule;
mod keys;
mod mac;
mod nist256;
mod provider;
mod rank;
#[cfg(feature = "rsa")]
mod rsa;
#[cfg(feature = "rustcrypto-curves")]
mod rustcrypto_curves;
mod secret;
#[cfg(any(test, feature = "selftest"))]
pub mod selftest;
mod wipe;

pub use compare::constant_time_eq;
pub use curve25519::X25519Secret;
pub use der::{DER_SIGNATURE_MAX, ecdsa_der_decode, ecdsa_der_encode};
pub use error::{BadDer, BadSignature, BadTag, Error, InvalidPoint, InvalidScalar, KeyLength, SmallOrder, TooLong};
pub use generator::Generator;
pub use hash::{Sha256, Sha384};
pub use key_schedule::{DTLS13, Hash, KeySchedule, TLS13};
pub use keys::{AeadKey, AesKey, BlockKey, ChaChaKey, GcmKey};
pub use mac::{HmacSha1Key, HmacSha256Key, HmacSha384Key};
pub use nist256::P256Secret;
pub use provider::{Provider, RustCrypto};
pub use rand_core;
pub use rank::{Group, SrtpSuite, Suite};
#[cfg(feature = "rsa")]
pub use rsa::RsaPublicKey;
pub use secret::Secret;
pub use wipe::{wipe_stack, wipe_stack_of, wipe_stack_of_key_pair};
