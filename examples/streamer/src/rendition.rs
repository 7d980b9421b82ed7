//! Which of two renditions of the pictures a viewer gets: the one that its path carries.

use core::fmt;
use core::time::Duration;

use barertc::{Allocator, Frame, PeerConnection, Provider};
use barertc_wire::Instant;

/// Down when delay tells that the path carries less than this, in percent of what the large rendition takes on average:
/// key frames have to get through, too.
const DOWN: u64 = 125;
/// Or when so much is lost that this is all that is left. Loss alone does not bound a path, so this is lower.
const DOWN_BY_LOSS: u64 = 80;
/// A probe's outcome is known by then.
const PROBED: Duration = Duration::from_millis(700);
/// Up when a probe has shown this much, and probes ask for a little more.
const UP: u64 = 145;
const PROBE: u64 = 165;
/// But no more than so many percent of what is known.
const STEP: u64 = 170;
/// What a newcomer's path is asked first, in bits a second, by its first key frame.
const BEGIN: u64 = 5_000_000;
/// The same for one as near as this: a network of the house carries more, and a picture is there sooner. Who is further away
/// begins with the small rendition, whose key frame is there sooner at that rate.
const NEAR: Duration = Duration::from_millis(20);
const BEGIN_NEAR: u64 = 20_000_000;
/// What the first pictures have shown of the path is known by then.
const BEGUN: Duration = Duration::from_millis(500);
/// Between probes: at first, and at most; each that fails doubles it.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(40);
/// After one that has shown more.
const AGAIN: Duration = Duration::from_secs(1);
/// The path has to carry the large rendition for so long before trouble counts as new.
const SETTLED: Duration = Duration::from_secs(30);

/// One viewer's rendition.
#[derive(Debug)]
pub(crate) struct Rendition {
    /// What is sent.
    small: bool,
    /// What shall be sent from its next key frame on.
    wants_small: bool,
    /// Of the last change of mind.
    since: Instant,
    /// Since when the path seems to carry too little. Who sends less than a path carries learns of a moment's trouble no
    /// more than that, so a probe looks again.
    doubted: Option<Instant>,
    probe_at: Instant,
    between: Duration,
    /// The estimate at the last probe.
    known: u64,
    /// Until then the small rendition stays, whatever the path seems to carry.
    stays: Option<(Instant, Reason)>,
    /// Its first picture has left.
    begun: bool,
}

/// Why the small rendition stays for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// Nothing is known of the path of a newcomer.
    New,
    /// Pictures did not leave as fast as they came.
    TooSlow,
}

impl Default for Rendition {
    fn default() -> Self {
        let (since, probe_at) = (Instant::ZERO, Instant::ZERO);
        Self {
            small: false,
            wants_small: false,
            since,
            doubted: None,
            probe_at,
            between: FIRST,
            known: 0,
            stays: None,
            begun: false,
        }
    }
}

impl fmt::Display for Rendition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |small| if small { "small" } else { "large" };
        f.write_str(name(self.small))?;
        if self.small || self.wants_small {
            f.write_str(match self.stays {
                Some((_, Reason::TooSlow)) => " (pictures leave too slowly)",
                Some((_, Reason::New)) => " (the path is new)",
                None => " (narrow path)",
            })?;
        }
        if self.small == self.wants_small { Ok(()) } else { write!(f, ", soon {}", name(self.wants_small)) }
    }
}

impl Rendition {
    /// Whether the small rendition is needed for this viewer, or may be: which one it begins with is not known before.
    pub(crate) const fn uses_small(&self) -> bool {
        self.small || self.wants_small || !self.begun
    }

