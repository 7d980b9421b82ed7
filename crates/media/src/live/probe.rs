//! Decides when a path is probed for more room.

use core::time::Duration;

use barertc_wire::Instant;

/// Decides when to probe a viewer's path for more room. A sender cannot learn in another way of room that it does not
/// use.
///
/// A probe asks for twice the estimate, and for [`Prober::LEAST`] at least. One that has shown more is followed by the next as soon as its outcome is in the
/// estimate, one that has not by a pause that grows to [`Prober::LONGEST`].
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Prober {
    next: Option<Instant>,
    pause: Duration,
    /// The estimate when the last probe began, and when it was looked at last.
    known: u64,
    before: u64,
}

impl Prober {
    /// A probe lasts a tenth of a second; its outcome is known by then.
    pub const OUTCOME: Duration = Duration::from_millis(300);
    /// Bits a second: with less, a probe has too few packets to tell anything.
    pub const LEAST: u64 = 1_000_000;
    /// Between probes that show nothing: at first.
    pub const FIRST: Duration = Duration::from_millis(500);
    /// Between probes that show nothing: at most, so that a path that has recovered is used within two seconds.
    pub const LONGEST: Duration = Duration::from_secs(1);

    /// Bits a second to ask for now; `estimate` is what the path is known to carry, `enough` what more would be of no use.
    pub fn poll(&mut self, now: Instant, estimate: u64, enough: u64) -> Option<u64> {
        let before = core::mem::replace(&mut self.before, estimate);
        if estimate >= enough {
            (self.next, self.pause) = (None, Duration::ZERO);
            return None;
        }
        if estimate < before / 2 {
            // It is known to have become narrow, and its queue has no room for a probe.
            self.next = Some(now + Self::LONGEST);
        }
        if now < *self.next.get_or_insert(now + Self::FIRST) {
            return None;
        }
        let grew = estimate > self.known.saturating_add(self.known / 10);
        self.pause = if grew { Self::OUTCOME } else { self.pause.saturating_mul(2).clamp(Self::FIRST, Self::LONGEST) };
        (self.next, self.known) = (Some(now + self.pause), estimate);
        Some(estimate.saturating_mul(2).min(enough).max(Self::LEAST))
    }
}
