//! The local candidates, and which of them the owner has been told.
use core::net::SocketAddr;

use barertc_arena::{Allocator, Vec};

use super::path::Path;
use crate::candidate::{Candidate, CandidateType, TcpType};
use crate::config::Config;
use crate::error::Error;
use crate::route::unscoped;

/// A local candidate.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) candidate: Candidate,
    /// The socket that what is sent from the candidate leaves by.
    pub(super) base: SocketAddr,
    /// The way out for candidates that are paired with remote ones: host and relayed ones. Others are only told to the
    /// peer, since what is sent from them is sent from their base (RFC 8445 §6.1.2.4).
    pub(super) path: Option<Path>,
    /// An event is due.
    untold: bool,
}

impl Local {
    /// The way by which checks can begin. By a passive TCP candidate none do: its connections are the peer's.
    pub(super) fn outward(&self) -> Option<Path> {
        self.path.filter(|_| self.candidate.tcp_type != Some(TcpType::Passive))
    }
}

pub(super) struct Locals<A: Allocator> {
    list: Vec<Local, A>,
    relay_only: bool,
}

impl<A: Allocator> Locals<A> {
    pub(super) const fn bytes(config: &Config) -> usize {
        Vec::<Local, A>::bytes(config.max_local as usize)
    }

    pub(super) fn new(config: &Config, alloc: A) -> Result<Self, Error> {
        Ok(Self { list: Vec::with_capacity(config.max_local.into(), alloc)?, relay_only: config.relay_only })
    }

    /// Takes in a candidate; its place, or none when it was there before.
    pub(super) fn add(
        &mut self,
        mut candidate: Candidate,
        base: SocketAddr,
        path: Option<Path>,
    ) -> Result<Option<usize>, Error> {
        let is_it = |l: &Local| l.candidate.addr == candidate.addr && l.candidate.tcp_type == candidate.tcp_type;
        if self.list.iter().any(|l| is_it(l) && l.base == base) {
            return Ok(None);
        }
        // RFC 8445 §5.1.2.1: several addresses of one type need different preferences.
        while self.list.iter().any(|l| l.candidate.priority == candidate.priority) {
            candidate.priority = candidate.priority.saturating_sub(1 << 8);
        }
        let untold = self.is_for_the_peer(&candidate);
        let limit = self.list.capacity();
        let full = Error::TooMany { what: "local candidates", limit };
        self.list.try_push(Local { candidate, base, path, untold }).map_err(|_| full)?;
        Ok(Some(self.list.len().saturating_sub(1)))
    }

    pub(super) fn get(&self, i: usize) -> Option<&Local> {
        self.list.get(i)
    }

    pub(super) fn by_path(&self, path: Path) -> Option<&Local> {
        self.list.iter().find(|l| l.path == Some(path))
    }

    /// Whether the application has added a socket with this address.
    pub(super) fn has_socket(&self, addr: SocketAddr) -> bool {
        self.by_path(Path::Socket(addr)).is_some()
    }

    /// The sockets, each with the priority of its host candidate.
    pub(super) fn sockets(&self) -> impl Iterator<Item = (u32, SocketAddr)> + '_ {
        self.list.iter().filter_map(|l| match l.path {
            Some(Path::Socket(base)) => Some((l.candidate.priority, base)),
            _ => None,
        })
    }

    /// Whether there is a candidate from which checks can be sent.
    pub(super) fn can_check(&self) -> bool {
        self.list.iter().any(|l| match l.path {
            Some(Path::Socket(_) | Path::Tcp(_)) => !self.relay_only,
            Some(Path::Relay(_)) => true,
            None => false,
        })
    }

    /// Whether `addr` is a candidate already, other than as a peer-reflexive one.
    pub(super) fn is_known(&self, addr: SocketAddr) -> bool {
        let is_it = |c: &Candidate| unscoped(c.addr) == addr && !c.is_tcp() && c.kind != CandidateType::PeerReflexive;
        self.list.iter().any(|l| is_it(&l.candidate))
    }

    /// Whether `addr` is a candidate over UDP of any type.
    pub(super) fn contains(&self, addr: SocketAddr) -> bool {
        self.list.iter().any(|l| unscoped(l.candidate.addr) == addr && !l.candidate.is_tcp())
    }

    pub(super) fn forget_path(&mut self, path: Path) {
        self.list.retain(|l| l.path != Some(path));
    }

    /// The socket is gone: so are its host, mapped and reflexive candidates. Whether there was one.
    pub(super) fn forget_base(&mut self, base: SocketAddr) -> bool {
        let before = self.list.len();
        self.list.retain(|l| l.base != base || matches!(l.path, Some(Path::Relay(_))));
        self.list.len() < before
    }

    /// The candidates that the peer may know.
    pub(super) fn for_the_peer(&self) -> impl Iterator<Item = &Candidate> {
        self.list.iter().map(|l| &l.candidate).filter(|c| self.is_for_the_peer(c))
    }

    /// The peer has been told all candidates so far in another way.
    pub(super) fn all_told(&mut self) {
        self.list.iter_mut().for_each(|l| l.untold = false);
    }

    pub(super) fn poll_event(&mut self) -> Option<Candidate> {
        let local = self.list.iter_mut().find(|l| l.untold)?;
        local.untold = false;
        Some(local.candidate.clone())
    }

    fn is_for_the_peer(&self, candidate: &Candidate) -> bool {
        match candidate.kind {
            CandidateType::Relayed => true,
            CandidateType::PeerReflexive => false,
            CandidateType::Host | CandidateType::ServerReflexive => !self.relay_only,
        }
    }
}
