//! The pair in use, and the peer's consent to be sent to (RFC 7675).

use core::net::SocketAddr;
use core::time::Duration;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::Instant;

use super::message::Request;
use super::{Agent, Path};
use crate::candidate::{CandidateType, priority};
use crate::stun::TransactionId;
use crate::{Event, State};

/// Requests whose answers count: as many as fit into 30 seconds at one every 4.
const REMEMBERED: usize = 8;

/// The pair that data go by.
#[derive(Debug)]
pub(crate) struct Active {
    /// The pair's id; none after a restart, when the old path is kept alive with the old credentials.
    pub(crate) pair: Option<u32>,
    pub(crate) path: Path,
    pub(crate) remote: SocketAddr,
    pub(crate) nominated: bool,
    pub(crate) relayed: bool,
    pub(crate) local_priority: u32,
    pub(crate) round_trip: Option<Duration>,
    expires: Instant,
    next: Instant,
    sent: heapless::Deque<(TransactionId, Instant), REMEMBERED>,
    /// When a request was found unanswered for too long.
    pub(crate) suspect_since: Option<Instant>,
}

impl Active {
    pub(super) fn new(pair: u32, path: Path, remote: SocketAddr) -> Self {
        Self {
            pair: Some(pair),
            path,
            remote,
            nominated: false,
            relayed: false,
            local_priority: 0,
            round_trip: None,
            expires: Instant::ZERO,
            next: Instant::ZERO,
            sent: heapless::Deque::new(),
            suspect_since: None,
        }
    }

    /// A valid, authenticated response came at `now`.
    pub(super) fn on_consent(&mut self, now: Instant, timeout: Duration) {
        self.expires = now + timeout;
        self.suspect_since = None;
        self.sent.retain(|(_, at)| *at >= now);
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires <= now
    }

    /// Whether it has stayed silent while it was checked anew.
    pub(super) fn is_given_up(&self, now: Instant, suspicion: Duration) -> bool {
        self.suspect_since.is_some_and(|at| at + suspicion <= now)
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    /// When the oldest unanswered request makes the path suspect.
    fn suspicion_at(&self, suspicion: Duration) -> Option<Instant> {
        let wait = suspicion.max(self.round_trip.unwrap_or_default().saturating_mul(4));
        self.sent.front().filter(|_| self.suspect_since.is_none()).map(|(_, at)| *at + wait)
    }

    pub(super) fn take_answer(&mut self, id: TransactionId) -> Option<Instant> {
        self.sent.iter().find(|(i, _)| *i == id).map(|(_, at)| *at)
    }
}

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// Between 0.8 and 1.2 times the period (RFC 7675 §5.1).
    pub(super) fn consent_interval(&mut self) -> Duration {
        let [r] = self.random.bytes::<1>();
        let range = self.config.consent_interval.saturating_mul(2).checked_div(5).unwrap_or_default();
        let random = range.saturating_mul(r.into()).checked_div(255).unwrap_or_default();
        range.saturating_mul(2).saturating_add(random)
    }

    /// The next consent check after one interval from now.
    pub(super) fn schedule_consent(&mut self) {
        let next = self.now + self.consent_interval();
        if let Some(active) = &mut self.active {
            active.next = next;
        }
    }

    /// Makes the consent check that is due.
    pub(super) fn next_consent_request(&mut self) -> Option<(Request, Path, SocketAddr)> {
        let now = self.now;
        if self.config.lite || !self.active.as_ref()?.is_due(now) {
            return None;
        }
        let id = TransactionId(self.random.bytes());
        self.schedule_consent();
        let (controlling, tie_breaker) = (self.controlling, self.tie_breaker);
        let active = self.active.as_mut()?;
        if active.sent.is_full() {
            active.sent.pop_front();
        }
        let _ = active.sent.push_back((id, now));
        let local_preference = (active.local_priority >> 8) as u16;
        // A nominated pair says so again: a peer that lost its state, or that counts nominations, stays with it.
        let use_candidate = controlling && active.nominated && active.pair.is_some();
        let priority = priority(CandidateType::PeerReflexive, local_preference);
        let request = Request { id, priority, controlling, tie_breaker, use_candidate };
        let (pair, path, remote) = (active.pair, active.path, active.remote);
        if let Some(pair) = self.pairs.iter_mut().find(|p| Some(p.id) == pair) {
            pair.stats.consent_requests_sent = pair.stats.consent_requests_sent.saturating_add(1);
        }
        Some((request, path, remote))
    }

    /// Looks at the pair in use: expired, suspect, or disconnected.
    pub(super) fn watch_consent(&mut self) {
        let now = self.now;
        let Some(active) = &self.active else { return };
        if active.is_expired(now) {
            let route = self.visible_route(active.path, active.remote);
            let lost = active.pair;
            self.active = None;
            self.previous = None;
            // RFC 7675 §5.1: these credentials are not used on this path again.
            self.pairs.retain(|p| Some(p.id) != lost);
            self.push_event(Event::ConsentLost(route));
            self.forget_nominations();
            self.check_everything_again();
            self.update_state();
            return;
        }
        if active.suspicion_at(self.config.suspicion).is_some_and(|at| at <= now) {
            self.suspect();
        }
        self.leave_silent_path();
        self.update_state();
    }

    /// Looks for another path, and for signs of life on this one, without leaving it yet.
    pub(super) fn suspect(&mut self) {
        let now = self.now;
        if let Some(active) = &mut self.active {
            active.suspect_since = Some(active.suspect_since.unwrap_or(now));
            // Answers to what was sent until now are still welcome, but are not waited for again.
            self.check_everything_again();
        } else if self.checking_since.is_some() {
            self.check_everything_again();
        }
    }

    /// When [`watch_consent`](Self::watch_consent) has something to see, or a check is due.
    pub(super) fn consent_timeout(&self) -> Option<Instant> {
        let active = self.active.as_ref()?;
        let check = (!self.config.lite).then_some(active.next);
        let suspicion = active.suspicion_at(self.config.suspicion);
        let disconnected = active
            .suspect_since
            .filter(|_| self.state != State::Disconnected)
            .map(|at| at + self.config.disconnected_after);
        let given_up = active.suspect_since.map(|at| at + self.config.suspicion).filter(|at| *at > self.now);
        [check, suspicion, disconnected, given_up].into_iter().fold(Some(active.expires), Instant::earliest)
    }
}
