//! Local candidates from servers: server-reflexive ones from STUN (RFC 8445 §5.1.1.2), relayed ones from TURN.

use core::net::SocketAddr;
use core::time::Duration;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::Instant;

use super::{Agent, Path};
use crate::candidate::{Candidate, CandidateType, compatible, unscoped};
use crate::stun::{Class, Message, TransactionId, attr};
use crate::transaction::Transaction;
use crate::turn::{Allocation, Client, Permission, TurnServer};
use crate::{Discard, Error, GatheringState, State};

/// STUN servers that can be configured; each is asked from every address.
pub(crate) const MAX_STUN_SERVERS: usize = 4;

/// Mappings are refreshed this often until a pair is in use (RFC 8445 §11).
const KEEPALIVE: Duration = Duration::from_secs(15);

/// A question to a STUN server from one socket.
#[derive(Debug)]
pub(crate) struct Gatherer {
    server: SocketAddr,
    base: SocketAddr,
    state: Asked,
}

#[derive(Debug)]
enum Asked {
    Waiting,
    Running(Transaction),
    Answered { again: Instant },
    Silent,
}

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// A STUN server that tells which address this side has from outside; at most four.
    ///
    /// # Errors
    /// [`Error::TooMany`] beyond four.
    pub fn add_stun_server(&mut self, now: Instant, server: SocketAddr) -> Result<(), Error> {
        self.advance(now);
        let full = Error::TooMany { what: "STUN servers", limit: MAX_STUN_SERVERS };
        self.stun_servers.push(unscoped(server)).map_err(|_| full)?;
        self.ask_servers();
        Ok(())
    }

    /// A TURN server, from which one address is allocated.
    ///
    /// # Errors
    /// [`Error::TooMany`] beyond [`Config::max_relays`](crate::Config::max_relays), [`Error::Length`] when name or
    /// password are too long, [`Error::NoMemory`].
    pub fn add_turn_server(&mut self, now: Instant, server: &TurnServer<'_>) -> Result<(), Error> {
        self.advance(now);
        let full = Error::TooMany { what: "TURN servers", limit: self.config.max_relays.into() };
        if self.relays.is_full() {
            return Err(full);
        }
        let (permissions, channels) = (self.config.max_permissions.into(), self.config.max_channels.into());
        let client = Client::new(server, permissions, channels, self.config.timing(), self.alloc.clone())?;
        self.relays.try_push(client).map_err(|_| full)?;
        self.ask_servers();
        Ok(())
    }

    /// All sockets are known: asks the servers. Completion is announced by
    /// [`Event::Gathering`](crate::Event::Gathering), at once when there are no servers.
    ///
    /// # Errors
    /// [`Error::NoInterface`] when no address was added.
    pub fn gather(&mut self, now: Instant) -> Result<(), Error> {
        self.advance(now);
        if !self.locals.iter().any(|l| l.candidate.kind == CandidateType::Host) {
            return Err(Error::NoInterface);
        }
        self.gather_until = Some(self.now + self.config.gather_timeout);
        self.set_gathering(GatheringState::Gathering);
        self.ask_servers();
        self.update_gathering();
        Ok(())
    }

    /// Asks what was not asked yet: every STUN server from every socket, and every TURN server from the best one.
    pub(super) fn ask_servers(&mut self) {
        if self.gather_until.is_none() || self.state == State::Closed {
            return;
        }
        for l in self.locals.iter() {
            let Some(Path::Socket(base)) = l.path else { continue };
            for &server in self.stun_servers.iter().filter(|s| can_ask(base, **s)) {
                if !self.gatherers.iter().any(|g| g.server == server && g.base == base) {
                    // What is beyond the bound is not asked; the first sockets are the best ones.
                    let _ = self.gatherers.try_push(Gatherer { server, base, state: Asked::Waiting });
                }
            }
        }
        for i in 0..self.relays.len() {
            let id = self.random.bytes();
            let Some(relay) = self.relays.get_mut(i).filter(|r| r.allocation() == Allocation::Idle) else { continue };
            let bases = self.locals.iter().filter_map(|l| match l.path {
                Some(Path::Socket(base)) if can_ask(base, relay.server()) => Some((l.candidate.priority, base)),
                _ => None,
            });
            if let Some((_, base)) = bases.max() {
                relay.allocate(base, id, self.now);
            }
        }
    }

    /// Whether this is an answer of `server` to a question that is open.
    pub(super) fn asked(&self, server: SocketAddr, datagram: &[u8]) -> bool {
        let id = datagram.get(8..20);
        self.gatherers.iter().filter(|g| g.server == server).any(|g| match g.state {
            Asked::Running(t) => id == Some(&t.id.0[..]),
            _ => false,
        })
    }

    /// The socket is gone, with what was learned through it.
    pub(super) fn forget_base(&mut self, base: SocketAddr) {
        self.gatherers.retain(|g| g.base != base);
        for i in 0..self.relays.len() {
            if let Some(relay) = self.relays.get_mut(i).filter(|r| r.base() == Some(base)) {
                relay.forget_base();
                self.on_relay_changed(i);
            }
        }
        self.ask_servers();
    }

    /// Brings candidates and pairs in line with what TURN client `i` has become.
    pub(super) fn on_relay_changed(&mut self, i: usize) {
        if self.state == State::Closed {
            return;
        }
        let path = Path::Relay(i);
        let Some(relay) = self.relays.get(i) else { return };
        let listed = self.locals.iter().find(|l| l.path == Some(path)).map(|l| l.candidate.addr);
        match relay.allocation() {
            Allocation::Made { relayed, mapped, .. } if listed != Some(relayed) => {
                self.forget_path(path);
                let server = relay_server_ip(self.relays.get(i));
                let relay = Candidate::new(relayed, CandidateType::Relayed, u16::MAX, Some(mapped), server);
                // Without room for it the connection has to do without a relay; the event says what there is.
                let _ = self.add_local_candidate(relay, Some(path));
                if let Some(base) = self.relays.get(i).and_then(Client::base) {
                    self.add_reflexive(base, mapped, server);
                }
            }
            Allocation::Made { .. } => {}
            _ if listed.is_some() => self.forget_path(path),
            _ => {}
        }
        for p in 0..self.pairs.len() {
            let refused = self.pairs.get(p).is_some_and(|p| {
                p.path == path
                    && self.relays.get(i).and_then(|r| r.permission(p.remote.ip())) == Some(Permission::Refused)
            });
            if refused {
                self.fail(p);
            }
        }
        self.update_gathering();
    }

    /// Whether a check may be sent on this path now: a relay must have let the peer in.
    pub(super) fn may_send(&self, path: Path, remote: SocketAddr) -> bool {
        match path {
            Path::Socket(_) => true,
            Path::Relay(i) => self.relays.get(i).and_then(|r| r.permission(remote.ip())) == Some(Permission::Installed),
        }
    }

    /// Asks the relay of a new pair to let its peer in.
    pub(super) fn ask_permission(&mut self, path: Path, remote: SocketAddr) -> Option<()> {
        let Path::Relay(i) = path else { return Some(()) };
        let id = self.random.bytes();
        let relay = self.relays.get_mut(i)?;
        if relay.permit(remote.ip(), id, self.now).is_some() {
            return Some(());
        }
        let pairs = &self.pairs;
        relay.retain_permissions(|ip| pairs.iter().any(|p| p.path == path && p.remote.ip() == ip));
        relay.permit(remote.ip(), id, self.now)
    }

    /// A response of a STUN server.
    pub(super) fn gathered(&mut self, path: Path, remote: SocketAddr, m: &Message<'_>) -> Result<(), Discard> {
        let Path::Socket(local) = path else { return Err(Discard::UnknownTransaction) };
        let asked = |g: &&mut Gatherer| matches!(&g.state, Asked::Running(t) if t.id == m.id());
        let gatherer = self.gatherers.iter_mut().find(asked).ok_or(Discard::UnknownTransaction)?;
        if (gatherer.base, gatherer.server) != (local, remote) {
            return Err(Discard::Asymmetric);
        }
        let mapped = m.xor_address(attr::XOR_MAPPED_ADDRESS).or_else(|| m.address(attr::MAPPED_ADDRESS));
        let Some(mapped) = mapped.filter(|_| m.class() == Class::Success) else {
            gatherer.state = Asked::Silent;
            self.update_gathering();
            return Ok(());
        };
        gatherer.state = Asked::Answered { again: self.now + KEEPALIVE };
        self.add_reflexive(local, mapped, Some(remote.ip()));
        self.update_gathering();
        Ok(())
    }

    /// RFC 8445 §5.1.3: one that is the host candidate itself is redundant.
    fn add_reflexive(&mut self, base: SocketAddr, mapped: SocketAddr, server: Option<core::net::IpAddr>) {
        let known = |c: &Candidate| unscoped(c.addr) == mapped && c.kind != CandidateType::PeerReflexive;
        if self.locals.iter().any(|l| known(&l.candidate)) {
            return;
        }
        let preference = self
            .locals
            .iter()
            .find(|l| l.path == Some(Path::Socket(base)))
            .map_or(u16::MAX, |l| l.candidate.local_preference());
        let candidate = Candidate::new(mapped, CandidateType::ServerReflexive, preference, Some(base), server);
        // The peer's checks go to the same socket whether or not this candidate finds room.
        let _ = self.add_local_candidate(candidate, None);
    }

    /// The next question to a STUN server: one under way, or a new one when the pace allows.
    pub(super) fn next_question(&mut self) -> Option<(TransactionId, SocketAddr, SocketAddr)> {
        let (now, timing) = (self.now, self.config.timing());
        let keep_alive = self.keeps_mappings_alive();
        let paced = self.paced_until <= now;
        for g in self.gatherers.iter_mut() {
            let starts = match g.state {
                Asked::Waiting => paced,
                Asked::Answered { again } => paced && keep_alive && again <= now,
                Asked::Running(_) | Asked::Silent => false,
            };
            if starts {
                g.state = Asked::Running(Transaction::new(self.random.bytes(), now));
                self.paced_until = now + self.config.pacing;
            }
            if let Asked::Running(t) = &mut g.state
                && t.is_due(now, timing)
            {
                t.on_sent(now, timing);
                return Some((t.id, g.base, g.server));
            }
        }
        None
    }

    /// Gives up on servers that don't answer.
    pub(super) fn watch_servers(&mut self) {
        let (now, timing) = (self.now, self.config.timing());
        for g in self.gatherers.iter_mut() {
            if matches!(&g.state, Asked::Running(t) if t.is_over(now, timing)) {
                g.state = Asked::Silent;
            }
        }
        for i in 0..self.relays.len() {
            let id = self.random.bytes();
            if self.relays.get_mut(i).is_some_and(|r| r.handle_timeout(now, id)) {
                self.on_relay_changed(i);
            }
        }
        self.update_gathering();
    }

    pub(super) fn servers_timeout(&self) -> Option<Instant> {
        let keep_alive = self.keeps_mappings_alive();
        let questions = self.gatherers.iter().filter_map(|g| match &g.state {
            Asked::Waiting => Some(self.paced_until),
            Asked::Running(t) => Some(t.deadline()),
            Asked::Answered { again } => keep_alive.then_some((*again).max(self.paced_until)),
            Asked::Silent => None,
        });
        let relays = self.relays.iter().filter_map(Client::timeout);
        let gathering = self.gathering == GatheringState::Gathering && self.state != State::Closed;
        let end = self.gather_until.filter(|_| gathering);
        questions.chain(relays).map(Some).fold(end, Instant::earliest)
    }

    pub(super) fn update_gathering(&mut self) {
        if self.gathering != GatheringState::Gathering {
            return;
        }
        let asking = self.gatherers.iter().any(|g| matches!(g.state, Asked::Waiting | Asked::Running(_)))
            || self.relays.iter().any(|r| r.allocation() == Allocation::Requested);
        if !asking || self.gather_until.is_some_and(|end| end <= self.now) {
            self.set_gathering(GatheringState::Complete);
        }
    }

    /// Until a pair is in use, since then its checks keep its mapping alive.
    fn keeps_mappings_alive(&self) -> bool {
        self.active.is_none() && matches!(self.state, State::New | State::Checking)
    }
}

fn relay_server_ip<A: Allocator + Clone>(relay: Option<&Client<A>>) -> Option<core::net::IpAddr> {
    relay.map(|r| r.server().ip())
}

/// One family and scope, and the loopback interface to itself.
fn can_ask(base: SocketAddr, server: SocketAddr) -> bool {
    compatible(base, server) && base.ip().is_loopback() == server.ip().is_loopback()
}
