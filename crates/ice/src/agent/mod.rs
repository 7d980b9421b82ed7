//! The agent's state and what the application tells it; what the network tells it is in `inbound`, what it sends in
//! `outbound`.

use core::net::SocketAddr;

use barertc_arena::{Allocator, Ring, Vec};
use barertc_crypto::{Generator, Provider};
use barertc_wire::Instant;
use rand_core::{CryptoRng, Rng};

use crate::candidate::{Candidate, CandidateType, Foundation, Protocol, Route, fnv, unscoped};
use crate::config::Config;
use crate::credentials::Credentials;
use crate::sdp::CandidateLine;
use crate::turn::Client;
use crate::{Discard, Discards, Error, Event, GatheringState, State};

mod checklist;
mod consent;
mod gather;
mod inbound;
mod message;
mod outbound;
mod pair;
mod selection;

use consent::Active;
use gather::{Gatherer, MAX_STUN_SERVERS};
use message::Answer;
pub(crate) use pair::{Pair, PairState, Path};

/// A local candidate and the way packets take from it.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) candidate: Candidate,
    /// Host and relayed candidates are paired with remote ones; reflexive ones are only told to the peer, since what
    /// is sent from them is sent from their base (RFC 8445 §6.1.2.4).
    pub(crate) path: Option<Path>,
}

/// A remote candidate.
#[derive(Debug)]
pub(crate) struct Remote {
    pub(crate) candidate: Candidate,
    /// Hash of the user name fragment that an early check named, before the description that would confirm it.
    pub(crate) claimed: Option<u64>,
}

/// The credentials of before a restart, with which the old path is kept alive until there is a new one.
pub(crate) struct Previous {
    pub(crate) local: Credentials,
    pub(crate) remote: Credentials,
}

/// An ICE agent for one component: full or lite, controlling or controlled.
///
/// Order of calls: [`new`](Self::new), [`add_local`](Self::add_local) for every address that a socket is bound to,
/// [`gather`](Self::gather); the description with [`local_credentials`](Self::local_credentials) and
/// [`local_candidates`](Self::local_candidates) goes to the other side, whose own comes in by
/// [`set_remote_credentials`](Self::set_remote_credentials), [`add_remote`](Self::add_remote) and
/// [`end_of_candidates`](Self::end_of_candidates). Everything but `new` may come at any time and in any order: checks
/// that arrive before the remote description are answered and remembered.
///
/// After every call with `&mut self` the caller empties [`poll_transmit`](Self::poll_transmit) and
/// [`poll_event`](Self::poll_event), and calls [`handle_timeout`](Self::handle_timeout) at [`timeout`](Self::timeout).
pub struct Agent<A: Allocator + Clone, P: Provider> {
    config: Config,
    provider: P,
    random: Generator,
    now: Instant,

    controlling: bool,
    tie_breaker: u64,
    remote_lite: bool,
    local_credentials: Credentials,
    remote_credentials: Option<Credentials>,
    previous: Option<Previous>,
    remote_ended: bool,

    locals: Vec<Local, A>,
    remotes: Vec<Remote, A>,
    pairs: Vec<Pair, A>,
    answers: Ring<Answer, A>,
    events: Ring<Event, A>,
    active: Option<Active>,

    alloc: A,
    stun_servers: heapless::Vec<SocketAddr, MAX_STUN_SERVERS>,
    gatherers: Vec<Gatherer, A>,
    relays: Vec<Client<A>, A>,
    /// When gathering ends at the latest; none before it began.
    gather_until: Option<Instant>,

    next_pair: u32,
    next_trigger: u32,
    /// Before this, no new transaction starts (Ta).
    paced_until: Instant,
    /// Answers may be sent as long as there are tokens: see `inbound`.
    answer_tokens: u32,
    answer_tokens_at: Instant,
    /// When checking began; failure is not declared before `patience` is over.
    checking_since: Option<Instant>,
    state: State,
    gathering: GatheringState,
    discards: Discards,
}

