//! What the agent sends, and when.

use core::net::SocketAddr;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::{Instant, NoRoom};

use super::message::{Answer, Request};
use super::{Agent, Path};
use crate::candidate::Protocol;
use crate::candidate::{CandidateType, Route, priority};
use crate::stun::{Builder, Class, Method, TransactionId};
use crate::turn::{Client, PADDING};
use crate::{Discard, Error, State, Transmit};

/// What is to be sent next.
enum Outgoing {
    Answer(Answer),
    /// A check, or with `previous` one with the credentials of before a restart.
    Request {
        request: Request,
        path: Path,
        remote: SocketAddr,
        previous: bool,
    },
    /// A question to a STUN server.
    Question {
        id: TransactionId,
        base: SocketAddr,
        server: SocketAddr,
    },
}

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// Writes at most one datagram into `out`: first answers, then consent checks, then what is under way, then new
    /// transactions at the pace of Ta. What does not fit into `out` is lost like a packet on the network, and counted; no
    /// message is longer than 800 bytes, nor than 250 with user names of usual length.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        self.advance(now);
        loop {
            let next = if self.state == State::Closed { self.next_to_server(out) } else { self.next_datagram(out) };
            match next? {
                Ok(transmit) => return Some(transmit),
                Err(NoRoom) => self.discards.count(Discard::NoRoom),
            }
        }
    }

    /// Bytes that [`wrap`](Self::wrap) needs before the data and may need behind them: none, but on a relayed path.
    #[must_use]
    pub fn room(&self) -> (usize, usize) {
        match self.active.as_ref().map(|a| (a.path, a.remote)) {
            Some((Path::Relay(i), remote)) => (self.relays.get(i).map_or(0, |r| r.front(remote)), PADDING),
            _ => (0, 0),
        }
    }

    /// Makes the application's data, which the caller has written to `out[front..front + len]` with the `front` of
    /// [`room`](Self::room), a datagram that starts at `out[0]` and takes the selected way.
    ///
    /// # Errors
    /// [`Error::NotConnected`] while there is no consent to send, [`Error::BufferTooShort`].
    pub fn wrap(&mut self, now: Instant, out: &mut [u8], len: usize) -> Result<Transmit, Error> {
        self.advance(now);
        let active = self.active.as_ref().ok_or(Error::NotConnected)?;
        let (path, remote, id) = (active.path, active.remote, active.pair);
        let (front, back) = self.room();
        let needed = front.saturating_add(len).saturating_add(back);
        let transmit = self.wrap_for(path, remote, out, len).map_err(|NoRoom| Error::BufferTooShort { needed })?;
        let now = self.now;
        if let Some(pair) = self.pairs.iter_mut().find(|p| Some(p.id) == id) {
            pair.stats.packets_sent = pair.stats.packets_sent.saturating_add(1);
            pair.stats.bytes_sent = pair.stats.bytes_sent.saturating_add(len as u64);
            pair.stats.last_sent = Some(now);
        }
        Ok(transmit)
    }

    /// When [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit) are to be called next;
    /// it may lie in the past.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        if self.state == State::Closed {
            return self.servers_timeout();
        }
        let answers = self.answers.front().map(|_| self.now);
        let checks = self.pairs.iter().filter_map(|p| p.check).map(|c| c.transaction.deadline()).min();
        let next = self.next_to_check().map(|_| self.paced_until);
        let patience = self
            .checking_since
            .filter(|_| self.active.is_none() && self.state == State::Checking)
            .map(|since| since + self.config.patience)
            .filter(|end| *end > self.now);
        [answers, checks, next, patience, self.nomination_timeout(), self.consent_timeout(), self.servers_timeout()]
            .into_iter()
            .fold(None, Instant::earliest)
    }

    /// Time has passed: gives up on checks, servers and consent that have run out.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        if self.state == State::Closed {
            return self.watch_servers();
        }
        let timing = self.config.timing();
        for i in 0..self.pairs.len() {
            let over = |c: &super::pair::Check| c.transaction.is_over(self.now, timing);
            if self.pairs.get(i).and_then(|p| p.check.as_ref()).is_some_and(over) {
                self.fail(i);
            }
        }
        self.watch_servers();
        self.watch_consent();
        self.nominate();
        self.update_state();
    }

    fn next_datagram(&mut self, out: &mut [u8]) -> Option<Result<Transmit, NoRoom>> {
        if let Some(outgoing) = self.next_urgent() {
            return Some(self.write(&outgoing, out));
        }
        if let Some(to_server) = self.next_to_server(out) {
            return Some(to_server);
        }
        let question = |(id, base, server)| Outgoing::Question { id, base, server };
        let outgoing = match self.next_question().map(question) {
            Some(question) => question,
            None => self.new_check()?,
        };
        Some(self.write(&outgoing, out))
    }

    /// What TURN servers are to be asked.
    fn next_to_server(&mut self, out: &mut [u8]) -> Option<Result<Transmit, NoRoom>> {
        for i in 0..self.relays.len() {
            let Some(relay) = self.relays.get_mut(i) else { continue };
            if let Some(written) = relay.poll_transmit(self.now, &self.provider, &mut self.random, out) {
                return Some(written.and_then(|len| server_transmit(relay, len)));
            }
        }
        None
    }

    /// What does not wait for its turn.
    fn next_urgent(&mut self) -> Option<Outgoing> {
        if let Some(answer) = self.answers.pop_front() {
            return Some(Outgoing::Answer(answer));
        }
        if let Some((request, path, remote)) = self.next_consent_request() {
            let previous = self.active.as_ref().is_some_and(|a| a.pair.is_none());
            return Some(Outgoing::Request { request, path, remote, previous });
        }
        let (now, timing) = (self.now, self.config.timing());
        let due = self.pairs.iter().position(|p| p.check.is_some_and(|c| c.transaction.is_due(now, timing)))?;
        self.transmit_check(due)
    }

    fn new_check(&mut self) -> Option<Outgoing> {
        if self.paced_until > self.now {
            return None;
        }
        let i = self.next_to_check()?;
        self.paced_until = self.now + self.config.pacing;
        self.start_check(i);
        self.transmit_check(i)
    }

    fn transmit_check(&mut self, i: usize) -> Option<Outgoing> {
        let (now, timing, tie_breaker) = (self.now, self.config.timing(), self.tie_breaker);
        let pair = self.pairs.get_mut(i)?;
        let check = pair.check.as_mut()?;
        check.transaction.on_sent(now, timing);
        let again = check.transaction.transmissions() > 1;
        let counter = if again { &mut pair.stats.retransmissions_sent } else { &mut pair.stats.requests_sent };
        *counter = counter.saturating_add(1);
        pair.stats.last_sent = Some(now);
        let request = Request {
            id: check.transaction.id,
            priority: priority(CandidateType::PeerReflexive, (pair.local_priority >> 8) as u16),
            controlling: check.controlling,
            tie_breaker,
            use_candidate: check.nominates,
        };
        Some(Outgoing::Request { request, path: pair.path, remote: pair.remote, previous: false })
    }

    fn write(&mut self, outgoing: &Outgoing, out: &mut [u8]) -> Result<Transmit, NoRoom> {
        let (path, remote) = match outgoing {
            Outgoing::Answer(a) => (a.path, a.remote),
            Outgoing::Request { path, remote, .. } => (*path, *remote),
            Outgoing::Question { base, server, .. } => (Path::Socket(*base), *server),
        };
        let front = match path {
            Path::Socket(_) => 0,
            Path::Relay(i) => self.relays.get(i).map_or(0, |r| r.front(remote)),
        };
        let len = self.write_message(outgoing, out.get_mut(front..).ok_or(NoRoom)?)?;
        self.wrap_for(path, remote, out, len)
    }

    fn write_message(&self, outgoing: &Outgoing, out: &mut [u8]) -> Result<usize, NoRoom> {
        let before_restart = |previous: bool| self.previous.as_ref().filter(|_| previous);
        match outgoing {
            Outgoing::Answer(answer) => {
                let local = before_restart(answer.previous).map_or(&self.local_credentials, |p| &p.local);
                answer.write(out, &self.provider, local)
            }
            Outgoing::Request { request, previous, .. } => {
                let (local, remote) = match before_restart(*previous) {
                    Some(p) => (&p.local, Some(&p.remote)),
                    None => (&self.local_credentials, self.remote_credentials.as_ref()),
                };
                request.write(out, &self.provider, local, remote.ok_or(NoRoom)?)
            }
            Outgoing::Question { id, .. } => Builder::new(out, Class::Request, Method::BINDING, *id)?.fingerprint(),
        }
    }

    fn wrap_for(&mut self, path: Path, remote: SocketAddr, out: &mut [u8], len: usize) -> Result<Transmit, NoRoom> {
        match path {
            Path::Socket(_) if out.len() < len => Err(NoRoom),
            Path::Socket(local) => Ok(Transmit { route: Route::scoped(Protocol::Udp, local, remote), len }),
            Path::Relay(i) => {
                let relay = self.relays.get_mut(i).ok_or(NoRoom)?;
                let len = relay.wrap(remote, out, len)?;
                server_transmit(relay, len)
            }
        }
    }
}

fn server_transmit<A: Allocator + Clone>(relay: &Client<A>, len: usize) -> Result<Transmit, NoRoom> {
    let local = relay.base().ok_or(NoRoom)?;
    Ok(Transmit { route: Route::scoped(relay.protocol(), local, relay.server()), len })
}
