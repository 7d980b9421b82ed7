//! What the agent sends, and when.
use core::net::SocketAddr;
use core::time::Duration;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::{Instant, NoRoom};

use super::Agent;
use super::message::{Answer, Request};
use super::path::Path;
use crate::candidate::{CandidateType, priority};
use crate::carrier::Carrier;
use crate::error::Error;
use crate::event::{Discard, State, Transmit};
use crate::route::{Protocol, Route};
use crate::stun::{Builder, Class, Method, TransactionId};
use crate::turn::Client;

/// What is to be sent next.
enum Outgoing {
    Answer(Answer),
    /// A check, or with `previous` one with the credentials of before a restart.
    Request {
        request: Request,
        path: Path,
        remote: SocketAddr,
        previous: bool,
        /// The length of the datagram, where it probes the path MTU.
        size: Option<u16>,
    },
    /// A question to a STUN server.
    Question {
        id: TransactionId,
        base: SocketAddr,
        server: SocketAddr,
    },
}

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// Writes at most one datagram into `out`: first responses, then consent checks, then what is under way, then new
    /// transactions at the pace of Ta. A message that does not fit into `out` is lost as if on the network, and
    /// counted.
    ///
    /// A message to a peer or a STUN server has at most 800 bytes. With user names of usual length, it has at most 250.
    /// A request to a TURN server takes as much as user name, realm and nonce need.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        self.transmit(now, out, None)
    }

    /// As [`poll_transmit`](Self::poll_transmit), with a `carrier` that may add attributes of another protocol to every
    /// check and every success response of the present session. It is asked again for each retransmission.
    pub fn poll_transmit_carrying(
        &mut self,
        now: Instant,
        out: &mut [u8],
        carrier: &mut Carrier<'_>,
    ) -> Option<Transmit> {
        self.transmit(now, out, Some(carrier))
    }

    fn transmit(&mut self, now: Instant, out: &mut [u8], mut carrier: Option<&mut Carrier<'_>>) -> Option<Transmit> {
        loop {
            let carrier = carrier.as_deref_mut();
            let next = if self.progress.is_closed() {
                self.next_to_server(now, out)
            } else {
                self.next_datagram(now, out, carrier)
            };
            match next? {
                Ok(transmit) => return Some(transmit),
                Err(NoRoom) => self.discards.count(Discard::NoRoom),
            }
        }
    }

    /// Bytes that [`wrap`](Self::wrap) needs before the data and may need behind them: none, but on a relayed path.
    #[must_use]
    pub fn room(&self) -> (usize, usize) {
        self.consent.active().map_or((0, 0), |a| self.relays.room(a.path, a.remote))
    }

    /// Makes the application's data a datagram that takes the selected path. The caller has written `len` bytes to
    /// `out[front..front + len]`, with the `front` of [`room`](Self::room). The datagram starts at `out[0]`.
    ///
    /// # Errors
    /// [`Error::NotConnected`] while there is no consent to send, and [`Error::BufferTooShort`].
    pub fn wrap(&mut self, now: Instant, out: &mut [u8], len: usize) -> Result<Transmit, Error> {
        let active = self.consent.active().filter(|a| !a.is_expired(now)).ok_or(Error::NotConnected)?;
        let (path, remote) = (active.path, active.remote);
        let (front, back) = self.room();
        let needed = front.saturating_add(len).saturating_add(back);
        let transmit = self.wrap_for(path, remote, out, len).map_err(|NoRoom| Error::BufferTooShort { needed })?;
        self.consent.path_mtu_mut().on_data(now, transmit.len);
        if let Some(pair) = self.checklist.by_id_mut(self.consent.pair()) {
            pair.stats.packets_sent = pair.stats.packets_sent.saturating_add(1);
            pair.stats.bytes_sent = pair.stats.bytes_sent.saturating_add(len as u64);
            pair.stats.last_sent = Some(now);
        }
        Ok(transmit)
    }

    /// When [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit) are to be called next. It may
    /// lie in the past.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        if self.progress.is_closed() {
            return self.servers_timeout();
        }
        let without_path = self.progress.timeout(&self.config).filter(|_| self.consent.active().is_none());
        let disconnected = self.progress.state() == State::Disconnected;
        [
            self.answers.timeout(),
            self.checklist.timeout(),
            self.next_to_check().map(|_| self.paced_until),
            without_path,
            self.nomination_timeout(),
            self.consent.path_mtu().timeout().filter(|_| self.consent.active().is_some()),
            self.consent.active().and_then(|a| a.timeout(&self.config, disconnected)),
            self.servers_timeout(),
        ]
        .into_iter()
        .fold(None, Instant::earliest)
    }

    /// Says that time has passed: the agent gives up on checks, servers and consent that have run out.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.progress.is_closed() {
            return self.watch_servers(now);
        }
        let timing = self.config.timing();
        while let Some(i) = self.checklist.over(now, timing) {
            self.fail(now, i);
        }
        self.watch_servers(now);
        self.watch_consent(now);
        self.nominate(now);
        if self.consent.active().is_none() {
            let reason = self.failure_reason();
            self.progress.handle_timeout(now, &self.config, || reason);
        }
        self.update_state(now);
    }

    fn next_datagram(
        &mut self,
        now: Instant,
        out: &mut [u8],
        carrier: Option<&mut Carrier<'_>>,
    ) -> Option<Result<Transmit, NoRoom>> {
        let carries = carrier.is_some();
        if let Some(outgoing) = self.next_urgent(now, carries) {
            return Some(self.write(&outgoing, out, carrier));
        }
        if let Some(to_server) = self.next_to_server(now, out) {
            return Some(to_server);
        }
        let outgoing = match self.next_question(now) {
            Some(q) => Outgoing::Question { id: q.id, base: q.base, server: q.server },
            None => self.new_check(now)?,
        };
        Some(self.write(&outgoing, out, carrier))
    }

    /// What TURN servers are to be asked.
    fn next_to_server(&mut self, now: Instant, out: &mut [u8]) -> Option<Result<Transmit, NoRoom>> {
        for i in 0..self.relays.len() {
            let Some(relay) = self.relays.get_mut(i) else { continue };
            let Some(written) = relay.poll_transmit(now, &self.provider, &mut self.generator, out) else { continue };
            let transmit = written.and_then(|len| server_transmit(relay, len));
            if transmit.is_err() {
                self.on_relay_changed(now, i);
            }
            return Some(transmit);
        }
        None
    }

    /// What does not wait for its turn.
    fn next_urgent(&mut self, now: Instant, carries: bool) -> Option<Outgoing> {
        if let Some(answer) = self.answers.pop() {
            return Some(Outgoing::Answer(answer));
        }
        if let Some(check) = self.next_on_path(now, carries) {
            return Some(check);
        }
        let due = self.checklist.due(now, self.config.timing())?;
        self.transmit_check(now, due)
    }

    /// The pair whose check starts next. A lite agent starts none but those that ask back.
    fn next_to_check(&self) -> Option<usize> {
        self.session.remote()?;
        let may_send = |p: &super::pair::Pair| self.relays.may_send(p.path, p.remote);
        let wanted = |p: &super::pair::Pair| !self.config.lite && self.is_still_wanted(p);
        self.checklist.next_to_check(self.role.is_controlling(), may_send, wanted)
    }

    fn new_check(&mut self, now: Instant) -> Option<Outgoing> {
        if self.paced_until > now {
            return None;
        }
        let i = self.next_to_check()?;
        self.paced_until = now + self.config.pacing;
        let id = self.generator.bytes();
        self.checklist.start_check(now, i, id, self.role.is_controlling());
        self.transmit_check(now, i)
    }

    fn transmit_check(&mut self, now: Instant, i: usize) -> Option<Outgoing> {
        let (timing, tie_breaker) = (self.config.timing(), self.role.tie_breaker());
        let pair = self.checklist.get_mut(i)?;
        let timing = pair.timing(timing);
        let check = pair.check.as_mut()?;
        check.on_sent(now, timing);
        let again = check.transaction.transmissions() > 1;
        let counter = if again { &mut pair.stats.retransmissions_sent } else { &mut pair.stats.requests_sent };
        *counter = counter.saturating_add(1);
        pair.stats.last_sent = Some(now);
        let request = Request {
            id: check.id(),
            priority: priority(CandidateType::PeerReflexive, pair.path.is_tcp(), (pair.local_priority >> 8) as u16),
            controlling: check.controlling,
            tie_breaker,
            use_candidate: check.nominates,
            padded: false,
        };
        barertc_wire::trace!("check of pair {}, transmission {}", pair.id, check.transaction.transmissions());
        Some(Outgoing::Request { request, path: pair.path, remote: pair.remote, previous: false, size: None })
    }

    /// Makes the consent check that is due, or else the check with padding that is: the search for the path MTU (RFC 8899).
    /// There is no search while checks carry something: a handshake that is under way in them comes first.
    fn next_on_path(&mut self, now: Instant, carries: bool) -> Option<Outgoing> {
        let previous = self.consent.is_from_before();
        // A lite agent may be sending on the word of a check alone before it knows the peer's password.
        let asks = self.session.of(previous).is_some_and(|(_, remote)| remote.is_some());
        let searched = self.consent.active().filter(|_| asks && !carries).map(|active| (active.path, active.remote));
        self.consent.path_mtu_mut().follow(now, searched);
        let size = match self.consent.active()?.is_due(now) {
            true => None,
            false => Some(self.consent.path_mtu_mut().next_probe(now)?),
        };
        if size.is_none() {
            self.schedule_consent(now);
        }
        if !asks {
            return None;
        }
        let new = TransactionId(self.generator.bytes());
        let (controlling, tie_breaker) = (self.role.is_controlling(), self.role.tie_breaker());
        let active = self.consent.active_mut()?;
        let id = match size {
            Some(size) => self.consent.path_mtu_mut().on_sent(now, new, size),
            None => {
                active.on_sent(new, now);
                new
            }
        };
        // A probe renews consent, too.
        if let Some(pair) = self.checklist.by_id_mut(self.consent.pair()) {
            pair.stats.consent_requests_sent = pair.stats.consent_requests_sent.saturating_add(1);
        }
        let active = self.consent.active()?;
        // A nominated pair says so again: a peer that lost its state, or that counts nominations, stays with it.
        let use_candidate = controlling && active.nominated && !previous;
        let preference = (active.local_priority >> 8) as u16;
        let priority = priority(CandidateType::PeerReflexive, active.path.is_tcp(), preference);
        let request = Request { id, priority, controlling, tie_breaker, use_candidate, padded: size.is_some() };
        Some(Outgoing::Request { request, path: active.path, remote: active.remote, previous, size })
    }

    /// The next consent check after one interval from now: between 0.8 and 1.2 times the period (RFC 7675 §5.1).
    pub(super) fn schedule_consent(&mut self, now: Instant) {
        let [r] = self.generator.bytes::<1>();
        let range = self.config.consent_interval.saturating_mul(2).checked_div(5).unwrap_or_default();
        let random = range.saturating_mul(r.into()).checked_div(255).unwrap_or(Duration::ZERO);
        if let Some(active) = self.consent.active_mut() {
            active.schedule(now + range.saturating_mul(2).saturating_add(random));
        }
    }

    fn write(
        &mut self,
        outgoing: &Outgoing,
        out: &mut [u8],
        carrier: Option<&mut Carrier<'_>>,
    ) -> Result<Transmit, NoRoom> {
        let (path, remote) = match outgoing {
            Outgoing::Answer(a) => (a.path, a.remote),
            Outgoing::Request { path, remote, .. } => (*path, *remote),
            Outgoing::Question { base, server, .. } => (Path::Socket(*base), *server),
        };
        let (front, back) = self.relays.room(path, remote);
        let mut end = out.len().saturating_sub(back);
        if let Outgoing::Request { size: Some(size), .. } = outgoing {
            end = usize::from(*size);
        }
        let len = self.write_message(outgoing, out.get_mut(front..end).ok_or(NoRoom)?, carrier)?;
        self.wrap_for(path, remote, out, len)
    }

    fn write_message(
        &self,
        outgoing: &Outgoing,
        out: &mut [u8],
        carrier: Option<&mut Carrier<'_>>,
    ) -> Result<usize, NoRoom> {
        match outgoing {
            Outgoing::Answer(answer) => {
                // The old credentials may have gone since.
                let local = self.session.of(answer.previous).map_or(self.session.local(), |(local, _)| local);
                answer.write(out, &self.provider, local, carrier.filter(|_| !answer.previous))
            }
            Outgoing::Request { request, previous, .. } => {
                let (local, remote) = self.session.of(*previous).ok_or(NoRoom)?;
                let carrier = carrier.filter(|_| !*previous);
                request.write(out, &self.provider, local, remote.ok_or(NoRoom)?, carrier)
            }
            Outgoing::Question { id, .. } => Builder::new(out, Class::Request, Method::BINDING, *id)?.fingerprint(),
        }
    }

    fn wrap_for(&mut self, path: Path, remote: SocketAddr, out: &mut [u8], len: usize) -> Result<Transmit, NoRoom> {
        match path {
            Path::Socket(_) | Path::Tcp(_) if out.len() < len => Err(NoRoom),
            Path::Socket(local) => Ok(Transmit { route: Route::scoped(Protocol::Udp, local, remote), len }),
            Path::Tcp(local) => Ok(Transmit { route: Route::scoped(Protocol::IceTcp, local, remote), len }),
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
