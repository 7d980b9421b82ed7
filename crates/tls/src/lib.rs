//! TLS 1.3 for clients (RFC 8446), without a global heap.
//!
//! The client always verifies the server's certificate (RFC 5280, RFC 9525). It has to lead to an authority that the caller
//! trusts, be valid at the caller's time, and have the name that was asked for. [`CertificateFault`] tells why one is
//! refused. Servers that speak TLS 1.2 alone are refused by [`Error::OnlyOldVersions`].
//!
//! [`TlsStream`] is a connection over any byte stream of [`embedded_io_async`]. [`Connector`] makes connections for who takes
//! them by [`edge_nal::TcpConnect`]. [`Client`] is the protocol without I/O. [`sntp`] asks for the time.
//!
//! ```
//! use core::cell::RefCell;
//! use barertc_arena::Allocator;
//! use barertc_crypto::Provider;
//! use barertc_tls::{Config, Error, ServerName, TlsStream, Trust, TrustAnchors, UnixTime};
//! use embedded_io_async::{Read, Write};
//! use rand_core::CryptoRng;
//!
//! /// Says hello to `example.org` over a connected socket. `authorities` are certificates in DER, one after the other.
//! async fn hello<S: Read + Write, A: Allocator + Clone, P: Provider + Clone, R: CryptoRng>(
//!     socket: S, authorities: &[u8], now: UnixTime, memory: A, provider: P, rng: &RefCell<R>,
//! ) -> Result<(), Error> {
//!     let (anchors, _) = TrustAnchors::new(authorities)?;
//!     let trust = Trust { name: ServerName::parse("example.org")?, anchors, now };
//!     let mut stream = TlsStream::connect(socket, Config::new(), trust, memory, provider, rng).await?;
//!     stream.write_all(b"hello").await?;
//!     stream.flush().await
//! }
//! ```
//!
//! # Bounds
//!
//! A connection takes [`TlsStream::worst_case_bytes`] from its allocator, and gives it back when it is dropped. Nothing is
//! allocated for a record.
//!
//! # What is not there
//!
//! TLS 1.2, servers, client certificates, session tickets, early data and revocation are not there. The keys of certificates
//! are P-256 and, with the feature `rsa`, RSA. A certificate with name constraints is refused.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `rsa`: Verifies RSA signatures (up to 4,096 bits), as most public authorities make them.
//! - `defmt`: `defmt::Format` on public types.
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
#![allow(async_fn_in_trait)] // One executor, one thread: nobody needs these futures to be `Send`.

#[cfg(test)]
extern crate std;

mod alert;
mod certificate;
mod chain;
mod client;
mod config;
mod connector;
mod error;
mod format;
mod handshake;
mod hello;
mod name;
mod pem;
mod record;
pub mod sntp;
mod stream;
#[cfg(test)]
mod tests;
mod time;

pub use chain::TrustAnchors;
pub use client::{Client, Received, Receiver, Sender};
pub use config::Config;
pub use connector::{Connector, Stream, StreamRead, StreamWrite, WallClock};
pub use error::{CertificateFault, Error};
pub use handshake::Trust;
pub use name::ServerName;
pub use pem::{BadText, decode_certificates};
pub use stream::{TlsRead, TlsStream, TlsWrite};
pub use time::UnixTime;
