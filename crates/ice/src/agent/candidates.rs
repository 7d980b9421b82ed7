//! The candidates of both sides, and the pairs that are made of them (RFC 8445 §5.1, §6.1.2).
use core::net::SocketAddr;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::Instant;

use super::Agent;
use super::locals::Local;
use super::path::Path;
use crate::candidate::{Candidate, CandidateType, Foundation, TcpType};
use crate::error::Error;
use crate::route::{Protocol, Route, is_unicast, unscoped};
use crate::sdp::CandidateLine;

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// Adds a host candidate, also later, when an interface comes up. It is for a bound UDP socket, for a TCP socket
    /// that listens, or for [connections](Candidate::tcp_active) that this side makes.
    /// [`Event::LocalCandidate`](crate::Event::LocalCandidate) announces the candidate. An address that was added
    /// before changes nothing.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there are [`Config::max_local`](crate::Config::max_local) already.
    /// [`Error::Unreachable`] for an address that is unspecified, multicast or broadcast, or has port 0. A socket that
    /// is bound to all addresses is added with each address of its machine. [`Error::CandidateProtocol`] for a
    /// candidate of simultaneous open.
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
        self.add_socket(now, Candidate { addr: public, ..Candidate::host(local) }, local)
    }

    /// The same for a TCP socket that listens at `local`.
    ///
    /// # Errors
    /// As [`add_local`](Self::add_local).
    pub fn add_mapped_tcp(&mut self, now: Instant, local: SocketAddr, public: SocketAddr) -> Result<(), Error> {
        self.add_socket(now, Candidate { addr: public, ..Candidate::tcp_passive(local) }, local)
    }

    fn add_socket(&mut self, now: Instant, candidate: Candidate, base: SocketAddr) -> Result<(), Error> {
        let kind = match candidate.tcp_type {
            None => Path::Socket,
            Some(TcpType::SimultaneousOpen) => return Err(Error::CandidateProtocol),
            // The port says who connects: see `Protocol::IceTcp`.
            Some(tcp) if (tcp == TcpType::Active) != (base.port() == TcpType::ACTIVE_PORT) => {
                return Err(Error::Unreachable(base));
            }
            Some(_) => Path::Tcp,
        };
        for addr in [base, candidate.addr] {
            if !is_unicast(addr) {
                return Err(Error::Unreachable(addr));
            }
        }
        // Of several candidates of one socket, the first one stands for it in pairs.
        let path = Some(kind(base)).filter(|path| self.locals.by_path(*path).is_none());
        self.add_local_candidate(now, candidate, base, path)?;
        self.ask_servers(now);
        Ok(())
    }

    /// Forgets the sockets of `addr`, UDP's and TCP's, their candidates and their pairs. Where the selected path used one,
    /// the agent looks for another one.
    ///
    /// # Errors
    /// [`Error::UnknownLocal`] when no socket with this address was added. Then nothing has changed.
    pub fn remove_local(&mut self, now: Instant, addr: SocketAddr) -> Result<(), Error> {
        if !self.locals.forget_base(addr) {
            return Err(Error::UnknownLocal(addr));
        }
        self.forget_path(now, Path::Socket(addr));
        self.forget_path(now, Path::Tcp(addr));
        self.questions.forget_base(addr);
        for i in 0..self.relays.len() {
            if let Some(relay) = self.relays.get_mut(i).filter(|r| r.base() == Some(addr)) {
                relay.forget_base();
                self.on_relay_changed(now, i);
            }
        }
        self.ask_servers(now);
        self.update_state(now);
        Ok(())
    }

    /// Adds a candidate of the other side, from its description or trickled. A candidate that was added before changes
    /// nothing, and its address keeps the priority that it had. An active TCP candidate is not kept: the peer connects from
    /// another port than it names, and its checks tell which.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there are [`Config::max_remote`](crate::Config::max_remote) that are more useful.
    /// [`Error::Unreachable`] for an address that no check may be sent to: it is unspecified, multicast or broadcast,
    /// or has port 0.
    pub fn add_remote(&mut self, now: Instant, candidate: Candidate) -> Result<(), Error> {
        if self.progress.is_closed() || matches!(candidate.tcp_type, Some(TcpType::Active | TcpType::SimultaneousOpen))
        {
            return Ok(());
        }
        if !is_unicast(candidate.addr) {
            return Err(Error::Unreachable(candidate.addr));
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
    /// failure waits for [`Config::patience`](crate::Config::patience) (RFC 8863 §4). Where no candidate fits,
    /// [`Event::NoAnswer`](crate::Event::NoAnswer) tells at once.
    pub fn end_of_candidates(&mut self, now: Instant) {
        self.progress.end_of_candidates();
        self.warn(now);
        self.update_state(now);
    }

    /// Says that the candidates so far have been told to the peer: a description was written that has them.
    /// [`Event::LocalCandidate`](crate::Event::LocalCandidate) does not tell them again.
    pub fn candidates_described(&mut self, _now: Instant) {
        self.locals.all_told();
    }

    /// Tells the agent that authentic data of the peer have come by `route`, from an address that is not a candidate. A NAT
    /// has given the peer another address, or the peer has moved. The agent checks the address at once. When it answers, it
    /// takes the place of the path in use without waiting for that to fall silent. Nothing but checks is sent there before.
    ///
    /// # Errors
    /// [`Error::TooMany`] when there is no room for another candidate or pair, and [`Error::Unreachable`] as for
    /// [`add_remote`](Self::add_remote).
    pub fn moved(&mut self, now: Instant, route: Route) -> Result<(), Error> {
        let (path, remote) = (Path::Socket(route.local), unscoped(route.remote));
        if !is_unicast(remote) {
            return Err(Error::Unreachable(remote));
        }
        // A connection is with one address for as long as it lasts.
        if route.protocol.is_stream()
            || !self.locals.has_socket(route.local)
            || self.consent.active().is_none_or(|a| a.remote == remote)
        {
            return Ok(());
        }
        self.add_remote_candidate(now, peer_reflexive(remote, false, None), None)?;
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

    /// Says that authentic data of the peer have come by `route`, that of [`Handled::Data`](crate::Handled::Data). When both
    /// sides had agreed on another path, the peer may have lost that one: it is checked anew, unless it was confirmed just
    /// now. When it does not answer, the best path that does takes its place.
    pub fn heard(&mut self, now: Instant, route: Route) {
        let Some(active) = self.consent.active().filter(|a| a.nominated && !a.is_suspect()) else { return };
        let elsewhere = self.visible_route(active.path, active.remote) != route;
        let (timeout, suspicion) = (self.config.consent_timeout, self.config.suspicion);
        if elsewhere && !active.is_confirmed_since(now - suspicion, timeout) {
            self.suspect(now);
        }
    }

    /// The local candidates so far that the peer may know.
    pub fn local_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.locals.for_the_peer()
    }

    /// The remote candidates, peer-reflexive ones among them.
    pub fn remote_candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.checklist.remotes()
    }

    pub(super) fn add_local_candidate(
        &mut self,
        now: Instant,
        candidate: Candidate,
        base: SocketAddr,
        path: Option<Path>,
    ) -> Result<(), Error> {
        let Some(place) = self.locals.add(candidate, base, path)? else { return Ok(()) };
        if let Some(path) = self.locals.get(place).and_then(Local::outward) {
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

    pub(super) fn add_remote_candidate(
        &mut self,
        now: Instant,
        candidate: Candidate,
        claimed: Option<u64>,
    ) -> Result<(), Error> {
        let remote = unscoped(candidate.addr);
        if !self.checklist.add_remote(candidate, claimed)? {
            return Ok(());
        }
        for i in 0.. {
            let Some(local) = self.locals.get(i) else { break };
            if let Some(path) = local.outward() {
                // A full list is no reason to refuse the candidate: other local candidates may have room for it.
                self.add_pair(now, path, remote);
            }
        }
        Ok(())
    }

    /// The pair of a local way and a known remote candidate, made when there is none.
    pub(super) fn add_pair(&mut self, now: Instant, path: Path, remote: SocketAddr) -> Option<usize> {
        if self.config.relay_only && !matches!(path, Path::Relay(_)) {
            return None;
        }
        self.ask_permission(now, path, remote)?;
        self.checklist.add_pair(self.locals.by_path(path)?, remote, self.role.is_controlling())
    }

    /// A path as the application sees it: where its data come from and go to.
    pub(super) fn visible_route(&self, path: Path, remote: SocketAddr) -> Route {
        match path {
            Path::Socket(local) => Route::scoped(Protocol::Udp, local, remote),
            Path::Tcp(local) => Route::scoped(Protocol::IceTcp, local, remote),
            Path::Relay(i) => Route::udp(self.relays.get(i).and_then(|r| r.relayed()).unwrap_or(remote), remote),
        }
    }

    /// Forgets a way out, its candidate and its pairs, and looks for another one when it was in use.
    pub(super) fn forget_path(&mut self, now: Instant, path: Path) {
        self.locals.forget_path(path);
        self.checklist.forget_path(path);
        if self.consent.is_on(path) {
            self.consent.end();
            self.lose_path(now);
        }
        self.update_state(now);
    }

    /// The way that was in use is gone: the next pair whose check succeeds will be used.
    pub(super) fn lose_path(&mut self, now: Instant) {
        self.progress.lose_path(now, &self.config);
        self.checklist.forget_nominations();
        self.check_everything_again();
    }
}

/// A remote candidate that its own datagrams have shown (RFC 8445 §7.3.1.3).
pub(super) fn peer_reflexive(addr: SocketAddr, tcp: bool, priority: Option<u32>) -> Candidate {
    let kind = CandidateType::PeerReflexive;
    let priority = priority.unwrap_or_else(|| crate::candidate::priority(kind, tcp, 0));
    // A foundation of its own; "prflx" is none that a peer would send with a number.
    let foundation = Foundation::try_from("prflx").unwrap_or_default();
    Candidate { addr, kind, priority, foundation, related: None, tcp_type: tcp.then_some(TcpType::Active) }
}
