use core::time::Duration;

use barertc_rtp::PlayoutDelay;
use barertc_wire::Instant;

/// How long the receiver should hold pictures back, so that what is lost can come again before it is missed.
///
/// Each step is a share of packets lost and how many transmissions one after the other are then to be waited for: so many
/// that a packet which needs more is rare, since a transmission and the request for it are lost as often as anything.
const STEPS: [(f32, u32); 4] = [(0.08, 5), (0.03, 3), (0.01, 2), (0.003, 1)];
/// What a retransmission takes beside the round trip: until the gap is noticed, and the turn of a timer on either side.
const TURN: Duration = Duration::from_millis(25);
/// Before a round trip is known.
const RTT: Duration = Duration::from_millis(100);
/// The share of lost packets is looked at this often; it counts at once when it grows and fades slowly when it shrinks.
const INTERVAL: Duration = Duration::from_millis(500);
const PACKETS: u32 = 50;
const FADE: f32 = 0.92;
/// What is asked for grows and shrinks by these parts of the time that passes: a receiver that is told to wait a round trip
/// longer at once stops the picture for as long.
const UP: u32 = 8;
const DOWN: u32 = 16;
/// No upper bound for the receiver: the most that the extension can say, in units of 10 ms.
const MAX: u16 = 4_095;

/// Share of packets lost, and what follows from it for the receiver's target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlayoutDelayTarget {
    sent: u32,
    lost: u32,
    since: Option<Instant>,
    fraction: f32,
    most: Duration,
    /// What is called for, and what is said on the way there.
    delay: Duration,
    said: Duration,
    before: Option<Instant>,
}

impl PlayoutDelayTarget {
    pub(crate) const fn new(most: Duration) -> Self {
        Self {
            sent: 0,
            lost: 0,
            since: None,
            fraction: 0.0,
            most,
            delay: Duration::ZERO,
            said: Duration::ZERO,
            before: None,
        }
    }

    /// A packet was lost, for the first time.
    pub(crate) const fn lost(&mut self) {
        self.lost = self.lost.saturating_add(1);
    }

    /// A packet was sent, for the first time.
    pub(crate) fn sent(&mut self, now: Instant, rtt: Option<Duration>) {
        self.sent = self.sent.saturating_add(1);
        self.approach(now);
        let since = *self.since.get_or_insert(now);
        if now < since + INTERVAL || self.sent < PACKETS {
            return;
        }
        let fraction = self.lost as f32 / self.sent as f32;
        // A burst is no trend: growth is taken by half.
        let grown = 0.5 * (self.fraction + fraction);
        self.fraction = if fraction > self.fraction { grown } else { fraction.max(self.fraction * FADE) };
        (self.sent, self.lost, self.since) = (0, 0, Some(now));
        let times = STEPS.iter().find(|(from, _)| self.fraction >= *from).map_or(0, |(_, times)| *times);
        self.delay = rtt.unwrap_or(RTT).saturating_add(TURN).saturating_mul(times).min(self.most);
    }

    fn approach(&mut self, now: Instant) {
        let elapsed = now.saturating_since(self.before.replace(now).unwrap_or(now));
        let part = |of: u32| elapsed.checked_div(of).unwrap_or_default();
        self.said = if self.said < self.delay {
            self.said.saturating_add(part(UP)).min(self.delay)
        } else {
            self.said.saturating_sub(part(DOWN)).max(self.delay)
        };
    }

    /// What is said in the header extension.
    pub(crate) fn playout_delay(&self) -> PlayoutDelay {
        let min = u16::try_from(self.said.as_millis() / 10).unwrap_or(MAX).min(MAX);
        PlayoutDelay { min, max: MAX }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten seconds of 200 packets a second, of which one in `every` is lost (0 for none).
    fn run(target: &mut PlayoutDelayTarget, from: u64, every: u64) -> u16 {
        for n in 0..2_000 {
            if every > 0 && n % every == 0 {
                target.lost();
            }
            target.sent(Instant::from_millis(from + n * 5), Some(Duration::from_millis(50)));
        }
        target.playout_delay().min
    }

    #[test]
    fn the_more_is_lost_the_longer_is_waited() {
        for (every, expected) in [(0, 0), (2_000, 0), (200, 7), (90, 15), (20, 22), (10, 37), (3, 37)] {
            assert_eq!(
                run(&mut PlayoutDelayTarget::new(Duration::from_millis(500)), 0, every),
                expected,
                "1 in {every}"
            );
        }
        assert_eq!(run(&mut PlayoutDelayTarget::new(Duration::from_millis(120)), 0, 10), 12);
    }

    #[test]
    fn nothing_is_asked_for_at_once() {
        let mut target = PlayoutDelayTarget::new(Duration::from_millis(500));
        let mut before = 0;
        for n in 0..4_000u64 {
            if n % 10 == 0 {
                target.lost();
            }
            target.sent(Instant::from_millis(n * 5), Some(Duration::from_millis(50)));
            let now = target.playout_delay().min;
            assert!(now <= before + 1, "{before} to {now}, in 10 ms");
            before = now;
        }
        assert_eq!(before, 37);
    }

    #[test]
    fn a_path_that_gets_better_is_trusted_again_in_time() {
        let mut target = PlayoutDelayTarget::new(Duration::from_millis(500));
        assert_eq!(run(&mut target, 0, 10), 37);
        assert!(run(&mut target, 10_000, 0) > 0);
        for round in 2..8 {
            run(&mut target, round * 10_000, 0);
        }
        assert_eq!(target.playout_delay(), PlayoutDelay { min: 0, max: MAX });
    }
}
