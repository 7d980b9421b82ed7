//! Which TSNs have arrived (RFC 9260 §6.2).

use barertc_arena::{AllocError, Allocator, Vec};

use crate::serial::Tsn;

/// Duplicates that a SACK reports at most.
const DUPLICATES: usize = 8;

/// A cumulative TSN and a bitmap of what lies beyond it.
pub(crate) struct Tracker<A: Allocator> {
    cumulative: Tsn,
    /// Highest TSN received.
    highest: Tsn,
    /// Bit `tsn % bits`.
    words: Vec<u32, A>,
    duplicates: [Tsn; DUPLICATES],
    duplicate_count: usize,
}

/// What a TSN is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The next one in order.
    Next,
    /// Ahead of a gap.
    Ahead,
    /// Seen before.
    Duplicate,
    /// Too far ahead to be tracked.
    Beyond,
}

impl<A: Allocator> Tracker<A> {
    /// `words` must be a power of two.
    pub(crate) fn new(words: usize, alloc: A) -> Result<Self, AllocError> {
        let mut map = Vec::with_capacity(words, alloc)?;
        map.try_resize(words, 0).map_err(|_| AllocError)?;
        Ok(Self {
            cumulative: Tsn(0),
            highest: Tsn(0),
            words: map,
            duplicates: [Tsn(0); DUPLICATES],
            duplicate_count: 0,
        })
    }

    /// Bytes that a tracker takes from its allocator.
    pub(crate) const fn bytes(words: usize) -> usize {
        Vec::<u32, A>::bytes(words)
    }

    /// Starts with everything before `first` as received.
    pub(crate) fn start(&mut self, first: Tsn) {
        self.cumulative = first.prev();
        self.highest = self.cumulative;
        self.words.fill(0);
        self.duplicate_count = 0;
    }

    fn bits(&self) -> u32 {
        u32::try_from(self.words.len()).unwrap_or(u32::MAX).saturating_mul(32)
    }

    fn place(&self, tsn: Tsn) -> (usize, u32) {
        let bit = tsn.0 & self.bits().saturating_sub(1);
        ((bit >> 5) as usize, 1 << (bit & 31))
    }

    fn is_set(&self, tsn: Tsn) -> bool {
        let (word, mask) = self.place(tsn);
        self.words.get(word).is_some_and(|w| w & mask != 0)
    }

    fn set(&mut self, tsn: Tsn, on: bool) {
        let (word, mask) = self.place(tsn);
        if let Some(w) = self.words.get_mut(word) {
            *w = if on { *w | mask } else { *w & !mask };
        }
    }

    pub(crate) const fn cumulative(&self) -> Tsn {
        self.cumulative
    }

    pub(crate) const fn has_gaps(&self) -> bool {
        self.highest.0 != self.cumulative.0
    }

    /// What `tsn` would be; changes nothing.
    pub(crate) fn look(&self, tsn: Tsn) -> Arrival {
        if !tsn.is_after(self.cumulative) {
            Arrival::Duplicate
        } else if tsn.since(self.cumulative) >= self.bits() {
            Arrival::Beyond
        } else if self.is_set(tsn) {
            Arrival::Duplicate
        } else if tsn == self.cumulative.add(1) {
            Arrival::Next
        } else {
            Arrival::Ahead
        }
    }

    /// Takes note of a TSN that [`look`](Self::look) found new.
    pub(crate) fn receive(&mut self, tsn: Tsn) {
        self.set(tsn, true);
        if tsn.is_after(self.highest) {
            self.highest = tsn;
        }
        self.advance();
    }

    /// Takes back the receipt of a TSN beyond the cumulative one.
    pub(crate) fn forget(&mut self, tsn: Tsn) {
        if !tsn.is_after(self.cumulative) {
            return;
        }
        self.set(tsn, false);
        while self.highest != self.cumulative && !self.is_set(self.highest) {
            self.highest = self.highest.prev();
        }
    }

    fn advance(&mut self) {
        loop {
            let next = self.cumulative.add(1);
            if next.is_after(self.highest) || !self.is_set(next) {
                break;
            }
            self.set(next, false);
            self.cumulative = next;
        }
    }

    /// Counts everything up to `to` as received (RFC 3758 §3.6); false when it is too far ahead to be true.
    pub(crate) fn forward(&mut self, to: Tsn) -> bool {
        if !to.is_after(self.cumulative) {
            return true;
        }
        if to.since(self.cumulative) >= self.bits() {
            return false;
        }
        while self.cumulative != to {
            // A word at a time: whoever forwards far, often, in one packet, must not cost more than others.
            let left = to.since(self.cumulative);
            let next = self.cumulative.add(1);
            if next.0 & 31 == 0 && left >= 32 {
                let (word, _) = self.place(next);
                if let Some(w) = self.words.get_mut(word) {
                    *w = 0;
                }
                self.cumulative = self.cumulative.add(32);
            } else {
                self.set(next, false);
                self.cumulative = next;
            }
        }
        if to.is_after(self.highest) {
            self.highest = to;
        }
        self.advance();
        true
    }

