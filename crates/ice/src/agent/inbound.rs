//! What the network says: requests, responses, and the application's data on their way through.
use core::net::SocketAddr;
use core::ops::Range;
use core::time::Duration;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::Instant;
use rand_core::Rng;

use super::Agent;
use super::candidates::peer_reflexive;
use super::message::{Answer, Outcome};
use super::path::Path;
use super::session::claim;
use crate::candidate::{Candidate, CandidateType};
use crate::credentials::Password;
use crate::event::{Carried, Discard, Handled};
use crate::route::{Route, is_unicast, unscoped};
use crate::stats::CandidatePairState;
use crate::stun::{Class, Message, Method, attr};
use crate::turn::Inbound;

/// Retransmissions that a peer's checks can hasten are at least this far apart.
const HURRY: Duration = Duration::from_millis(50);

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// Takes in one datagram that arrived at `route.local` from `route.remote`. STUN is dealt with. For anything else the
    /// result says where the application's bytes lie, and which path they took.
    ///
    /// A check without integrity or with a wrong one is dropped. RFC 8489 §9.1.3 asks for an error response with code 400
    /// or 401, but a client that follows §9.1.4 ignores that response, as it has no integrity. It would only serve those
    /// who make the agent send to forged addresses. [`Discard::Unauthenticated`] counts such checks, and
    /// [`FailureReason::Unauthenticated`](crate::FailureReason::Unauthenticated) tells of them when no path is found.
    pub fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) -> Handled {
        let route = Route { remote: unscoped(route.remote), ..route };
        self.arrived(now, route, datagram).unwrap_or_else(|reason| {
            self.discards.count(reason);
            Handled::Dropped(reason)
        })
    }

    fn arrived(&mut self, now: Instant, route: Route, datagram: &mut [u8]) -> Result<Handled, Discard> {
        let path = Path::of(route);
        if self.locals.by_path(path).is_none() {
            return Err(Discard::UnknownLocal);
        }
        if let Some(i) = self.relays.by_route(route)
            && let Some(client) = self.relays.get_mut(i)
        {
            let inbound = client.handle(now, &self.provider, &mut self.generator, datagram);
            match inbound {
                Ok(Inbound::Other) => {}
                Ok(Inbound::Changed) => {
                    self.on_relay_changed(now, i);
                    return Ok(Handled::Consumed);
                }
                Ok(Inbound::Data { peer, range }) => return self.relayed(now, Path::Relay(i), peer, datagram, range),
                Err(reason) => {
                    self.on_relay_changed(now, i);
                    return Err(reason);
                }
            }
        }
        if self.progress.is_closed() {
            return Err(Discard::Closed);
        }
        // By the stream of a server there is nobody but the server. With a policy of relay only, nobody was told of this way
        // in, and a response would tell.
        let asked = self.questions.expects(route.remote, datagram);
        let of_a_server = route.protocol.is_stream() && !path.is_tcp();
        if of_a_server || (self.config.relay_only && !asked) {
            return Err(Discard::UnknownRemote);
        }
        self.handle_on(now, path, route.remote, datagram)
    }

    /// What a peer sent by way of a relay: like a datagram of its own, at another place.
    fn relayed(
        &mut self,
        now: Instant,
        path: Path,
        peer: SocketAddr,
        datagram: &mut [u8],
        range: Range<usize>,
    ) -> Result<Handled, Discard> {
        if self.progress.is_closed() {
            return Err(Discard::Closed);
        }
        let at = range.start;
        let moved = |r: Range<usize>| r.start.saturating_add(at)..r.end.saturating_add(at);
        let inner = datagram.get_mut(range).ok_or(Discard::Malformed)?;
        Ok(match self.handle_on(now, path, peer, inner)? {
            Handled::Data { range, route } => Handled::Data { range: moved(range), route },
            Handled::Carried(c) => Handled::Carried(Carried { values: c.values.map(|v| v.map(moved)), ..c }),
            handled => handled,
        })
    }

    fn handle_on(
        &mut self,
        now: Instant,
        path: Path,
        remote: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<Handled, Discard> {
        if !is_unicast(remote) {
            return Err(Discard::NotUnicast);
        }
        // RFC 7983 §7: STUN begins with 0 to 3.
        if datagram.first().is_none_or(|b| *b > 3) {
            return self.data(now, path, remote, datagram.len());
        }
        let message = Message::parse(datagram).map_err(|_| Discard::Malformed)?;
        if message.method() != Method::BINDING {
            return Err(Discard::Unexpected);
        }
        let carries = match message.class() {
            Class::Request => self.request(now, path, remote, &message)?,
            Class::Success | Class::Error => self.response(now, path, remote, &message)?,
            // RFC 8445 §11: a keepalive, to which nothing is done.
            Class::Indication => false,
        };
        let Some(kinds) = self.config.carried.filter(|_| carries) else { return Ok(Handled::Consumed) };
        let values = kinds.map(|kind| message.range(kind));
        let route = self.visible_route(path, remote);
        Ok(Handled::Carried(Carried { class: message.class(), id: message.id(), route, values }))
    }

    fn data(&mut self, now: Instant, path: Path, remote: SocketAddr, len: usize) -> Result<Handled, Discard> {
        if let Some(pair) = self.checklist.by_path_mut(path, remote).filter(|pair| pair.is_authentic()) {
            pair.stats.packets_received = pair.stats.packets_received.saturating_add(1);
            pair.stats.bytes_received = pair.stats.bytes_received.saturating_add(len as u64);
            pair.stats.last_received = Some(now);
        } else if !(self.consent.is_on(path) && self.consent.is_with(remote)) {
            return Err(Discard::UnknownRemote);
        }
        Ok(Handled::Data { range: 0..len, route: self.visible_route(path, remote) })
    }

    /// RFC 8445 §7.3. Whether it is a check of the present session that was taken in.
    fn request(&mut self, now: Instant, path: Path, remote: SocketAddr, m: &Message<'_>) -> Result<bool, Discard> {
        let (ours, theirs) = m.username().and_then(|u| u.split_once(':')).ok_or(Discard::OtherSession)?;
        let named = self.session.named(ours, theirs).ok_or(Discard::OtherSession)?;
        let old = named.is_previous;
        if !verify(&self.provider, named.local.password(), m) {
            self.progress.seen_mut().unauthenticated = true;
            return Err(Discard::Unauthenticated);
        }
        // From here on it is the peer who speaks, if perhaps from an address that is not its own, or not for the first
        // time.
        self.answers.take_token(now)?;
        self.progress.seen_mut().check = true;
        let unknown = m.unknown(|k| matches!(k, attr::USERNAME | attr::PRIORITY | attr::USE_CANDIDATE));
        let outcome = if !unknown.is_empty() {
            Outcome::Unknown(unknown)
        } else if !old && self.role_conflict(m) {
            Outcome::RoleConflict
        } else {
            if !old {
                self.learn(now, path, remote, theirs, m)?;
            }
            Outcome::Success
        };
        let carries = !old && matches!(outcome, Outcome::Success);
        let (id, sha256) = (m.id(), m.has_sha256());
        self.answers.push(Answer { id, path, remote, outcome, asked: now, sha256, previous: old })?;
        Ok(carries)
    }

    /// RFC 8445 §7.3.1.1: whether the sender must change its role; when it is this agent that must, it does.
    fn role_conflict(&mut self, m: &Message<'_>) -> bool {
        let controlling = self.role.is_controlling();
        let theirs = m.u64(if controlling { attr::ICE_CONTROLLING } else { attr::ICE_CONTROLLED });
        let Some(theirs) = theirs else { return false };
        let stay_or_become_controlling = self.role.tie_breaker() >= theirs;
        if controlling == stay_or_become_controlling {
            return true;
        }
        self.switch_role(stay_or_become_controlling);
        false
    }

    /// RFC 8445 §7.3.1.3 to §7.3.1.5: where the request came from, the check it triggers, and the nomination.
    fn learn(
        &mut self,
        now: Instant,
        path: Path,
        remote: SocketAddr,
        theirs: &str,
        m: &Message<'_>,
    ) -> Result<(), Discard> {
        self.bound_connections(path, remote);
        if !self.checklist.has_remote(remote, path.is_tcp()) {
            let claimed = self.session.remote().is_none().then(|| claim(theirs));
            let candidate = peer_reflexive(remote, path.is_tcp(), m.u32(attr::PRIORITY));
            self.add_remote_candidate(now, candidate, claimed).map_err(|_| Discard::CandidatesFull)?;
        }
        let i = self.add_pair(now, path, remote).ok_or(Discard::CandidatesFull)?;
        let timing = self.config.timing();
        let lite = self.config.lite;
        let mut ask_back = false;
        if let Some(pair) = self.checklist.get_mut(i) {
            pair.stats.requests_received = pair.stats.requests_received.saturating_add(1);
            pair.stats.responses_sent = pair.stats.responses_sent.saturating_add(1);
            pair.stats.last_received = Some(now);
            match (&mut pair.check, pair.state) {
                // On a stream nothing is lost, so what is under way needs no repetition.
                (Some(_), _) if path.is_tcp() => {}
                // §7.3.1.4: a check that has no transmission left makes room for a new one.
                (Some(check), _) if check.transaction.is_spent(timing) => {
                    pair.check = None;
                    ask_back = true;
                }
                // The same, but what is under way is repeated at once: the peer is there.
                (Some(check), _) if check.transaction.last_sent() + HURRY <= now => {
                    check.transaction.hurry(now, timing)
                }
                (Some(_), _) => {}
                // What a lite agent was told once only, it asks back: the check may be a replayed one.
                (None, CandidatePairState::Succeeded) => ask_back = lite && pair.confirmed.is_none(),
                (None, _) => ask_back = true,
            }
        }
        if ask_back {
            self.checklist.trigger(i);
        }
        if lite && !self.consent.was_introduced() {
            // RFC 8445 §7.3.2: what the peer checks is valid here. That is believed of the first check only.
            self.on_valid(now, i, false);
        }
        if m.get(attr::USE_CANDIDATE).is_some() && !self.role.is_controlling() {
            self.on_use_candidate(now, i);
        }
        Ok(())
    }

    /// RFC 8445 §7.2.5. Whether it is a response of the present session that was taken in.
    fn response(&mut self, now: Instant, path: Path, remote: SocketAddr, m: &Message<'_>) -> Result<bool, Discard> {
        let consent = self.consent.active().and_then(|a| a.sent_at(m.id())).map(Some);
        if let Some(sent) = consent.or_else(|| self.consent.path_mtu().sent_at(m.id())) {
            let carries = self.consent_response(now, path, remote, m, sent)?;
            self.consent.path_mtu_mut().on_acked(now, m.id());
            return Ok(carries);
        }
        let Some(i) = self.checklist.by_transaction(m.id()) else {
            return self.gathered(now, path, remote, m).map(|()| false);
        };
        let credentials = self.session.remote().ok_or(Discard::Unauthenticated)?;
        if !verify(&self.provider, credentials.password(), m) {
            // RFC 8489 §9.1.4: as if it had never been received.
            self.progress.seen_mut().unauthenticated = true;
            return Err(Discard::Unauthenticated);
        }
        let Some(pair) = self.checklist.get_mut(i) else { return Err(Discard::UnknownTransaction) };
        let Some(check) = pair.check.take() else { return Err(Discard::UnknownTransaction) };
        // §7.2.5.2.1: the response takes the way back that the request came.
        if pair.path != path || pair.remote != remote {
            self.fail(now, i);
            return Err(Discard::Asymmetric);
        }
        pair.on_round_trip(check.round_trip(now, m.id()));
        pair.stats.last_received = Some(now);
        let known = |k| {
            matches!(
                k,
                attr::USERNAME
                    | attr::XOR_MAPPED_ADDRESS
                    | attr::MAPPED_ADDRESS
                    | attr::ERROR_CODE
                    | attr::UNKNOWN_ATTRIBUTES
            )
        };
        let understood = m.unknown(known).is_empty();
        match (m.class(), m.error_code()) {
            (Class::Success, _) if understood => {
                pair.mapped = m.xor_address(attr::XOR_MAPPED_ADDRESS).filter(|a| is_unicast(*a));
                let nominated = check.nominates && check.controlling && self.role.is_controlling();
                self.learn_own_address(now, i);
                self.on_valid(now, i, nominated);
                return Ok(true);
            }
            (Class::Error, Some(487)) => {
                // §7.2.5.1: change the role that the request claimed, unless that has happened since.
                if check.controlling == self.role.is_controlling() {
                    self.role.set_tie_breaker(self.generator.next_u64());
                    self.switch_role(!check.controlling);
                }
                if let Some(pair) = self.checklist.get_mut(i).filter(|p| !p.is_valid()) {
                    pair.state = CandidatePairState::Waiting;
                }
                self.checklist.trigger(i);
            }
            (_, code) => {
                self.progress.seen_mut().refused = code;
                self.fail(now, i);
            }
        }
        Ok(false)
    }

    fn consent_response(
        &mut self,
        now: Instant,
        path: Path,
        remote: SocketAddr,
        m: &Message<'_>,
        sent: Option<Instant>,
    ) -> Result<bool, Discard> {
        let before = self.consent.is_from_before();
        let credentials = if before { self.session.previous().map(|p| &p.remote) } else { self.session.remote() };
        if !credentials.is_some_and(|c| verify(&self.provider, c.password(), m)) {
            return Err(Discard::Unauthenticated);
        }
        if !(self.consent.is_on(path) && self.consent.is_with(remote)) {
            return Err(Discard::Asymmetric);
        }
        if m.class() != Class::Success {
            return Err(Discard::Unexpected);
        }
        let round_trip = sent.map(|sent| now.saturating_since(sent));
        if let Some(pair) = self.checklist.by_id_mut(self.consent.pair()) {
            pair.on_round_trip(round_trip);
            pair.confirmed = Some(now);
            pair.stats.last_received = Some(now);
        }
        if let Some(active) = self.consent.active_mut() {
            active.on_consent(now, self.config.consent_timeout, round_trip);
        }
        self.stop_unwanted_checks();
        self.update_state(now);
        Ok(!before)
    }

    /// §7.2.5.3.1: an address that the peer sees and nobody knew of is a peer-reflexive local candidate. What is sent
    /// from it is sent from its base, so it is kept to be known only.
    fn learn_own_address(&mut self, now: Instant, i: usize) {
        let Some(pair) = self.checklist.get(i) else { return };
        let Path::Socket(base) = pair.path else { return };
        let (Some(mapped), preference) = (pair.mapped, (pair.local_priority >> 8) as u16) else { return };
        if !self.locals.contains(mapped) {
            let candidate = Candidate::new(mapped, CandidateType::PeerReflexive, preference, Some(base), None);
            // Without room for it nothing is lost.
            let _ = self.add_local_candidate(now, candidate, base, None);
        }
    }
}

/// Whether `m` was made with this password; the stronger integrity counts where both are there.
fn verify<P: Provider>(provider: &P, password: &Password, m: &Message<'_>) -> bool {
    if m.has_sha256() { m.verify_sha256(provider, &password.key_sha256()) } else { m.verify(provider, password.key()) }
}
