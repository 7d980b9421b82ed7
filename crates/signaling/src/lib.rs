//! How two sides find each other: WebSocket, WHEP and WHIP over any byte stream, without an allocator.
//!
//! Descriptions are moved as text; what they say is no business of this crate. Streams are `embedded-io-async`'s, as the
//! TCP sockets of `edge-nal` are (on `std` and on `embassy-net`); all memory is lent by the caller and bounds what can
//! come in.
//!
//! - [`serve_connection`] serves one accepted connection: the viewer's page, signaling sockets on which a page talks to
//!   us directly, WHEP and WHIP. The application is a [`Server`].
//! - [`connect`] runs a signaling socket to a forwarding server, [`Backoff`] says when to try again.
//! - [`whip`] publishes to a WHIP server (RFC 9725).
//! - [`Hub`] is such a forwarding server.
//! - [`Envelope`] and [`Message`] are the JSON that goes over the sockets, [`WebSocket`] the framing.
//!
//! ```
//! use barertc_signaling::{Dialect, Envelope, Message};
//!
//! // A page asks for an offer …
//! let mut text = *br#"{"id":"server","type":"request"}"#;
//! let request = Envelope::parse(&mut text)?;
//! assert_eq!(request.message, Some(Message::Request));
//!
//! // … and gets one.
//! let mut room = [0; 128];
//! let offer = Message::Offer { sdp: "v=0\r\n" };
//! let text = Envelope { id: request.id, token: None, dialect: Dialect::Streamer, message: Some(offer) }.write(&mut room)?;
//! assert_eq!(text, br#"{"id":"server","type":"offer","sdp":"v=0\r\n"}"#);
//! # Ok::<(), barertc_signaling::Error>(())
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
