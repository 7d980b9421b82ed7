//! Measures what a path carries from packets that were sent faster than the estimate.

use core::time::Duration;

use barertc_wire::Instant;

use crate::feedback::PacketResult;

/// Fewer packets tell nothing.
const PACKETS: u32 = 8;
/// Packets that arrive slower than this part of how fast they left have met the path's limit.
const SATURATED: f32 = 0.9;
/// So much slower that it was not jitter.
const CERTAIN: f32 = 0.65;
/// What is then taken of the rate they arrived at.
const MARGIN: f32 = 0.9;
/// Packets whose fate is not known by then count for nothing.
const PATIENCE: Duration = Duration::from_millis(700);

/// What a probe has shown, in bits a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The path carries this, and maybe more.
    AtLeast(f32),
    /// It carries this and no more.
    Just(f32),
}

/// A moment in which more was sent than the estimate, to learn whether the path carries it.
///
/// The estimate of a sender that has less to send than the path carries can't grow by itself (section 5.5: it is bound
/// by what arrives).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Probe {
    from: Instant,
    until: Instant,
    packets: u32,
    lost: u32,
    /// Bytes that arrived, without the first packet's.
    bytes: usize,
    sent: (Instant, Instant),
    arrived: (i64, i64),
    over: bool,
}

impl Probe {
    pub(crate) const fn new(from: Instant, until: Instant) -> Self {
        let sent = (from, from);
        Self { from, until, packets: 0, lost: 0, bytes: 0, sent, arrived: (0, 0), over: false }
    }

    pub(crate) fn packet(&mut self, result: &PacketResult) {
        let Some(arrived) = result.arrived else {
            let inside = (self.from..=self.until).contains(&result.sent);
            self.lost = self.lost.saturating_add(u32::from(inside));
            return;
        };
        if result.sent > self.until {
            self.over = true;
        }
        if result.sent < self.from || result.sent > self.until {
            return;
        }
        if self.packets == 0 {
            (self.sent, self.arrived) = ((result.sent, result.sent), (arrived, arrived));
        } else {
            self.bytes = self.bytes.saturating_add(result.bytes);
        }
        self.packets = self.packets.saturating_add(1);
        self.sent.1 = self.sent.1.max(result.sent);
        self.arrived.1 = self.arrived.1.max(arrived);
    }

    /// Whether all that will be known of it is known.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.over || now > self.until + PATIENCE
    }

    /// Whether a packet of it was lost.
    pub(crate) const fn has_lost(&self) -> bool {
        self.lost > 0
    }

    /// What was learned.
    pub(crate) fn outcome(&self) -> Option<Outcome> {
        let sent = self.sent.1.saturating_since(self.sent.0).as_secs_f32();
        let arrived = self.arrived.1.saturating_sub(self.arrived.0) as f32 / 1e6;
        if self.packets < PACKETS || sent <= 0.0 || arrived <= 0.0 {
            return None;
        }
        let bits = self.bytes as f32 * 8.0;
        let (sent, arrived) = (bits / sent, bits / arrived);
        Some(if arrived >= SATURATED * sent {
            Outcome::AtLeast(arrived.min(sent))
        } else if arrived >= CERTAIN * sent {
            Outcome::AtLeast(MARGIN * arrived)
        } else {
            Outcome::Just(MARGIN * arrived)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twenty packets of 1,000 bytes, 4 ms apart at the sender and `apart` µs at the receiver.
    fn run(apart: i64) -> Outcome {
        let mut probe = Probe::new(Instant::from_millis(1_000), Instant::from_millis(1_100));
        for n in 0..40i64 {
            let sent = Instant::from_millis(990 + 4 * n as u64);
            let result = PacketResult { sequence: n as u16, sent, bytes: 1_000, arrived: Some(5_000_000 + apart * n) };
            probe.packet(&result);
        }
        assert!(probe.is_over(Instant::from_millis(1_150)));
        probe.outcome().unwrap()
    }

    #[test]
    fn a_path_with_room_carries_what_was_sent_and_a_narrow_one_what_arrived() {
        let near = |found: f32, rate: f32| (found - rate).abs() < 10_000.0;
        assert!(matches!(run(4_000), Outcome::AtLeast(rate) if near(rate, 2_000_000.0)));
        assert!(matches!(run(1_000), Outcome::AtLeast(rate) if near(rate, 2_000_000.0)));
        assert!(matches!(run(5_000), Outcome::AtLeast(rate) if near(rate, 1_440_000.0)));
        assert!(matches!(run(8_000), Outcome::Just(rate) if near(rate, 900_000.0)));
    }

    #[test]
    fn only_its_own_packets_count_as_lost() {
        let mut probe = Probe::new(Instant::from_millis(1_000), Instant::from_millis(1_100));
        for (sent, lost) in [(990, false), (1_110, false), (1_050, true)] {
            let sent = Instant::from_millis(sent);
            probe.packet(&PacketResult { sequence: 0, sent, bytes: 1_000, arrived: None });
            assert_eq!(probe.has_lost(), lost, "{sent:?}");
        }
    }

    #[test]
    fn too_few_packets_tell_nothing() {
        let probe = Probe::new(Instant::ZERO, Instant::from_millis(100));
        assert!(!probe.is_over(Instant::from_millis(500)));
        assert!(probe.is_over(Instant::from_millis(900)));
        assert_eq!(probe.outcome(), None);
    }
}
