//! Local candidates from servers: server-reflexive ones from STUN (RFC 8445 §5.1.1.2), relayed ones from TURN.
use core::net::{IpAddr, SocketAddr};

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::Instant;

use super::Agent;
use super::path::Path;
use super::questions::ToAsk;
use crate::candidate::{Candidate, CandidateType};
use crate::error::Error;
use crate::event::{Discard, State};
use crate::route::{Protocol, Route, is_unicast, unscoped};
use crate::stream::StreamEnd;
use crate::stun::Message;
use crate::turn::{Allocation, Client, Permission, TurnServer};

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// Adds a STUN server, which tells the address that this side has from outside. There may be four.
    ///
    /// # Errors
    /// [`Error::TooMany`] beyond four, and [`Error::Unreachable`] for an address that nothing can be sent to.
    pub fn add_stun_server(&mut self, now: Instant, server: SocketAddr) -> Result<(), Error> {
        if !is_unicast(server) {
            return Err(Error::Unreachable(server));
        }
        self.questions.add_server(unscoped(server))?;
        self.ask_servers(now);
        Ok(())
    }

    /// Adds a TURN server, from which one address is allocated. All servers are asked at the same time. Gathering waits for
    /// the first that gives an address; the addresses of others follow as they come. Those that are reached over UDP are
    /// preferred to those over TCP, and these to TLS.
    ///
    /// # Errors
    /// [`Error::TooMany`] beyond [`Config::max_relays`](crate::Config::max_relays), and for the first one without the
    /// feature `turn`; [`Error::Length`] when user name or
    /// password are too long, [`Error::Unreachable`] for an address that nothing can be sent to, [`Error::ServerProtocol`]
    /// for [`Protocol::IceTcp`], and [`Error::NoMemory`].
    pub fn add_turn_server(&mut self, now: Instant, server: &TurnServer<'_>) -> Result<(), Error> {
        if !is_unicast(server.addr) {
            return Err(Error::Unreachable(server.addr));
        }
        if server.protocol == Protocol::IceTcp {
            return Err(Error::ServerProtocol);
        }
        self.relays.add(server, &self.config)?;
        self.ask_servers(now);
        Ok(())
    }

    /// Gives the account at a TURN server that was [added](Self::add_turn_server) another name and password, such as before
    /// ones that are valid for some time run out. An address that the server has given already stays with the old account
    /// for as long as the server allows it. The agent asks for the next address with the new account. Where the server has
    /// refused the old one an address, it is asked at once.
    ///
    /// A server gives no second address to a socket or a stream before the first one has run out (RFC 8656 §7.2). So a
    /// permission that the old account was refused is had with the next address only. If the server has refused all
    /// permissions to the old account, its address is of no use. The agent then asks for another address: at once by another
    /// socket, or after 1 s by another stream. Without another socket, the server is asked every 120 s until it gives one.
    ///
    /// # Errors
    /// None after [`close`](Self::close), which needs no account any more. [`Error::UnknownServer`] without a server of that
    /// address and protocol, [`Error::Length`]: then nothing has changed.
    /// [`Error::NoMemory`]: then the account in use stays, and one that was given before and not used yet is gone.
    pub fn renew_turn_server(&mut self, now: Instant, server: &TurnServer<'_>) -> Result<(), Error> {
        if self.progress.is_closed() {
            return Ok(());
        }
        let i = self.relays.renew(now, server)?;
        self.on_relay_changed(now, i);
        Ok(())
    }

    /// Says that the stream of `route` has ended, or that none could be made: `end` tells why.
    ///
    /// With a stream to a TURN server, the allocation there is gone. An address that was in use is asked for again at
    /// once, by another stream. An address that was never given is asked for again after 1 s, 2 s, up to a minute. With a
    /// connection to the peer, its pair is gone. Where the pair was in use, the agent looks for another one.
    pub fn stream_ended(&mut self, now: Instant, route: Route, end: StreamEnd) {
        let route = Route { remote: unscoped(route.remote), ..route };
        if route.protocol == Protocol::IceTcp {
            return self.connection_ended(now, Path::of(route), route.remote);
        }
        let id = self.generator.bytes();
        let Some(i) = self.relays.by_route(route) else { return };
        if let Some(relay) = self.relays.get_mut(i) {
            barertc_wire::trace!("stream to TURN server {}: ended", i);
            relay.stream_ended(now, id, end);
        }
        self.on_relay_changed(now, i);
        self.update_gathering(now);
    }

    /// Whether the stream of `route` is in use. The caller closes one that is not. A connection that the peer has made is in
    /// use from its first authentic check on, so the caller gives it a few seconds for that.
    #[must_use]
    pub fn uses_stream(&self, route: Route) -> bool {
        let route = Route { remote: unscoped(route.remote), ..route };
        if route.protocol == Protocol::IceTcp {
            return self.uses_connection(Path::of(route), route.remote);
        }
        self.relays.by_route(route).and_then(|i| self.relays.get(i)).is_some_and(Client::uses_stream)
    }

    /// Asks the servers. [`Event::Gathering`](crate::Event::Gathering) tells when all have answered, or at once when there
    /// are none. What is added later is asked when it is added.
    ///
    /// # Errors
    /// [`Error::NoInterface`] when no address was added.
    pub fn gather(&mut self, now: Instant) -> Result<(), Error> {
        if self.locals.sockets().next().is_none() {
            return Err(Error::NoInterface);
        }
        self.gathering.begin(now + self.config.gather_timeout);
        self.ask_servers(now);
        self.update_gathering(now);
        Ok(())
    }

    /// Asks what was not asked yet: every STUN server from every socket, and every TURN server from the best socket.
    pub(super) fn ask_servers(&mut self, now: Instant) {
        if !self.gathering.has_begun() || self.progress.is_closed() {
            return;
        }
        for (_, base) in self.locals.sockets() {
            self.questions.ask_from(base);
        }
        let Self { relays, locals, generator, .. } = self;
        let sockets = || locals.sockets();
        relays.allocate(now, sockets, || generator.bytes());
    }

    /// Brings candidates and pairs in line with what TURN client `i` has become.
    pub(super) fn on_relay_changed(&mut self, now: Instant, i: usize) {
        if self.progress.is_closed() {
            return;
        }
        let path = Path::Relay(i);
        let Some(relay) = self.relays.get(i) else { return };
        let (server, base, preference) = (relay.server().ip(), relay.base(), preference(relay.protocol()));
        let listed = self.locals.by_path(path).map(|l| l.candidate.addr);
        match (relay.allocation(), base) {
            (Allocation::Made { relayed, mapped, .. }, Some(base)) if listed != Some(relayed) => {
                self.forget_path(now, path);
                let relay = Candidate::new(relayed, CandidateType::Relayed, preference, Some(mapped), Some(server));
                // Without room for it the connection has to do without a relay; the candidates say what there is.
                let _ = self.add_local_candidate(now, relay, base, Some(path));
                self.add_reflexive(now, base, mapped, server);
            }
            (Allocation::Made { .. }, _) => {}
            _ if listed.is_some() => self.forget_path(now, path),
            _ => {}
        }
        for p in 0..self.checklist.pairs().len() {
            let is_refused = |ip: IpAddr| self.relays.permission(i, ip) == Some(Permission::Refused);
            if self.checklist.get(p).is_some_and(|p| p.path == path && is_refused(p.remote.ip())) {
                self.fail(now, p);
            }
        }
        self.ask_servers(now);
        self.update_gathering(now);
    }

    /// Asks the relay of a new pair to let its peer in.
    pub(super) fn ask_permission(&mut self, now: Instant, path: Path, remote: SocketAddr) -> Option<()> {
        let Path::Relay(i) = path else { return Some(()) };
        let id = self.generator.bytes();
        let relay = self.relays.get_mut(i)?;
        if relay.permit(remote.ip(), id, now).is_some() {
            return Some(());
        }
        let pairs = self.checklist.pairs();
        relay.retain_permissions(|ip| pairs.iter().any(|p| p.path == path && p.remote.ip() == ip));
        relay.permit(remote.ip(), id, now)
    }

    /// A response of a STUN server.
    pub(super) fn gathered(
        &mut self,
        now: Instant,
        path: Path,
        remote: SocketAddr,
        m: &Message<'_>,
    ) -> Result<(), Discard> {
        let Path::Socket(base) = path else { return Err(Discard::UnknownTransaction) };
        if let Some(mapped) = self.questions.handle(now, base, remote, m)? {
            self.add_reflexive(now, base, mapped, remote.ip());
        }
        self.update_gathering(now);
        Ok(())
    }

    /// RFC 8445 §5.1.3: one that is the host candidate itself is redundant.
    fn add_reflexive(&mut self, now: Instant, base: SocketAddr, mapped: SocketAddr, server: IpAddr) {
        if self.locals.is_known(mapped) {
            return;
        }
        let host = self.locals.by_path(Path::Socket(base));
        let preference = host.map_or(u16::MAX, |l| l.candidate.local_preference());
        let candidate = Candidate::new(mapped, CandidateType::ServerReflexive, preference, Some(base), Some(server));
        // The peer's checks go to the same socket whether or not this candidate finds room.
        let _ = self.add_local_candidate(now, candidate, base, None);
    }

    /// The next question to a STUN server: one under way, or a new one when the pace allows.
    pub(super) fn next_question(&mut self, now: Instant) -> Option<ToAsk> {
        let (timing, paced) = (self.config.timing(), self.paced_until <= now);
        let keep_alive = self.keeps_mappings_alive();
        let Self { questions, generator, .. } = self;
        let question = questions.next(now, timing, paced, keep_alive, || generator.bytes())?;
        if question.starts {
            self.paced_until = now + self.config.pacing;
        }
        Some(question)
    }

    /// Gives up on servers that don't answer.
    pub(super) fn watch_servers(&mut self, now: Instant) {
        self.questions.handle_timeout(now, self.config.timing());
        for i in 0..self.relays.len() {
            let id = self.generator.bytes();
            if self.relays.get_mut(i).is_some_and(|r| r.handle_timeout(now, id)) {
                self.on_relay_changed(now, i);
            }
        }
        self.update_gathering(now);
    }

    pub(super) fn servers_timeout(&self) -> Option<Instant> {
        let questions = self.questions.timeout(self.paced_until, self.keeps_mappings_alive());
        let gathering = self.gathering.timeout().filter(|_| !self.progress.is_closed());
        Instant::earliest(Instant::earliest(questions, self.relays.timeout()), gathering)
    }

    pub(super) fn update_gathering(&mut self, now: Instant) {
        let asking = self.questions.is_asking() || self.relays.is_asking();
        self.gathering.update(now, asking);
        self.warn(now);
    }

    /// Until a pair is in use, since then its checks keep its mapping alive.
    fn keeps_mappings_alive(&self) -> bool {
        self.consent.active().is_none() && matches!(self.progress.state(), State::New | State::Checking)
    }
}

/// The local preference of a relayed candidate: a stream to the server delays everything behind what it has lost.
const fn preference(protocol: Protocol) -> u16 {
    match protocol {
        Protocol::Udp => u16::MAX,
        Protocol::Tcp | Protocol::IceTcp => 0x7FFF,
        Protocol::Tls => 0x3FFF,
    }
}
