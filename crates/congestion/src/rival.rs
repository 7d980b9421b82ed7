//! The rate beside another flow that fills the queue.

use core::time::Duration;

use barertc_wire::Instant;

/// A queue of which somebody has waited less than this is empty now and then: it is ours.
const EMPTY: Duration = Duration::from_millis(10);
/// So many decreases, each at a lower rate than the one before, that did not empty the queue: somebody else fills it. One is
/// enough where that was so not long ago.
const DECREASES: u8 = 3;
const LOWER: f32 = 0.97;
/// Those that count are so far apart: what arrives, and the queue, have followed the one before by then. A path that has become
/// narrow, and is ours alone, is found within that time.
const APART: Duration = Duration::from_secs(1);
const NOT_LONG: Duration = Duration::from_secs(30);
/// What a loss leaves of the rate, and the packets that it grows by in each round trip: as much as TCP gets that
/// halves and grows by one (Floyd, Handley, Padhye: 3 (1 - b) / (1 + b) for a decrease to b).
const LEAVES: f32 = 0.75;
const GROWTH: f32 = 0.43;
const PACKET: f32 = 9_600.0;

/// What the queue tells in one report.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Queue {
    /// How long packets wait in it, and the shortest wait of the last moment.
    pub(crate) wait: Duration,
    pub(crate) least: Duration,
    /// It dropped something.
    pub(crate) dropped: bool,
}

/// Somebody who fills the queue however much this sender gives way, as a bulk transfer does. Who follows delay alone would
/// end with nothing beside it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rival {
    decreases: u8,
    /// What arrived at the last decrease that counted, and when that was.
    at: f32,
    counted: Option<Instant>,
    active: bool,
    /// When it was here last.
    seen: Option<Instant>,
    /// The last answer to a loss.
    answered: Option<Instant>,
}

impl Rival {
    /// Whether the rate follows loss now, as the other's does.
    pub(crate) const fn is_active(&self) -> bool {
        self.active
    }

    /// Follows the queue: whoever else filled it is gone when it is empty for a moment.
    pub(crate) fn follow(&mut self, now: Instant, queue: &Queue) {
        if queue.least < EMPTY {
            (self.active, self.decreases) = (false, 0);
        } else if self.active {
            self.seen = Some(now);
        }
    }

    /// The rate was decreased for delay, while this arrived.
    pub(crate) fn decreased(&mut self, now: Instant, arriving: f32) {
        if self.counted.is_some_and(|at| now < at + APART) {
            return;
        }
        self.counted = Some(now);
        let lower = self.decreases == 0 || arriving < LOWER * self.at;
        self.decreases = if lower { self.decreases.saturating_add(1) } else { 1 };
        self.at = arriving;
        let known = self.seen.is_some_and(|at| now < at + NOT_LONG);
        self.active |= self.decreases >= DECREASES || known;
    }

    /// The next rate, by loss alone.
    pub(crate) fn rate(&mut self, now: Instant, elapsed: Duration, rtt: Duration, queue: &Queue, before: f32) -> f32 {
        let round = rtt.saturating_add(queue.wait).max(Duration::from_millis(10));
        if queue.dropped {
            if self.answered.is_some_and(|at| now < at + round) {
                return before;
            }
            self.answered = Some(now);
            return LEAVES * before;
        }
        let round = round.as_secs_f32();
        before + GROWTH * PACKET * elapsed.as_secs_f32() / (round * round)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: Queue = Queue { wait: Duration::from_millis(80), least: Duration::from_millis(40), dropped: false };

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn who_gives_way_three_times_for_nothing_has_a_rival() {
        let mut rival = Rival::default();
        for (second, arriving) in [(0, 2e6), (1, 1.7e6), (2, 1.4e6)] {
            rival.follow(at(second * 1_000), &FULL);
            assert!(!rival.is_active());
            rival.decreased(at(second * 1_000), arriving);
        }
        assert!(rival.is_active());
        // It is gone when the queue is empty for a moment; when it comes again one decrease tells.
        rival.follow(at(3_000), &FULL);
        rival.follow(at(4_000), &Queue::default());
        assert!(!rival.is_active());
        rival.follow(at(9_000), &FULL);
        rival.decreased(at(9_000), 2e6);
        assert!(rival.is_active());
    }

    #[test]
    fn a_path_that_has_become_narrow_has_none() {
        let mut rival = Rival::default();
        // What arrives is a mean that follows within a second; then it is what the path carries.
        for (millis, arriving) in
            [(0, 2.1e6), (200, 1.3e6), (400, 0.7e6), (1_000, 0.5e6), (2_000, 0.5e6), (3_000, 0.5e6)]
        {
            rival.follow(at(millis), &FULL);
            rival.decreased(at(millis), arriving);
            assert!(!rival.is_active(), "{millis}");
        }
    }
}
