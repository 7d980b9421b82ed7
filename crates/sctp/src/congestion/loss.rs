//! Losses that have nothing to do with how much is sent.
//!
//! When a short queue overflows, the round trip doesn't say so. But such losses go on when less is sent, and an overflow
//! ends. So once clearly more is lost than usual, the window is reduced as for congestion, and what is lost then is
//! counted: at least half of the share as before was no congestion, and the reduction is taken back.

/// Packets lost beyond the usual that arouse suspicion.
const SUSPICIOUS: usize = 3;
/// Lost packets to be expected, if it is no congestion, before the trial is judged.
const EXPECTED: usize = 8;
/// Rounds after the reduction whose losses were sent before.
const LATE: u8 = 2;
/// Packets over which the usual share is taken.
const MEMORY: usize = 4_096;

/// Bytes, and those of them that were lost.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    all: usize,
    lost: usize,
}

impl Tally {
    const fn add(&mut self, more: Self) {
        self.all = self.all.saturating_add(more.all);
        self.lost = self.lost.saturating_add(more.lost);
    }

    /// What of `all` bytes would be lost at the same share.
    fn of(self, all: usize) -> usize {
        let lost = (self.lost as u64).saturating_mul(all as u64).checked_div(self.all as u64);
        usize::try_from(lost.unwrap_or(0)).unwrap_or(usize::MAX)
    }
}

/// What a round's losses mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing new.
    Usual,
    /// More than usual is lost: the window is to be reduced, for a trial.
    Suspicious,
    /// As much is lost with the reduced window: it was not for its size.
    Unrelated,
}

#[derive(Debug, Default)]
pub(super) struct LossEstimate {
    mtu: usize,
    usual: Tally,
    /// Since losses began to exceed the usual, and by how much they do.
    recent: Tally,
    excess: usize,
    /// What raised the suspicion, what was seen since, and rounds that don't count yet.
    trial: Option<(Tally, Tally, u8)>,
}

impl LossEstimate {
    pub(super) fn new(mtu: usize) -> Self {
        Self { mtu, ..Self::default() }
    }

    /// Something else told of congestion: what was under suspicion is explained by it.
    pub(super) fn explained(&mut self) {
        (self.recent, self.excess, self.trial) = (Tally::default(), 0, None);
    }

    /// A round ends in which so many bytes arrived and were lost.
    pub(super) fn round(&mut self, arrived: usize, lost: usize) -> Verdict {
        let round = Tally { all: arrived.saturating_add(lost), lost };
        match self.trial.take() {
            None => self.watch(round),
            Some((before, seen, late)) if late > 0 => {
                self.trial = Some((before, seen, late.saturating_sub(1)));
                Verdict::Usual
            }
            Some((before, seen, _)) => self.judge(before, seen, round),
        }
    }

    /// A cumulative sum of what exceeds twice the usual; it leaks a packet in sixteen rounds.
    fn watch(&mut self, round: Tally) -> Verdict {
        let usual = self.usual.of(round.all).saturating_mul(2).saturating_add(self.mtu / 16);
        self.recent.add(round);
        self.excess = self.excess.saturating_add(round.lost).saturating_sub(usual);
        if self.excess > self.mtu.saturating_mul(SUSPICIOUS) {
            let before = self.recent;
            self.explained();
            self.trial = Some((before, Tally::default(), LATE));
            return Verdict::Suspicious;
        }
        if self.excess == 0 {
            self.learn(self.recent);
            self.recent = Tally::default();
        }
        Verdict::Usual
    }

    fn judge(&mut self, before: Tally, mut seen: Tally, round: Tally) -> Verdict {
        seen.add(round);
        let expected = before.of(seen.all);
        if expected < self.mtu.saturating_mul(EXPECTED) {
            self.trial = Some((before, seen, 0));
            return Verdict::Usual;
        }
        if seen.lost < expected / 2 {
            self.learn(seen);
            return Verdict::Usual;
        }
        // The path has changed: what was usual before is so no more.
        self.usual = before;
        self.learn(seen);
        Verdict::Unrelated
    }

    fn learn(&mut self, tally: Tally) {
        self.usual.add(tally);
        if self.usual.all > self.mtu.saturating_mul(MEMORY) {
            self.usual = Tally { all: self.usual.all / 2, lost: self.usual.lost / 2 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MTU: usize = 1_000;

    /// Rounds of a hundred packets with so many lost, until something other than the usual is said.
    fn until(w: &mut LossEstimate, lost: usize, most: usize) -> Option<(usize, Verdict)> {
        (0..most).map(|n| (n, w.round((100 - lost) * MTU, lost * MTU))).find(|(_, v)| *v != Verdict::Usual)
    }

    #[test]
    fn losses_that_go_on_are_no_congestion_and_such_that_end_are() {
        let mut w = LossEstimate::new(MTU);
        assert_eq!(until(&mut w, 0, 50), None);
        assert!(matches!(until(&mut w, 2, 3), Some((1, Verdict::Suspicious))));
        assert!(matches!(until(&mut w, 2, 20), Some((_, Verdict::Unrelated))));
        assert_eq!(until(&mut w, 2, 500), None, "two percent are usual now");
        assert_eq!(until(&mut w, 4, 1), None);
        assert!(matches!(until(&mut w, 8, 3), Some((_, Verdict::Suspicious))));
        assert_eq!(until(&mut w, 2, 50), None, "it was for the window, and two percent are as usual");
        assert_eq!(until(&mut w, 0, 500), None);
        assert!(matches!(until(&mut w, 2, 3), Some((_, Verdict::Suspicious))), "less had become usual");
        w.explained();
        assert_eq!(until(&mut w, 1, 3), None);
    }
}
