//! Signaling for WebRTC over WebSocket, WHEP and WHIP, on any byte stream and without an allocator.
//!
//! The crate carries session descriptions as text and does not read them. A stream has the traits `Read` and `Write` of
//! `embedded-io-async`; the TCP sockets of `edge-nal` have them, on `std` and on `embassy-net`. The caller lends all
//! memory, and the length of a buffer limits the length of a message.
//!
//! - [`serve_connection`] serves one accepted connection: web pages, signaling sockets of pages, WHEP and WHIP. The
//!   application implements [`Server`].
//! - [`connect`] runs a signaling socket to a forwarding server. [`Backoff`] gives the time until the next attempt.
//! - [`whip`] publishes to a WHIP server (RFC 9725).
//! - [`Hub`] is a forwarding server.
//! - [`Envelope`] and [`Message`] are the JSON messages of the sockets. [`WebSocket`] is their framing (RFC 6455).
//!
//! ```
//! use barertc_signaling::{Dialect, Envelope, Message};
//!
//! // A page asks for an offer.
//! let mut text = *br#"{"id":"server","type":"request"}"#;
//! let request = Envelope::parse(&mut text)?;
//! assert_eq!(request.message, Some(Message::Request));
//!
//! // The device answers with an offer.
//! let mut room = [0; 128];
//! let offer = Message::Offer { sdp: "v=0\r\n" };
//! let text = Envelope { id: request.id, token: None, dialect: Dialect::Streamer, message: Some(offer) }.write(&mut room)?;
//! assert_eq!(text, br#"{"id":"server","type":"offer","sdp":"v=0\r\n"}"#);
//! # Ok::<(), barertc_signaling::Error>(())
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
//! - `parsers`: The parsers one by one, for programs that fuzz or prove them.
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

mod access;
mod client;
mod error;
mod exchange;
mod frame;
mod http;
mod hub;
mod json;
mod limits;
mod link;
mod message;
#[cfg(feature = "parsers")]
pub mod parsers;
mod printable;
mod reply;
mod server;
mod url;
mod whep;
pub mod whip;
mod ws;

pub use access::{Access, AccessControl, Admission, Caller, MAX_TOKEN, TokenError};
pub use client::{Backoff, connect};
pub use error::{Discard, Discards, Error, Violation};
/// Strings and vectors of fixed capacity, which signatures of this crate have.
#[doc(no_inline)]
pub use heapless;
pub use hub::Hub;
pub use limits::{ConnectionPlace, ConnectionTable, Standing};
pub use link::{Buffers, PING_AFTER, Peer, Signals};
pub use message::{Dialect, Envelope, Id, MAX_ID, Message};
pub use printable::Printable;
pub use server::{Endpoint, Page, Refusal, Server, serve_connection};
pub use url::{MAX_URL, Url};
pub use whep::{IceGeneration, MAX_UFRAG, Ufrag};
pub use ws::{
    CLOSE_INVALID, CLOSE_NORMAL, CLOSE_POLICY, CLOSE_PROTOCOL, CLOSE_TOO_BIG, HEADROOM, Incoming, WebSocket, close_code,
};
