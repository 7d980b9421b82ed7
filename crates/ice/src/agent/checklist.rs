//! The remote candidates, and the pairs that they make with local ones. Pairs take turns being checked (RFC 8445 §6.1.2,
//! §6.1.4).
use core::net::SocketAddr;

use barertc_arena::{Allocator, Vec};
use barertc_wire::Instant;

use super::locals::Local;
use super::pair::{Check, Pair, PairCounters};
use super::path::Path;
use crate::candidate::{Candidate, CandidateType, TcpType, fnv};
use crate::config::Config;
use crate::error::Error;
use crate::route::{compatible, unscoped};
use crate::stats::CandidatePairState;
use crate::stun::TransactionId;
use crate::transaction::{Timing, Transaction};

/// A remote candidate.
#[derive(Debug)]
struct Remote {
    candidate: Candidate,
    /// Hash of the user name fragment that an early check named, before the description that would confirm it.
    claimed: Option<u64>,
}

pub(super) struct Checklist<A: Allocator> {
    remotes: Vec<Remote, A>,
    pairs: Vec<Pair, A>,
    next_pair: u32,
    next_trigger: u32,
}

impl<A: Allocator> Checklist<A> {
    pub(super) const fn bytes(config: &Config) -> usize {
        Vec::<Remote, A>::bytes(config.max_remote as usize)
            .saturating_add(Vec::<Pair, A>::bytes(config.max_pairs as usize))
    }

    pub(super) fn new(config: &Config, alloc: A) -> Result<Self, Error>
    where
        A: Clone,
    {
        Ok(Self {
            remotes: Vec::with_capacity(config.max_remote.into(), alloc.clone())?,
            pairs: Vec::with_capacity(config.max_pairs.into(), alloc)?,
            next_pair: 0,
            next_trigger: 0,
        })
    }

    pub(super) fn clear(&mut self) {
        self.remotes.clear();
        self.pairs.clear();
    }

    // Remote candidates.

    pub(super) fn remotes(&self) -> impl Iterator<Item = &Candidate> {
        self.remotes.iter().map(|r| &r.candidate)
    }

    pub(super) fn remote(&self, i: usize) -> Option<SocketAddr> {
        self.remotes.get(i).map(|r| r.candidate.addr)
    }

    /// Whether there is a remote candidate of that address, over TCP or over UDP.
    pub(super) fn has_remote(&self, addr: SocketAddr, tcp: bool) -> bool {
        self.remotes().any(|c| c.addr == addr && c.is_tcp() == tcp)
    }

    /// Takes in a remote candidate; whether it is new. One that was already known by its checks becomes what it is
    /// signalled as, and its pairs keep their state (RFC 8445 §7.3.1.3, last paragraph).
    pub(super) fn add_remote(&mut self, mut candidate: Candidate, claimed: Option<u64>) -> Result<bool, Error> {
        candidate.addr = unscoped(candidate.addr);
        let (addr, kind, priority, tcp) = (candidate.addr, candidate.kind, candidate.priority, candidate.is_tcp());
        if let Some(known) = self.remotes.iter_mut().find(|r| r.candidate.addr == addr && r.candidate.is_tcp() == tcp) {
            if known.candidate.kind == CandidateType::PeerReflexive && kind != CandidateType::PeerReflexive {
                known.candidate = candidate;
                for pair in self.pairs.iter_mut().filter(|p| p.is_with(addr, tcp)) {
                    pair.remote_kind = kind;
                    pair.remote_priority = priority;
                }
            }
            return Ok(false);
        }
        let full = Error::TooMany { what: "remote candidates", limit: self.remotes.capacity() };
        if self.remotes.is_full() {
            self.evict_remote(priority).ok_or(full)?;
        }
        self.remotes.try_push(Remote { candidate, claimed }).map_err(|_| full)?;
        Ok(true)
    }

    /// Forgets the candidates that another user name fragment than that of `claim` has claimed, with their pairs.
    pub(super) fn forget_strangers(&mut self, claim: u64) {
        while let Some(i) = self.remotes.iter().position(|r| r.claimed.is_some_and(|c| c != claim)) {
            let Some(stranger) = self.remotes.swap_remove(i) else { return };
            self.pairs.retain(|p| !p.is_with(stranger.candidate.addr, stranger.candidate.is_tcp()));
        }
    }

    /// Makes room for a remote candidate of `priority`, by the rule of [`Config::max_remote`].
    fn evict_remote(&mut self, priority: u32) -> Option<()> {
        let needed = |c: &Candidate| self.pairs.iter().any(|p| p.is_with(c.addr, c.is_tcp()) && !p.is_expendable());
        let candidates = self.remotes.iter().map(|r| &r.candidate).enumerate();
        let (worst, addr, tcp) = candidates
            .filter(|(_, c)| c.priority < priority && !needed(c))
            .min_by_key(|(_, c)| c.priority)
            .map(|(i, c)| (i, c.addr, c.is_tcp()))?;
        self.remotes.swap_remove(worst);
        self.pairs.retain(|p| !p.is_with(addr, tcp));
        Some(())
    }

