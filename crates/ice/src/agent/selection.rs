//! Which valid pair is used, who says so, and what the application is told (RFC 8445 §8).
//!
//! Regular nomination, as early as it can be: the controlling agent nominates the first pair that is valid, without
//! waiting for better ones, since data are allowed on it from that moment and every later change would disturb them. Only a
//! relayed pair waits a little for a direct one. Aggressive nomination (USE-CANDIDATE in every check) would save one
//! round trip of signalling but no round trip of data.

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::Instant;

use super::{Active, Agent, Pair, PairState, Path};
use crate::{Event, State};

/// Nominations in a row by which a peer says that it means it, although another pair has a higher priority.
const INSISTENT: u8 = 2;

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// The check of pair `i` has succeeded.
    pub(super) fn on_valid(&mut self, i: usize, nominated: bool) {
        let (now, controlling) = (self.now, self.controlling);
        let Some(pair) = self.pairs.get_mut(i) else { return };
        pair.state = PairState::Succeeded;
        pair.valid_since = pair.valid_since.or(Some(now));
        pair.confirmed = Some(now);
        let agreed = nominated || (!controlling && core::mem::take(&mut pair.nominate_when_valid));
        pair.nominated |= agreed;
        let (id, foundation, priority) = (pair.id, pair.foundation, pair.priority(controlling));
        self.unfreeze(foundation);
        if agreed {
            self.select(i, true);
        } else if self.may_replace_active(id, priority) {
            self.select(i, false);
        }
        if self.active.as_ref().is_some_and(|a| a.pair == Some(id)) {
            self.renew_consent(i);
        }
        self.nominate();
        self.update_state();
    }

    /// Whether a pair that is valid but not nominated is to be used now: there is none, a worse one not nominated
    /// either, or one that has fallen silent.
    fn may_replace_active(&self, id: u32, priority: u64) -> bool {
        let Some(active) = &self.active else { return true };
        let other = active.pair != Some(id);
        if other && (active.is_given_up(self.now, self.config.suspicion) || active.pair.is_none()) {
            return true;
        }
        let current = self.pairs.iter().find(|p| Some(p.id) == active.pair);
        !active.nominated && current.is_some_and(|c| c.priority(self.controlling) < priority)
    }

    /// Leaves a path that stayed silent for the best one that has answered in the meantime. One lost packet is not enough
    /// for that: the silent path had its own check first.
    pub(super) fn leave_silent_path(&mut self) {
        let (now, controlling) = (self.now, self.controlling);
        let Some(active) = self.active.as_ref().filter(|a| a.is_given_up(now, self.config.suspicion)) else { return };
        let answered =
            |p: &Pair| Some(p.id) != active.pair && p.confirmed.is_some() && p.confirmed >= active.suspect_since;
        let all = self.pairs.iter().enumerate().filter(|(_, p)| answered(p));
        let Some((i, _)) = all.max_by_key(|(_, p)| p.priority(controlling)) else { return };
        self.select(i, false);
        self.nominate();
    }

    /// The peer, controlling, has nominated pair `i` (RFC 8445 §7.3.1.5).
    ///
    /// One that nominates several (RFC 5245 agents, and browsers, which do so whenever they change their mind) ends up on
    /// the one with the highest priority, or on the one that it keeps naming, or on any when the present one is silent.
    pub(super) fn on_use_candidate(&mut self, i: usize) {
        let controlling = self.controlling;
        let Some(pair) = self.pairs.get_mut(i) else { return };
        if !pair.is_valid() || pair.state != PairState::Succeeded {
            pair.nominate_when_valid = true;
            return;
        }
        pair.nominated = true;
        pair.insisted = pair.insisted.saturating_add(1);
        let (id, priority, insisted) = (pair.id, pair.priority(controlling), pair.insisted);
        let Some(active) = &self.active else { return self.select(i, true) };
        if active.pair == Some(id) {
            self.select(i, true);
            for pair in self.pairs.iter_mut() {
                pair.insisted = 0;
            }
            return;
        }
        let current = self.pairs.iter().find(|p| Some(p.id) == active.pair).map(|p| p.priority(controlling));
        let better = !active.nominated || active.suspect_since.is_some() || current.is_none_or(|c| c < priority);
        if better || insisted >= INSISTENT {
            self.select(i, true);
        }
    }

    /// The controlling agent's part: names the pair to be used.
    pub(super) fn nominate(&mut self) {
        if !self.controlling || self.config.lite {
            return;
        }
        let Some(active) = &self.active else { return };
        if self.pairs.iter().any(|p| p.nominating) {
            return;
        }
        let choice = if !active.nominated {
            self.pairs.iter().position(|p| Some(p.id) == active.pair)
        } else if active.relayed {
            // A direct way found late is worth a second nomination: libwebrtc and libnice follow it, and a peer that does
            // not still takes what comes there.
            self.pairs.iter().position(|p| p.is_valid() && !p.nominated && !p.is_relayed())
        } else {
            None
        };
        let Some(i) = choice else { return };
        if self.relay_wait_ends(i).is_some_and(|end| self.now < end) {
            return;
        }
        if let Some(pair) = self.pairs.get_mut(i) {
            pair.nominating = true;
        }
        self.trigger(i);
    }

    /// Until when a relayed pair is not nominated yet; none when nothing better can come.
    fn relay_wait_ends(&self, i: usize) -> Option<Instant> {
        let pair = self.pairs.get(i).filter(|p| p.is_relayed())?;
        let hopeful = |s| matches!(s, PairState::Frozen | PairState::Waiting | PairState::InProgress);
        let better = self.pairs.iter().any(|p| !p.is_relayed() && hopeful(p.state));
        pair.valid_since.filter(|_| better).map(|since| since + self.config.relay_patience)
    }

    /// When [`nominate`](Self::nominate) should be asked again.
    pub(super) fn nomination_timeout(&self) -> Option<Instant> {
        let active = self.active.as_ref().filter(|a| !a.nominated && self.controlling)?;
        let i = self.pairs.iter().position(|p| Some(p.id) == active.pair && !p.nominating)?;
        self.relay_wait_ends(i)
    }

    /// Uses pair `i` from now on.
    fn select(&mut self, i: usize, nominated: bool) {
        let Some(pair) = self.pairs.get(i) else { return };
        let (id, path, remote, relayed) = (pair.id, pair.path, pair.remote, pair.is_relayed());
        if nominated {
            // RFC 8445 §9: the path of before a restart is needed until now.
            self.previous = None;
        }
        if let Some(active) = self.active.as_mut().filter(|a| a.pair == Some(id)) {
            active.nominated |= nominated;
            self.stop_unwanted_checks();
            self.update_state();
            return;
        }
        let before = self.selected();
        self.active = Some(Active::new(id, path, remote));
        self.renew_consent(i);
        self.schedule_consent();
        if let Some(active) = &mut self.active {
            active.nominated = nominated;
            active.relayed = relayed;
        }
        self.stop_unwanted_checks();
        if let Path::Relay(relay) = path {
            let channel = self.random.bytes();
            let now = self.now;
            if let Some(relay) = self.relays.get_mut(relay) {
                relay.bind(remote, channel, now);
            }
        }
        for pair in self.pairs.iter_mut() {
            pair.insisted = 0;
            pair.nominating &= pair.id == id;
        }
        let after = self.visible_route(path, remote);
        if before != Some(after) {
            self.push_event(Event::Selected(after));
        }
        self.update_state();
    }

    /// The peer has just answered on pair `i`, which is in use.
    pub(super) fn renew_consent(&mut self, i: usize) {
        let (now, timeout) = (self.now, self.config.consent_timeout);
        if let (Some(active), Some(pair)) = (&mut self.active, self.pairs.get(i)) {
            active.local_priority = pair.local_priority;
            active.round_trip = pair.stats.current_round_trip.or(active.round_trip);
            active.on_consent(now, timeout);
        }
        self.stop_unwanted_checks();
    }

    /// After the pair in use was lost, the next one whose check succeeds will be used.
    pub(super) fn forget_nominations(&mut self) {
        for pair in self.pairs.iter_mut() {
            pair.nominated = false;
            pair.nominating = false;
        }
    }

    /// The W3C's states.
    pub(super) fn update_state(&mut self) {
        if self.state == State::Closed {
            return;
        }
        let state = match &self.active {
            Some(a) if a.suspect_since.is_some_and(|at| at + self.config.disconnected_after <= self.now) => {
                State::Disconnected
            }
            // After a restart the old path carries on, but checking has begun anew.
            Some(a) if a.pair.is_none() => State::Checking,
            Some(a) if a.nominated && !self.pairs.iter().any(|p| p.check.is_some()) => State::Completed,
            // Renewed checks on other pairs don't take back what was reached.
            Some(_) if self.state == State::Completed => State::Completed,
            Some(_) => State::Connected,
            None => self.state_without_a_path(),
        };
        self.set_state(state);
    }

    fn state_without_a_path(&self) -> State {
        let Some(since) = self.checking_since else { return State::New };
        let patient = self.now < since + self.config.patience;
        let hopeful = self.pairs.iter().any(|p| !matches!(p.state, PairState::Failed) || p.triggered.is_some());
        if patient || (hopeful && self.state != State::Failed) { State::Checking } else { State::Failed }
    }
}
