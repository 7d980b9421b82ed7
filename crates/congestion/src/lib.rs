//! Congestion control for RTP: how much a path carries, and how fast packets leave.
//!
//! A sender keeps three objects for each path. [`SentPackets`] numbers packets and matches feedback with them. [`Gcc`]
//! estimates the bits a second that the path carries (draft-ietf-rmcat-gcc-02). [`Pacer`] spreads packets over time and
//! is asked in order of [`Class`]. A receiver keeps one [`Arrivals`] for each path, which writes transport-wide feedback
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).
//!
//! ```
//! use barertc_arena::Global;
//! use barertc_congestion::{Arrivals, Class, Gcc, GccConfig, Pacer, SentPackets};
//! use barertc_rtp::rtcp::{CompoundWriter, Rtcp, packets};
//! use barertc_wire::Instant;
//!
//! let mut estimator = Gcc::new(GccConfig::new());
//! let mut sent = SentPackets::new(512, Global).map_err(|_| "no memory")?;
//! let mut pacer = Pacer::new(estimator.bitrate());
//! let mut arrivals = Arrivals::new(512, Global).map_err(|_| "no memory")?; // the other side's
//!
//! let mut now = Instant::ZERO;
//! for _ in 0..50 {
//!     while !pacer.may_send(now, Class::Video) {
//!         now = pacer.timeout(Class::Video);
//!     }
//!     arrivals.record(now, sent.next_sequence(), 1);
//!     sent.record(now, 1_200);
//!     pacer.sent(now, Class::Video, 1_200);
//! }
//!
//! let mut datagram = [0; 1_200];
//! let mut w = CompoundWriter::new(&mut datagram);
//! let now = arrivals.timeout().ok_or("nothing arrived")?;
//! assert!(arrivals.write(now, 2, &mut w));
//! let len = w.len();
//! for packet in packets(&datagram[..len]) {
//!     if let Rtcp::Transport(feedback) = packet? {
//!         sent.feedback(now, &feedback, &mut estimator);
//!     }
//! }
//! pacer.set_bitrate(now, estimator.bitrate());
//! assert_eq!(sent.in_flight(), 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! None is on by default.
//!
//! - `defmt`: `defmt::Format` on the public types.
//! - `log`: What feedback tells of each packet goes to `log`, at level `trace`: see [`FEEDBACK_LOG`].
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

mod aimd;
mod arrivals;
mod bucket;
mod causes;
mod feedback;
mod gcc;
mod groups;
mod loss;
mod math;
mod narrowed;
mod pacer;
mod probe;
mod rate;
mod rival;
mod sent;
mod trend;

pub use arrivals::Arrivals;
pub use bucket::TokenBucket;
pub use feedback::{PacketObserver, PacketResult};
pub use gcc::{Gcc, GccConfig, GccStats};
pub use pacer::{Class, Pacer};
#[cfg(feature = "log")]
pub use sent::FEEDBACK_LOG;
pub use sent::SentPackets;
pub use trend::Usage;
