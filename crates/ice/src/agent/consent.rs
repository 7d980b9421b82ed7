//! The path in use, and the peer's consent to be sent to (RFC 7675).
use core::net::SocketAddr;
use core::time::Duration;

use barertc_wire::Instant;

use super::path::Path;
use super::path_mtu::PathMtu;
use crate::config::{Config, PathMtuBounds};
use crate::route::Route;
use crate::stun::TransactionId;

/// Requests whose responses count: as many as fit into 30 seconds at one every 4.
const REMEMBERED: usize = 8;

/// The pair that data take.
#[derive(Debug)]
pub(super) struct Active {
    /// The pair's id; none after a restart, when the old path is kept alive with the old credentials.
    pub(super) pair: Option<u32>,
    pub(super) path: Path,
    pub(super) remote: SocketAddr,
    pub(super) nominated: bool,
    /// It is of the second choice: see [`Pair::is_fallback`](super::pair::Pair::is_fallback).
    pub(super) fallback: bool,
    pub(super) local_priority: u32,
    round_trip: Option<Duration>,
    /// When the right to send ends.
    expires: Instant,
    /// When the next consent check is due.
    next: Instant,
    sent: heapless::Deque<(TransactionId, Instant), REMEMBERED>,
    /// When a request was found unanswered for too long.
    suspect_since: Option<Instant>,
    /// It stayed silent while it was checked anew, and that has been seen.
    given_up: bool,
}

impl Active {
    pub(super) const fn new(pair: u32, path: Path, remote: SocketAddr, nominated: bool, fallback: bool) -> Self {
        Self {
            pair: Some(pair),
            path,
            remote,
            nominated,
            fallback,
            local_priority: 0,
            round_trip: None,
            expires: Instant::ZERO,
            next: Instant::ZERO,
            sent: heapless::Deque::new(),
            suspect_since: None,
            given_up: false,
        }
    }

    /// A valid, authenticated response came at `now`.
    pub(super) fn on_consent(&mut self, now: Instant, timeout: Duration, round_trip: Option<Duration>) {
        self.round_trip = round_trip.or(self.round_trip);
        self.expires = now + timeout;
        self.suspect_since = None;
        self.given_up = false;
        for _ in 0..self.sent.len() {
            if let Some(sent) = self.sent.pop_front().filter(|(_, at)| *at >= now) {
                // A place has just become free.
                let _ = self.sent.push_back(sent);
            }
        }
    }

    pub(super) fn is_expired(&self, now: Instant) -> bool {
        self.expires <= now
    }

    /// Whether a valid response has come since `at`.
    pub(super) fn is_confirmed_since(&self, at: Instant, timeout: Duration) -> bool {
        self.expires >= at + timeout
    }

    pub(super) const fn is_suspect(&self) -> bool {
        self.suspect_since.is_some()
    }

    pub(super) const fn suspect_since(&self) -> Option<Instant> {
        self.suspect_since
    }

    pub(super) fn suspect(&mut self, since: Instant) {
        self.suspect_since = Some(self.suspect_since.unwrap_or(since));
    }

    /// The peer is known to be elsewhere: that is silence enough.
    pub(super) fn give_up(&mut self, now: Instant) {
        self.suspect(now);
        self.given_up = true;
    }

    /// Whether it has stayed silent while it was checked anew.
    pub(super) fn is_given_up(&self, now: Instant, suspicion: Duration) -> bool {
        self.given_up || self.suspect_since.is_some_and(|at| at + suspicion <= now)
    }

    pub(super) fn is_disconnected(&self, now: Instant, config: &Config) -> bool {
        self.suspect_since.is_some_and(|at| at + config.disconnected_after <= now)
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.next <= now
    }

    pub(super) fn schedule(&mut self, next: Instant) {
        self.next = next;
    }

    pub(super) fn on_sent(&mut self, id: TransactionId, now: Instant) {
        if self.sent.is_full() {
            self.sent.pop_front();
        }
        let _ = self.sent.push_back((id, now));
    }

    /// When the request with this id was sent, if its response counts.
    pub(super) fn sent_at(&self, id: TransactionId) -> Option<Instant> {
        self.sent.iter().find(|(i, _)| *i == id).map(|(_, at)| *at)
    }

