//! Which packets to ask for again, and when.

use core::time::Duration;

use barertc_arena::{Allocator, Ring};
use barertc_rtp::seq::newer;
use barertc_wire::Instant;

use crate::error::Error;

/// Reordered packets often come on their own within this time.
const REORDER: Duration = Duration::from_millis(5);
/// How often one packet is asked for.
const MAX_TRIES: u8 = 10;
/// Shortest time between two requests.
const MIN_INTERVAL: Duration = Duration::from_millis(20);

#[derive(Clone, Copy, Debug)]
pub(crate) struct Missing {
    sequence: u16,
    tries: u8,
    due: Instant,
}

/// The packets that are missing, in order of their numbers; a bounded list.
#[derive(Debug)]
pub(crate) struct MissingList<A: Allocator + Clone> {
    list: Ring<Missing, A>,
    highest: Option<u16>,
}

impl<A: Allocator + Clone> MissingList<A> {
    pub(crate) fn new(capacity: usize, alloc: A) -> Result<Self, Error> {
        Ok(Self { list: Ring::with_capacity(capacity, alloc)?, highest: None })
    }

    pub(crate) const fn worst_case_bytes(capacity: usize) -> usize {
        Ring::<Missing, A>::bytes(capacity)
    }

    /// `sequence` arrived; what lies between the highest so far and it is missing. `false` when that is more than can
    /// be listed: then nothing is missing any more but a key frame.
    #[must_use]
    pub(crate) fn arrived(&mut self, now: Instant, sequence: u16) -> bool {
        let Some(highest) = self.highest else {
            self.highest = Some(sequence);
            return true;
        };
        let ahead = sequence.wrapping_sub(highest);
        if ahead == 0 || ahead >= 1 << 15 {
            if let Some(index) = self.list.iter().position(|m| m.sequence == sequence) {
                self.list.remove(index);
            }
            return true;
        }
        self.highest = Some(sequence);
        let gap = usize::from(ahead).saturating_sub(1);
        if gap > self.list.room() {
            self.list.clear();
            return false;
        }
        for step in 1..ahead {
            let missing = Missing { sequence: highest.wrapping_add(step), tries: 0, due: now + REORDER };
            let _ = self.list.push_back(missing);
        }
        true
    }

    /// What is older than `next` is not waited for any more: it is not asked for again.
    pub(crate) fn give_up_before(&mut self, next: u16) {
        self.list.retain_mut(|m| !newer(next, m.sequence));
    }

    /// Starts anew at `sequence`.
    pub(crate) fn restart(&mut self, sequence: u16) {
        self.list.clear();
        self.highest = Some(sequence);
    }

    /// Starts anew at whatever comes next.
    pub(crate) fn forget(&mut self) {
        self.list.clear();
        self.highest = None;
    }

    /// Calls `ask` with what is due now, in order and at most `limit` of it, and counts that as asked.
    pub(crate) fn take_due(&mut self, now: Instant, rtt: Duration, limit: usize, mut ask: impl FnMut(u16)) {
        let mut left = limit;
        self.list.retain_mut(|m| {
            if m.due > now || left == 0 {
                return true;
            }
            if m.tries >= MAX_TRIES {
                return false;
            }
            ask(m.sequence);
            left = left.saturating_sub(1);
            m.tries = m.tries.saturating_add(1);
            // An answer takes a round trip; a quarter more allows for its variation.
            m.due = now + rtt.saturating_mul(5).checked_div(4).unwrap_or(rtt).max(MIN_INTERVAL);
            true
        });
    }

    /// Whether something is due.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.timeout().is_some_and(|due| due <= now)
    }

    /// When something will be due.
    pub(crate) fn timeout(&self) -> Option<Instant> {
        self.list.iter().map(|m| m.due).min()
    }

    /// How many are missing.
    pub(crate) const fn len(&self) -> usize {
        self.list.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_arena::Global;
    use std::vec::Vec;

    fn due(list: &mut MissingList<Global>, now: u64, rtt: u64) -> Vec<u16> {
        let mut all = Vec::new();
        list.take_due(Instant::from_millis(now), Duration::from_millis(rtt), 99, |s| all.push(s));
        all
    }

    #[test]
    fn gaps_are_asked_for_again_after_a_round_trip() {
        let mut list = MissingList::new(16, Global).unwrap();
        let at = Instant::from_millis;
        assert!(list.arrived(at(0), 65_534));
        assert!(list.arrived(at(0), 2));
        assert!(due(&mut list, 4, 100).is_empty());
        assert_eq!(due(&mut list, 5, 100), [65_535, 0, 1]);
        assert!(list.arrived(at(6), 0));
        assert!(due(&mut list, 129, 100).is_empty());
        assert_eq!(due(&mut list, 130, 100), [65_535, 1]);
        assert_eq!(list.timeout(), Some(at(255)));
    }

    #[test]
    fn nothing_is_asked_for_for_ever() {
        let mut list = MissingList::new(16, Global).unwrap();
        assert!(list.arrived(Instant::ZERO, 0));
        assert!(list.arrived(Instant::ZERO, 2));
        let asked: usize = (0..10_000).step_by(10).map(|now| due(&mut list, now, 30).len()).sum();
        assert_eq!((asked, list.len()), (10, 0));
    }

    #[test]
    fn what_is_given_up_is_not_asked_for() {
        let mut list = MissingList::new(16, Global).unwrap();
        assert!(list.arrived(Instant::ZERO, 65_533));
        assert!(list.arrived(Instant::ZERO, 3));
        list.give_up_before(1);
        assert_eq!(due(&mut list, 5, 100), [1, 2]);
    }

    #[test]
    fn more_than_can_be_listed_is_a_key_frame() {
        let mut list = MissingList::new(4, Global).unwrap();
        assert!(list.arrived(Instant::ZERO, 0));
        assert!(list.arrived(Instant::ZERO, 3));
        assert!(!list.arrived(Instant::ZERO, 9));
        assert_eq!(list.len(), 0);
        assert!(list.arrived(Instant::ZERO, 11));
        assert_eq!(list.len(), 1);
    }
}
