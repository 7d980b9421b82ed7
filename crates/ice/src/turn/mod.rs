//! A TURN client (RFC 8656).
#[cfg(feature = "turn")]
mod auth;
#[cfg_attr(not(feature = "turn"), path = "client_absent.rs")]
mod client;
#[cfg(feature = "turn")]
mod frame;
mod words;

pub(crate) use client::Client;
pub use words::TurnServer;
pub(crate) use words::{Allocation, Inbound, Permission};

/// Most padding behind the data of a Send indication.
pub(crate) const PADDING: usize = 3;

/// What there may be some of, in an error.
pub(crate) const SERVERS: &str =
    if cfg!(feature = "turn") { "TURN servers" } else { "TURN servers: the feature `turn` is off" };
