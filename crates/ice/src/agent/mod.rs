//! The agent: its parts, and what the application tells it. Candidates are in `candidates`. What the network tells it is in
//! `inbound`, what it sends in `outbound`, which path it uses in `selection`, and what servers give it in `servers`.
use core::fmt;
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

use crate::config::Config;
use crate::credentials::{Local, Remote};
use crate::error::Error;
use crate::event::{Discards, Event, GatheringState, State};
use crate::route::{Route, unscoped};
use crate::sdp::SdpLines;
use crate::stats::CandidatePairStats;

mod answers;
mod candidates;
mod checklist;
mod connections;
mod consent;
mod gathering;
mod inbound;
mod locals;
mod message;
mod outbound;
mod pair;
mod path;
mod path_mtu;
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
            consent: Consent::new(config.path_mtu),
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

    /// Sets the user name fragment and the password of the peer's description. Early checks with the same user name are
    /// then taken up. When they are others than before, they answer a [`restart`](Self::restart).
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::Character`]: RFC 8839 §5.4. `-`, `_` and `=` are accepted as well, because agents
    /// in use write them.
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

    /// Sends a check at once: on the path in use, or else on the pair that is the most likely to become it. A protocol whose
    /// datagrams the responses of the peer carry gets the next one without waiting for the usual check.
    pub fn check_now(&mut self, now: Instant) {
        let timing = self.config.timing();
        let controlling = self.role.is_controlling();
        let pairs = self.checklist.pairs().iter().enumerate();
        let best = match self.consent.pair() {
            Some(id) => pairs.filter(|(_, p)| p.id == id).map(|(i, _)| i).next(),
            None => pairs.filter(|(_, p)| p.is_hopeful()).max_by_key(|(_, p)| p.priority(controlling)).map(|(i, _)| i),
        };
        let Some(i) = best else { return };
        let timing = self.checklist.get(i).map_or(timing, |p| p.timing(timing));
        match self.checklist.get_mut(i).and_then(|p| p.check.as_mut()) {
            Some(check) => check.transaction.hurry(now, timing),
            None => {
                self.checklist.trigger(i);
                self.paced_until = self.paced_until.min(now);
            }
        }
    }

    /// Ends the session. No message of the peer is answered or believed any more.
    ///
    /// Allocations at TURN servers are released (RFC 8656 §8). For that the caller passes on datagrams and empties
    /// [`poll_transmit`](Self::poll_transmit) until there is no [`timeout`](Self::timeout). That takes one round trip,
    /// and at most 9.5 s when the server is silent. Otherwise the allocations expire.
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

    /// The next event for the owner of the agent.
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

    /// Whether this agent expects `datagram` by `route`. It does from a candidate of the peer, from the end of the path
    /// in use, and from a server that relays for the socket. It also does when the datagram is the response of a server
    /// to this agent. The call does not authenticate the datagram.
    #[must_use]
    pub fn is_expected(&self, route: Route, datagram: &[u8]) -> bool {
        let route = Route { remote: unscoped(route.remote), ..route };
        let path = Path::of(route);
        self.checklist.has_remote(route.remote, path.is_tcp())
            || (self.consent.is_with(route.remote) && self.consent.is_tcp() == path.is_tcp())
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

    /// The route on which data may be sent now: a pair on which the peer's consent is fresh. Before nomination it is the best
    /// valid pair (RFC 8445 §12.1.1).
    #[must_use]
    pub fn selected(&self) -> Option<Route> {
        self.consent.active().map(|a| self.visible_route(a.path, a.remote))
    }

    /// The round-trip time of the selected path, by its last answered check.
    #[must_use]
    pub fn round_trip_time(&self) -> Option<Duration> {
        self.checklist.by_id(self.consent.pair()).and_then(|p| p.stats.current_round_trip)
    }

    /// The largest datagram in bytes that is known to pass on the selected path, what TURN adds included, where
    /// [`Config::path_mtu`] asks for that. `None` otherwise, before there is a path, and on an ICE-TCP pair, which cuts what is sent into
    /// segments. Behind a relay the size is searched for, whatever carries the way to the relay.
    #[must_use]
    pub fn path_mtu(&self) -> Option<u16> {
        self.consent.path_mtu().size()
    }

    /// Whether it is known by now if the selected path carries the 1,200 bytes that most paths do (RFC 8899 §5.1.2).
    #[must_use]
    pub const fn is_path_mtu_settled(&self) -> bool {
        self.consent.path_mtu().is_settled()
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

    fn switch_role(&mut self, controlling: bool) {
        if self.role.set(controlling) {
            self.checklist.pairs_mut().iter_mut().for_each(|p| p.nominating = false);
        }
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
