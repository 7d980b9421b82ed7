use core::time::Duration;

use barertc_wire::Instant;

/// A queue of which somebody has waited less than this is empty now and then: it is ours.
const EMPTY: Duration = Duration::from_millis(10);
/// So many decreases, each at a lower rate than the one before, that did not empty the queue: somebody else fills it. One is
/// enough where that was so not long ago.
const DECREASES: u8 = 3;
const LOWER: f32 = 0.97;
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
    /// What arrived at the last decrease.
    at: f32,
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
