//! The receiving side of transport-wide congestion control: when which packet arrived, told in regular reports.

use core::time::Duration;

use barertc_arena::{AllocError, Allocator, Ring};
use barertc_rtp::rtcp::{CompoundWriter, TICK_MICROS};
use barertc_rtp::seq::Unwrapper;
use barertc_wire::Instant;

/// Time between two reports.
const INTERVAL: Duration = Duration::from_millis(100);
/// Marks a packet that has not arrived.
const NEVER: i64 = i64::MIN;

/// The arrival times of packets with a transport-wide sequence number, for all streams of a transport.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Arrivals<A: Allocator + Clone> {
    /// Arrival ticks of the packets from `base` on.
    ticks: Ring<i64, A>,
    base: u64,
    unwrapper: Unwrapper,
    count: u8,
    due: Option<Instant>,
    media: u32,
}

impl<A: Allocator + Clone> Arrivals<A> {
    /// Makes an empty list. A report covers at most `capacity` packets. Each takes 8 bytes, which are allocated here.
    ///
    /// # Errors
    /// [`AllocError`].
    pub fn new(capacity: usize, alloc: A) -> Result<Self, AllocError> {
        let ticks = Ring::with_capacity(capacity, alloc)?;
        Ok(Self { ticks, base: 0, unwrapper: Unwrapper::new(), count: 0, due: None, media: 0 })
    }

    /// The bytes that a list for `capacity` packets takes from its allocator.
    #[must_use]
    pub const fn worst_case_bytes(capacity: usize) -> usize {
        Ring::<i64, A>::bytes(capacity)
    }

    /// Says that a packet of `ssrc` with this transport-wide sequence number has arrived.
    pub fn record(&mut self, now: Instant, sequence: u16, ssrc: u32) {
        let wide = self.unwrapper.unwrap(sequence);
        let ticks = i64::try_from(now.as_micros() / TICK_MICROS).unwrap_or(i64::MAX);
        self.media = ssrc;
        if self.ticks.is_empty() && self.due.is_none() {
            self.base = self.base.max(wide);
        }
        let Some(mut at) = wide.checked_sub(self.base).and_then(|i| usize::try_from(i).ok()) else {
            return; // reported as lost already
        };
        // Too far ahead: what is oldest goes unreported.
        if at >= self.ticks.capacity() {
            let surplus = at.saturating_sub(self.ticks.capacity()).saturating_add(1);
            for _ in 0..surplus.min(self.ticks.len()) {
                self.ticks.pop_front();
            }
            self.base = self.base.saturating_add(surplus as u64);
            at = at.saturating_sub(surplus);
        }
        while self.ticks.len() <= at && self.ticks.push_back(NEVER).is_ok() {}
        if let Some(slot) = self.ticks.get_mut(at)
            && *slot == NEVER
        {
            *slot = ticks;
        }
        self.due.get_or_insert(now + INTERVAL);
    }

    /// When the next report is due.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        self.due.filter(|_| !self.ticks.is_empty())
    }

    /// Adds a report to a compound when one is due. Returns `false` when the compound has no room. The report then
    /// waits for the next one.
    pub fn write(&mut self, now: Instant, sender: u32, w: &mut CompoundWriter<'_>) -> bool {
        if self.timeout().is_none_or(|due| due > now) {
            return true;
        }
        let ticks = &self.ticks;
        let statuses = (0..ticks.len()).map(|at| ticks.get(at).copied().filter(|t| *t != NEVER));
        let written = w.transport_feedback(sender, self.media, self.base as u16, self.count, statuses);
        let Ok(covered) = written else { return false };
        for _ in 0..covered {
            self.ticks.pop_front();
        }
        self.base = self.base.saturating_add(u64::from(covered));
        self.count = self.count.wrapping_add(1);
        // What a long pause left for another report is due at once.
        self.due = Some(if self.ticks.is_empty() { now + INTERVAL } else { now });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_arena::Global;
    use barertc_rtp::rtcp::{Arrival, Rtcp, packets};
    use std::vec::Vec;

    fn report(a: &mut Arrivals<Global>, now: u64) -> Option<(u8, Vec<Arrival>)> {
        let mut out = [0; 1200];
        let mut w = CompoundWriter::new(&mut out);
        assert!(a.write(Instant::from_millis(now), 1, &mut w));
        let len = w.len();
        let mut all = packets(&out[..len]);
        all.next().map(|p| match p {
            Ok(Rtcp::Transport(f)) => (f.feedback_count, f.arrivals().collect()),
            other => panic!("{other:?}"),
        })
    }

    fn seen(sequence: u16, millis: i64) -> Arrival {
        Arrival { sequence, ticks: Some(millis * 4) }
    }

    #[test]
    fn reports_follow_one_another_without_gap_or_overlap() {
        let mut a = Arrivals::new(64, Global).unwrap();
        let at = Instant::from_millis;
        a.record(at(10), 65_534, 5);
        a.record(at(12), 0, 5);
        assert_eq!(a.timeout(), Some(at(110)));
        assert_eq!(report(&mut a, 109), None);
        let lost = |sequence| Arrival { sequence, ticks: None };
        assert_eq!(report(&mut a, 110), Some((0, std::vec![seen(65_534, 10), lost(65_535), seen(0, 12)])));
        assert_eq!(report(&mut a, 300), None);
        a.record(at(301), 65_535, 5); // too late to be told
        a.record(at(302), 2, 5);
        assert_eq!(report(&mut a, 302), Some((1, std::vec![lost(1), seen(2, 302)])));
    }

    #[test]
    fn a_jump_ahead_keeps_the_bound() {
        let mut a = Arrivals::new(4, Global).unwrap();
        let at = Instant::from_millis;
        a.record(at(0), 0, 5);
        a.record(at(1), 10_000, 5);
        let (_, all) = report(&mut a, 100).unwrap();
        assert_eq!(all.len(), 4);
        assert_eq!(all[3], seen(10_000, 1));
    }

    #[test]
    fn a_report_without_room_is_not_lost() {
        let mut a = Arrivals::new(4, Global).unwrap();
        a.record(Instant::ZERO, 7, 5);
        let mut out = [0; 10];
        assert!(!a.write(Instant::from_millis(100), 1, &mut CompoundWriter::new(&mut out)));
        assert_eq!(report(&mut a, 100), Some((0, std::vec![seen(7, 0)])));
    }
}
