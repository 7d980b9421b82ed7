//! How long a receiver is asked to hold pictures back.

use core::time::Duration;

use barertc_rtp::PlayoutDelay;
use barertc_wire::{Instant, ticks};

/// From this share of packets lost on the receiver is asked to wait for a retransmission, and from this share on for a
/// second one where [`SendConfig::latency`](crate::SendConfig::latency) leaves time: a retransmission goes twice, and both
/// copies of a packet in so many are lost.
const ONE_ROUND: f32 = 0.003;
const TWO_ROUNDS: f32 = 0.15;
/// What a retransmission takes beside the round trip: until the gap is noticed, and the turn of a timer on either side.
const TURN: Duration = Duration::from_millis(30);
/// Before a round trip is known.
const RTT: Duration = Duration::from_millis(100);
/// What is asked for grows and shrinks by these parts of the time that passes: a receiver that is told to wait a round trip
/// longer at once stops the picture for as long.
const UP: u64 = 8;
const DOWN: u64 = 16;
/// Longest time that is ever asked for: pictures that are later are no use to anybody.
const LONGEST: Duration = Duration::from_millis(500);
/// The most that the extension can say, in units of 10 ms: no upper bound. An upper bound with a lower one of 0 would have
/// browsers show pictures without a jitter buffer.
const UNBOUNDED: u16 = 4_095;
/// The upper bound is this much above the lower one, in units of 10 ms. Without it the receiver's own estimate may be higher,
/// as it has to be where a path is narrow: large pictures take longer there. So a bound is said only on a path that loses
/// without being full.
const SPAN: u16 = 2;
/// Where repair packets go with the pictures, so much less than the target is asked for: the middle of the bounds is it.
const BELOW: Duration = Duration::from_millis(10);

/// What follows from the share of packets lost for the receiver's target.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlayoutDelayTarget {
    /// What the application can bear.
    latency: Duration,
    /// What is called for, and what is said on the way there.
    delay: Duration,
    said: Duration,
    before: Option<Instant>,
    /// The upper bound is said too.
    bounded: bool,
}

impl PlayoutDelayTarget {
    pub(crate) const fn new(latency: Duration) -> Self {
        Self { latency, delay: Duration::ZERO, said: Duration::ZERO, before: None, bounded: false }
    }

    /// A packet was sent, for the first time; this share of them is lost, that one of them `random`ly, and repair packets go
    /// with them or not.
    pub(crate) fn sent(&mut self, now: Instant, loss: f32, random: f32, rtt: Option<Duration>, repaired: bool) {
        self.approach(now);
        self.bounded = random >= ONE_ROUND;
        let round = rtt.unwrap_or(RTT).saturating_add(TURN);
        let two = round.saturating_add(round);
        self.delay = if self.latency.is_zero() || loss < ONE_ROUND {
            Duration::ZERO
        } else if loss >= TWO_ROUNDS && two <= self.latency {
            two
        } else if repaired && loss >= TWO_ROUNDS {
            // Some frames need a retransmission although they have repair packets: all of the target is of use.
            two.min(self.latency)
        } else if repaired {
            // What they don't restore comes in time or it does not.
            round.min(self.latency.saturating_sub(BELOW))
        } else {
            round.min(LONGEST)
        };
    }

    fn approach(&mut self, now: Instant) {
        // In microseconds: what the operators of `Duration` check, the compiler does not remove.
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let elapsed = micros(now.saturating_since(self.before.replace(now).unwrap_or(now)));
        let part = |of: u64| elapsed.checked_div(of).unwrap_or_default();
        let (said, delay) = (micros(self.said), micros(self.delay));
        self.said = Duration::from_micros(if said < delay {
            said.saturating_add(part(UP)).min(delay)
        } else {
            said.saturating_sub(part(DOWN)).max(delay)
        });
    }

