//! Which valid pair is used, who says so, and what the application is told (RFC 8445 §8); and when it is left again.
//!
//! Regular nomination, as early as it can be: the controlling agent nominates the first pair that is valid, without
//! waiting for better ones, since data are allowed on it from that moment and every later change would disturb them. Only a
//! relayed pair, and one over TCP, wait a little for a direct one over UDP. Aggressive nomination (USE-CANDIDATE in every check) would save one
//! round trip of signalling but no round trip of data.
use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::Instant;

use super::Agent;
use super::consent::Active;
use super::pair::Pair;
use super::path::Path;
use crate::event::{FailureReason, State};
use crate::stats::CandidatePairState;

/// Nominations in a row by which a peer says that it means it, although another pair has a higher priority.
const INSISTENT: u8 = 2;

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// The check of pair `i` has succeeded. (A lite agent's first pair has shown itself by the peer's check only.)
    pub(super) fn on_valid(&mut self, now: Instant, i: usize, nominated: bool) {
        let controlling = self.role.is_controlling();
        let first_word = self.config.lite && !self.consent.was_introduced();
        let Some(pair) = self.checklist.get_mut(i) else { return };
        pair.state = CandidatePairState::Succeeded;
        pair.valid_since = pair.valid_since.or(Some(now));
        if !first_word || pair.stats.responses_received > 0 {
            pair.confirmed = Some(now);
        }
        let agreed = nominated || (!controlling && core::mem::take(&mut pair.nominate_when_valid));
        pair.nominated |= agreed;
        barertc_wire::trace!("pair {} is valid, nominated: {}", pair.id, agreed);
        let (id, foundation, priority) = (pair.id, pair.foundation, pair.priority(controlling));
        self.checklist.unfreeze(foundation);
        if agreed {
            self.select(now, i, true);
        } else if self.may_replace_active(now, id, priority) {
            self.select(now, i, false);
        }
        if self.consent.uses(id) {
            self.renew_consent(now, i);
        }
        self.nominate(now);
        self.update_state(now);
    }

    /// Whether a pair that is valid but not nominated is to be used now: there is none, a worse one not nominated
    /// either, or one that has fallen silent.
    fn may_replace_active(&self, now: Instant, id: u32, priority: u64) -> bool {
        let Some(active) = self.consent.active() else { return true };
        let other = active.pair != Some(id);
        if other && (active.is_given_up(now, self.config.suspicion) || active.pair.is_none()) {
            return true;
        }
        let current = self.checklist.by_id(active.pair);
        !active.nominated && current.is_some_and(|c| c.priority(self.role.is_controlling()) < priority)
    }

    /// Leaves a path that stayed silent for the best one that has answered in the meantime. One lost packet is not enough
    /// for that: the silent path had its own check first.
    fn leave_silent_path(&mut self, now: Instant) {
        let controlling = self.role.is_controlling();
        let Some(active) = self.consent.active().filter(|a| a.is_given_up(now, self.config.suspicion)) else { return };
        let (current, since) = (active.pair, active.suspect_since());
        let answered = |p: &Pair| Some(p.id) != current && p.confirmed.is_some() && p.confirmed >= since;
        let all = self.checklist.pairs().iter().enumerate().filter(|(_, p)| answered(p));
        let Some((i, _)) = all.max_by_key(|(_, p)| p.priority(controlling)) else { return };
        self.select(now, i, false);
        self.nominate(now);
    }

    /// The peer, controlling, has nominated pair `i` (RFC 8445 §7.3.1.5).
    ///
    /// A peer that nominates several (RFC 5245 agents, and browsers, which do so whenever they change their mind) ends up on
    /// the one with the highest priority, or on the one that it keeps naming, or on any when the present one is silent.
    ///
    /// A nomination that was captured may be replayed. So the path changes only when the pair has answered a check of ours
    /// just now, or answers the one that this starts.
    pub(super) fn on_use_candidate(&mut self, now: Instant, i: usize) {
        let controlling = self.role.is_controlling();
        let Some(pair) = self.checklist.get_mut(i) else { return };
        if !pair.is_valid() || pair.state != CandidatePairState::Succeeded {
            pair.nominate_when_valid = true;
            return;
        }
        if self.consent.uses(pair.id) {
            pair.nominated = true;
            self.select(now, i, true);
            self.checklist.pairs_mut().iter_mut().for_each(|p| p.insisted = 0);
            return;
        }
        pair.insisted = pair.insisted.saturating_add(1);
        let is_fresh = pair.confirmed.is_some_and(|at| now <= at + self.config.suspicion);
        let (priority, insisted) = (pair.priority(controlling), pair.insisted);
        let better = self.consent.active().is_none_or(|active| {
            let current = self.checklist.by_id(active.pair).map(|p| p.priority(controlling));
            !active.nominated || active.is_suspect() || current.is_none_or(|c| c < priority)
        });
        if !better && insisted < INSISTENT {
            return;
        }
        if let Some(pair) = self.checklist.get_mut(i) {
            pair.nominated = is_fresh;
            pair.nominate_when_valid = !is_fresh;
        }
        if is_fresh {
            self.select(now, i, true);
        } else if self.checklist.get(i).is_some_and(|p| p.check.is_none()) {
            self.checklist.trigger(i);
        }
    }

    /// The controlling agent's part: names the pair to be used.
    pub(super) fn nominate(&mut self, now: Instant) {
        if !self.role.is_controlling() || self.config.lite {
            return;
        }
        let Some(active) = self.consent.active() else { return };
        let pairs = self.checklist.pairs();
        if pairs.iter().any(|p| p.nominating && !p.nominated) {
            return;
        }
        let choice = if !active.nominated {
            pairs.iter().position(|p| Some(p.id) == active.pair)
        } else if active.fallback {
            // A direct way found late is worth a second nomination: libwebrtc and libnice follow it, and a peer that does
            // not still takes what comes there.
            pairs.iter().position(|p| p.is_valid() && !p.nominated && !p.is_fallback())
        } else {
            None
        };
        let Some(i) = choice else { return };
        if self.relay_wait_ends(i).is_some_and(|end| now < end) {
            return;
        }
        if let Some(pair) = self.checklist.get_mut(i) {
            pair.nominating = true;
        }
        self.checklist.trigger(i);
    }

    /// Until when a pair of the second choice is not nominated yet; none when nothing better can come.
    fn relay_wait_ends(&self, i: usize) -> Option<Instant> {
        let pair = self.checklist.get(i).filter(|p| p.is_fallback())?;
        let better = self.checklist.may_find_direct();
        pair.valid_since.filter(|_| better).map(|since| since + self.config.relay_patience)
    }

    /// When [`nominate`](Self::nominate) should be asked again.
    pub(super) fn nomination_timeout(&self) -> Option<Instant> {
        if self.config.lite {
            return None;
        }
        let active = self.consent.active().filter(|a| !a.nominated && self.role.is_controlling())?;
        let i = self.checklist.pairs().iter().position(|p| Some(p.id) == active.pair && !p.nominating)?;
        self.relay_wait_ends(i)
    }

    /// Uses pair `i` from now on.
    fn select(&mut self, now: Instant, i: usize, nominated: bool) {
        let Some(pair) = self.checklist.get(i) else { return };
        let (id, path, remote, fallback) = (pair.id, pair.path, pair.remote, pair.is_fallback());
        if nominated {
            // RFC 8445 §9: the path of before a restart is needed until now.
            self.session.forget_previous();
        }
        if let Some(active) = self.consent.active_mut().filter(|a| a.pair == Some(id)) {
            active.nominated |= nominated;
            self.stop_unwanted_checks();
            self.update_state(now);
            return;
        }
        let route = self.visible_route(path, remote);
        let is_new = self.selected() != Some(route);
        barertc_wire::trace!("path {} is selected, nominated: {}", id, nominated);
        self.consent.begin(Active::new(id, path, remote, nominated, fallback), is_new);
        self.progress.found();
        self.renew_consent(now, i);
        self.schedule_consent(now);
        self.stop_unwanted_checks();
        if let Path::Relay(relay) = path {
            let channel = self.generator.bytes();
            if let Some(relay) = self.relays.get_mut(relay) {
                relay.bind(remote, channel, now);
            }
        }
        for pair in self.checklist.pairs_mut() {
            pair.insisted = 0;
            pair.nominating &= pair.id == id;
        }
        self.update_state(now);
    }

    /// The peer has just answered on pair `i`, which is in use.
    fn renew_consent(&mut self, now: Instant, i: usize) {
        if let (Some(active), Some(pair)) = (self.consent.active_mut(), self.checklist.get(i)) {
            active.local_priority = pair.local_priority;
            active.on_consent(now, self.config.consent_timeout, pair.stats.current_round_trip);
        }
        self.stop_unwanted_checks();
    }

    /// Looks at the path in use: expired, suspect, or disconnected.
    pub(super) fn watch_consent(&mut self, now: Instant) {
        let Some(active) = self.consent.active() else { return };
        if active.is_expired(now) {
            let route = self.visible_route(active.path, active.remote);
            let lost = active.pair;
            barertc_wire::trace!("consent is lost");
            self.consent.lose(route);
            self.session.forget_previous();
            self.progress.seen_mut().consent_lost = true;
            // After a restart that nobody has answered, no other timer makes a failure of this.
            if !self.progress.is_checking() {
                self.progress.lose_path(now, &self.config);
            }
            // RFC 7675 §5.1: these credentials are not used on this path again.
            self.checklist.forget_pair(lost);
            self.checklist.forget_nominations();
            self.check_everything_again();
        } else {
            let suspicion = self.config.suspicion;
            if self.consent.active_mut().is_some_and(|a| a.watch(now, suspicion)) {
                self.suspect(now);
            }
            self.leave_silent_path(now);
        }
        self.update_state(now);
    }

    /// Looks for another path, and for signs of life on this one, without leaving it yet.
    pub(super) fn suspect(&mut self, now: Instant) {
        if let Some(active) = self.consent.active_mut() {
            active.suspect(now);
            // Answers to what was sent until now are still welcome, but are not waited for again.
            self.check_everything_again();
        } else if self.progress.is_checking() {
            self.check_everything_again();
        }
    }

    /// Gives every pair another chance. A lite agent waits for the peer's checks instead.
    pub(super) fn check_everything_again(&mut self) {
        if !self.config.lite {
            self.checklist.check_everything_again();
        }
    }

    /// Whether the outcome of checking `pair` could change anything: not once another one is nominated and alive
    /// (RFC 8445 §8.1.2), unless that one is of the second choice and this one is not.
    pub(super) fn is_still_wanted(&self, pair: &Pair) -> bool {
        is_still_wanted(self.consent.active(), pair)
    }

    /// Stops the checks that are not wanted any more.
    pub(super) fn stop_unwanted_checks(&mut self) {
        let active = self.consent.active();
        let current = active.and_then(|a| a.pair);
        self.checklist.stop(|p| Some(p.id) != current && !p.nominate_when_valid && !is_still_wanted(active, p));
    }

    /// The check of pair `i` has failed.
    pub(super) fn fail(&mut self, now: Instant, i: usize) {
        if let Some(pair) = self.checklist.get_mut(i) {
            barertc_wire::trace!("check of pair {} has failed", pair.id);
            pair.check = None;
            pair.state = CandidatePairState::Failed;
            pair.nominating = false;
            pair.nominate_when_valid = false;
            // The pair in use is given up by its consent only, which a recheck does not shorten.
            if self.consent.uses(pair.id) {
                pair.state = CandidatePairState::Succeeded;
            } else {
                pair.valid_since = None;
                pair.nominated = false;
            }
        }
        self.nominate(now);
        self.update_state(now);
    }

    /// Tells early that no path can be found, when nothing is left to try.
    pub(super) fn warn(&mut self, _now: Instant) {
        let hopeless = !self.checklist.is_hopeful() && !self.gathering.is_running();
        if hopeless && self.consent.active().is_none() && self.progress.can_warn_early() {
            let reason = self.failure_reason();
            self.progress.warn(reason);
        }
    }

    /// The W3C's states.
    pub(super) fn update_state(&mut self, now: Instant) {
        if self.progress.is_closed() {
            return;
        }
        let state = match self.consent.active() {
            Some(a) if a.is_disconnected(now, &self.config) => State::Disconnected,
            // After a restart the old path carries on, and with the peer's description checking begins anew. Before that, and
            // when the restart is taken back, nothing has changed.
            Some(a) if a.pair.is_none() && self.session.remote().is_some() => State::Checking,
            Some(a) if a.nominated && !self.checklist.is_checking() => State::Completed,
            // Renewed checks on other pairs don't take back what was reached.
            Some(_) if self.progress.state() == State::Completed => State::Completed,
            Some(_) => State::Connected,
            None => self.state_without_a_path(now),
        };
        self.progress.set(state);
    }

    fn state_without_a_path(&self, now: Instant) -> State {
        if !self.progress.is_checking() {
            return State::New;
        }
        let patient = !self.progress.is_patience_over(now, &self.config);
        let before = self.progress.state();
        let has_failed = matches!(before, State::Failed(_));
        let looking = if self.progress.has_lost_path() { State::Disconnected } else { State::Checking };
        if patient || (self.checklist.is_hopeful() && !has_failed) {
            looking
        } else if has_failed {
            before
        } else {
            State::Failed(self.failure_reason())
        }
    }

    /// Why there is no path.
    pub(super) fn failure_reason(&self) -> FailureReason {
        let seen = self.progress.seen();
        match seen.refused {
            _ if seen.consent_lost => FailureReason::ConsentLost,
            _ if !self.locals.can_check() => FailureReason::NoLocalCandidate,
            _ if seen.unauthenticated && !seen.check => FailureReason::Unauthenticated,
            _ if self.checklist.remotes().next().is_none() => FailureReason::NoRemoteCandidate,
            _ if self.checklist.pairs().is_empty() => FailureReason::NoPair,
            Some(code) => FailureReason::Refused(code),
            None if seen.check => FailureReason::OneWay,
            None => FailureReason::Unanswered,
        }
    }
}

fn is_still_wanted(active: Option<&Active>, pair: &Pair) -> bool {
    match active.filter(|a| a.nominated && !a.is_suspect() && a.pair.is_some()) {
        Some(active) => active.fallback && !pair.is_fallback(),
        None => true,
    }
}
