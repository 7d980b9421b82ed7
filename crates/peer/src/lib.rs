//! A WebRTC peer connection for programs with or without an operating system. All its memory comes from the caller.
//!
//! [`PeerConnection`] joins ICE, DTLS, SRTP, RTP and SCTP. It is a state machine with five methods: `handle`,
//! `poll_transmit`, `poll_event`, `timeout` and `handle_timeout`. It does no I/O, and has no clock and no source of
//! randomness. The crate `barertc-runner` drives it over sockets. `examples/streamer` is an application.
//!
//! | the application gives | as |
//! |---|---|
//! | memory | an [`arena::Allocator`], or one for each protocol ([`Allocators`]); [`PeerConnection::worst_case_bytes`] tells how many bytes a connection takes |
//! | time | an [`Instant`] with every call that can cause something |
//! | randomness | a [`rand_core::CryptoRng`], in the constructor |
//! | cryptography | a [`crypto::Provider`]: [`RustCrypto`], or one for the hardware of a chip |
//! | a certificate | an [`Identity`], which many connections may share |
//! | media | [`Frame`]s, by reference: all connections that send a frame share its memory |
//! | signaling | descriptions as text, from [`create_offer`](PeerConnection::create_offer) to [`set_answer`](PeerConnection::set_answer); the application carries them to the peer |
//!
//! # Example
//!
//! Two connections in one process exchange a message over a data channel. Each has its own memory. The loop is the
//! network between them.
//!
//! ```
//! use barertc::arena::Heap;
//! use barertc::rand_core::{TryCryptoRng, TryRng};
//! use barertc::{
//!     Candidate, ChannelConfig, Config, Event, Identity, Instant, MessageKind, PeerConnection, Route, RustCrypto,
//! };
//! use std::{fs::File, io::Read, mem::MaybeUninit, net::SocketAddr, time::Duration};
//!
//! /// The system's source of random bytes. On a device, take the chip's true one.
//! struct Random(File);
//!
//! impl TryRng for Random {
//!     type Error = std::convert::Infallible;
//!
//!     fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
//!         let mut bytes = [0; 4];
//!         self.try_fill_bytes(&mut bytes)?;
//!         Ok(u32::from_le_bytes(bytes))
//!     }
//!
//!     fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
//!         let mut bytes = [0; 8];
//!         self.try_fill_bytes(&mut bytes)?;
//!         Ok(u64::from_le_bytes(bytes))
//!     }
//!
//!     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
//!         self.0.read_exact(out).expect("the system has random bytes");
//!         Ok(())
//!     }
//! }
//!
//! impl TryCryptoRng for Random {}
//!
//! /// The bounds of the connections, and the memory that follows from them: known before anything runs.
//! const CONFIG: Config = Config::new();
//! const REGION: usize = PeerConnection::<&Heap, RustCrypto>::region_bytes(&CONFIG);
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut rng = Random(File::open("/dev/urandom")?);
//!     let identity = Identity::generate(&RustCrypto, &mut rng);
//!     let mut regions = vec![[MaybeUninit::uninit(); REGION]; 2];
//!     let [one, two] = &mut regions[..] else { unreachable!() };
//!     let heaps: [Heap; 2] = [Heap::new(one)?, Heap::new(two)?];
//!     let addresses = [SocketAddr::from(([10, 0, 0, 1], 4000)), SocketAddr::from(([10, 0, 0, 2], 4000))];
//!
//!     let mut now = Instant::from_millis(0);
//!     let mut peers = [
//!         PeerConnection::new(CONFIG, &identity, &heaps[0], &RustCrypto, &mut rng)?,
//!         PeerConnection::new(CONFIG, &identity, &heaps[1], &RustCrypto, &mut rng)?,
//!     ];
//!     for (peer, address) in peers.iter_mut().zip(addresses) {
//!         peer.add_local_candidate(now, Candidate::host(address))?;
//!     }
//!
//!     // What signaling carries between the two.
//!     let (mut offer, mut answer) = ([0; 2048], [0; 2048]);
//!     let chat = peers[0].open_channel(now, &ChannelConfig { label: "chat", ..ChannelConfig::default() })?;
//!     peers[1].add_data(now)?;
//!     let offer = peers[0].create_offer(now, &mut offer)?;
//!     let answer = peers[1].create_answer(now, offer, &mut answer)?;
//!     peers[0].set_answer(now, answer)?;
//!
//!     let mut datagram = [0; 1200];
//!     let mut heard = None;
//!     while heard.is_none() {
//!         for from in 0..2 {
//!             while let Some(sent) = peers[from].poll_transmit(now, &mut datagram) {
//!                 let route = Route::udp(sent.route.remote, sent.route.local);
//!                 // What is wrong with a datagram is counted; nothing needs to be done.
//!                 let _ = peers[1 - from].handle(now, route, &mut datagram[..sent.len]);
//!             }
//!             peers[from].handle_timeout(now);
//!             while let Some(event) = peers[from].poll_event() {
//!                 match event {
//!                     Event::ChannelOpen(id) if id == chat && from == 0 => {
//!                         peers[0].write_channel(now, id, MessageKind::Text, b"Hello")?;
//!                     }
//!                     Event::ChannelReadable(id) => {
//!                         let mut room = [0; 16];
//!                         let read = peers[from].read_channel(now, id, &mut room)?;
//!                         heard = Some(room[..read.len].to_vec());
//!                     }
//!                     _ => {}
//!                 }
//!             }
//!         }
//!         now += Duration::from_millis(5);
//!         assert!(now < Instant::from_millis(10_000), "they find each other");
//!     }
//!     assert_eq!(heard.as_deref(), Some(&b"Hello"[..]));
//!     drop(peers);
//!     assert_eq!(heaps.map(|heap| heap.stats().live), [0, 0]);
//!     Ok(())
//! }
//! ```
//!
//! # Features
//!
//! `dtls12`, `dtls13`, `media`, `receive`, `turn` and `wide-crc` are on by default.
//!
//! - `dtls12`: DTLS 1.2, both roles. This or `dtls13` has to be on.
//! - `dtls13`: DTLS 1.3, both roles. This or `dtls12` has to be on.
//! - `turn`: A TURN client. Without it no TURN server can be added.
//! - `media`: Tracks: SRTP, RTP and RTCP, congestion control. Without it no track can be added, and a description's media
//!   are rejected.
//! - `receive`: Tracks that receive. They assemble frames from packets and send feedback. Without it tracks only send.
//! - `simulcast`: Simulcast: tracks that send several encodings of the same pictures, for a server that forwards one of them
//!   to each viewer.
//! - `wide-crc`: A faster checksum of data channels. It takes sixteen bytes a step, and 16 KiB of tables instead of 1 KiB.
//! - `simd-crc`: The checksum of data channels by an instruction of the processor (x86-64, AArch64). It needs `std`, and
//!   takes precedence over `wide-crc`.
//! - `defmt`: `defmt::Format` on the public types. The traces of `log` go to `defmt` as well, except those of feedback.
//! - `critical-section`: On chips without compare-and-swap: atomics by the `critical-section` that the firmware links.
//! - `log`: Traces with `log`: ICE's checks, DTLS's flights, every change of state, and what feedback tells of each
//!   packet.
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

