//! What the network says: requests, responses, and the application's data on their way through.

use core::net::SocketAddr;
use core::ops::Range;
use core::time::Duration;

use barertc_arena::Allocator;
use barertc_crypto::{HmacSha256Key, Provider};
use barertc_wire::Instant;
use rand_core::Rng;

use super::message::{Answer, Outcome};
use super::{Agent, PairState, Path, claim};
use crate::candidate::{Candidate, CandidateType, Foundation, Route, priority, unscoped};
use crate::credentials::Credentials;
use crate::stun::{Class, Message, Method, attr};
use crate::turn::Inbound;
use crate::{Discard, Handled, State};

/// Retransmissions that a peer's checks can hasten are at least this far apart.
const HURRY: Duration = Duration::from_millis(50);

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// One datagram that arrived at `route.local` from `route.remote`. STUN is dealt with; for anything else the answer
    /// says where the application's bytes lie and which path they took.
    pub fn handle(&mut self, now: Instant, route: Route, datagram: &mut [u8]) -> Handled {
        self.advance(now);
        let route = Route { remote: unscoped(route.remote), ..route };
        self.arrived(route, datagram).unwrap_or_else(|reason| {
            self.discards.count(reason);
            Handled::Dropped(reason)
        })
    }

    fn arrived(&mut self, route: Route, datagram: &mut [u8]) -> Result<Handled, Discard> {
        let path = Path::Socket(route.local);
        if !self.locals.iter().any(|l| l.path == Some(path)) {
            return Err(Discard::UnknownLocal);
        }
        let relay = self.relays.iter().position(|r| r.is_reached_by(route));
        if let Some(i) = relay
            && let Some(client) = self.relays.get_mut(i)
        {
            match client.handle(self.now, &self.provider, &mut self.random, datagram)? {
                Inbound::Other => {}
                Inbound::Changed => {
                    self.on_relay_changed(i);
                    return Ok(Handled::Consumed);
                }
                Inbound::Data { .. } if self.state == State::Closed => return Err(Discard::Closed),
                Inbound::Data { peer, range } => return self.relayed(Path::Relay(i), peer, datagram, range),
            }
        }
        if self.state == State::Closed {
            return Err(Discard::Closed);
        }
        if route.protocol.is_stream() {
            return Err(Discard::UnknownRemote);
        }
        if self.config.relay_only && !self.asked(route.remote, datagram) {
            // Nobody was told of this way in, and an answer would tell.
            return Err(Discard::UnknownRemote);
        }
        self.handle_on(path, route.remote, datagram)
    }

    /// What a peer sent by way of a relay: like a datagram of its own, at another place.
    fn relayed(
        &mut self,
        path: Path,
        peer: SocketAddr,
        datagram: &mut [u8],
        range: Range<usize>,
    ) -> Result<Handled, Discard> {
        let at = range.start;
        let inner = datagram.get_mut(range).ok_or(Discard::Malformed)?;
        Ok(match self.handle_on(path, peer, inner)? {
            Handled::Data { range, route } => {
                Handled::Data { range: range.start.saturating_add(at)..range.end.saturating_add(at), route }
            }
            handled => handled,
        })
    }

    fn handle_on(&mut self, path: Path, remote: SocketAddr, datagram: &mut [u8]) -> Result<Handled, Discard> {
        // RFC 7983 §7: STUN begins with 0 to 3.
        if datagram.first().is_none_or(|b| *b > 3) {
            return self.data(path, remote, datagram.len());
        }
        let message = Message::parse(datagram).map_err(|_| Discard::Malformed)?;
        if message.method() != Method::BINDING {
            return Err(Discard::Unexpected);
        }
        match message.class() {
            Class::Request => self.request(path, remote, &message)?,
            Class::Success | Class::Error => self.response(path, remote, &message)?,
            // RFC 8445 §11: a keepalive, to which nothing is done.
            Class::Indication => {}
        }
        Ok(Handled::Consumed)
    }

    fn data(&mut self, path: Path, remote: SocketAddr, len: usize) -> Result<Handled, Discard> {
        let now = self.now;
        let pair = self.pairs.iter_mut().find(|p| p.path == path && p.remote == remote);
        if let Some(pair) = pair {
            pair.stats.packets_received = pair.stats.packets_received.saturating_add(1);
            pair.stats.bytes_received = pair.stats.bytes_received.saturating_add(len as u64);
            pair.stats.last_received = Some(now);
        } else if !self.active.as_ref().is_some_and(|a| a.path == path && a.remote == remote) {
            return Err(Discard::UnknownRemote);
        }
        Ok(Handled::Data { range: 0..len, route: self.visible_route(path, remote) })
    }

    /// RFC 8445 §7.3.
    fn request(&mut self, path: Path, remote: SocketAddr, m: &Message<'_>) -> Result<(), Discard> {
        let (ours, theirs) = m.username().and_then(|u| u.split_once(':')).ok_or(Discard::OtherSession)?;
        let previous = self.previous.as_ref().filter(|p| p.local.ufrag() == ours);
        let old = previous.is_some();
        let credentials = previous.map_or(&self.local_credentials, |p| &p.local);
        if ours != credentials.ufrag() {
            return Err(Discard::OtherSession);
        }
        let remote_ufrag = previous.map(|p| &p.remote).or(self.remote_credentials.as_ref()).map(Credentials::ufrag);
        if remote_ufrag.is_some_and(|r| r != theirs) {
            return Err(Discard::OtherSession);
        }
        if !verify(&self.provider, credentials, m) {
            return Err(Discard::Unauthenticated);
        }
        // From here on it is the peer who speaks, if perhaps from an address that is not its own.
        self.take_answer_token()?;
        let answer = |outcome| Answer { id: m.id(), path, remote, outcome, sha256: m.has_sha256(), previous: old };
        let unknown = m.unknown(|k| matches!(k, attr::USERNAME | attr::PRIORITY | attr::USE_CANDIDATE));
        let outcome = if !unknown.is_empty() {
            Outcome::Unknown(unknown)
        } else if !old && self.role_conflict(m) {
            Outcome::RoleConflict
        } else {
            if !old {
                self.learn(path, remote, theirs, m)?;
            }
            Outcome::Success
        };
        self.answers.push_back(answer(outcome)).map_err(|_| Discard::AnswersFull)
    }

    /// RFC 8445 §7.3.1.1: whether the sender must change its role; when it is this agent that must, it does.
    fn role_conflict(&mut self, m: &Message<'_>) -> bool {
        let theirs = m.u64(if self.controlling { attr::ICE_CONTROLLING } else { attr::ICE_CONTROLLED });
        let Some(theirs) = theirs else { return false };
        let stay_or_become_controlling = self.tie_breaker >= theirs;
        if self.controlling == stay_or_become_controlling {
            return true;
        }
        self.switch_role(stay_or_become_controlling);
        false
    }

    /// RFC 8445 §7.3.1.3 to 7.3.1.5: where the request came from, the check it triggers, and the nomination.
    fn learn(&mut self, path: Path, remote: SocketAddr, theirs: &str, m: &Message<'_>) -> Result<(), Discard> {
        let now = self.now;
        if !self.remotes.iter().any(|r| r.candidate.addr == remote) {
            let priority = m.u32(attr::PRIORITY).unwrap_or_else(|| priority(CandidateType::PeerReflexive, 0));
            // A foundation of its own (§7.3.1.3); "prflx" is none that a peer would send with a number.
            let foundation = Foundation::try_from("prflx").unwrap_or_default();
            let candidate =
                Candidate { addr: remote, kind: CandidateType::PeerReflexive, priority, foundation, related: None };
            let claimed = self.remote_credentials.is_none().then(|| claim(theirs));
            self.add_remote_candidate(candidate, claimed).map_err(|_| Discard::CandidatesFull)?;
        }
        let local = self.locals.iter().find(|l| l.path == Some(path)).map_or(0, |l| l.candidate.priority);
        let i = self.add_pair(path, local, remote).ok_or(Discard::CandidatesFull)?;
        let timing = self.config.timing();
        let lite = self.config.lite;
        if let Some(pair) = self.pairs.get_mut(i) {
            pair.stats.requests_received = pair.stats.requests_received.saturating_add(1);
            pair.stats.responses_sent = pair.stats.responses_sent.saturating_add(1);
            pair.stats.last_received = Some(now);
            match (&mut pair.check, pair.state) {
                // §7.3.1.4: repeat what is under way at once, the peer is there.
                (Some(check), _) if check.transaction.last_sent() + HURRY <= now => {
                    check.transaction.hurry(now, timing)
                }
                (Some(_), _) | (None, PairState::Succeeded) => {}
                (None, _) if !lite => self.trigger(i),
                (None, _) => {}
            }
        }
        if lite {
            // RFC 8445 §7.3.2: what the peer checks is valid here; and its checks are this side's consent.
            self.on_valid(i, false);
        }
        if m.get(attr::USE_CANDIDATE).is_some() && !self.controlling {
            self.on_use_candidate(i);
        }
        Ok(())
    }

    /// The bound of [`Config::answers_per_second`](crate::Config::answers_per_second).
    fn take_answer_token(&mut self) -> Result<(), Discard> {
        let most = self.config.answers_per_second;
        let each = Duration::from_secs(1).checked_div(most).ok_or(Discard::RateLimited)?;
        let passed = self.now.saturating_since(self.answer_tokens_at);
        let new = passed.as_nanos().checked_div(each.as_nanos()).unwrap_or_default();
        let new = u32::try_from(new).unwrap_or(u32::MAX);
        let left = self.answer_tokens.saturating_add(new);
        // What is left of the time counts for the next one, unless there are as many as there may be.
        self.answer_tokens_at = if left >= most { self.now } else { self.answer_tokens_at + each.saturating_mul(new) };
        self.answer_tokens = left.min(most);
        self.answer_tokens = self.answer_tokens.checked_sub(1).ok_or(Discard::RateLimited)?;
        Ok(())
    }

    /// RFC 8445 §7.2.5.
    fn response(&mut self, path: Path, remote: SocketAddr, m: &Message<'_>) -> Result<(), Discard> {
        if let Some(sent) = self.active.as_mut().and_then(|a| a.take_answer(m.id())) {
            return self.consent_response(path, remote, m, sent);
        }
        let Some(i) = self.pairs.iter().position(|p| p.check.is_some_and(|c| c.transaction.id == m.id())) else {
            return self.gathered(path, remote, m);
        };
        let credentials = self.remote_credentials.as_ref().ok_or(Discard::Unauthenticated)?;
        if !verify(&self.provider, credentials, m) {
            return Err(Discard::Unauthenticated);
        }
        let now = self.now;
        let Some(pair) = self.pairs.get_mut(i) else { return Err(Discard::UnknownTransaction) };
        let Some(check) = pair.check.take() else { return Err(Discard::UnknownTransaction) };
        // §7.2.5.2.1: the answer takes the way back that the request came.
        if pair.path != path || pair.remote != remote {
            self.fail(i);
            return Err(Discard::Asymmetric);
        }
        pair.on_round_trip(check.transaction.round_trip(now));
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
                pair.mapped = m.xor_address(attr::XOR_MAPPED_ADDRESS);
                let nominated = check.nominates && check.controlling && self.controlling;
                self.learn_own_address(i);
                self.on_valid(i, nominated);
            }
            (Class::Error, Some(487)) => {
                // §7.2.5.1: change the role that the request claimed, unless that has happened since.
                if check.controlling == self.controlling {
                    self.tie_breaker = self.random.next_u64();
                    self.switch_role(!check.controlling);
                }
                pair_waits(&mut self.pairs, i);
                self.trigger(i);
            }
            _ => self.fail(i),
        }
        Ok(())
    }

    fn consent_response(
        &mut self,
        path: Path,
        remote: SocketAddr,
        m: &Message<'_>,
        sent: Instant,
    ) -> Result<(), Discard> {
        let Some(active) = &self.active else { return Err(Discard::UnknownTransaction) };
        let current = active.pair.is_some();
        let credentials =
            if current { self.remote_credentials.as_ref() } else { self.previous.as_ref().map(|p| &p.remote) };
        if !credentials.is_some_and(|c| verify(&self.provider, c, m)) {
            return Err(Discard::Unauthenticated);
        }
        if active.path != path || active.remote != remote {
            return Err(Discard::Asymmetric);
        }
        if m.class() != Class::Success {
            return Err(Discard::Unexpected);
        }
        let (now, timeout) = (self.now, self.config.consent_timeout);
        let id = active.pair;
        if let Some(pair) = self.pairs.iter_mut().find(|p| Some(p.id) == id) {
            pair.on_round_trip(Some(now.saturating_since(sent)));
            pair.stats.last_received = Some(now);
        }
        if let Some(active) = &mut self.active {
            active.round_trip = Some(now.saturating_since(sent));
            active.on_consent(now, timeout);
        }
        self.stop_unwanted_checks();
        self.update_state();
        Ok(())
    }

    /// §7.2.5.3.1: an address that the peer sees and nobody knew of is a peer-reflexive local candidate. What is sent
    /// from it is sent from its base, so it is kept for the statistics only.
    fn learn_own_address(&mut self, i: usize) {
        let Some(pair) = self.pairs.get(i) else { return };
        let Path::Socket(base) = pair.path else { return };
        let (Some(mapped), local_priority) = (pair.mapped, pair.local_priority) else { return };
        if !self.locals.iter().any(|l| unscoped(l.candidate.addr) == mapped) {
            let candidate =
                Candidate::new(mapped, CandidateType::PeerReflexive, (local_priority >> 8) as u16, Some(base), None);
            // Without room for it nothing is lost.
            let _ = self.add_local_candidate(candidate, None);
        }
    }

    /// The check of pair `i` has failed.
    pub(super) fn fail(&mut self, i: usize) {
        if let Some(pair) = self.pairs.get_mut(i) {
            pair.check = None;
            pair.state = PairState::Failed;
            pair.nominating = false;
            let id = pair.id;
            // The pair in use is given up by its consent only, which a recheck does not shorten.
            if self.active.as_ref().is_some_and(|a| a.pair == Some(id)) {
                pair.state = PairState::Succeeded;
            } else {
                pair.valid_since = None;
                pair.nominated = false;
            }
        }
        self.nominate();
        self.update_state();
    }
}

fn pair_waits(pairs: &mut [super::Pair], i: usize) {
    if let Some(pair) = pairs.get_mut(i)
        && !pair.is_valid()
    {
        pair.state = PairState::Waiting;
    }
}

/// Whether `m` was made with the password of `credentials`; the stronger integrity counts where both are there.
fn verify<P: Provider>(provider: &P, credentials: &Credentials, m: &Message<'_>) -> bool {
    if m.has_sha256() {
        m.verify_sha256(provider, &HmacSha256Key::new(credentials.pwd().as_bytes()))
    } else {
        m.verify(provider, credentials.key())
    }
}
