//! A key frame behind a gap. Which one it is changes with a packet that comes and with the beginning of the window, and is
//! looked for only then: whoever waits asks often.

use barertc_arena::Allocator;
use barertc_wire::Instant;

use super::{JitterBuffer, Taken};
use crate::depacketize::Parts;

impl<A: Allocator + Clone> JitterBuffer<A> {
    /// When the gap at `next`, behind which something has come at `since`, is given up. With a whole key frame behind it, half
    /// of the wait is enough: nothing that comes later needs what is missing.
    pub(super) fn gap_ends(&self, since: Instant, next: u64) -> Instant {
        let wait = self.config.wait;
        since + if self.key_frame_behind(next).is_some() { wait.checked_div(2).unwrap_or(wait) } else { wait }
    }

    /// Gives up what lies before the whole key frame behind `next`.
    pub(super) fn skip_to_key_frame(&mut self, next: u64) {
        let Some(key) = self.key_frame_behind(next) else { return };
        let before = key.saturating_sub(1);
        self.taken = self.slots.get(before).map(|slot| Taken { sequence: before, timestamp: slot.timestamp });
        for at in next..key {
            self.slots.clear(at);
        }
        self.give_up(key.saturating_sub(next));
        (self.started, self.torn, self.skipped) = (true, false, true);
        self.set_next(key);
    }

    /// Moves the beginning of the window.
    pub(super) fn set_next(&mut self, next: u64) {
        let back = self.next.is_some_and(|before| before > next);
        self.next = Some(next);
        if back || self.key_ahead.is_some_and(|key| key <= next) {
            self.key_ahead = self.find_key_frame(next);
        }
    }

    /// A packet came: its frame may be whole now, and it may prove the beginning of the one behind it.
    pub(super) fn note_key_frame(&mut self, sequence: u64) {
        let Some(next) = self.next else { return };
        for at in [sequence, sequence.saturating_add(1)] {
            let begin = self.whole_key_frame(at).filter(|begin| *begin > next);
            self.key_ahead = self.key_ahead.into_iter().chain(begin).min();
        }
    }

    /// The first packet of the first whole key frame that begins behind `next`, with proof of its beginning.
    fn key_frame_behind(&self, next: u64) -> Option<u64> {
        self.key_ahead.filter(|key| *key > next)
    }

    /// Looks through all that is held.
    pub(super) fn find_key_frame(&self, next: u64) -> Option<u64> {
        let timestamp = |at: u64| self.slots.get(at).map(|slot| slot.timestamp);
        let begins = |at: &u64| timestamp(*at).is_some() && timestamp(*at) != timestamp(at.wrapping_sub(1));
        (next.saturating_add(1)..=self.highest)
            .filter(begins)
            .find_map(|at| self.whole_key_frame(at))
            .filter(|k| *k > next)
    }

    /// Where the frame begins that the packet `at` is of, if it is a whole key frame with proof of its beginning.
    fn whole_key_frame(&self, at: u64) -> Option<u64> {
        let timestamp = self.slots.get(at)?.timestamp;
        let same = |at: u64| self.slots.get(at).filter(|slot| slot.timestamp == timestamp);
        // Most often nothing has come behind it yet: then its beginning need not be looked for.
        (at..).map_while(same).find(|slot| slot.marker)?;
        let begin = (0..at).rev().find(|before| same(*before).is_none())?.saturating_add(1);
        let proven = self.slots.get(begin.wrapping_sub(1)).is_some();
        let anew = if self.config.format.has_nals() { Parts::beginning(self.config.format) } else { Parts::START };
        let mut parts = Parts::default();
        for slot in (begin..).map_while(same) {
            parts = parts.with(slot.parts);
            if slot.marker && (proven || parts.contains(anew)) && parts.contains(Parts::KEY) {
                return Some(begin);
            }
        }
        None
    }
}
