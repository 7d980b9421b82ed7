//! RTP streams that survive loss: retransmission with and without RTX (RFC 4588), NACK (RFC 4585), and sender and
//! receiver reports (RFC 3550).
//!
//! A sender has one [`SendStream`] for each source, and a receiver has one [`RecvStream`]. The bandwidth estimate and
//! the pacer of a path are in the crate `barertc-congestion`. A sender asks the pacer before each packet. It writes the
//! packet into the datagram that will be encrypted:
//!
//! ```
//! use barertc_arena::{Global, Shared};
//! use barertc_congestion::{Class, Gcc, GccConfig, Pacer, SentPackets};
//! use barertc_rtcp_nack::{RecvConfig, RecvStream, SendConfig, SendStream};
//! use barertc_rtp::rtcp::{CompoundWriter, NtpTime, Rtcp, packets};
//! use barertc_rtp::{PayloadFormat, Frame, FrameInfo, Framing, Packet};
//! use barertc_wire::Instant;
//!
//! let mut sender = SendStream::new(SendConfig::video(1, 102, PayloadFormat::H264), Global)?;
//! let mut receiver = RecvStream::new(RecvConfig::video(1, 102, PayloadFormat::H264), Global)?;
//! let (mut sent, mut estimator) = (SentPackets::new(1024, Global).map_err(|_| "no memory")?, Gcc::new(GccConfig::default()));
//! let mut pacer = Pacer::new(estimator.bitrate());
//!
//! let sets: &[u8] = &[0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x68, 1, 2, 3, 0, 0, 0, 1, 0x65];
//! let bytes = Shared::<[u8], _>::try_from_slice(&[sets, &[0x88; 5000]].concat(), Global);
//! let frame = Frame::new(bytes.map_err(|_| "no memory")?, PayloadFormat::H264, Framing::AnnexB, FrameInfo::default(), Global)?;
//! let mut now = Instant::ZERO;
//! sender.enqueue(now, frame)?;
//!
//! let mut datagram = [0; 1200];
//! while sender.queued_frames() > 0 {
//!     if !pacer.may_send(now, Class::Video) {
//!         now = pacer.timeout(Class::Video);
//!         continue;
//!     }
//!     if let Some(len) = sender.poll_packet(now, sent.next_sequence(), &mut datagram) {
//!         if sender.uses_transport_sequence() {
//!             sent.record(now, len);
//!         }
//!         pacer.sent(now, Class::Video, len);
//!         // … the datagram is encrypted and sent; the other side:
//!         receiver.handle(now, &Packet::parse(&datagram[..len])?);
//!     }
//! }
//! let mut out = [0; 6000];
//! assert!(receiver.poll_frame(now, &mut out).is_some_and(|f| f.complete && f.key));
//!
//! // Reports go back, and with them NACK and PLI where something is missing.
//! let mut w = CompoundWriter::new(&mut datagram);
//! w.receiver_report(9, receiver.report_block(now))?;
//! receiver.write_feedback(now, &mut w);
//! let len = w.len();
//! for packet in packets(&datagram[..len]) {
//!     sender.handle_rtcp(now, NtpTime::from_instant(now), &packet?);
//! }
//! assert_eq!(sender.remote_stats().packets_lost, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
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

mod clock;
mod config;
mod error;
mod extended;
mod history;
mod loss;
mod missing;
mod playout;
mod reception;
mod recv;
mod redundancy;
mod repair;
mod restore;
mod send;
mod stats;
mod terms;

pub use config::{HistoryConfig, Mid, RepairConfig, RetransmitConfig, Rid, RtxConfig, SendConfig};
pub use error::Error;
pub use extended::ExtendedReports;
/// Strings and vectors of fixed capacity, which signatures of this crate have.
#[doc(no_inline)]
pub use heapless;
pub use history::History;
pub use recv::{RecvConfig, RecvStream};
pub use send::{PathShare, SendEvent, SendStream};
pub use stats::{
    InboundStats, OutboundStats, RecvDiscard, RecvDiscards, RemoteInboundStats, SendDiscard, SendDiscards,
};
pub use terms::SendTerms;