    pub(crate) fn duplicate(&mut self, tsn: Tsn) {
        if let Some(slot) = self.duplicates.get_mut(self.duplicate_count) {
            *slot = tsn;
            self.duplicate_count = self.duplicate_count.saturating_add(1);
        }
    }

    /// The duplicates since the last SACK.
    pub(crate) fn duplicates(&self) -> &[Tsn] {
        self.duplicates.get(..self.duplicate_count).unwrap_or_default()
    }

    pub(crate) fn clear_duplicates(&mut self) {
        self.duplicate_count = 0;
    }

    /// Runs of received TSNs beyond the cumulative one, as distances from it.
    pub(crate) fn gaps(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        let span = self.highest.since(self.cumulative);
        let mut at = 1u32;
        core::iter::from_fn(move || {
            while at <= span && !self.is_set(self.cumulative.add(at)) {
                at = at.saturating_add(1);
            }
            if at > span {
                return None;
            }
            let start = at;
            while at <= span && self.is_set(self.cumulative.add(at)) {
                at = at.saturating_add(1);
            }
            Some((u16::try_from(start).ok()?, u16::try_from(at.saturating_sub(1)).ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_arena::Global;
    use std::vec::Vec as StdVec;

    fn tracker(first: u32) -> Tracker<Global> {
        let mut t = Tracker::new(8, Global).unwrap();
        t.start(Tsn(first));
        t
    }

    #[test]
    fn gaps_close_across_the_wrap() {
        let mut t = tracker(0xFFFF_FFFE);
        for n in [1u32, 3, 4, 6] {
            assert_eq!(t.look(Tsn(0xFFFF_FFFEu32.wrapping_add(n))), Arrival::Ahead);
            t.receive(Tsn(0xFFFF_FFFEu32.wrapping_add(n)));
        }
        assert_eq!(t.gaps().collect::<StdVec<_>>(), [(2, 2), (4, 5), (7, 7)]);
        assert_eq!(t.look(Tsn(0xFFFF_FFFE)), Arrival::Next);
        t.receive(Tsn(0xFFFF_FFFE));
        assert_eq!(t.cumulative(), Tsn(0xFFFF_FFFF));
        t.receive(Tsn(0));
        assert_eq!(t.cumulative(), Tsn(2));
        assert_eq!(t.gaps().collect::<StdVec<_>>(), [(2, 2)]);
        assert_eq!(t.look(Tsn(1)), Arrival::Duplicate);
        assert_eq!(t.look(Tsn(4)), Arrival::Duplicate);
        assert_eq!(t.look(Tsn(2 + 256)), Arrival::Beyond);
    }

    #[test]
    fn forward_by_words_is_forward_by_bits() {
        for first in [1u32, 30, 31, 32, 33, 0xFFFF_FFF0] {
            for step in [1u32, 31, 32, 33, 64, 100, 255] {
                let mut t = tracker(first);
                for n in (1..250).step_by(3) {
                    t.receive(Tsn(first.wrapping_add(n)));
                }
                let to = Tsn(first.wrapping_sub(1).wrapping_add(step));
                assert!(t.forward(to));
                for n in step..256 {
                    let tsn = Tsn(first.wrapping_add(n));
                    if tsn.is_after(t.cumulative()) {
                        let known = n < 250 && n % 3 == 1;
                        assert_eq!(t.look(tsn) == Arrival::Duplicate, known, "{first} {step} {n}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_forgotten_may_come_again() {
        let mut t = tracker(1);
        for n in [2, 3, 5] {
            t.receive(Tsn(n));
        }
        t.forget(Tsn(5));
        assert_eq!(t.gaps().collect::<StdVec<_>>(), [(2, 3)]);
        t.forget(Tsn(2));
        t.forget(Tsn(3));
        assert!(!t.has_gaps());
        assert_eq!(t.look(Tsn(5)), Arrival::Ahead);
    }

    #[test]
    fn forward_swallows_gaps_but_not_the_world() {
        let mut t = tracker(1);
        t.receive(Tsn(3));
        t.receive(Tsn(6));
        assert!(t.forward(Tsn(2)));
        assert_eq!(t.cumulative(), Tsn(3));
        assert!(!t.forward(Tsn(3 + 256)));
        assert!(t.forward(Tsn(10)));
        assert_eq!((t.cumulative(), t.has_gaps()), (Tsn(10), false));
        assert_eq!(t.look(Tsn(11)), Arrival::Next);
    }
}
