//! DTLS 1.2 and 1.3, both roles, for WebRTC: mutual authentication by fingerprint, `use_srtp`, key export.
//!
//! A [`Connection`] is a state machine without I/O. Datagrams go in through [`Connection::handle`] and come out of
//! [`Connection::poll_transmit`]. Time, memory, randomness and crypto are arguments.
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
//! // What the descriptions say.
//! let now = Instant::ZERO;
//! client.set_peer_fingerprint(now, bob.fingerprint(&RustCrypto))?;
//! server.set_peer_fingerprint(now, alice.fingerprint(&RustCrypto))?;
//!
//! // A network that loses nothing.
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
//! // The inner layer writes between the room that a record needs.
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
//! # What is spoken
//!
//! | | DTLS 1.2 | DTLS 1.3 |
//! |---|---|---|
//! | suites | ECDHE_ECDSA with AES-128-GCM, AES-256-GCM, ChaCha20-Poly1305 | the same three AEADs |
//! | groups | X25519, P-256 | X25519, P-256 |
//! | signatures | ECDSA P-256 (RSA of a peer: feature `rsa`) | the same |
//! | required | extended_master_secret, certificates on both sides | certificates on both sides |
//!
//! Where the choice is this side's, the provider's ranking decides. `SRTP_AES128_CM_HMAC_SHA1_32` is used only where
//! [`SrtpProfiles::Only`] names it. Resumption, renegotiation, early data and connection ids are not supported.
//!
//! A client repeats the cookie that a server asks for. A server asks for none: a cookie shows that the client's address is
//! real, and connectivity checks have shown that already (RFC 8445 §7).
//!
//! # What is believed when
//!
//! Nobody can tell a forged plaintext record from a true one, so a forged hello can end a handshake. Once there are keys it
//! cannot: plaintext messages and alerts are dropped and counted as [`Discard::Unprotected`] (RFC 9147 §4.5.2). DTLS 1.3 has
//! keys from the ServerHello on, DTLS 1.2 from the client's Finished on. Application data is given out only after
//! `Connected`, and only from records of its own epoch.
//!
//! # Secrets
//!
//! Secrets are wiped where they end: those of the handshake when it is over, keys when they are replaced, and all of them
//! when the connection ends. The keys for the last alert go when [`Connection::poll_transmit`] has written it. Each step that
//! works on secrets overwrites the stack below it.
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
#[cfg(feature = "rsa")]
mod rsa;
mod schedule12;
mod schedule13;
mod secret;
#[cfg(test)]
mod testing;
mod updates;
mod v12;
mod v13;
mod x509;

pub use barertc_crypto::{Group, Suite};
pub use barertc_wire::{Fingerprint, Fingerprints, HashAlgorithm};
pub use config::{Config, Preference, Role, SrtpProfiles, Version};
pub use connection::{Connection, Event};
pub use error::{Discard, Discards, Error};
pub use fingerprint::fingerprint;
pub use identity::Identity;
