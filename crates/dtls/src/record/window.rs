//! The replay window of an epoch (RFC 6347 §4.1.2.6).

/// The anti-replay window of one epoch (RFC 9147 §4.5.1): the 64 numbers up to the highest one seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Window {
    /// One more than the highest number seen.
    next: u64,
    /// Bit `i` is number `next - 1 - i`.
    seen: u64,
}

impl Window {
    /// Whether `seq` may still be accepted.
    pub(crate) fn is_fresh(&self, seq: u64) -> bool {
        match self.next.checked_sub(1).and_then(|highest| highest.checked_sub(seq)) {
            None => true,
            Some(age) => age < 64 && self.seen.checked_shr(age as u32).unwrap_or(0) & 1 == 0,
        }
    }

    /// Remembers `seq`; only ever called for records whose tag was right.
    pub(crate) fn mark(&mut self, seq: u64) {
        let next = seq.saturating_add(1);
        if next > self.next {
            let shift = u32::try_from(next.saturating_sub(self.next)).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(shift).unwrap_or(0) | 1;
            self.next = next;
        } else {
            let age = u32::try_from(self.next.saturating_sub(next)).unwrap_or(u32::MAX);
            self.seen |= 1u64.checked_shl(age).unwrap_or(0);
        }
    }

    /// The full number whose low `bits` are `low` and which is nearest to the next expected one (RFC 9147 §4.2.2).
    pub(crate) fn reconstruct(&self, low: u64, bits: u32) -> u64 {
        let span = 1u64.checked_shl(bits).unwrap_or(0);
        let near = (self.next & !span.saturating_sub(1)) | low;
        let candidates = [Some(near), near.checked_add(span), near.checked_sub(span)];
        candidates.into_iter().flatten().min_by_key(|c| c.abs_diff(self.next)).unwrap_or(near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_accepted_once_within_the_window() {
        let mut w = Window::default();
        for seq in [0, 5, 3, 70, 69, 7] {
            assert!(w.is_fresh(seq), "{seq}");
            w.mark(seq);
            assert!(!w.is_fresh(seq), "{seq}");
        }
        assert!(!w.is_fresh(6), "older than 64 is not told apart, so it is refused");
        assert!(w.is_fresh(8) && w.is_fresh(71) && w.is_fresh(u64::MAX));
        w.mark(1_000_000);
        assert!(!w.is_fresh(70) && w.is_fresh(999_999));
    }

    #[test]
    fn the_nearest_number_is_meant() {
        let mut w = Window::default();
        assert_eq!(w.reconstruct(0xFF, 8), 0xFF);
        w.mark(0x1FE);
        assert_eq!(w.reconstruct(0xFF, 8), 0x1FF);
        assert_eq!(w.reconstruct(0x01, 8), 0x201);
        assert_eq!(w.reconstruct(0x90, 8), 0x190);
        assert_eq!(w.reconstruct(0x0001, 16), 1);
        w.mark(0xFFFF);
        assert_eq!(w.reconstruct(0x0002, 16), 0x1_0002);
    }
}
