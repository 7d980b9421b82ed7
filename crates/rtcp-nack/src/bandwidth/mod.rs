//! How much the path carries: Google congestion control (draft-ietf-rmcat-gcc-02) behind a trait, so that another
//! algorithm can take its place.

mod aimd;
mod gcc;
mod groups;
mod loss;
mod probe;
mod rate;
mod sent;
mod trend;

pub use gcc::{Gcc, GccConfig, GccStats};
#[cfg(feature = "log")]
pub use sent::FEEDBACK_LOG;
pub use sent::SentPackets;
pub use trend::Usage;

use core::time::Duration;

use barertc_wire::Instant;

/// What feedback tells about one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketResult {
    /// Its transport-wide number.
    pub sequence: u16,
    /// When it was sent.
    pub sent: Instant,
    /// Its size in bytes.
    pub bytes: usize,
    /// When it arrived, in microseconds of the receiver's clock; `None` if it is lost.
    pub arrived: Option<i64>,
}

/// Is told what became of packets: what [`SentPackets::feedback`] finds out.
pub trait PacketObserver {
    /// One packet of a feedback message, in order of their numbers.
    fn packet(&mut self, now: Instant, result: &PacketResult);

    /// The message is over: time to draw conclusions.
    fn feedback_done(&mut self, now: Instant);
}

/// Estimates the bits a second that the path carries, from what receivers report.
pub trait Estimator: PacketObserver {
    /// A report block tells the part of packets lost, in 1/256, out of about this many: for receivers without
    /// transport-wide feedback.
    fn loss_report(&mut self, now: Instant, fraction_lost: u8, packets: u32);

    /// The receiver's own estimate (REMB).
    fn remb(&mut self, now: Instant, bits_per_second: u64);

    /// The round trip time.
    fn rtt(&mut self, rtt: Duration);

    /// What is sent from `from` until `until` is more than the estimate, to learn whether the path carries it. An
    /// estimator that makes nothing of that ignores it.
    fn probe(&mut self, _from: Instant, _until: Instant) {}

    /// The estimate in bits a second.
    fn bitrate(&self) -> u64;
}

/// `f32::clamp` with constants. That one would put its numbers into words when the limits are swapped, and the formatting of
/// floating point takes 15 KB of a firmware image.
const fn within(value: f32, low: f32, high: f32) -> f32 {
    value.max(low).min(high)
}