    /// When the oldest unanswered request makes the path suspect.
    fn suspicion_at(&self, suspicion: Duration) -> Option<Instant> {
        let wait = suspicion.max(self.round_trip.unwrap_or_default().saturating_mul(4));
        self.sent.front().filter(|_| self.suspect_since.is_none()).map(|(_, at)| *at + wait)
    }

    /// Looks at the clock; whether the path has become suspect.
    pub(super) fn watch(&mut self, now: Instant, suspicion: Duration) -> bool {
        self.given_up = self.is_given_up(now, suspicion);
        self.suspicion_at(suspicion).is_some_and(|at| at <= now)
    }

    /// When there is something to see or to send. `disconnected`: that has been told.
    pub(super) fn timeout(&self, config: &Config, disconnected: bool) -> Option<Instant> {
        let since = |wait| self.suspect_since.map(|at| at + wait);
        let disconnected = since(config.disconnected_after).filter(|_| !disconnected);
        let given_up = since(config.suspicion).filter(|_| !self.given_up);
        [Some(self.next), self.suspicion_at(config.suspicion), disconnected, given_up]
            .into_iter()
            .fold(Some(self.expires), Instant::earliest)
    }
}

/// The path in use, if there is one, and what the owner has to be told about it.
pub(super) struct Consent {
    active: Option<Active>,
    /// The owner is to be told which path is in use.
    untold: bool,
    /// The path on which consent has run out, until that is told.
    lost: Option<Route>,
    /// A path has been in use since the last restart.
    introduced: bool,
    /// The largest datagram that the path carries.
    path_mtu: PathMtu,
}

impl Consent {
    pub(super) const fn new(sizes: Option<PathMtuBounds>) -> Self {
        Self { active: None, untold: false, lost: None, introduced: false, path_mtu: PathMtu::new(sizes) }
    }

    pub(super) const fn path_mtu(&self) -> &PathMtu {
        &self.path_mtu
    }

    pub(super) const fn path_mtu_mut(&mut self) -> &mut PathMtu {
        &mut self.path_mtu
    }

    pub(super) const fn active(&self) -> Option<&Active> {
        self.active.as_ref()
    }

    pub(super) const fn active_mut(&mut self) -> Option<&mut Active> {
        self.active.as_mut()
    }

    /// The pair in use.
    pub(super) fn pair(&self) -> Option<u32> {
        self.active.as_ref().and_then(|a| a.pair)
    }

    pub(super) fn uses(&self, pair: u32) -> bool {
        self.pair() == Some(pair)
    }

    pub(super) fn is_on(&self, path: Path) -> bool {
        self.active.as_ref().is_some_and(|a| a.path == path)
    }

    pub(super) fn is_tcp(&self) -> bool {
        self.active.as_ref().is_some_and(|a| a.path.is_tcp())
    }

    pub(super) fn is_with(&self, remote: SocketAddr) -> bool {
        self.active.as_ref().is_some_and(|a| a.remote == remote)
    }

    /// The path in use is one of before a restart.
    pub(super) fn is_from_before(&self) -> bool {
        self.active.as_ref().is_some_and(|a| a.pair.is_none())
    }

    /// Whether a path has been in use since the last restart.
    pub(super) const fn was_introduced(&self) -> bool {
        self.introduced
    }

    pub(super) fn begin(&mut self, active: Active, is_new: bool) {
        self.active = Some(active);
        self.introduced = true;
        self.untold |= is_new;
    }

    pub(super) fn end(&mut self) {
        self.active = None;
    }

    /// Consent has run out.
    pub(super) fn lose(&mut self, route: Route) {
        self.active = None;
        self.lost = Some(route);
    }

    /// The credentials change: the path is kept alive with the old ones.
    pub(super) fn restart(&mut self) -> bool {
        self.introduced = false;
        let Some(active) = self.active.as_mut().filter(|a| a.pair.is_some()) else { return false };
        active.pair = None;
        true
    }

    pub(super) fn poll_lost(&mut self) -> Option<Route> {
        self.lost.take()
    }

    /// Whether the owner is to be told which path is in use.
    pub(super) fn poll_selected(&mut self) -> bool {
        core::mem::take(&mut self.untold) && self.active.is_some()
    }
}
