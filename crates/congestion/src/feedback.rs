//! What transport-wide feedback tells of a packet.

use barertc_wire::Instant;

/// What feedback tells about one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PacketResult {
    /// Its transport-wide sequence number.
    pub sequence: u16,
    /// When it was sent.
    pub sent: Instant,
    /// Its size in bytes.
    pub bytes: usize,
    /// When it arrived, in microseconds of the receiver's clock. `None` when it was lost.
    pub arrived: Option<i64>,
}

/// Learns what became of sent packets. [`SentPackets::feedback`](crate::SentPackets::feedback) calls it.
///
/// [`Gcc`](crate::Gcc) implements it. A sender that also wants to know which packets were lost implements it and passes
/// each call on to `Gcc`.
pub trait PacketObserver {
    /// Tells about one packet of a feedback message, in order of the packets' numbers.
    fn packet(&mut self, now: Instant, result: &PacketResult);

    /// Ends a feedback message: time to draw conclusions.
    fn feedback_done(&mut self, now: Instant);
}
