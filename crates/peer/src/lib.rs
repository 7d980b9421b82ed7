//! A WebRTC peer connection that lives entirely in memory that the caller hands it.
//!
//! [`PeerConnection`] wires ICE, DTLS, SRTP, RTP and SCTP together behind the same five verbs that each of them has. It
//! does no I/O, has no clock and no random source: see `barertc-runner` for the loop that drives it.
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

mod codec;
mod config;
mod connection;
mod demux;
mod error;
mod event;
mod owners;
mod track;

pub use barertc_arena::{Allocator, Shared};
pub use barertc_crypto::{Provider, RustCrypto};
pub use barertc_dtls::Identity;
pub use barertc_ice::{Candidate, Route, Transmit};
pub use barertc_rtp::{Codec as FrameCodec, Frame, FrameInfo, Framing};
pub use barertc_sctp::{ChannelConfig, ChannelId, ChannelInfo, Kind as MessageKind, Read, Reliability};
pub use barertc_sdp::{Codec, Direction, Extension, Extensions, Feedback, H264, Kind, LocalCodec};
pub use barertc_wire::Instant;
pub use config::{Config, StreamConfig};
pub use connection::PeerConnection;
pub use error::{Discard, Discards, Error};
pub use event::{ConnectionState, Event};
pub use owners::Owners;
pub use track::{Sending, TrackConfig, TrackId, name};

/// The longest mid, stream id or canonical name, in bytes.
pub const MAX_NAME: usize = barertc_sdp::MAX_MID;

/// A short text: a mid, a stream id, a canonical name.
pub type Name = heapless::String<MAX_NAME>;