    /// What is said in the header extension.
    pub(crate) fn playout_delay(&self) -> PlayoutDelay {
        let min = u16::try_from(ticks(self.said, 100)).unwrap_or(UNBOUNDED).min(UNBOUNDED);
        let bounded = self.bounded && min > 0;
        PlayoutDelay { min, max: if bounded { min.saturating_add(SPAN).min(UNBOUNDED) } else { UNBOUNDED } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loss::LossEstimate;

    /// Ten seconds of 200 packets a second, of which one in `every` is lost (0 for none).
    fn run((loss, target): &mut (LossEstimate, PlayoutDelayTarget), from: u64, every: u64) -> u16 {
        for n in 0..2_000 {
            if every > 0 && n % every == 0 {
                loss.lost();
            }
            loss.sent(Instant::from_millis(from + n * 5));
            target.sent(
                Instant::from_millis(from + n * 5),
                loss.fraction(),
                loss.fraction(),
                Some(Duration::from_millis(50)),
                false,
            );
        }
        target.playout_delay().min
    }

    fn target(millis: u64) -> (LossEstimate, PlayoutDelayTarget) {
        (LossEstimate::new(), PlayoutDelayTarget::new(Duration::from_millis(millis)))
    }

    #[test]
    fn one_round_is_asked_for_and_a_second_where_there_is_time() {
        for (every, expected) in [(0, 0), (2_000, 0), (200, 8), (90, 8), (20, 8), (10, 8), (4, 16)] {
            assert_eq!(run(&mut target(200), 0, every), expected, "1 in {every}");
        }
        // A target that one round does not fit is missed rather than that the picture freezes; zero means never wait.
        assert_eq!(run(&mut target(50), 0, 4), 8);
        assert_eq!(run(&mut target(0), 0, 4), 0);
    }

    #[test]
    fn repair_packets_keep_within_the_target_and_heavy_loss_uses_all_of_it() {
        for (loss, expected) in [(0.05, 8), (0.14, 8), (0.2, 10)] {
            let mut target = PlayoutDelayTarget::new(Duration::from_millis(100));
            for n in 0..1_000 {
                target.sent(Instant::from_millis(n * 5), loss, loss, Some(Duration::from_millis(50)), true);
            }
            assert_eq!(target.playout_delay().min, expected, "{loss}");
        }
    }

    #[test]
    fn the_upper_bound_follows_the_lower_one() {
        let mut both = target(100);
        run(&mut both, 0, 20);
        assert_eq!(both.1.playout_delay(), PlayoutDelay { min: 8, max: 10 });
    }

    #[test]
    fn a_narrow_path_has_no_upper_bound() {
        let mut target = PlayoutDelayTarget::new(Duration::from_millis(100));
        for n in 0..1_000 {
            target.sent(Instant::from_millis(n * 5), 0.05, 0.0, Some(Duration::from_millis(50)), false);
        }
        assert_eq!(target.playout_delay(), PlayoutDelay { min: 8, max: UNBOUNDED });
    }

    #[test]
    fn nothing_is_asked_for_at_once() {
        let mut both = target(500);
        let mut before = 0;
        for n in 0..4_000u64 {
            if n % 10 == 0 {
                both.0.lost();
            }
            both.0.sent(Instant::from_millis(n * 5));
            let loss = both.0.fraction();
            both.1.sent(Instant::from_millis(n * 5), loss, loss, Some(Duration::from_millis(50)), false);
            let now = both.1.playout_delay().min;
            assert!(now <= before + 1, "{before} to {now}, in 10 ms");
            before = now;
        }
        assert_eq!(before, 8);
    }

    #[test]
    fn a_path_that_gets_better_is_trusted_again_in_time() {
        let mut both = target(500);
        assert_eq!(run(&mut both, 0, 10), 8);
        assert!(run(&mut both, 10_000, 0) > 0);
        for round in 2..8 {
            run(&mut both, round * 10_000, 0);
        }
        assert_eq!(both.1.playout_delay(), PlayoutDelay { min: 0, max: UNBOUNDED });
    }
}
