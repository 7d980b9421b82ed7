//! Candidates become pairs; pairs take turns being checked (RFC 8445 §6.1.2, §6.1.4).

use core::net::SocketAddr;

use barertc_arena::Allocator;
use barertc_crypto::Provider;

use super::pair::{Check, PairCounters};
use super::{Agent, Pair, PairState, Path, Remote};
use crate::Error;
use crate::candidate::{Candidate, CandidateType, compatible, fnv, unscoped};
use crate::transaction::Transaction;

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// Takes in a remote candidate. One that was already known by its checks becomes what it is signalled as, and its
    /// pairs keep their state (RFC 8445 §7.3.1.3, last paragraph).
    pub(super) fn add_remote_candidate(&mut self, mut candidate: Candidate, claimed: Option<u64>) -> Result<(), Error> {
        candidate.addr = unscoped(candidate.addr);
        let addr = candidate.addr;
        let (kind, priority) = (candidate.kind, candidate.priority);
        if let Some(known) = self.remotes.iter_mut().find(|r| r.candidate.addr == addr) {
            if known.candidate.kind == CandidateType::PeerReflexive && kind != CandidateType::PeerReflexive {
                known.candidate = candidate;
                for pair in self.pairs.iter_mut().filter(|p| p.remote == addr) {
                    pair.remote_kind = kind;
                    pair.remote_priority = priority;
                }
            }
            return Ok(());
        }
        let full = Error::TooMany { what: "remote candidates", limit: self.config.max_remote.into() };
        if self.remotes.is_full() {
            self.evict_remote(priority).ok_or(full)?;
        }
        self.remotes.try_push(Remote { candidate, claimed }).map_err(|_| full)?;
        for i in 0..self.locals.len() {
            let Some((path, local)) = self.locals.get(i).and_then(|l| Some((l.path?, l.candidate.priority))) else {
                continue;
            };
            // A full list is no reason to refuse the candidate: other local candidates may have room for it.
            let _ = self.add_pair(path, local, addr);
        }
        Ok(())
    }

    /// Pairs a new local candidate with every remote one.
    pub(super) fn pair_local(&mut self, path: Path, priority: u32) {
        for i in 0..self.remotes.len() {
            let Some(remote) = self.remotes.get(i).map(|r| r.candidate.addr) else { continue };
            let _ = self.add_pair(path, priority, remote);
        }
    }

    /// The pair of a local way and a known remote candidate, made when there is none.
    ///
    /// `None` when every pair there is is more useful, or when the addresses do not fit.
    pub(super) fn add_pair(&mut self, path: Path, local_priority: u32, remote: SocketAddr) -> Option<usize> {
        if let Some(i) = self.pairs.iter().position(|p| p.path == path && p.remote == remote) {
            return Some(i);
        }
        if self.config.relay_only && matches!(path, Path::Socket(_)) {
            return None;
        }
        let local = self.locals.iter().find(|l| l.path == Some(path))?;
        let other = self.remotes.iter().find(|r| r.candidate.addr == remote)?;
        if !compatible(local.candidate.addr, remote) {
            return None;
        }
        let mut foundation = 0;
        fnv(&mut foundation, local.candidate.foundation.as_bytes());
        fnv(&mut foundation, b":");
        fnv(&mut foundation, other.candidate.foundation.as_bytes());
        // RFC 8445 §6.1.2.6: of pairs with one foundation, one goes first.
        let taken =
            |p: &Pair| p.foundation == foundation && matches!(p.state, PairState::Waiting | PairState::InProgress);
        let state = if self.pairs.iter().any(taken) { PairState::Frozen } else { PairState::Waiting };
        let pair = Pair {
            id: self.next_pair,
            path,
            remote,
            local_kind: local.candidate.kind,
            remote_kind: other.candidate.kind,
            local_priority,
            remote_priority: other.candidate.priority,
            foundation,
            state,
            check: None,
            triggered: None,
            nominating: false,
            nominated: false,
            nominate_when_valid: false,
            insisted: 0,
            valid_since: None,
            confirmed: None,
            mapped: None,
            stats: PairCounters::default(),
        };
        if self.pairs.is_full() {
            self.evict_pair(pair.priority(self.controlling))?;
        }
        self.ask_permission(path, remote)?;
        self.next_pair = self.next_pair.wrapping_add(1);
        self.pairs.try_push(pair).ok()?;
        Some(self.pairs.len().saturating_sub(1))
    }

    /// Makes room among the remote candidates for one of `priority`, by the rule of [`Config::max_remote`](crate::Config).
    fn evict_remote(&mut self, priority: u32) -> Option<()> {
        let needed = |addr| self.pairs.iter().any(|p| p.remote == addr && !p.is_expendable());
        let (worst, addr) = self
            .remotes
            .iter()
            .enumerate()
            .filter(|(_, r)| r.candidate.priority < priority && !needed(r.candidate.addr))
            .min_by_key(|(_, r)| r.candidate.priority)
            .map(|(i, r)| (i, r.candidate.addr))?;
        self.remotes.swap_remove(worst);
        self.pairs.retain(|p| p.remote != addr);
        Some(())
    }

    /// The same among the pairs.
    fn evict_pair(&mut self, priority: u64) -> Option<()> {
        let controlling = self.controlling;
        let worst = self
            .pairs
            .iter()
            .enumerate()
            .filter(|(_, p)| p.is_expendable() && p.priority(controlling) < priority)
            .min_by_key(|(_, p)| p.priority(controlling))
            .map(|(i, _)| i)?;
        self.pairs.swap_remove(worst).map(|_| ())
    }

    /// The pair whose check starts next: triggered ones in their order, then by priority those waiting, then those
    /// frozen (RFC 8445 §6.1.4.2).
    pub(super) fn next_to_check(&self) -> Option<usize> {
        self.remote_credentials.as_ref().filter(|_| !self.config.lite)?;
        let ready = || self.pairs.iter().enumerate().filter(|(_, p)| self.may_send(p.path, p.remote));
        let triggered = ready().filter_map(|(i, p)| Some((p.triggered?, i))).min().map(|(_, i)| i);
        let best = |state| {
            let wanted = ready().filter(|(_, p)| p.state == state && self.is_still_wanted(p));
            wanted.max_by_key(|(_, p)| p.priority(self.controlling)).map(|(i, _)| i)
        };
        triggered.or_else(|| best(PairState::Waiting)).or_else(|| best(PairState::Frozen))
    }

    /// Whether the outcome of checking `pair` could change anything: not once another one is nominated and alive
    /// (RFC 8445 §8.1.2), unless that one is relayed and this one is not.
    fn is_still_wanted(&self, pair: &Pair) -> bool {
        match self.active.as_ref().filter(|a| a.nominated && a.suspect_since.is_none() && a.pair.is_some()) {
            Some(active) => active.relayed && !pair.is_relayed(),
            None => true,
        }
    }

    /// Stops the checks that are not wanted any more.
    pub(super) fn stop_unwanted_checks(&mut self) {
        for i in 0..self.pairs.len() {
            let current = self.active.as_ref().and_then(|a| a.pair);
            let unwanted = |p: &Pair| Some(p.id) != current && !self.is_still_wanted(p);
            if self.pairs.get(i).is_some_and(unwanted)
                && let Some(pair) = self.pairs.get_mut(i)
            {
                pair.check = None;
                pair.triggered = None;
                if pair.state == PairState::InProgress {
                    pair.state = PairState::Waiting;
                }
            }
        }
    }

    /// Starts a check on pair `i`; its first transmission is due at once.
    pub(super) fn start_check(&mut self, i: usize) {
        let id = self.random.bytes();
        let (now, controlling) = (self.now, self.controlling);
        if let Some(pair) = self.pairs.get_mut(i) {
            pair.triggered = None;
            let nominates = controlling && pair.nominating;
            pair.check = Some(Check { transaction: Transaction::new(id, now), controlling, nominates });
            if !pair.is_valid() {
                pair.state = PairState::InProgress;
            }
        }
    }

    /// Puts pair `i` at the end of the triggered-check queue.
    pub(super) fn trigger(&mut self, i: usize) {
        let place = self.next_trigger;
        if let Some(pair) = self.pairs.get_mut(i)
            && pair.triggered.is_none()
        {
            self.next_trigger = self.next_trigger.wrapping_add(1);
            pair.triggered = Some(place);
            if matches!(pair.state, PairState::Frozen | PairState::Failed) {
                pair.state = PairState::Waiting;
            }
        }
    }

    /// Pairs like the one that succeeded are likely to work too (RFC 8445 §7.2.5.3.3).
    pub(super) fn unfreeze(&mut self, foundation: u64) {
        for pair in self.pairs.iter_mut().filter(|p| p.foundation == foundation && p.state == PairState::Frozen) {
            pair.state = PairState::Waiting;
        }
    }

    /// Gives every pair another chance, the working ones too.
    pub(super) fn check_everything_again(&mut self) {
        if self.config.lite {
            return;
        }
        for pair in self.pairs.iter_mut().filter(|p| p.check.is_none() && p.triggered.is_none()) {
            if pair.is_valid() {
                pair.triggered = Some(self.next_trigger);
                self.next_trigger = self.next_trigger.wrapping_add(1);
            } else {
                pair.state = PairState::Waiting;
            }
        }
    }
}
