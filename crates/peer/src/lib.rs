//! A WebRTC peer connection that lives entirely in memory that the caller hands it.
//!
//! [`PeerConnection`] wires ICE, DTLS, SRTP, RTP and SCTP together behind the same five verbs that each of them has:
//! `handle`, `poll_transmit`, `poll_event`, `timeout`, `handle_timeout`. It does no I/O, has no clock and no random
//! source: see `barertc-runner` for the loop that drives it over sockets, and `examples/streamer` for an application.
//!
//! | the application gives | as |
//! |---|---|
//! | memory | any [`Allocator`], or one for each protocol ([`Owners`]); [`Config::worst_case_bytes`] says how much it takes |
//! | time | an [`Instant`] with every call that cares |
//! | randomness | a `CryptoRng` where something must not be guessed |
//! | cryptography | a [`Provider`]: [`RustCrypto`], or one that puts hardware in its place |
//! | a certificate | an [`Identity`], which many connections may share |
//! | media | [`Frame`]s, by reference: N connections that send a frame hold it once |
//! | signaling | descriptions are text, from [`create_offer`](PeerConnection::create_offer) to [`set_answer`](PeerConnection::set_answer); how they travel is no matter of this crate |
//!
//! # Example
//!
//! Two connections in one process, each with memory of its own, exchange a message over a data channel. The network
//! between them is a loop.
//!
//! ```
//! use barertc::{
//!     Candidate, ChannelConfig, Config, Event, Identity, Instant, MessageKind, PeerConnection, Route, RustCrypto,
//! };
//! use barertc_arena::Heap;
//! use barertc_crypto::selftest::Predictable; // a generator for tests: take the machine's true one
//! use core::{mem::MaybeUninit, net::SocketAddr, time::Duration};
//!
//! # fn main() -> Result<(), barertc::Error> {
//! let mut rng = Predictable::new(1);
//! let identity = Identity::generate(&RustCrypto, &mut rng);
//! let config = Config::default();
//!
//! // On a device: a region of external memory, of as many bytes as the configuration says and the heap's own.
//! let mut regions = [[MaybeUninit::uninit(); 192 << 10]; 2];
//! assert!(config.worst_case_bytes::<&Heap>() < 160 << 10);
//! let [one, two] = &mut regions;
//! let heaps: [Heap; 2] = [Heap::new(one), Heap::new(two)].map(|heap| heap.expect("large enough"));
//! let addresses = [SocketAddr::from(([10, 0, 0, 1], 4000)), SocketAddr::from(([10, 0, 0, 2], 4000))];
//!
//! let mut peers = [
//!     PeerConnection::new(config.clone(), &identity, &heaps[0], &RustCrypto, &mut rng)?,
//!     PeerConnection::new(config, &identity, &heaps[1], &RustCrypto, &mut rng)?,
//! ];
//! for (peer, address) in peers.iter_mut().zip(addresses) {
//!     peer.add_local_candidate(Candidate::host(address))?;
//! }
//!
//! // What signaling carries between the two.
//! let mut now = Instant::from_millis(0);
//! let (mut offer, mut answer) = ([0; 2048], [0; 2048]);
//! let chat = peers[0].open_channel(&ChannelConfig { label: "chat", ..ChannelConfig::default() }, &mut rng)?;
//! peers[1].add_data(&mut rng)?;
//! let offer = peers[0].create_offer(&mut rng, &mut offer)?;
//! let answer = peers[1].create_answer(now, offer, &mut rng, &mut answer)?;
//! peers[0].set_answer(now, answer, &mut rng)?;
//!
//! let mut datagram = [0; 1200];
//! let mut heard = None;
//! while heard.is_none() {
//!     for from in 0..2 {
//!         while let Some(sent) = peers[from].poll_transmit(now, &mut datagram) {
//!             let route = Route::udp(sent.route.remote, sent.route.local);
//!             // What is wrong with a datagram is counted; nothing needs to be done.
//!             let _ = peers[1 - from].handle(now, route, &mut datagram[..sent.len]);
//!         }
//!         peers[from].handle_timeout(now);
//!         while let Some(event) = peers[from].poll_event() {
//!             match event {
//!                 Event::ChannelOpen(id) if id == chat && from == 0 => {
//!                     peers[0].write_channel(id, MessageKind::Text, b"Hello")?;
//!                 }
//!                 Event::ChannelReadable(id) => {
//!                     let mut room = [0; 16];
//!                     let read = peers[from].read_channel(id, &mut room)?;
//!                     heard = Some(room[..read.len].to_vec());
//!                 }
//!                 _ => {}
//!             }
//!         }
//!     }
//!     now += Duration::from_millis(5);
//!     assert!(now < Instant::from_millis(10_000), "they find each other");
//! }
//! assert_eq!(heard.as_deref(), Some(&b"Hello"[..]));
//! drop(peers);
//! assert_eq!(heaps.map(|heap| heap.stats().live), [0, 0]);
//! # Ok(())
//! # }
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

mod codec;
mod config;
mod connection;
mod demux;
mod error;
mod event;
mod owners;
mod track;

pub use barertc_arena::{Allocator, Shared};
#[cfg(feature = "log")]
pub use barertc_congestion::FEEDBACK_LOG;
pub use barertc_congestion::GccStats;
pub use barertc_crypto::{Provider, RustCrypto};
pub use barertc_dtls::Identity;
pub use barertc_ice::{
    Candidate, CandidateType, Error as IceError, GatheringState, Protocol, Route, State as IceState, Transmit,
    TurnServer,
};
pub use barertc_rtp::{Frame, FrameInfo, Framing, PayloadFormat, ReceivedFrame};
pub use barertc_sctp::{
    ChannelConfig, ChannelId, ChannelInfo, Config as SctpConfig, Congestion, MessageKind, Read, Reliability,
};
pub use barertc_sdp::{
    Codec, Direction, Extension, ExtensionMap, Feedback, H264, LocalCodec, MediaKind as Kind, ProfileLevelId,
};
pub use barertc_wire::Instant;
pub use config::{Config, RecvBounds, StreamConfig};
pub use connection::{DiscardStats, PeerConnection, Stats, TrackStats, TransportStats};
pub use error::{Discard, Discards, Error};
pub use event::{ConnectionState, Event};
pub use owners::Owners;
pub use track::{Sending, TrackConfig, TrackId, name};

/// The longest mid, stream id or canonical name, in bytes.
pub const MAX_NAME: usize = barertc_sdp::MAX_NAME;

/// A short text: a mid, a stream id, a canonical name.
pub type Name = heapless::String<MAX_NAME>;
