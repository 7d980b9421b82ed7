//! The pacer: it decides when packets of each class may leave.

use barertc_wire::Instant;

use crate::bucket::TokenBucket;

/// The class of a packet. The classes are in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Class {
    /// Audio, which never waits. The other classes get what it leaves.
    Audio,
    /// Retransmissions. They get a part of the rate only, so that new packets still leave.
    Retransmission,
    /// New video.
    Video,
    /// Packets that fill the path in a probe. They leave when nothing else waits.
    Padding,
}

/// Spreads packets over time, so that a key frame doesn't leave as one burst.
///
/// The caller asks in order of [`Class`] whether it may send, and tells what it sent:
///
/// ```
/// use barertc_congestion::{Class, Pacer};
/// use barertc_wire::Instant;
///
/// let mut pacer = Pacer::new(2_000_000);
/// let mut now = Instant::ZERO;
/// for _ in 0..109 {
///     while !pacer.may_send(now, Class::Video) {
///         now = pacer.timeout(Class::Video);
///     }
///     pacer.sent(now, Class::Video, 1_200);
/// }
/// assert!((150..400).contains(&now.as_millis()));
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pacer {
    all: TokenBucket,
    again: TokenBucket,
}

/// Media leaves this much faster than the estimate says, in tenths: frames are of unequal size, and what waits ages.
/// (Same figure as in other senders.)
const FACTOR: u64 = 25;
/// What may leave at once, as time at the paced rate.
const BURST_MILLIS: u64 = 5;
/// At least two full packets.
const MIN_BURST: u64 = 2_400;
/// A burst and a full packet.
const BREATH: u64 = MIN_BURST + 1_200;
/// Less is never believed of a path: a pacer that stands still lets every frame age.
const MIN_BITS_PER_SECOND: u64 = 100_000;
/// Longest time that retransmissions may save up for.
const AGAIN_MILLIS: u64 = 100;

impl Pacer {
    /// A pacer for a path of this many bits per second.
    #[must_use]
    pub fn new(bits_per_second: u64) -> Self {
        let (rate, burst, again) = rates(bits_per_second);
        Self { all: TokenBucket::new(rate, burst), again: TokenBucket::new(rate / 2, again) }
    }

    /// Sets the bits per second that the path carries.
    pub fn set_bitrate(&mut self, now: Instant, bits_per_second: u64) {
        let (rate, burst, again) = rates(bits_per_second);
        self.all.set(now, rate, burst);
        self.again.set(now, rate / 2, again);
    }

    /// Sets the exact rate at which packets leave, in bits per second. It is for probes.
    pub fn set_rate(&mut self, now: Instant, bits_per_second: u64) {
        self.set_bitrate(now, bits_per_second.saturating_mul(10) / FACTOR);
    }

    /// Lets nothing but sound leave until a packet's time at the present rate has passed: the path has no room for a burst.
    pub fn take_breath(&mut self, now: Instant) {
        self.all.refill(now);
        self.all.take(BREATH as usize);
    }

    /// Whether a packet of `class` may leave now.
    pub fn may_send(&mut self, now: Instant, class: Class) -> bool {
        match class {
            Class::Audio => true,
            Class::Retransmission => self.again.ready(now) && self.all.ready(now),
            Class::Video | Class::Padding => self.all.ready(now),
        }
    }

    /// Says that `bytes` of `class` have left.
    pub fn sent(&mut self, now: Instant, class: Class, bytes: usize) {
        // Brings the bucket up to date, so that time before the packet isn't credited after it.
        self.all.refill(now);
        self.all.take(bytes);
        if class == Class::Retransmission {
            self.again.take(bytes);
        }
    }

    /// When a packet of `class` may leave.
    #[must_use]
    pub fn timeout(&self, class: Class) -> Instant {
        match class {
            Class::Audio => Instant::ZERO,
            Class::Retransmission => self.all.ready_at().max(self.again.ready_at()),
            Class::Video | Class::Padding => self.all.ready_at(),
        }
    }
}

/// (bytes a second, burst in bytes, burst of retransmissions in bytes)
fn rates(bits_per_second: u64) -> (u32, u32, u32) {
    let rate = (bits_per_second.max(MIN_BITS_PER_SECOND) / 8).saturating_mul(FACTOR) / 10;
    let bytes_in = |millis: u64| clamp((rate.saturating_mul(millis) / 1_000).max(MIN_BURST));
    (clamp(rate), bytes_in(BURST_MILLIS), bytes_in(AGAIN_MILLIS))
}

fn clamp(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_never_waits_and_is_paid_for_by_video() {
        let mut pacer = Pacer::new(100_000);
        let now = Instant::from_millis(5);
        for _ in 0..100 {
            assert!(pacer.may_send(now, Class::Audio));
            pacer.sent(now, Class::Audio, 160);
        }
        assert!(!pacer.may_send(now, Class::Video));
        // 16,000 bytes less the burst of 2,400 at 31,250 bytes a second
        let wait = pacer.timeout(Class::Video).saturating_since(now).as_millis();
        assert!((430..440).contains(&wait), "{wait}");
    }

    #[test]
    fn retransmissions_leave_half_to_new_packets() {
        let mut pacer = Pacer::new(1_000_000);
        let (mut again, mut new) = (0u32, 0u32);
        for millis in 0..10_000 {
            let now = Instant::from_millis(millis);
            while pacer.may_send(now, Class::Retransmission) {
                pacer.sent(now, Class::Retransmission, 1_200);
                again += 1_200;
            }
            while pacer.may_send(now, Class::Video) {
                pacer.sent(now, Class::Video, 1_200);
                new += 1_200;
            }
        }
        // 312,500 bytes a second in all.
        assert!((1_500_000..1_650_000).contains(&again), "{again}");
        assert!((1_400_000..1_650_000).contains(&new), "{new}");
    }

    #[test]
    fn an_estimate_of_zero_does_not_stop_it() {
        let mut pacer = Pacer::new(0);
        pacer.set_bitrate(Instant::ZERO, 0);
        pacer.sent(Instant::ZERO, Class::Video, 3_600);
        assert!(pacer.timeout(Class::Video) < Instant::from_millis(1_000));
    }

    #[test]
    fn after_a_breath_packets_leave_one_by_one() {
        let (mut pacer, mut now) = (Pacer::new(2_000_000), Instant::from_millis(1_000));
        pacer.set_rate(now, 480_000);
        pacer.take_breath(now);
        for _ in 0..5 {
            assert!(!pacer.may_send(now, Class::Video));
            let wait = pacer.timeout(Class::Video).saturating_since(now);
            assert!((19..=21).contains(&wait.as_millis()), "{wait:?}");
            now += wait;
            assert!(pacer.may_send(now, Class::Video));
            pacer.sent(now, Class::Video, 1_200);
        }
    }

    #[test]
    fn a_new_rate_counts_from_now() {
        let mut pacer = Pacer::new(40_000);
        pacer.sent(Instant::ZERO, Class::Video, 12_400);
        pacer.set_bitrate(Instant::ZERO, 1_000_000);
        let wait = pacer.timeout(Class::Video).as_millis();
        assert!((31..=33).contains(&wait), "{wait}");
    }
}