    /// Looks at what the path carries; the large rendition takes `bitrate` bits a second.
    pub(crate) fn choose<A: Allocator + Clone, P: Provider>(
        &mut self,
        now: Instant,
        bitrate: u64,
        connection: &mut PeerConnection<'_, A, P>,
    ) {
        let part = |percent: u64| bitrate.saturating_mul(percent) / 100;
        let seen = connection.bandwidth();
        // A path that is not new any more, and for which the small rendition stays, is a narrow one.
        self.stays = self.stays.filter(|(until, reason)| *reason != Reason::New || now < *until);
        if !self.wants_small {
            if seen.delay_based >= part(DOWN) && seen.loss_based >= part(DOWN_BY_LOSS) {
                self.doubted = None;
                return;
            }
            let Some(doubted) = self.doubted else {
                self.doubted = Some(now);
                connection.probe(now, part(DOWN + 10));
                return;
            };
            if now > doubted + PROBED {
                self.lower(now);
            }
        } else if self.stays.is_some_and(|(until, _)| now < until) {
            // The path says nothing about that, or not yet.
        } else if seen.delay_based >= part(UP) && seen.loss_based >= part(DOWN) {
            (self.wants_small, self.since, self.stays) = (false, now, None);
        } else if now >= self.probe_at && self.small {
            // In steps, since what does not fit is a queue that the next pictures wait in.
            let next = seen.delay_based.saturating_mul(STEP) / 100;
            connection.probe(now, next.min(part(PROBE)));
            let grew = seen.delay_based > self.known.saturating_add(self.known / 10);
            self.between = if grew { FIRST } else { self.between.saturating_mul(2).min(LONGEST) };
            self.probe_at = now + if grew { AGAIN } else { self.between };
            self.known = seen.delay_based;
        }
    }

    /// A picture did not fit the queue: they do not leave as fast as they come, be it for the path or for this machine.
    /// Where there is no small rendition, nothing follows from it.
    pub(crate) fn overrun(&mut self, now: Instant, there_is_small: bool) {
        if there_is_small && !self.wants_small {
            self.lower(now);
            self.stays = Some((now + self.between, Reason::TooSlow));
        }
    }

    /// The small rendition from now on. Soon after a change back it takes longer to the next try.
    fn lower(&mut self, now: Instant) {
        let settled = now > self.since + SETTLED;
        self.between = if settled { FIRST } else { self.between.saturating_mul(2).min(LONGEST) };
        (self.doubted, self.wants_small, self.since, self.probe_at) = (None, true, now, now + self.between);
    }

    /// The first picture is about to leave, of which there may be a small one.
    pub(crate) fn begin<A: Allocator + Clone, P: Provider>(
        &mut self,
        now: Instant,
        there_is_small: bool,
        connection: &mut PeerConnection<'_, A, P>,
    ) {
        let round_trip = connection.stats().candidate_pair.and_then(|pair| pair.current_round_trip_time);
        let near = round_trip.is_some_and(|time| time < NEAR);
        if !self.begun && there_is_small && !near {
            (self.wants_small, self.since) = (true, now);
            (self.stays, self.probe_at) = (Some((now + BEGUN, Reason::New)), now + BEGUN);
        }
        self.begun = true;
        connection.probe(now, if near { BEGIN_NEAR } else { BEGIN });
    }

    /// The picture for this viewer, changing over where a key frame allows it.
    pub(crate) fn pick<'f, A: Allocator + Clone>(
        &mut self,
        large: &'f Frame<A>,
        small: Option<&'f Frame<A>>,
    ) -> Option<&'f Frame<A>> {
        let wanted = if self.wants_small { small } else { Some(large) };
        if wanted.is_some_and(Frame::is_key) {
            self.small = self.wants_small;
        }
        if self.small { small } else { Some(large) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn an_overrun_is_answered_only_where_there_is_a_small_rendition() {
        let mut rendition = Rendition { begun: true, ..Rendition::default() };
        rendition.overrun(Instant::from_millis(5), false);
        assert_eq!((rendition.uses_small(), rendition.to_string().as_str()), (false, "large"));
        rendition.overrun(Instant::from_millis(5), true);
        assert_eq!(rendition.to_string(), "large (pictures leave too slowly), soon small");
    }
}
