//! Packets on their way, until feedback tells of them.

use barertc_arena::{AllocError, Allocator, Ring};
use barertc_rtp::rtcp::{TICK_MICROS, TransportFeedback};
use barertc_rtp::seq::Unwrapper;
use barertc_wire::Instant;

use crate::feedback::{PacketObserver, PacketResult};

/// A sent packet whose fate is not known yet.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// Microseconds, low 32 bits.
    sent: u32,
    bytes: u16,
    /// Reported already, or no packet of this number was sent.
    done: bool,
}

/// The target of log lines about feedback. A line is `packet SENT BYTES ARRIVED` for each packet and `now TIME` after
/// each message. Times are in microseconds. A packet that was lost has `-` in place of its arrival.
#[cfg(feature = "log")]
pub const FEEDBACK_LOG: &str = "barertc::feedback";

#[cfg(feature = "log")]
fn tell(result: &PacketResult) {
    let sent = result.sent.as_micros();
    match result.arrived {
        Some(arrived) => log::trace!(target: FEEDBACK_LOG, "packet {sent} {} {arrived}", result.bytes),
        None => log::trace!(target: FEEDBACK_LOG, "packet {sent} {} -", result.bytes),
    }
}

#[cfg(feature = "log")]
fn tell_done(now: Instant) {
    log::trace!(target: FEEDBACK_LOG, "now {}", now.as_micros());
}

#[cfg(not(feature = "log"))]
const fn tell(_: &PacketResult) {}

#[cfg(not(feature = "log"))]
const fn tell_done(_: Instant) {}

/// Packets sent with a transport-wide sequence number, until feedback tells what became of them; and the counter that
/// the numbers come from.
///
/// ```
/// use barertc_arena::Global;
/// use barertc_congestion::SentPackets;
/// use barertc_wire::Instant;
///
/// let mut sent = SentPackets::new(512, Global)?;
/// let number = sent.next_sequence(); // goes into the packet
/// sent.record(Instant::ZERO, 1_200); // once it has left
/// assert_eq!(sent.next_sequence(), number.wrapping_add(1));
/// # Ok::<(), barertc_arena::AllocError>(())
/// ```
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SentPackets<A: Allocator + Clone> {
    /// The packets up to `next`, without gaps.
    packets: Ring<Pending, A>,
    next: u64,
    unwrapper: Unwrapper,
    /// The receiver's reference time goes round after 2²⁴ × 64 ms: kept close to the last one.
    last_ticks: Option<i64>,
    in_flight: usize,
}

/// The receiver's clock goes round after this many ticks.
const ROUND: i64 = 1 << 32;

impl<A: Allocator + Clone> SentPackets<A> {
    /// Makes a list of the last `capacity` packets. It allocates all its memory here.
    ///
    /// # Errors
    /// [`AllocError`].
    pub fn new(capacity: usize, alloc: A) -> Result<Self, AllocError> {
        let mut unwrapper = Unwrapper::new();
        let next = unwrapper.unwrap(0);
        Ok(Self { packets: Ring::with_capacity(capacity, alloc)?, next, unwrapper, last_ticks: None, in_flight: 0 })
    }

    /// The bytes that a list of `capacity` packets takes from its allocator.
    #[must_use]
    pub const fn worst_case_bytes(capacity: usize) -> usize {
        Ring::<Pending, A>::bytes(capacity)
    }

    /// The sequence number for the next packet.
    #[must_use]
    pub const fn next_sequence(&self) -> u16 {
        self.next as u16
    }

    /// Says that the packet with [`next_sequence`](Self::next_sequence) has left. `bytes` is its size.
    pub fn record(&mut self, now: Instant, bytes: usize) {
        if self.packets.is_full() {
            self.drop_oldest();
        }
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        let pending = Pending { sent: now.as_micros() as u32, bytes, done: false };
        if self.packets.push_back(pending).is_ok() {
            self.in_flight = self.in_flight.saturating_add(usize::from(bytes));
        }
        self.next = self.next.saturating_add(1);
        self.unwrapper.unwrap(self.next as u16);
    }

    /// The bytes of packets that no feedback has reported yet.
    #[must_use]
    pub const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// Matches a report with the sent packets and calls `to` for each of them. `to` is a [`Gcc`](crate::Gcc) as a rule.
    ///
    /// Each packet is reported once. A packet that was reported as lost may be reported again as arrived.
    pub fn feedback(&mut self, now: Instant, report: &TransportFeedback<'_>, to: &mut impl PacketObserver) {
        let oldest = self.next.saturating_sub(self.packets.len() as u64);
        for arrival in report.arrivals() {
            let arrived = arrival.ticks.map(|ticks| self.place(ticks));
            let wide = self.unwrapper.peek(arrival.sequence);
            let index = wide.checked_sub(oldest).and_then(|i| usize::try_from(i).ok());
            let Some(pending) = index.and_then(|i| self.packets.get_mut(i)).filter(|p| !p.done) else { continue };
            if arrived.is_some() {
                pending.done = true;
                self.in_flight = self.in_flight.saturating_sub(usize::from(pending.bytes));
            }
            // The full time is the latest before now with these low bits.
            let age = (now.as_micros() as u32).wrapping_sub(pending.sent);
            let sent = Instant::from_micros(now.as_micros().saturating_sub(u64::from(age)));
            let bytes = usize::from(pending.bytes);
            let result = PacketResult { sequence: arrival.sequence, sent, bytes, arrived };
            tell(&result);
            to.packet(now, &result);
        }
        tell_done(now);
        to.feedback_done(now);
        while self.packets.front().is_some_and(|p| p.done) {
            self.drop_oldest();
        }
    }

    /// Ticks as microseconds on a clock that doesn't go round.
    fn place(&mut self, ticks: i64) -> i64 {
        let last = self.last_ticks.unwrap_or(ticks);
        let step = ticks.wrapping_sub(last).rem_euclid(ROUND);
        let step = if step > ROUND / 2 { step.wrapping_sub(ROUND) } else { step };
        let placed = last.saturating_add(step);
        self.last_ticks = Some(placed);
        placed.saturating_mul(TICK_MICROS as i64)
    }

    fn drop_oldest(&mut self) {
        if let Some(pending) = self.packets.pop_front()
            && !pending.done
        {
            self.in_flight = self.in_flight.saturating_sub(usize::from(pending.bytes));
        }
    }
}
