//! DTLS 1.2 and 1.3 for WebRTC (RFC 6347, RFC 9147), as client and as server.
//!
//! Each side authenticates the other by the fingerprint of its certificate (RFC 8827 §6.5). The handshake negotiates an
//! SRTP profile with `use_srtp` (RFC 5764), and the connection exports the keys for SRTP (RFC 5705).
//!
//! A [`Connection`] is a state machine without I/O. [`Connection::handle`] takes received datagrams, and
//! [`Connection::poll_transmit`] writes those to send. Time, memory, randomness and cryptography are arguments.
//!
//! ```
//! use barertc_arena::Heap;
//! use barertc_crypto::RustCrypto;
//! use barertc_dtls::{Config, Connection, Event, Identity, Role};
//! use barertc_wire::Instant;
//! use core::mem::MaybeUninit;
//! # use barertc_crypto::rand_core::{TryRng, TryCryptoRng};
//! # struct Rng(u64);
//! # impl TryRng for Rng {
//! #     type Error = core::convert::Infallible;
//! #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(self.try_next_u64()? as u32) }
//! #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); Ok(self.0 >> 11) }
//! #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> { for b in out { *b = self.try_next_u32()? as u8; } Ok(()) }
//! # }
//! # impl TryCryptoRng for Rng {}
//! # let mut rng = Rng(7);
//!
//! let mut region = [MaybeUninit::uninit(); 40_000];
//! let heap: Heap = Heap::new(&mut region)?;
//! let (alice, bob) = (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng));
//! let mut client = Connection::new(Config::default(), Role::Client, &alice, &heap, RustCrypto, &mut rng)?;
//! let mut server = Connection::new(Config::default(), Role::Server, &bob, &heap, RustCrypto, &mut rng)?;
//!
//! // Each side takes the other's fingerprint from its session description.
//! let now = Instant::ZERO;
//! client.set_peer_fingerprint(now, bob.fingerprint(&RustCrypto))?;
//! server.set_peer_fingerprint(now, alice.fingerprint(&RustCrypto))?;
//!
//! // This loop is a network without loss.
//! let mut datagram = [0; 1_500];
//! while !(client.is_connected() && server.is_connected()) {
//!     while let Some(len) = client.poll_transmit(now, &mut datagram) {
//!         server.handle(now, &mut datagram[..len], |_| {})?;
//!     }
//!     while let Some(len) = server.poll_transmit(now, &mut datagram) {
//!         client.handle(now, &mut datagram[..len], |_| {})?;
//!     }
//! }
//! assert!(matches!(client.poll_event(), Some(Event::Connected { srtp: Some(_), .. })));
//!
//! // Application data stand between the bytes that a record adds in front and behind.
//! let (front, back) = client.room();
//! datagram[front..front + 5].copy_from_slice(b"hello");
//! let len = client.seal(now, &mut datagram[..front + 5 + back], 5)?;
//! let mut received = false;
//! server.handle(now, &mut datagram[..len], |data| received = data == b"hello")?;
//! assert!(received);
//!
//! // Both sides have the keys for SRTP.
//! let (mut a, mut b) = ([0; 60], [0; 60]);
//! client.export("EXTRACTOR-dtls_srtp", None, &mut a)?;
//! server.export("EXTRACTOR-dtls_srtp", None, &mut b)?;
//! assert_eq!(a, b);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Versions and algorithms
//!
//! | | DTLS 1.2 | DTLS 1.3 |
//! |---|---|---|
//! | cipher suites | ECDHE_ECDSA with AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305 | the same three AEADs |
//! | groups | X25519, P-256 | X25519, P-256 |
//! | signatures | ECDSA with P-256; with the feature `rsa`, the peer's may be RSA | the same |
//! | required | extended_master_secret, certificates on both sides | certificates on both sides |
//!
//! The features `dtls12` and `dtls13` compile the versions in; both are on by default, and one of them has to be. Without
//! one, its code is in no program, and [`Config::check`] refuses a configuration that names it.
//!
//! [`Config`] sets the order of suites and groups. A field that is [`Preference::ANY`] leaves the order to the crypto
//! provider. `SRTP_AES128_CM_HMAC_SHA1_32` is used only where [`SrtpProfiles::Only`] names it. Resumption,
//! renegotiation, early data and connection ids are not supported.
//!
//! A client returns the cookie that a server asks for. A server asks for no cookie. A cookie proves that the client owns
//! its address, and ICE's connectivity checks have proven that already (RFC 8445 §7).
//!
//! # Unauthenticated records
//!
//! A receiver cannot distinguish a forged plaintext record from a genuine one. A forged hello can therefore end a
//! handshake. Once the peer has keys, plaintext messages and alerts are dropped and counted as
//! [`Discard::Unprotected`] (RFC 9147 §4.5.2). In DTLS 1.3 the peer has keys from the ServerHello on, in DTLS 1.2 from
//! the client's Finished on. Application data are delivered only after [`Event::Connected`], and only from records of an
//! epoch for application data.
//!
//! # Secrets
//!
//! Secrets are overwritten when their use ends. The handshake's secrets end with the handshake, and keys end when they
//! are replaced. When the connection ends, all others follow. The keys for the last alert remain until
//! [`Connection::poll_transmit`] has written that alert. Each step that works on secrets overwrites the stack that it used.
//!
//! # Features
//!
//! `dtls12` and `dtls13` are on by default.
//!
//! - `dtls12`: DTLS 1.2 (RFC 6347), both roles. This or `dtls13` has to be on.
//! - `dtls13`: DTLS 1.3 (RFC 9147), both roles. This or `dtls12` has to be on.
//! - `rsa`: Verifies peers with RSA certificates (up to 4,096 bits); our own key is ECDSA all the same.
//! - `log`: Traces flights and changes of state with `log`.
//! - `defmt`: `defmt::Format` on public types, and the traces of `log` with `defmt`.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_debug_implementations, unnameable_types)]
// What both versions share has parts that only one of them needs.
#![cfg_attr(not(all(feature = "dtls12", feature = "dtls13")), allow(dead_code))]
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

#[cfg(not(any(feature = "dtls12", feature = "dtls13")))]
compile_error!("barertc-dtls needs a version of DTLS: turn on the feature `dtls12`, `dtls13`, or both");

mod acks;
mod client_hello;
mod config;
mod connection;
mod context;
mod der;
mod ephemeral;
mod error;
mod fingerprint;
mod handshake;
mod identity;
mod link;
mod machine;
mod record;
#[cfg(feature = "dtls12")]
mod schedule12;
mod schedule13;
#[cfg(test)]
mod testing;
mod updates;
#[cfg(feature = "dtls12")]
mod v12;
#[cfg_attr(not(feature = "dtls13"), path = "v13_absent.rs")]
mod v13;
mod x509;

pub use barertc_crypto::{Group, Suite};
pub use barertc_wire::{Fingerprint, Fingerprints, HashAlgorithm};
pub use config::{Config, Preference, Role, SrtpProfiles, Version};
pub use connection::{Connection, Event};
pub use error::{Discard, Discards, Error};
pub use fingerprint::fingerprint;
pub use identity::Identity;
