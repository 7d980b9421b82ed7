//! A [`Provider`] for machines with an operating system, on AWS-LC (`aws-lc-rs`): its AES-GCM, ChaCha20-Poly1305 and curves are written in
//! assembly for x86-64 and AArch64.
//!
//! It gives the bytes that [`RustCrypto`](barertc_crypto::RustCrypto) gives, faster. A peer cannot tell which of the two a program uses.
//!
//! ```
//! use barertc_crypto::Provider;
//! use barertc_crypto_host::AwsLc;
//!
//! let p = AwsLc::new();
//! let key = p.gcm_key(&[7; 16])?;
//! let mut data = *b"a frame of video";
//! let tag = p.gcm_seal(&key, &[1; 12], b"header", &mut data);
//! p.gcm_open(&key, &[1; 12], b"header", &mut data, &tag)?;
//! assert_eq!(&data, b"a frame of video");
//! # Ok::<(), barertc_crypto::Error>(())
//! ```
//!
//! # What comes from where
//!
//! | primitive | library |
//! |---|---|
//! | AES-GCM, ChaCha20-Poly1305, AES-CTR | AWS-LC; the expanded key lives as long as the session's key |
//! | P-256, X25519 | AWS-LC |
//! | AES and ChaCha20 blocks, hashes, HMAC, HKDF | `barertc-crypto`, whose keys hold the absorbed blocks already |
//!
//! # What it needs
//!
//! A C compiler when it is built; on Windows an assembler too. It needs `std`. Contexts of keys are in the memory of `malloc`, and a handshake
//! allocates there too, not in the allocator that a connection was given. A packet allocates nothing.
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

mod aead;
mod counter;
mod curves;
mod provider;
mod random;
mod signing;

pub use aead::{ChaChaKey, GcmKey};
pub use barertc_crypto::Provider;
pub use counter::AesKey;
pub use provider::AwsLc;
pub use random::{RandomFailed, SystemRandom};
