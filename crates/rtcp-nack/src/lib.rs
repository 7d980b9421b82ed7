//! RTP streams that survive loss: history and retransmission (plain and RTX), NACK generation, reports,
//! transport-wide feedback, bandwidth estimation and pacing.
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

mod arrivals;
mod bucket;
mod clock;
mod config;
mod error;
mod history;
mod missing;
mod pacer;
mod reception;
mod recv;
mod send;
mod stats;

pub use arrivals::Arrivals;
pub use config::{Mid, RetransmitConfig, RtxConfig, SendConfig};
pub use error::Error;
pub use history::{History, HistoryConfig};
pub use pacer::{Class, Pacer};
pub use recv::{RecvConfig, RecvStream};
pub use send::{SendEvent, SendStream};
pub use stats::{
    InboundStats, OutboundStats, RecvDiscard, RecvDiscards, RemoteInboundStats, SendDiscard, SendDiscards,
};
