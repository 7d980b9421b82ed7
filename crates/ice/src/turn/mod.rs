//! A TURN client (RFC 8656).
mod auth;
mod client;
mod frame;

pub use client::TurnServer;
pub(crate) use client::{Allocation, Client, Inbound, Permission};
pub(crate) use frame::PADDING;
