//! Tells the loss of a lossy path from the loss of a full queue.

use core::time::Duration;

use barertc_wire::Instant;

use crate::feedback::PacketResult;
use crate::math::within;

/// A packet that took so much longer than the fastest, in µs, has waited in a queue.
const QUEUED: i64 = 50_000;
/// The fastest is the fastest of this time and the one before it: clocks drift, and paths change.
const WINDOW: Duration = Duration::from_secs(30);
/// The shortest wait is that of this time and the one before it.
const WAIT: Duration = Duration::from_millis(500);
/// The share is looked at this often, and over no fewer packets.
const INTERVAL: Duration = Duration::from_millis(500);
const PACKETS: u32 = 50;
/// How much of a look counts, for what is quick and for what is steady.
const QUICK: f32 = 0.5;
const STEADY: f32 = 0.2;
/// The quick share counts at once when it exceeds the steady share by this factor, and by this much
/// more.
const JUMP: f32 = 1.5;
const JUMP_MORE: f32 = 0.012;

/// Tells what a lossy path loses from what a full queue drops.
///
/// Where a queue overflows, the packets around a lost one have waited in it. Where a radio loses, they came as fast as any.
/// The share is of the packets that did not wait.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LossCauses {
    /// The least of arrival less departure, in µs: of this window, and of the one before.
    fastest: Option<(i64, i64)>,
    window: Option<Instant>,
    /// How long the last packet waited, in µs; the least of this while, and of the one before.
    wait: i64,
    least: (i64, i64),
    moment: Option<Instant>,
    /// The last packet that came had waited for long.
    queued: bool,
    /// Lost since then.
    pending: u32,
    /// Those that came without a wait, those lost among them, and those that a queue dropped.
    clear: u32,
    random: u32,
    congested: u32,
    dropped: bool,
    since: Option<Instant>,
    quick: f32,
    steady: f32,
}

impl LossCauses {
    /// Share of packets that are lost though nothing waits, 0 to 1.
    pub(crate) const fn random(&self) -> f32 {
        self.steady
    }

    /// How long packets wait, and the shortest wait of the last moment.
    pub(crate) fn waits(&self) -> (Duration, Duration) {
        let micros = |wait: i64| Duration::from_micros(u64::try_from(wait).unwrap_or(0));
        (micros(self.wait), micros(self.least.0.min(self.least.1)))
    }

    /// Whether a full queue dropped something since this was asked last.
    pub(crate) const fn take_congested(&mut self) -> bool {
        core::mem::replace(&mut self.dropped, false)
    }

    pub(crate) fn packet(&mut self, now: Instant, result: &PacketResult) {
        let Some(arrived) = result.arrived else {
            self.pending = self.pending.saturating_add(1);
            return;
        };
        let delay = arrived.saturating_sub(i64::try_from(result.sent.as_micros()).unwrap_or(i64::MAX));
        self.wait = delay.saturating_sub(self.fastest(now, delay));
        if now >= *self.moment.get_or_insert(now) + WAIT {
            (self.least, self.moment) = ((self.wait, self.least.0), Some(now));
        }
        self.least.0 = self.least.0.min(self.wait);
        let queued = self.wait > QUEUED;
        if queued || self.queued {
            self.congested = self.congested.saturating_add(self.pending);
            self.dropped |= self.pending > 0;
        } else {
            self.random = self.random.saturating_add(self.pending);
            self.clear = self.clear.saturating_add(1);
        }
        (self.pending, self.queued) = (0, queued);
    }

    /// The shortest way that a packet took of late, this one included.
    fn fastest(&mut self, now: Instant, delay: i64) -> i64 {
        let (mut this, mut before) = self.fastest.unwrap_or((delay, delay));
        if now >= *self.window.get_or_insert(now) + WINDOW {
            (before, this, self.window) = (this, delay, Some(now));
        }
        this = this.min(delay);
        self.fastest = Some((this, before));
        this.min(before)
    }

    /// A report has ended.
    pub(crate) fn look(&mut self, now: Instant) {
        let packets = self.clear.saturating_add(self.random);
        if now < *self.since.get_or_insert(now) + INTERVAL {
            return;
        }
        if packets < PACKETS {
            if packets.saturating_add(self.congested) >= PACKETS {
                // Everything waits: what the path loses otherwise cannot be seen.
                self.begin(now);
            }
            return;
        }
        let share = self.random as f32 / packets as f32;
        self.quick += QUICK * (share - self.quick);
        self.steady += STEADY * (share - self.steady);
        if self.quick > JUMP * self.steady + JUMP_MORE {
            self.steady = self.quick;
        }
        self.steady = within(self.steady, 0.0, 1.0);
        self.begin(now);
    }

    const fn begin(&mut self, now: Instant) {
        (self.clear, self.random, self.congested, self.since) = (0, 0, 0, Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A hundred packets a second; of those for which `lost` says so nothing comes, the others wait for `waits` milliseconds.
    fn run(seconds: u64, lost: impl Fn(u64) -> bool, waits: impl Fn(u64) -> u64) -> LossCauses {
        let mut causes = LossCauses::default();
        for n in 0..seconds * 200 {
            let sent = Instant::from_millis(n * 5);
            let arrived = (!lost(n)).then(|| 7_000_000 + (n * 5 + waits(n)) as i64 * 1_000);
            causes.packet(sent, &PacketResult { sequence: n as u16, sent, bytes: 1_000, arrived });
            if n % 10 == 9 {
                causes.look(sent);
            }
        }
        causes
    }

    #[test]
    fn what_is_lost_without_a_wait_is_the_paths() {
        let found = run(20, |n| n % 20 == 7, |_| 0).random();
        assert!((0.045..0.055).contains(&found), "{found}");
        // Jitter is no queue.
        let found = run(20, |n| n % 20 == 7, |n| n * 7 % 30).random();
        assert!((0.045..0.055).contains(&found), "{found}");
        assert_eq!(run(20, |_| false, |_| 0).random(), 0.0);
    }

    #[test]
    fn what_a_full_queue_drops_is_not() {
        // A queue that fills in a second, drops one in five while it is nearly full, and empties.
        let waits = |n: u64| if n < 100 { 0 } else { (n % 200) * 3 / 2 };
        let found = run(20, |n| n % 200 > 150 && n % 5 == 0, waits).random();
        assert!(found < 0.002, "{found}");
    }

    #[test]
    fn a_path_that_begins_to_lose_is_noticed_at_once() {
        let found = run(21, |n| n >= 4_000 && n % 10 == 3, |_| 0).random();
        assert!(found > 0.05, "{found}");
    }

    #[test]
    fn a_lossy_path_with_a_queue_of_key_frames_is_still_a_lossy_path() {
        // A tenth of the time there is a queue.
        let found = run(30, |n| n % 20 == 7, |n| if n > 100 && n % 400 < 40 { 100 } else { 0 }).random();
        assert!((0.035..0.06).contains(&found), "{found}");
    }
}