/// Answers that wait to be written; more requests than this between two polls are dropped.
const MAX_ANSWERS: usize = 8;

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// The most that an agent with this configuration ever takes from its allocator, in bytes.
    #[must_use]
    pub const fn worst_case_bytes(config: &Config) -> usize {
        let relay = Client::<A>::worst_case_bytes(config.max_permissions as usize, config.max_channels as usize);
        Vec::<Local, A>::bytes(config.max_local as usize)
            .saturating_add(Vec::<Remote, A>::bytes(config.max_remote as usize))
            .saturating_add(Vec::<Pair, A>::bytes(config.max_pairs as usize))
            .saturating_add(Ring::<Event, A>::bytes(config.max_events as usize))
            .saturating_add(Ring::<Answer, A>::bytes(MAX_ANSWERS))
            .saturating_add(Vec::<Gatherer, A>::bytes(config.max_questions as usize))
            .saturating_add(Vec::<Client<A>, A>::bytes(config.max_relays as usize))
            .saturating_add(relay.saturating_mul(config.max_relays as usize))
    }

    /// An agent with fresh credentials and no candidates. `rng` seeds a generator of the agent's own, from which later
    /// credentials and transaction ids come.
    ///
    /// # Errors
    /// [`Error::NoMemory`].
    pub fn new<R: CryptoRng + ?Sized>(
        config: Config,
        controlling: bool,
        alloc: A,
        provider: P,
        rng: &mut R,
    ) -> Result<Self, Error> {
        let mut random = Generator::new(rng);
        Ok(Self {
            controlling,
            tie_breaker: random.next_u64(),
            remote_lite: false,
            local_credentials: Credentials::random(&mut random)?,
            remote_credentials: None,
            previous: None,
            remote_ended: false,
            locals: Vec::with_capacity(config.max_local.into(), alloc.clone())?,
            remotes: Vec::with_capacity(config.max_remote.into(), alloc.clone())?,
            pairs: Vec::with_capacity(config.max_pairs.into(), alloc.clone())?,
            answers: Ring::with_capacity(MAX_ANSWERS, alloc.clone())?,
            events: Ring::with_capacity(config.max_events.into(), alloc.clone())?,
            active: None,
            stun_servers: heapless::Vec::new(),
            gatherers: Vec::with_capacity(config.max_questions.into(), alloc.clone())?,
            relays: Vec::with_capacity(config.max_relays.into(), alloc.clone())?,
            alloc,
            gather_until: None,
            next_pair: 0,
            next_trigger: 0,
            now: Instant::ZERO,
            paced_until: Instant::ZERO,
            answer_tokens: config.answers_per_second,
            answer_tokens_at: Instant::ZERO,
            checking_since: None,
            state: State::New,
            gathering: GatheringState::New,
            discards: Discards::default(),
            config,
            provider,
            random,
        })
    }

    /// The address of a bound socket becomes a host candidate, also later, when an interface comes up. The candidate
    /// is announced by [`Event::LocalCandidate`].
    ///
    /// # Errors
    /// [`Error::TooMany`] when there are [`Config::max_local`] already.
    pub fn add_local(&mut self, now: Instant, candidate: Candidate) -> Result<(), Error> {
        self.advance(now);
        let path = Path::Socket(candidate.addr);
        self.add_local_candidate(candidate, Some(path))?;
        self.ask_servers();
        Ok(())
    }

    /// The socket of `addr` is gone: its candidates and pairs are forgotten, and another path is looked for where the
    /// selected one used it.
    pub fn remove_local(&mut self, now: Instant, addr: SocketAddr) {
        self.advance(now);
        self.locals.retain(|l| l.path.is_some() || l.candidate.related != Some(addr));
        self.forget_path(Path::Socket(addr));
        self.forget_base(addr);
    }

    /// What the other side's description says. Early checks whose user name agrees with it are taken up at once. Called
    /// with other credentials than before, it is the answer to a [`restart`](Self::restart).
    ///
    /// # Errors
    /// [`Error::Length`] and [`Error::Character`]: RFC 8839 §5.4.
    pub fn set_remote_credentials(&mut self, now: Instant, ufrag: &str, pwd: &str) -> Result<(), Error> {
        self.advance(now);
        if self.remote_credentials.as_ref().is_some_and(|c| c.ufrag() == ufrag && c.pwd() == pwd) {
            return Ok(());
        }
        let credentials = Credentials::new(ufrag, pwd)?;
        let claimed = claim(ufrag);
        // What somebody else's user name fragment brought does not belong to this session.
        let mut strangers = heapless::Vec::<SocketAddr, 16>::new();
        self.remotes.retain(|r| {
            let stranger = r.claimed.is_some_and(|c| c != claimed);
            if stranger {
                // More than fit have no pair that could be mistaken: the pairs go by address below.
                let _ = strangers.push(r.candidate.addr);
            }
            !stranger
        });
        self.pairs.retain(|p| !strangers.contains(&p.remote));
        self.remote_credentials = Some(credentials);
        self.begin_checking();
        Ok(())
    }

    /// Whether the other side said `a=ice-lite`: then this one is controlling (RFC 8445 §6.1.1).
    pub fn set_remote_lite(&mut self, now: Instant, lite: bool) {
        self.remote_lite = lite;
        if lite && !self.config.lite {
            self.set_controlling(now, true);
        }
    }

    /// Sets the role: the offerer is controlling, unless it is lite and the answerer is not (RFC 8445 §6.1.1).
    pub fn set_controlling(&mut self, now: Instant, controlling: bool) {
        self.advance(now);
        if self.controlling != controlling {
            self.switch_role(controlling);
        }
    }

    /// A candidate of the other side, in its description or trickled.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there is no place that a better candidate could take.
    pub fn add_remote(&mut self, now: Instant, candidate: Candidate) -> Result<(), Error> {
        self.advance(now);
        self.add_remote_candidate(candidate, None)?;
        if self.remote_credentials.is_some() {
            self.begin_checking();
        }
        Ok(())
    }

    /// The same from text. A candidate that hides behind a name comes back, to be resolved and added when its address
    /// is known; nothing needs to wait for that.
    ///
    /// # Errors
    /// As [`add_remote`](Self::add_remote), and those of parsing.
    pub fn add_remote_line(&mut self, now: Instant, line: &str) -> Result<Option<CandidateLine>, Error> {
        let line: CandidateLine = line.parse()?;
        match line.candidate() {
            Some(candidate) => self.add_remote(now, candidate).map(|()| None),
            None => Ok(Some(line)),
        }
    }

    /// The other side has no more candidates.
    pub fn end_of_candidates(&mut self, now: Instant) {
        self.advance(now);
        self.remote_ended = true;
        self.update_state();
    }

    /// Starts over with fresh credentials (RFC 8445 §9). Sockets stay, the remote side is forgotten, and the path in
    /// use stays in use until the new checks have found one.
    ///
    /// # Errors
    /// None today; the signature allows for allocation.
    pub fn restart(&mut self, now: Instant) -> Result<(), Error> {
        self.advance(now);
        let fresh = Credentials::random(&mut self.random)?;
        let local = core::mem::replace(&mut self.local_credentials, fresh);
        if let Some(remote) = self.remote_credentials.take()
            && let Some(active) = &mut self.active
            && active.pair.is_some()
        {
            active.pair = None;
            self.previous = Some(Previous { local, remote });
        }
        self.remotes.clear();
        self.pairs.clear();
        self.answers.clear();
        self.remote_ended = false;
        self.remote_lite = false;
        self.checking_since = None;
        self.update_state();
        Ok(())
    }

    /// Says that the network below has changed (another access point, another address behind the same socket): every
    /// pair is checked anew now instead of after the next unanswered consent check.
    pub fn network_changed(&mut self, now: Instant) {
        self.advance(now);
        self.suspect();
    }

    /// An authentic datagram of the peer has come by `route`, from an address that is no candidate of its: a NAT has
    /// given it another, or it has moved. The address is checked at once; if it answers, it takes the place of the path
    /// in use without waiting for that to fall silent. Nothing but checks is sent there before.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there is no room for another candidate.
    pub fn moved(&mut self, now: Instant, route: Route) -> Result<(), Error> {
        self.advance(now);
        let (path, remote) = (Path::Socket(route.local), unscoped(route.remote));
        let Some(local) = self.locals.iter().find(|l| l.path == Some(path)).map(|l| l.candidate.priority) else {
            return Ok(());
        };
        if self.config.lite || self.active.as_ref().is_none_or(|a| a.remote == remote) {
            return Ok(());
        }
        let foundation = Foundation::try_from("prflx").unwrap_or_default();
        let priority = crate::candidate::priority(CandidateType::PeerReflexive, 0);
        let candidate =
            Candidate { addr: remote, kind: CandidateType::PeerReflexive, priority, foundation, related: None };
        self.add_remote_candidate(candidate, None)?;
        let full = Error::TooMany { what: "candidate pairs", limit: self.config.max_pairs.into() };
        let pair = self.add_pair(path, local, remote).ok_or(full)?;
        self.trigger(pair);
        self.suspect();
        if let Some(active) = &mut self.active {
            // What it said last it said elsewhere: that is silence enough.
            let micros = u64::try_from(self.config.suspicion.as_micros()).unwrap_or(u64::MAX);
            active.suspect_since = Some(Instant::from_micros(now.as_micros().saturating_sub(micros)));
        }
        self.update_state();
        Ok(())
    }

    /// Ends the session: nothing is said to the peer or believed from now on. Allocations at TURN servers are given back
    /// (RFC 8656 §8), so datagrams are passed on and [`poll_transmit`](Self::poll_transmit) is emptied until there is no
    /// [`timeout`](Self::timeout): one round trip, and 9.5 s at most where the server is silent. Without that they expire.
    pub fn close(&mut self, now: Instant) {
        self.advance(now);
        for i in 0..self.relays.len() {
            let id = self.random.bytes();
            if let Some(relay) = self.relays.get_mut(i) {
                relay.release(id, self.now);
            }
        }
        self.gatherers.clear();
        self.pairs.clear();
        self.remotes.clear();
        self.answers.clear();
        self.active = None;
        self.previous = None;
        self.remote_credentials = None;
        self.set_state(State::Closed);
    }

    /// What the caller should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether a check that names `ufrag` as the one it is meant for is for this agent. Right after a
    /// [`restart`](Self::restart) the peer still uses the previous one.
    #[must_use]
    pub fn is_local_ufrag(&self, ufrag: &str) -> bool {
        self.local_credentials.ufrag() == ufrag || self.previous.as_ref().is_some_and(|p| p.local.ufrag() == ufrag)
    }

    /// Whether this agent expects `datagram` by `route`: from a candidate of the peer, from the end of the path in use
    /// (which after a restart is no candidate any more), from a server that relays for the socket, or as the answer of a
    /// server to a question of this agent. Nothing is believed by that.
    #[must_use]
    pub fn is_expected(&self, route: Route, datagram: &[u8]) -> bool {
        let remote = unscoped(route.remote);
        self.remotes.iter().any(|r| r.candidate.addr == remote)
            || self.active.as_ref().is_some_and(|a| a.remote == remote)
            // One socket has one allocation at a server (RFC 8656 §7.2), so whoever has it is meant.
            || self.relays.iter().any(|r| r.is_reached_by(Route { remote, ..route }))
            || self.asked(remote, datagram)
    }

    /// User name fragment and password for the description.
    #[must_use]
    pub fn local_credentials(&self) -> (&str, &str) {
        (self.local_credentials.ufrag(), self.local_credentials.pwd())
    }

    /// The other side's user name fragment, once known.
    #[must_use]
    pub fn remote_ufrag(&self) -> Option<&str> {
        self.remote_credentials.as_ref().map(Credentials::ufrag)
    }

    /// All local candidates found so far that the peer should know.
    pub fn local_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.locals.iter().map(|l| &l.candidate).filter(|c| self.is_told(c.kind))
    }

    fn is_told(&self, kind: CandidateType) -> bool {
        if self.config.relay_only { kind == CandidateType::Relayed } else { kind != CandidateType::PeerReflexive }
    }

    /// The remote candidates known, peer-reflexive ones among them.
    pub fn remote_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.remotes.iter().map(|r| &r.candidate)
    }

    /// Where data may be sent to now: a pair on which the peer's consent is fresh. Before nomination it is the best valid
    /// pair (RFC 8445 §12.1.1).
    #[must_use]
    pub fn selected(&self) -> Option<Route> {
        self.active.as_ref().map(|a| self.visible_route(a.path, a.remote))
    }

    /// The W3C's `iceConnectionState`.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// The W3C's `iceGatheringState`.
    #[must_use]
    pub const fn gathering_state(&self) -> GatheringState {
        self.gathering
    }

    /// Whether this side nominates.
    #[must_use]
    pub const fn is_controlling(&self) -> bool {
        self.controlling
    }

    /// The bounds and times it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Why datagrams were dropped.
    #[must_use]
    pub const fn discards(&self) -> &Discards {
        &self.discards
    }

    pub(crate) fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    pub(crate) fn is_selected(&self, pair: u32) -> bool {
        self.active.as_ref().is_some_and(|a| a.pair == Some(pair))
    }

    fn add_local_candidate(&mut self, mut candidate: Candidate, path: Option<Path>) -> Result<(), Error> {
        if self.locals.iter().any(|l| l.candidate.addr == candidate.addr && l.path == path) {
            return Ok(());
        }
        // RFC 8445 §5.1.2.1: several addresses of one kind need different preferences.
        while self.locals.iter().any(|l| l.candidate.priority == candidate.priority) {
            candidate.priority = candidate.priority.saturating_sub(1 << 8);
        }
        let priority = candidate.priority;
        let announced = candidate.clone();
        let full = Error::TooMany { what: "local candidates", limit: self.config.max_local.into() };
        self.locals.try_push(Local { candidate, path }).map_err(|_| full)?;
        if self.is_told(announced.kind) {
            self.push_event(Event::LocalCandidate(announced));
        }
        if let Some(path) = path {
            self.pair_local(path, priority);
        }
        self.update_state();
        Ok(())
    }

    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    fn begin_checking(&mut self) {
        if self.checking_since.is_none() {
            self.checking_since = Some(self.now);
        }
        self.update_state();
    }

    fn switch_role(&mut self, controlling: bool) {
        self.controlling = controlling;
        for pair in self.pairs.iter_mut() {
            pair.nominating = false;
        }
        self.push_event(Event::RoleChanged { controlling });
    }

    fn set_gathering(&mut self, gathering: GatheringState) {
        if self.gathering != gathering {
            self.gathering = gathering;
            self.push_event(Event::Gathering(gathering));
        }
    }

    fn set_state(&mut self, state: State) {
        if self.state != state {
            self.state = state;
            self.push_event(Event::State(state));
        }
    }

    fn push_event(&mut self, event: Event) {
        if self.events.push_back(event).is_err() {
            self.discards.count(Discard::EventsFull);
        }
    }

    /// As the application sees a pair: where its data come from and go to.
    pub(crate) fn visible_route(&self, path: Path, remote: SocketAddr) -> Route {
        match path {
            Path::Socket(local) => Route::scoped(Protocol::Udp, local, remote),
            Path::Relay(i) => {
                let relay = self.relays.get(i);
                Route::udp(relay.and_then(Client::relayed).unwrap_or(remote), remote)
            }
        }
    }

    /// Forgets a way out, its candidate and its pairs, and looks for another one when it was in use.
    fn forget_path(&mut self, path: Path) {
        self.locals.retain(|l| l.path != Some(path));
        self.pairs.retain(|p| p.path != path);
        if self.active.as_ref().is_some_and(|a| a.path == path) {
            self.active = None;
            self.forget_nominations();
            self.check_everything_again();
        }
        self.update_state();
    }
}

/// What is kept of a user name fragment that a check named before the description did.
pub(crate) fn claim(ufrag: &str) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325;
    fnv(&mut hash, ufrag.as_bytes());
    hash
}
