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

mod bucket;
mod clock;
mod config;
mod error;
mod history;
mod send;
mod stats;

pub use config::{Mid, RetransmitConfig, RtxConfig, SendConfig};
pub use error::Error;
pub use history::{History, HistoryConfig};
pub use send::{SendEvent, SendStream};
pub use stats::{OutboundStats, RemoteInboundStats, SendDiscard, SendDiscards};
