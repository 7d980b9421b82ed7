//! The replay window (RFC 3711 §3.3.2).

/// The result of looking up an index in a replay window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The index was not accepted before.
    Fresh,
    /// The index was accepted before.
    Before,
    /// The index is older than the window.
    Unknown,
}

/// A replay window (RFC 3711 §3.3.2): the highest accepted index. The caller lends the bitmap of the indices below it.
///
/// The bitmap is a ring whose size in bits is a power of two. The bit of an index is its remainder, so advancing the window
/// clears bits and shifts none.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    highest: Option<u64>,
}

impl Window {
    pub(crate) fn highest(self) -> Option<u64> {
        self.highest
    }

    /// Looks up `index` without a change.
    pub(crate) fn look(self, bits: &[u32], index: u64) -> Seen {
        let Some(highest) = self.highest else { return Seen::Fresh };
        let Some(age) = highest.checked_sub(index) else { return Seen::Fresh };
        if age >= size(bits) {
            return Seen::Unknown;
        }
        let (word, mask) = place(bits, index);
        match bits.get(word) {
            Some(w) if w & mask == 0 => Seen::Fresh,
            _ => Seen::Before,
        }
    }

    /// Records `index`. The caller has found it [`Seen::Fresh`] and has authenticated its packet.
    pub(crate) fn enter(&mut self, bits: &mut [u32], index: u64) {
        match self.highest {
            Some(highest) if index <= highest => {}
            Some(highest) => {
                self.pass(bits, highest, index);
                self.highest = Some(index);
            }
            None => {
                bits.fill(0);
                self.highest = Some(index);
            }
        }
        let (word, mask) = place(bits, index);
        if let Some(w) = bits.get_mut(word) {
            *w |= mask;
        }
    }

    /// Clears the bits of the indices after `from` up to `to`.
    fn pass(self, bits: &mut [u32], from: u64, to: u64) {
        if to.saturating_sub(from) >= size(bits) {
            bits.fill(0);
            return;
        }
        for index in from.saturating_add(1)..=to {
            let (word, mask) = place(bits, index);
            if let Some(w) = bits.get_mut(word) {
                *w &= !mask;
            }
        }
    }
}

/// The number of indices in the bitmap.
fn size(bits: &[u32]) -> u64 {
    (bits.len() as u64).saturating_mul(32)
}

/// The word of the bitmap, and the bit in it, that belong to `index`.
fn place(bits: &[u32], index: u64) -> (usize, u32) {
    let bit = index & size(bits).saturating_sub(1);
    ((bit >> 5) as usize, 1 << (bit & 31))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::vec;

    #[test]
    fn what_falls_out_of_the_window_is_unknown() {
        let mut bits = vec![0; 2];
        let mut window = Window::default();
        window.enter(&mut bits, 100);
        assert_eq!(window.look(&bits, 100), Seen::Before);
        assert_eq!(window.look(&bits, 37), Seen::Fresh);
        assert_eq!(window.look(&bits, 36), Seen::Unknown);
        window.enter(&mut bits, 164);
        assert_eq!(window.look(&bits, 101), Seen::Fresh);
        assert_eq!(window.look(&bits, 100), Seen::Unknown);
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_set_of_everything_accepted(steps in prop::collection::vec(-80i64..90, 1..400), words in 0u32..3) {
            let mut bits = vec![0u32; 1 << words];
            let mut window = Window::default();
            let mut accepted = BTreeSet::new();
            let mut highest = 1_000_000i64;
            for step in steps {
                let index = (highest + step) as u64;
                let expected = match accepted.last() {
                    Some(top) if index + 32 * bits.len() as u64 <= *top => Seen::Unknown,
                    _ if accepted.contains(&index) => Seen::Before,
                    _ => Seen::Fresh,
                };
                prop_assert_eq!(window.look(&bits, index), expected);
                if expected == Seen::Fresh {
                    window.enter(&mut bits, index);
                    accepted.insert(index);
                    highest = highest.max(index as i64);
                    prop_assert_eq!(window.highest(), accepted.last().copied());
                }
            }
        }
    }
}
