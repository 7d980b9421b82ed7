//! The byte ranges of a message that have come.

/// How many separate pieces of one message are told apart.
const PIECES: usize = 8;

/// Which bytes of a message are there: a handful of disjoint half-open ranges.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ranges {
    list: [Option<(u16, u16)>; PIECES],
}

impl Ranges {
    /// Adds `start..end`, joined with whatever it touches; false (and no change) when it would be one piece too many.
    pub(crate) fn insert(&mut self, start: u16, end: u16) -> bool {
        if start >= end {
            return true;
        }
        let mut joined = (start, end);
        let mut kept = *self;
        for slot in &mut kept.list {
            if let Some((s, e)) = *slot
                && s <= joined.1
                && e >= joined.0
            {
                joined = (s.min(joined.0), e.max(joined.1));
                *slot = None;
            }
        }
        // A range that was passed over may touch what the later ones were joined to.
        for slot in &mut kept.list {
            if let Some((s, e)) = *slot
                && s <= joined.1
                && e >= joined.0
            {
                joined = (s.min(joined.0), e.max(joined.1));
                *slot = None;
            }
        }
        let Some(free) = kept.list.iter_mut().find(|r| r.is_none()) else { return false };
        *free = Some(joined);
        *self = kept;
        true
    }

    /// The first stretch at or after `from`, and before `len`, that is missing.
    pub(crate) fn gap(&self, mut from: u16, len: u16) -> Option<(u16, u16)> {
        while let Some((_, end)) = self.iter().find(|(s, e)| (*s..*e).contains(&from)) {
            from = end;
        }
        let end = self.iter().map(|(s, _)| s).filter(|s| *s > from).fold(len, u16::min);
        (from < end).then_some((from, end))
    }

    /// The ranges, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, u16)> + '_ {
        self.list.iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_join_and_gaps_are_found() {
        let mut r = Ranges::default();
        assert_eq!(r.gap(0, 100), Some((0, 100)));
        assert!(r.insert(50, 60) && r.insert(0, 10) && r.insert(90, 100));
        assert_eq!(r.gap(0, 100), Some((10, 50)));
        assert_eq!(r.gap(55, 100), Some((60, 90)));
        assert!(r.insert(10, 50) && r.insert(55, 95));
        assert_eq!(r.gap(0, 100), None);
        assert_eq!(r.iter().count(), 1);
    }

    #[test]
    fn a_piece_too_many_changes_nothing() {
        let mut r = Ranges::default();
        for i in 0..8 {
            assert!(r.insert(i * 10, i * 10 + 5));
        }
        assert!(!r.insert(200, 205));
        assert!(r.insert(5, 10));
        assert_eq!(r.gap(0, 100), Some((15, 20)));
    }

    #[test]
    fn it_agrees_with_a_set_of_bytes() {
        let mut seed = 7u32;
        for _ in 0..500 {
            let (mut r, mut set) = (Ranges::default(), [false; 64]);
            for _ in 0..12 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let (a, n) = ((seed >> 8) % 60, (seed >> 20) % 9);
                let end = (a + n).min(64);
                if r.insert(a as u16, end as u16) {
                    set[a as usize..end as usize].fill(true);
                }
                let gap = set.iter().position(|b| !b);
                assert_eq!(r.gap(0, 64).map(|g| usize::from(g.0)), gap);
            }
        }
    }
}
