//! TCP connections of the agents themselves (RFC 6544): which of them are in use, how many the peer may have, and what
//! follows when one ends.
use core::net::SocketAddr;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::Instant;

use super::Agent;
use super::path::Path;
use crate::candidate::TcpType;
use crate::stats::CandidatePairState;

/// Connections that the peer may have to this agent at a time. One more takes the place of the one that has been silent
/// for the longest and is not in use.
const MAX_ACCEPTED: usize = 4;

impl<A: Allocator + Clone, P: Provider> Agent<A, P> {
    /// Whether the connection of `path` to `remote` is of use: an authentic check has come by it, or it is to be made for
    /// one of ours, and the pair has not failed since.
    pub(super) fn uses_connection(&self, path: Path, remote: SocketAddr) -> bool {
        let is_used = |state| state != CandidatePairState::Failed;
        let mut pairs = self.checklist.pairs().iter();
        pairs.any(|p| p.path == path && p.remote == remote && is_used(p.state))
            || (self.consent.is_on(path) && self.consent.is_with(remote))
    }

    /// The connection has ended, or could not be made. One of the peer's is forgotten: it makes another one if it wants to.
    /// One of ours is made once more where it was in use.
    pub(super) fn connection_ended(&mut self, now: Instant, path: Path, remote: SocketAddr) {
        let was_in_use = self.consent.is_on(path) && self.consent.is_with(remote);
        let is_ours = self.locals.by_path(path).is_some_and(|l| l.candidate.tcp_type == Some(TcpType::Active));
        if was_in_use {
            self.consent.end();
        }
        if is_ours {
            let pairs = self.checklist.pairs();
            if let Some(i) = pairs.iter().position(|p| p.path == path && p.remote == remote) {
                self.fail(now, i);
                if was_in_use {
                    self.checklist.trigger(i);
                }
            }
        } else {
            self.checklist.forget_connection(path, remote);
        }
        if was_in_use {
            self.lose_path(now);
        }
        self.update_state(now);
    }

    /// Makes room for another connection that the peer has made to `path`.
    pub(super) fn bound_connections(&mut self, path: Path, remote: SocketAddr) {
        if !path.is_tcp() || self.checklist.pairs().iter().any(|p| p.path == path && p.remote == remote) {
            return;
        }
        let accepted = |p: &&super::pair::Pair| {
            p.path.is_tcp() && self.locals.by_path(p.path).is_some_and(|l| l.outward().is_none())
        };
        let all = || self.checklist.pairs().iter().filter(accepted);
        if all().count() < MAX_ACCEPTED {
            return;
        }
        let idle = all().filter(|p| !self.consent.uses(p.id)).min_by_key(|p| p.stats.last_received);
        if let Some((path, remote)) = idle.map(|p| (p.path, p.remote)) {
            self.checklist.forget_connection(path, remote);
        }
    }
}
