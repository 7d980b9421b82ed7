//! The agent: its parts, and what the application tells it. What the network tells it is in `inbound`, what it sends in
//! `outbound`, which path it uses in `selection`, and what servers give it in `servers`.
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;

use barertc_arena::Allocator;
use barertc_crypto::{Generator, Provider};
use barertc_wire::Instant;
use rand_core::{CryptoRng, Rng};

use answers::Answers;
use checklist::Checklist;
use consent::Consent;
use gathering::Gathering;
use locals::Locals;
use path::Path;
use progress::Progress;
use questions::Questions;
use relays::Relays;
use role::Role;
use session::{Session, claim};

use crate::candidate::{Candidate, CandidateType, Foundation};
use crate::config::Config;
use crate::credentials::{Local, Remote};
use crate::error::Error;
use crate::event::{Discards, Event, GatheringState, State};
use crate::route::{Protocol, Route, is_unicast, unscoped};
use crate::sdp::{CandidateLine, SdpLines};
use crate::stats::CandidatePairStats;

mod answers;
mod checklist;
mod consent;
mod gathering;
mod inbound;
mod locals;
mod message;
mod outbound;
mod pair;
mod path;
mod progress;
mod questions;
mod relays;
mod role;
mod selection;
mod servers;
mod session;

/// An ICE agent for one component: full or lite, controlling or controlled.
///
/// Order of calls: [`new`](Self::new); [`add_local`](Self::add_local) for every address that a socket is bound to;
/// [`gather`](Self::gather). The description, with [`local_credentials`](Self::local_credentials) and
/// [`local_candidates`](Self::local_candidates), goes to the other side. The other side's description comes in by
/// [`set_remote_credentials`](Self::set_remote_credentials), [`add_remote`](Self::add_remote) and
/// [`end_of_candidates`](Self::end_of_candidates). After `new`, these calls may come at any time and in any order. Checks
/// that arrive before the remote description are answered and remembered.
///
/// After every call with `&mut self` the caller empties [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event), and calls [`handle_timeout`](Self::handle_timeout) at [`timeout`](Self::timeout).
///
/// Time must not run backwards from call to call.
pub struct Agent<A: Allocator + Clone, P: Provider> {
    config: Config,
    provider: P,
    generator: Generator,
    role: Role,
    session: Session,
    locals: Locals<A>,
    checklist: Checklist<A>,
    consent: Consent,
    questions: Questions<A>,
    relays: Relays<A>,
    gathering: Gathering,
    answers: Answers<A>,
    /// Before this time, no new transaction starts (Ta, RFC 8445 §14.2).
    paced_until: Instant,
    progress: Progress,
    discards: Discards,
}

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// The most that an agent with this configuration ever takes from its allocator, in bytes.
    #[must_use]
    pub const fn worst_case_bytes(config: &Config) -> usize {
        Locals::<A>::bytes(config)
            .saturating_add(Checklist::<A>::bytes(config))
            .saturating_add(Answers::<A>::bytes())
            .saturating_add(Questions::<A>::bytes(config))
            .saturating_add(Relays::<A>::bytes(config))
    }

    /// An agent with fresh credentials and no candidates. `rng` seeds a generator of the agent's own, from which later
    /// credentials and transaction ids come.
    ///
    /// # Errors
    /// [`Error::Config`] where [`Config::check`] fails, and [`Error::NoMemory`].
    pub fn new<R: CryptoRng + ?Sized>(
        config: Config,
        controlling: bool,
        alloc: A,
        provider: P,
        rng: &mut R,
    ) -> Result<Self, Error> {
        config.check()?;
        let mut generator = Generator::new(rng);
        Ok(Self {
            role: Role::new(controlling, generator.next_u64()),
            session: Session::new(Local::random(&mut generator)),
            locals: Locals::new(&config, alloc.clone())?,
            checklist: Checklist::new(&config, alloc.clone())?,
            consent: Consent::new(),
            questions: Questions::new(&config, alloc.clone())?,
            answers: Answers::new(&config, alloc.clone())?,
            relays: Relays::new(&config, alloc)?,
            gathering: Gathering::new(),
            paced_until: Instant::ZERO,
            progress: Progress::new(),
            discards: Discards::default(),
            config,
            provider,
            generator,
        })
    }

    /// Adds a host candidate for a bound socket, also later, when an interface comes up. [`Event::LocalCandidate`]
    /// announces the candidate. An address that was added before changes nothing.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there are [`Config::max_local`] already, and [`Error::Unreachable`] for an address that is
    /// unspecified, multicast or broadcast, or has port 0: a socket that is bound to all addresses is added with each
    /// address that its machine has.
    pub fn add_local(&mut self, now: Instant, candidate: Candidate) -> Result<(), Error> {
        let base = candidate.addr;
        self.add_socket(now, candidate, base)
    }

    /// Adds a host candidate for a socket that others reach under another address: behind a port forwarding, or a NAT
    /// that maps addresses one to one. The peer is told `public`. The agent receives on and sends from `local`. One socket
    /// may have several public addresses, and several sockets may have one each.
    ///
    /// # Errors
    /// As [`add_local`](Self::add_local).
    pub fn add_mapped(&mut self, now: Instant, local: SocketAddr, public: SocketAddr) -> Result<(), Error> {
        let mut candidate = Candidate::host(local);
        candidate.addr = public;
        self.add_socket(now, candidate, local)
    }

    fn add_socket(&mut self, now: Instant, candidate: Candidate, base: SocketAddr) -> Result<(), Error> {
        for addr in [base, candidate.addr] {
            if !is_unicast(addr) {
                return Err(Error::Unreachable(addr));
            }
        }
        // Of several candidates of one socket, the first one stands for it in pairs.
        let path = Path::Socket(base);
        let path = (!self.locals.has_socket(base)).then_some(path);
        self.add_local_candidate(now, candidate, base, path)?;
        self.ask_servers(now);
        Ok(())
    }

    /// Forgets the socket of `addr`, its candidates and its pairs. Where the selected path used it, the agent looks for
    /// another one.
    pub fn remove_local(&mut self, now: Instant, addr: SocketAddr) {
        self.locals.forget_base(addr);
        self.forget_path(now, Path::Socket(addr));
        self.questions.forget_base(addr);
        for i in 0..self.relays.len() {
            if let Some(relay) = self.relays.get_mut(i).filter(|r| r.base() == Some(addr)) {
                relay.forget_base();
                self.on_relay_changed(now, i);
            }
        }
        self.ask_servers(now);
        self.update_state(now);
    }

    /// Says what user name fragment and password the other side's description has. Early checks whose user name agrees
    /// with it are taken up at once. Other credentials than before are the answer to a [`restart`](Self::restart).
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::Character`]: RFC 8839 §5.4. Beyond its alphabet, `-`, `_` and `=` are read, which
    /// agents in use write.
    pub fn set_remote_credentials(&mut self, now: Instant, ufrag: &str, pwd: &str) -> Result<(), Error> {
        if self.session.is_remote(ufrag, pwd) {
            return Ok(());
        }
        let credentials = Remote::new(ufrag, pwd)?;
        // What somebody else's user name fragment brought does not belong to this session.
        self.checklist.forget_strangers(claim(ufrag));
        if !self.progress.is_closed() {
            self.session.set_remote(credentials);
            self.progress.begin(now, &self.config);
        }
        self.update_state(now);
        Ok(())
    }

    /// Says whether the other side's description has `a=ice-lite`. A full agent is then controlling (RFC 8445 §6.1.1).
    pub fn set_remote_lite(&mut self, now: Instant, lite: bool) {
        if lite && !self.config.lite {
            self.set_controlling(now, true);
        }
    }

    /// Sets the role. The offerer is controlling, unless it is lite and the answerer is not (RFC 8445 §6.1.1).
    pub fn set_controlling(&mut self, now: Instant, controlling: bool) {
        if self.role.is_controlling() != controlling {
            self.switch_role(controlling);
            self.update_state(now);
        }
    }

    /// Adds a candidate of the other side, from its description or trickled. A candidate that was added before changes
    /// nothing, and its address keeps the priority that it had.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there are [`Config::max_remote`] that are more useful, and [`Error::Unreachable`] for an
    /// address that no check may be sent to: unspecified, multicast or broadcast, or with port 0.
    pub fn add_remote(&mut self, now: Instant, candidate: Candidate) -> Result<(), Error> {
        if !is_unicast(candidate.addr) {
            return Err(Error::Unreachable(candidate.addr));
        }
        if self.progress.is_closed() {
            return Ok(());
        }
        self.add_remote_candidate(now, candidate, None)?;
        self.progress.hope(now, &self.config);
        if self.session.remote().is_some() {
            self.progress.begin(now, &self.config);
        }
        self.update_state(now);
        Ok(())
    }

    /// Adds a candidate from the text of a candidate line. A candidate whose address is a name comes back: the caller adds
    /// it when the name is resolved. Nothing needs to wait for that, as the peer's own checks arrive before.
    ///
    /// # Errors
    /// As [`add_remote`](Self::add_remote), and those of [`CandidateLine`].
    pub fn add_remote_line(&mut self, now: Instant, line: &str) -> Result<Option<CandidateLine>, Error> {
        let line: CandidateLine = line.parse()?;
        match line.candidate() {
            Some(candidate) => self.add_remote(now, candidate).map(|()| None),
            None => Ok(Some(line)),
        }
    }

    /// Says that the other side has no more candidates. Checks of the peer may still come from other addresses, so that
    /// failure waits for [`Config::patience`] (RFC 8863 §4). Where no candidate fits, [`Event::NoAnswer`] tells at once.
    pub fn end_of_candidates(&mut self, now: Instant) {
        self.progress.end_of_candidates();
        self.warn(now);
        self.update_state(now);
    }

    /// Starts over with fresh credentials (RFC 8445 §9). Local candidates stay, the remote side is forgotten. The path in
    /// use stays in use until the new checks have found one.
    ///
    /// # Errors
    /// None today.
    pub fn restart(&mut self, now: Instant) -> Result<(), Error> {
        let fresh = Local::random(&mut self.generator);
        let keep = self.session.remote().is_some() && self.consent.restart();
        self.session.restart(fresh, keep);
        self.checklist.clear();
        self.answers.clear();
        self.progress.restart();
        self.update_state(now);
        Ok(())
    }

    /// Says that the network below has changed: another access point, or another address behind the same socket. Every
    /// pair is checked anew now, instead of after the next unanswered consent check.
    pub fn network_changed(&mut self, now: Instant) {
        self.suspect(now);
    }

    /// Says that authentic data of the peer have come by `route`, from an address that is no candidate: a NAT has given the
    /// peer another address, or it has moved. The agent checks the address at once. When it answers, it takes the place of
    /// the path in use without waiting for that to fall silent. Nothing but checks is sent there before.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there is no room for another candidate or pair, and [`Error::Unreachable`] as for
    /// [`add_remote`](Self::add_remote).
    pub fn moved(&mut self, now: Instant, route: Route) -> Result<(), Error> {
        let (path, remote) = (Path::Socket(route.local), unscoped(route.remote));
        if !is_unicast(remote) {
            return Err(Error::Unreachable(remote));
        }
        if !self.locals.has_socket(route.local) || self.consent.active().is_none_or(|a| a.remote == remote) {
            return Ok(());
        }
        self.add_remote_candidate(now, peer_reflexive(remote, None), None)?;
        let full = Error::TooMany { what: "candidate pairs", limit: self.config.max_pairs.into() };
        let pair = self.add_pair(now, path, remote).ok_or(full)?;
        self.checklist.trigger(pair);
        self.suspect(now);
        if let Some(active) = self.consent.active_mut() {
            active.give_up(now);
        }
        self.update_state(now);
        Ok(())
    }

    /// Says that the candidates so far have been told to the peer: a description was written that has them.
    /// [`Event::LocalCandidate`] does not tell them again.
    pub fn candidates_described(&mut self, _now: Instant) {
        self.locals.all_told();
    }

    /// Sends a check at once on the path in use, or else on the pair that is the most likely to become it. A protocol whose
    /// datagrams the peer's responses [carry](Config::carried) gets the next one so.
    pub fn check_now(&mut self, now: Instant) {
        let timing = self.config.timing();
        let controlling = self.role.is_controlling();
        let pairs = self.checklist.pairs().iter().enumerate();
        let best = match self.consent.pair() {
            Some(id) => pairs.filter(|(_, p)| p.id == id).map(|(i, _)| i).next(),
            None => pairs.filter(|(_, p)| p.is_hopeful()).max_by_key(|(_, p)| p.priority(controlling)).map(|(i, _)| i),
        };
        let Some(i) = best else { return };
        match self.checklist.get_mut(i).and_then(|p| p.check.as_mut()) {
            Some(check) => check.transaction.hurry(now, timing),
            None => {
                self.checklist.trigger(i);
                self.paced_until = self.paced_until.min(now);
            }
        }
    }

    /// Ends the session. From now on nothing is said to the peer, or believed. Allocations at TURN servers are given back
    /// (RFC 8656 §8): the caller passes on datagrams and empties [`poll_transmit`](Self::poll_transmit) until there is no
    /// [`timeout`](Self::timeout). That takes one round trip, and 9.5 s at most where the server is silent. Without it
    /// the allocations expire.
    pub fn close(&mut self, now: Instant) {
        for i in 0..self.relays.len() {
            let id = self.generator.bytes();
            if let Some(relay) = self.relays.get_mut(i) {
                relay.release(id, now);
            }
        }
        self.questions.clear();
        self.checklist.clear();
        self.answers.clear();
        self.consent.end();
        self.session.close();
        self.progress.set(State::Closed);
    }

    /// What the owner should know: see [`Event`].
    pub fn poll_event(&mut self) -> Option<Event> {
        let server_failed = |(server, error)| Event::ServerFailed { server, error };
        let early = self.locals.poll_event().map(Event::LocalCandidate);
        let early = early.or_else(|| self.questions.poll_event().map(server_failed));
        let early = early.or_else(|| self.relays.poll_event().map(server_failed));
        let early = early.or_else(|| self.gathering.poll_event().map(Event::Gathering));
        let early = early.or_else(|| self.role.poll_event().map(|controlling| Event::RoleChanged { controlling }));
        let early = early.or_else(|| self.consent.poll_lost().map(Event::ConsentLost));
        if early.is_some() {
            return early;
        }
        if self.consent.poll_selected()
            && let Some(route) = self.selected()
        {
            return Some(Event::Selected(route));
        }
        self.progress.poll_warning().or_else(|| self.progress.poll_state())
    }

    /// Whether a check that is meant for `ufrag` is for this agent. Right after a [`restart`](Self::restart) the peer still
    /// uses the previous one.
    #[must_use]
    pub fn is_local_ufrag(&self, ufrag: &str) -> bool {
        self.session.is_local_ufrag(ufrag)
    }

    /// Whether this agent expects `datagram` by `route`: from a candidate of the peer, from the end of the path in use
    /// (which after a restart is no candidate any more), from a server that relays for the socket, or as the response of a
    /// server to a question of this agent. Nothing is believed by that.
    #[must_use]
    pub fn is_expected(&self, route: Route, datagram: &[u8]) -> bool {
        let route = Route { remote: unscoped(route.remote), ..route };
        self.checklist.has_remote(route.remote)
            || self.consent.is_with(route.remote)
            // One socket has one allocation at a server (RFC 8656 §7.2), so whoever has it is meant.
            || self.relays.by_route(route).is_some()
            || self.questions.expects(route.remote, datagram)
    }

    /// User name fragment and password for the description.
    #[must_use]
    pub fn local_credentials(&self) -> (&str, &str) {
        (self.session.local().ufrag(), self.session.local().pwd())
    }

    /// User name fragment, password and options as lines of a media section. Candidates are written with
    /// [`local_candidates`](Self::local_candidates). `a=ice-lite` belongs to the session (RFC 8839 §5.3).
    #[must_use]
    pub fn sdp(&self, trickle: bool) -> SdpLines<'_> {
        let (ufrag, pwd) = self.local_credentials();
        SdpLines::new(ufrag, pwd, trickle)
    }

    /// The other side's user name fragment, once known.
    #[must_use]
    pub fn remote_ufrag(&self) -> Option<&str> {
        self.session.remote().map(Remote::ufrag)
    }

    /// The local candidates so far that the peer may know.
    pub fn local_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.locals.for_the_peer()
    }

    /// The remote candidates, peer-reflexive ones among them.
    pub fn remote_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.checklist.remotes()
    }

    /// Where data may be sent to now: a pair on which the peer's consent is fresh. Before nomination it is the best valid
    /// pair (RFC 8445 §12.1.1).
    #[must_use]
    pub fn selected(&self) -> Option<Route> {
        self.consent.active().map(|a| self.visible_route(a.path, a.remote))
    }

    /// The round-trip time of the selected path, by its last answered check.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.checklist.by_id(self.consent.pair()).and_then(|p| p.stats.current_round_trip)
    }

    /// The connection's state.
    #[must_use]
    pub const fn state(&self) -> State {
        self.progress.state()
    }

    /// The state of gathering.
    #[must_use]
    pub const fn gathering_state(&self) -> GatheringState {
        self.gathering.state()
    }

    /// Whether this side nominates.
    #[must_use]
    pub const fn is_controlling(&self) -> bool {
        self.role.is_controlling()
    }

    /// The bounds and times that the agent was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// How many datagrams were dropped, by reason.
    #[must_use]
    pub const fn discards(&self) -> &Discards {
        &self.discards
    }

    /// The statistics of every pair.
    pub fn pair_stats(&self) -> impl Iterator<Item = CandidatePairStats> + '_ {
        let controlling = self.role.is_controlling();
        self.checklist
            .pairs()
            .iter()
            .map(move |p| p.stats(self.visible_route(p.path, p.remote), controlling, self.consent.uses(p.id)))
    }

    fn add_local_candidate(
        &mut self,
        now: Instant,
        candidate: Candidate,
        base: SocketAddr,
        path: Option<Path>,
    ) -> Result<(), Error> {
        let Some(_) = self.locals.add(candidate, base, path)? else { return Ok(()) };
        if let Some(path) = path {
            for i in 0..self.checklist.remotes().count() {
                if let Some(remote) = self.checklist.remote(i) {
                    self.add_pair(now, path, remote);
                }
            }
            self.progress.hope(now, &self.config);
        }
        self.update_state(now);
        Ok(())
    }

    fn add_remote_candidate(&mut self, now: Instant, candidate: Candidate, claimed: Option<u64>) -> Result<(), Error> {
        let remote = unscoped(candidate.addr);
        if !self.checklist.add_remote(candidate, claimed)? {
            return Ok(());
        }
        for i in 0.. {
            let Some(local) = self.locals.get(i) else { break };
            if let Some(path) = local.path {
                // A full list is no reason to refuse the candidate: other local candidates may have room for it.
                self.add_pair(now, path, remote);
            }
        }
        Ok(())
    }

    /// The pair of a local way and a known remote candidate, made when there is none.
    fn add_pair(&mut self, now: Instant, path: Path, remote: SocketAddr) -> Option<usize> {
        if self.config.relay_only && matches!(path, Path::Socket(_)) {
            return None;
        }
        self.ask_permission(now, path, remote)?;
        self.checklist.add_pair(self.locals.by_path(path)?, remote, self.role.is_controlling())
    }

    fn switch_role(&mut self, controlling: bool) {
        if self.role.set(controlling) {
            self.checklist.pairs_mut().iter_mut().for_each(|p| p.nominating = false);
        }
    }

    /// A path as the application sees it: where its data come from and go to.
    fn visible_route(&self, path: Path, remote: SocketAddr) -> Route {
        match path {
            Path::Socket(local) => Route::scoped(Protocol::Udp, local, remote),
            Path::Relay(i) => Route::udp(self.relays.get(i).and_then(|r| r.relayed()).unwrap_or(remote), remote),
        }
    }

    /// Forgets a way out, its candidate and its pairs, and looks for another one when it was in use.
    fn forget_path(&mut self, now: Instant, path: Path) {
        self.locals.forget_path(path);
        self.checklist.forget_path(path);
        if self.consent.is_on(path) {
            self.consent.end();
            self.checklist.forget_nominations();
            self.check_everything_again();
        }
        self.update_state(now);
    }
}

impl<A: Allocator + Clone, P: Provider> fmt::Debug for Agent<A, P> {
    /// Where the agent stands, without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Agent");
        f.field("state", &self.state()).field("gathering_state", &self.gathering_state());
        f.field("controlling", &self.is_controlling()).field("selected", &self.selected());
        f.finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<A: Allocator + Clone, P: Provider> defmt::Format for Agent<A, P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Agent {} controlling {} selected {}", self.state(), self.is_controlling(), self.selected());
    }
}

/// A remote candidate that its own datagrams have shown (RFC 8445 §7.3.1.3).
fn peer_reflexive(addr: SocketAddr, priority: Option<u32>) -> Candidate {
    let kind = CandidateType::PeerReflexive;
    let priority = priority.unwrap_or_else(|| crate::candidate::priority(kind, 0));
    // A foundation of its own; "prflx" is none that a peer would send with a number.
    let foundation = Foundation::try_from("prflx").unwrap_or_default();
    Candidate { addr, kind, priority, foundation, related: None }
}
