//! Which encodings of a track are sent: the path is shared out, the smallest encoding first.

use core::time::Duration;

use barertc_arena::{Allocator, Vec};
use barertc_congestion::GccStats;
use barertc_wire::Instant;

use super::streams::Streams;

/// An encoding is given up where the path carries less than this, in percent of what would be sent. The media that are sent are
/// less on average: their bit rate is the most that they have.
const DOWN: u64 = 90;
/// A doubt of so much is none: the path has become narrow. In the same unit.
const NARROW: u64 = 65;
/// Loss alone does not bound a path, so this is lower.
const DOWN_BY_LOSS: u64 = 65;
/// An encoding is added where the path has shown so much, and probes ask for a little more.
const UP: u64 = 110;
const PROBE: u64 = 125;
/// But for no more than so many percent of what is known: what does not fit is a queue that pictures wait in.
const STEP: u64 = 170;
/// The outcome of a probe is known by then.
const PROBED: Duration = Duration::from_millis(700);
/// Between probes: at first, and at most. Each that shows nothing new doubles it, and so does an encoding that has to be given up
/// soon after it was added.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);
/// Trouble after so long is new.
const SETTLED: Duration = Duration::from_secs(15);

/// What is known for the choice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    /// Since when the path seems to carry too little. A probe looks again.
    doubted: Option<Instant>,
    /// When an encoding was added last.
    added: Instant,
    probe_at: Instant,
    between: Duration,
    /// What the path was known to carry at the last probe.
    known: u64,
    /// Bytes of all other streams so far, when they were counted, and their bits a second.
    others: (u64, Instant, u64),
    /// The peer tells of single packets. Without that the estimate is the guess it began with, and only REMB counts.
    by_packets: bool,
}

impl Choice {
    pub(super) const fn new() -> Self {
        let zero = Instant::ZERO;
        Self {
            doubted: None,
            added: zero,
            probe_at: zero,
            between: FIRST,
            known: 0,
            others: (0, zero, 0),
            by_packets: false,
        }
    }

    /// Follows what the path carries. `packets` says that feedback of single packets has come, not a REMB. Returns a rate in bits
    /// a second that is to be tested.
    pub(super) fn follow<A: Allocator + Clone>(
        &mut self,
        now: Instant,
        seen: &GccStats,
        packets: bool,
        streams: &mut Vec<Streams<A>, A>,
    ) -> Option<u64> {
        self.count_others(now, streams);
        self.by_packets |= packets;
        let (by_delay, by_loss) =
            if self.by_packets { (seen.delay_based, seen.loss_based) } else { (u64::MAX, u64::MAX) };
        let carried = by_delay.min(seen.remb.unwrap_or(u64::MAX));
        let sent = self.needed(streams, |s| s.active);
        let carries = |rate: u64, percent: u64, loss: u64| {
            let part = |percent: u64| rate.saturating_mul(percent) / 100;
            carried >= part(percent) && by_loss >= part(loss)
        };
        if !carries(sent, DOWN, DOWN_BY_LOSS) && largest(streams).is_some() {
            let doubted = *self.doubted.get_or_insert(now);
            if carries(sent, NARROW, 0) && now < doubted + PROBED {
                return (doubted == now).then_some(sent);
            }
            self.lower(now, streams, |rate| carries(rate, DOWN, 0));
            return None;
        }
        self.doubted = None;
        let next = streams.iter().enumerate().filter(|(_, s)| s.is_encoding() && !s.active);
        let (index, more) = next.map(|(index, s)| (index, u64::from(s.place.max_bitrate))).min_by_key(|next| next.1)?;
        let wanted = sent.saturating_add(more);
        if carries(wanted, UP, DOWN_BY_LOSS) {
            streams.get_mut(index)?.start(now);
            self.added = now;
            return None;
        }
        // Nobody would tell what became of a probe.
        if now < self.probe_at || !self.by_packets {
            return None;
        }
        let grew = carried > self.known.saturating_add(self.known / 10);
        self.between = if grew { FIRST } else { self.between.saturating_mul(2).min(LONGEST) };
        (self.probe_at, self.known) = (now + self.between, carried);
        Some((carried.saturating_mul(STEP) / 100).min(wanted.saturating_mul(PROBE) / 100))
    }

    /// Gives up the largest encodings until the path carries the rest. The smallest of a track stays.
    fn lower<A: Allocator + Clone>(
        &mut self,
        now: Instant,
        streams: &mut Vec<Streams<A>, A>,
        carries: impl Fn(u64) -> bool,
    ) {
        let settled = now > self.added + SETTLED;
        self.between = if settled { FIRST } else { self.between.saturating_mul(2).min(LONGEST) };
        (self.doubted, self.probe_at) = (None, now + self.between);
        while let Some(index) = largest(streams) {
            let Some(stream) = streams.get_mut(index) else { break };
            stream.stop(now);
            if carries(self.needed(streams, |s| s.active)) {
                break;
            }
        }
    }

    /// What these encodings and everything else take.
    fn needed<A: Allocator + Clone>(&self, streams: &Vec<Streams<A>, A>, which: impl Fn(&Streams<A>) -> bool) -> u64 {
        let encodings = streams.iter().filter(|s| s.is_encoding() && which(s));
        encodings.map(|s| u64::from(s.place.max_bitrate)).fold(self.others.2, u64::saturating_add)
    }

    fn count_others<A: Allocator + Clone>(&mut self, now: Instant, streams: &Vec<Streams<A>, A>) {
        let (before, at, rate) = self.others;
        let micros = u64::try_from(now.saturating_since(at).as_micros()).unwrap_or(u64::MAX);
        if micros < 500_000 {
            return;
        }
        let others = streams.iter().filter(|s| !s.is_encoding()).filter_map(Streams::sending);
        let bytes = others.map(|stream| stream.stats().bytes_sent.get()).fold(0, u64::saturating_add);
        let now_rate = bytes.saturating_sub(before).saturating_mul(8_000_000).checked_div(micros).unwrap_or(0);
        self.others = (bytes, now, rate.saturating_add(now_rate) / 2);
    }
}

/// Has at least one encoding of each track sent, the smallest one that was agreed on.
pub(super) fn keep_smallest<A: Allocator + Clone>(now: Instant, streams: &mut Vec<Streams<A>, A>) {
    for index in 0..streams.len() {
        let all = streams.iter().filter(|s| s.is_encoding());
        let of_track = all.filter(|s| Some(s.place.track) == streams.get(index).map(|s| s.place.track));
        let smaller_or_active =
            |this: &Streams<A>| of_track.clone().any(|other| other.active || other.place.rank < this.place.rank);
        let Some(this) = streams.get(index).filter(|s| s.is_encoding()) else { continue };
        if !smaller_or_active(this)
            && let Some(this) = streams.get_mut(index)
        {
            this.start(now);
        }
    }
}

/// The active encoding with the highest bit rate that is not the last of its track.
fn largest<A: Allocator + Clone>(streams: &Vec<Streams<A>, A>) -> Option<usize> {
    let active = || streams.iter().enumerate().filter(|(_, s)| s.is_encoding() && s.active);
    let alone = |track: u8| active().filter(|(_, s)| s.place.track == track).count() < 2;
    let several = active().filter(|(_, s)| !alone(s.place.track));
    several.max_by_key(|(_, s)| s.place.max_bitrate).map(|(index, _)| index)
}
