//! A key frame behind a gap.

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
        (self.next, self.started, self.torn, self.skipped) = (Some(key), true, false, true);
    }

    /// The first packet of the first whole key frame that begins behind `next`, with proof of its beginning.
    fn key_frame_behind(&self, next: u64) -> Option<u64> {
        let anew = if self.config.format.has_nals() { Parts::beginning(self.config.format) } else { Parts::START };
        // The first packet of a frame of which nothing is missing since, its timestamp, what it has, and whether the packet
        // before it proves its beginning.
        let mut frame: Option<(u64, u32, Parts, bool)> = None;
        let mut before: Option<u32> = None;
        for at in next..=self.highest {
            let Some(slot) = self.slots.get(at) else {
                (frame, before) = (None, None);
                continue;
            };
            let same = frame.filter(|(_, timestamp, ..)| *timestamp == slot.timestamp);
            let (begin, timestamp, parts, proven) =
                same.unwrap_or((at, slot.timestamp, Parts::default(), before.is_some_and(|t| t != slot.timestamp)));
            let parts = parts.with(slot.parts);
            (frame, before) = (Some((begin, timestamp, parts, proven)), Some(slot.timestamp));
            let whole = slot.marker && (proven || parts.contains(anew));
            if whole && parts.contains(Parts::KEY) && begin > next {
                return Some(begin);
            }
        }
        None
    }
}