mod agreement;
mod allocators;
mod channel;
pub mod config;
mod connection;
pub mod error;
mod event;
#[cfg_attr(not(feature = "media"), path = "media_absent.rs")]
mod media;
pub mod stats;
mod terms;
mod track;
mod transport;

/// The crates whose types appear in signatures of this crate. A program that depends on `barertc` needs none of them
/// itself.
pub use {
    barertc_arena as arena, barertc_congestion as congestion, barertc_crypto as crypto, barertc_dtls as dtls,
    barertc_ice as ice, barertc_rtcp_nack as rtcp_nack, barertc_rtp as rtp, barertc_sctp as sctp, barertc_sdp as sdp,
    barertc_srtp as srtp, barertc_wire as wire, heapless, rand_core,
};

pub use allocators::Allocators;
pub use barertc_arena::{Allocator, Shared};
#[cfg(feature = "log")]
pub use barertc_congestion::FEEDBACK_LOG;
pub use barertc_crypto::{Provider, RustCrypto};
pub use barertc_dtls::Identity;
pub use barertc_ice::{
    Candidate, CandidateType, GatheringState, Protocol, Route, State as IceState, TcpType, Transmit, TurnServer,
    TurnUri,
};
pub use barertc_rtp::{Frame, FrameInfo, Framing, PayloadFormat, ReceivedFrame};
pub use barertc_sctp::{ChannelConfig, ChannelInfo, Congestion, MessageKind, Read, Reliability};
pub use barertc_sdp::{Codec, Direction, Feedback, H264, LocalCodec, MediaKind, ProfileLevelId, Rid};
pub use barertc_wire::{Extension, ExtensionMap, Instant};
pub use channel::ChannelId;
pub use config::{Config, RecvBounds, StreamConfig};
pub use connection::PeerConnection;
pub use error::{Discard, Discards, Error, Failure};
pub use event::{ConnectionState, Event, Stage};
pub use stats::{DiscardStats, EncodingStats, Stats, TrackStats, TransportStats};
pub use track::{Encoding, MAX_ENCODINGS, MAX_NAME, Name, TrackConfig, TrackId, TrackInfo};
