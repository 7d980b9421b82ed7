//! What the agent sends, and when.

use core::net::SocketAddr;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::{Instant, NoRoom};

use super::message::Request;
use super::{Agent, Path};
use crate::candidate::{Kind, Route, priority};
use crate::{Discard, State, Transmit};

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// Writes at most one datagram into `out`: first answers, then consent checks, then checks under way, then new ones at
    /// the pace of Ta. What does not fit into `out` is lost like a packet on the network, and counted; no message is
    /// longer than 700 bytes, nor than 200 with user name fragments of usual length.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<Transmit> {
        self.now = self.now.max(now);
        if self.state == State::Closed {
            return None;
        }
        loop {
            let (path, remote, written) = self.next_message(out)?;
            match written {
                Ok(len) => return Some(self.transmit(path, remote, len)),
                Err(NoRoom) => self.discards.count(Discard::NoRoom),
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) and [`poll_transmit`](Self::poll_transmit) are to be called next;
    /// it may lie in the past.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        if self.state == State::Closed {
            return None;
        }
        let answers = self.answers.front().map(|_| self.now);
        let checks = self.pairs.iter().filter_map(|p| p.check).map(|c| c.transaction.deadline()).min();
        let next = self.next_to_check().map(|_| self.paced_until);
        let patience = self
            .checking_since
            .filter(|_| self.active.is_none() && self.state == State::Checking)
            .map(|since| since + self.config.patience)
            .filter(|end| *end > self.now);
        [answers, checks, next, patience, self.nomination_timeout(), self.consent_timeout()]
            .into_iter()
            .fold(None, Instant::earliest)
    }

    /// Time has passed: gives up on checks and on consent that have run out.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.state == State::Closed {
            return;
        }
        let timing = self.config.timing();
        for i in 0..self.pairs.len() {
            let over = |c: &super::pair::Check| c.transaction.is_over(self.now, timing);
            if self.pairs.get(i).and_then(|p| p.check.as_ref()).is_some_and(over) {
                self.fail(i);
            }
        }
        self.watch_consent();
        self.nominate();
        self.update_state();
    }

    fn next_message(&mut self, out: &mut [u8]) -> Option<(Path, SocketAddr, Result<usize, NoRoom>)> {
        if let Some(answer) = self.answers.pop_front() {
            let previous = self.previous.as_ref().filter(|_| answer.previous).map(|p| &p.local);
            let written = answer.write(out, &self.provider, previous.unwrap_or(&self.local_credentials));
            return Some((answer.path, answer.remote, written));
        }
        if let Some((request, path, remote)) = self.next_consent_request() {
            return Some((path, remote, self.write_request(&request, self.is_on_previous(), out)?));
        }
        self.next_check(out)
    }

    fn next_check(&mut self, out: &mut [u8]) -> Option<(Path, SocketAddr, Result<usize, NoRoom>)> {
        let (now, timing) = (self.now, self.config.timing());
        let due = self.pairs.iter().position(|p| p.check.is_some_and(|c| c.transaction.is_due(now, timing)));
        let i = match due {
            Some(i) => i,
            None if self.paced_until <= now => {
                let i = self.next_to_check()?;
                self.paced_until = now + self.config.pacing;
                self.start_check(i);
                i
            }
            None => return None,
        };
        let tie_breaker = self.tie_breaker;
        let pair = self.pairs.get_mut(i)?;
        let check = pair.check.as_mut()?;
        check.transaction.on_sent(now, timing);
        let again = check.transaction.transmissions() > 1;
        let counter = if again { &mut pair.stats.retransmissions_sent } else { &mut pair.stats.requests_sent };
        *counter = counter.saturating_add(1);
        pair.stats.last_sent = Some(now);
        let request = Request {
            id: check.transaction.id,
            priority: priority(Kind::PeerReflexive, (pair.local_priority >> 8) as u16),
            controlling: check.controlling,
            tie_breaker,
            use_candidate: check.nominates,
        };
        let (path, remote) = (pair.path, pair.remote);
        Some((path, remote, self.write_request(&request, false, out)?))
    }

    /// Whether the pair in use dates from before a restart.
    fn is_on_previous(&self) -> bool {
        self.active.as_ref().is_some_and(|a| a.pair.is_none())
    }

    fn write_request(&self, request: &Request, previous: bool, out: &mut [u8]) -> Option<Result<usize, NoRoom>> {
        let (local, remote) = match self.previous.as_ref().filter(|_| previous) {
            Some(previous) => (&previous.local, &previous.remote),
            None => (&self.local_credentials, self.remote_credentials.as_ref()?),
        };
        Some(request.write(out, &self.provider, local, remote))
    }

    fn transmit(&self, path: Path, remote: SocketAddr, len: usize) -> Transmit {
        let Path::Socket(local) = path;
        Transmit { route: Route { local, remote }, len }
    }
}