    /// The TCP connection to `remote` is gone, and with it what was known of that address by it alone.
    pub(super) fn forget_connection(&mut self, path: Path, remote: SocketAddr) {
        self.pairs.retain(|p| !(p.path == path && p.remote == remote));
        let is_it = |c: &Candidate| c.is_tcp() && c.addr == remote && c.kind == CandidateType::PeerReflexive;
        self.remotes.retain(|r| !is_it(&r.candidate));
    }

    // Pairs.

    pub(super) fn pairs(&self) -> &[Pair] {
        &self.pairs
    }

    pub(super) fn pairs_mut(&mut self) -> &mut [Pair] {
        &mut self.pairs
    }

    pub(super) fn get(&self, i: usize) -> Option<&Pair> {
        self.pairs.get(i)
    }

    pub(super) fn get_mut(&mut self, i: usize) -> Option<&mut Pair> {
        self.pairs.get_mut(i)
    }

    pub(super) fn by_id_mut(&mut self, id: Option<u32>) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|p| Some(p.id) == id)
    }

    pub(super) fn by_id(&self, id: Option<u32>) -> Option<&Pair> {
        self.pairs.iter().find(|p| Some(p.id) == id)
    }

    pub(super) fn by_path_mut(&mut self, path: Path, remote: SocketAddr) -> Option<&mut Pair> {
        self.pairs.iter_mut().find(|p| p.path == path && p.remote == remote)
    }

    /// The pair whose check has this transaction.
    pub(super) fn by_transaction(&self, id: TransactionId) -> Option<usize> {
        self.pairs.iter().position(|p| p.check.is_some_and(|c| c.number(id).is_some()))
    }

    /// The pair of a local way and a known remote candidate, made when there is none. `None` when every pair there is is
    /// more useful, or when the addresses do not fit.
    pub(super) fn add_pair(&mut self, local: &Local, remote: SocketAddr, controlling: bool) -> Option<usize> {
        let path = local.path?;
        if let Some(i) = self.pairs.iter().position(|p| p.path == path && p.remote == remote) {
            return Some(i);
        }
        let other = self.remotes().find(|c| c.addr == remote && c.is_tcp() == path.is_tcp())?;
        // RFC 6544 §6.2. By a passive one nothing begins but what the peer has sent, from whatever port it chose.
        let fits = match local.candidate.tcp_type {
            None => true,
            Some(TcpType::Active) => other.tcp_type == Some(TcpType::Passive),
            Some(TcpType::Passive) => true,
            Some(TcpType::SimultaneousOpen) => false,
        };
        if !fits {
            return None;
        }
        // What a relay sends, it sends from the relayed address; all else leaves by the base.
        let from = if matches!(path, Path::Relay(_)) { local.candidate.addr } else { local.base };
        if !compatible(from, remote) {
            return None;
        }
        let mut foundation = 0;
        fnv(&mut foundation, local.candidate.foundation.as_bytes());
        fnv(&mut foundation, b":");
        fnv(&mut foundation, other.foundation.as_bytes());
        // RFC 8445 §6.1.2.6: of pairs with one foundation, one goes first.
        let ready = |s| matches!(s, CandidatePairState::Waiting | CandidatePairState::InProgress);
        let taken = self.pairs.iter().any(|p| p.foundation == foundation && ready(p.state));
        let pair = Pair {
            id: self.next_pair,
            path,
            remote,
            local_kind: local.candidate.kind,
            remote_kind: other.kind,
            local_priority: local.candidate.priority,
            remote_priority: other.priority,
            foundation,
            state: if taken { CandidatePairState::Frozen } else { CandidatePairState::Waiting },
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
            self.evict_pair(pair.priority(controlling), controlling)?;
        }
        self.next_pair = self.next_pair.wrapping_add(1);
        self.pairs.try_push(pair).ok()?;
        Some(self.pairs.len().saturating_sub(1))
    }

    /// Makes room for a pair of `priority`, by the rule of [`Config::max_pairs`].
    fn evict_pair(&mut self, priority: u64, controlling: bool) -> Option<()> {
        let pairs = self.pairs.iter().enumerate();
        let (worst, _) = pairs
            .filter(|(_, p)| p.is_expendable() && p.priority(controlling) < priority)
            .min_by_key(|(_, p)| p.priority(controlling))?;
        self.pairs.swap_remove(worst).map(|_| ())
    }

    pub(super) fn forget_path(&mut self, path: Path) {
        self.pairs.retain(|p| p.path != path);
    }

    pub(super) fn forget_pair(&mut self, id: Option<u32>) {
        self.pairs.retain(|p| Some(p.id) != id);
    }

    /// After the pair in use was lost, the next one whose check succeeds will be used.
    pub(super) fn forget_nominations(&mut self) {
        for pair in self.pairs.iter_mut() {
            pair.nominated = false;
            pair.nominating = false;
        }
    }

    /// Whether some pair may still turn out to work.
    pub(super) fn is_hopeful(&self) -> bool {
        self.pairs.iter().any(Pair::is_hopeful)
    }

    /// Whether a pair of the first choice may still turn out to work.
    pub(super) fn may_find_direct(&self) -> bool {
        use CandidatePairState::{Frozen, InProgress, Waiting};
        self.pairs.iter().any(|p| !p.is_fallback() && matches!(p.state, Frozen | Waiting | InProgress))
    }

    // Checks.

    /// The pair whose check starts next: triggered ones in their order, then by priority those waiting, then those
    /// frozen (RFC 8445 §6.1.4.2). `may_send` says whether a check can leave, `wanted` whether an ordinary one is of use.
    pub(super) fn next_to_check(
        &self,
        controlling: bool,
        may_send: impl Fn(&Pair) -> bool,
        wanted: impl Fn(&Pair) -> bool,
    ) -> Option<usize> {
        let ready = || self.pairs.iter().enumerate().filter(|(_, p)| may_send(p));
        let triggered = ready().filter_map(|(i, p)| Some((p.triggered?, i))).min().map(|(_, i)| i);
        let best = |state| {
            let of_use = ready().filter(|(_, p)| p.state == state && wanted(p));
            of_use.max_by_key(|(_, p)| p.priority(controlling)).map(|(i, _)| i)
        };
        triggered.or_else(|| best(CandidatePairState::Waiting)).or_else(|| best(CandidatePairState::Frozen))
    }

    /// Starts a check on pair `i`; its first transmission is due at once.
    pub(super) fn start_check(&mut self, now: Instant, i: usize, id: [u8; 12], controlling: bool) {
        if let Some(pair) = self.pairs.get_mut(i) {
            pair.triggered = None;
            let nominates = controlling && pair.nominating;
            let mut transaction = Transaction::new(id, now);
            if pair.is_authentic() {
                transaction = transaction.to_present_peer();
            }
            pair.check = Some(Check::new(transaction, now, controlling, nominates));
            if !pair.is_valid() {
                pair.state = CandidatePairState::InProgress;
            }
        }
    }

    /// The check whose next transmission is due.
    pub(super) fn due(&self, now: Instant, timing: Timing) -> Option<usize> {
        self.pairs.iter().position(|p| p.check.is_some_and(|c| c.transaction.is_due(now, p.timing(timing))))
    }

    /// The check that nobody has answered.
    pub(super) fn over(&self, now: Instant, timing: Timing) -> Option<usize> {
        self.pairs.iter().position(|p| p.check.is_some_and(|c| c.transaction.is_over(now, p.timing(timing))))
    }

    pub(super) fn is_checking(&self) -> bool {
        self.pairs.iter().any(|p| p.check.is_some())
    }

    /// When the first check under way is due or over.
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.pairs.iter().filter_map(|p| p.check).map(|c| c.transaction.deadline()).min()
    }

    /// Puts pair `i` at the end of the triggered-check queue.
    pub(super) fn trigger(&mut self, i: usize) {
        let place = self.next_trigger;
        if let Some(pair) = self.pairs.get_mut(i).filter(|p| p.triggered.is_none()) {
            self.next_trigger = place.wrapping_add(1);
            pair.triggered = Some(place);
            if matches!(pair.state, CandidatePairState::Frozen | CandidatePairState::Failed) {
                pair.state = CandidatePairState::Waiting;
            }
        }
    }

    /// Pairs like the one that succeeded are likely to work too (RFC 8445 §7.2.5.3.3).
    pub(super) fn unfreeze(&mut self, foundation: u64) {
        let frozen = |p: &&mut Pair| p.foundation == foundation && p.state == CandidatePairState::Frozen;
        self.pairs.iter_mut().filter(frozen).for_each(|p| p.state = CandidatePairState::Waiting);
    }

    /// Stops the checks of pairs for which `unwanted` is true.
    pub(super) fn stop(&mut self, unwanted: impl Fn(&Pair) -> bool) {
        for pair in self.pairs.iter_mut().filter(|p| unwanted(p)) {
            pair.check = None;
            pair.triggered = None;
            if pair.state == CandidatePairState::InProgress {
                pair.state = CandidatePairState::Waiting;
            }
        }
    }

    /// Gives every pair another chance, the working ones too.
    pub(super) fn check_everything_again(&mut self) {
        for pair in self.pairs.iter_mut().filter(|p| p.check.is_none() && p.triggered.is_none()) {
            if pair.is_valid() {
                pair.triggered = Some(self.next_trigger);
                self.next_trigger = self.next_trigger.wrapping_add(1);
            } else {
                pair.state = CandidatePairState::Waiting;
            }
        }
    }
}
