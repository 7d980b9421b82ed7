use core::net::SocketAddr;
use core::time::Duration;

use barertc_wire::Instant;

use crate::candidate::CandidateType;
use crate::transaction::Transaction;

/// How packets leave: from a socket, or by way of a TURN server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// The socket bound to this address.
    Socket(SocketAddr),
    /// The TURN client of this index.
    Relay(usize),
}

/// RFC 8445 §6.1.2.6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PairState {
    Frozen,
    Waiting,
    InProgress,
    Succeeded,
    Failed,
}

/// A check under way, with what its request says (a retransmission says the same).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Check {
    pub(crate) transaction: Transaction,
    pub(crate) controlling: bool,
    pub(crate) nominates: bool,
}

/// A local way and a remote address, with everything known about whether packets pass.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) id: u32,
    pub(crate) path: Path,
    pub(crate) remote: SocketAddr,
    pub(crate) local_kind: CandidateType,
    pub(crate) remote_kind: CandidateType,
    pub(crate) local_priority: u32,
    pub(crate) remote_priority: u32,
    pub(crate) foundation: u64,
    pub(crate) state: PairState,
    pub(crate) check: Option<Check>,
    /// Place in the queue of triggered checks.
    pub(crate) triggered: Option<u32>,
    /// This side, controlling, wants it nominated: its next check says USE-CANDIDATE.
    pub(crate) nominating: bool,
    /// Both sides agree.
    pub(crate) nominated: bool,
    /// The peer, controlling, has nominated it before it was valid here (RFC 8445 §7.3.1.5).
    pub(crate) nominate_when_valid: bool,
    /// USE-CANDIDATEs received since one came for the selected pair.
    pub(crate) insisted: u8,
    pub(crate) valid_since: Option<Instant>,
    /// When its last check succeeded.
    pub(crate) confirmed: Option<Instant>,
    /// What the peer sees as this side's address.
    pub(crate) mapped: Option<SocketAddr>,
    pub(crate) stats: PairCounters,
}

/// Raw material of the statistics.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PairCounters {
    pub(crate) requests_sent: u32,
    pub(crate) requests_received: u32,
    pub(crate) responses_sent: u32,
    pub(crate) responses_received: u32,
    pub(crate) consent_requests_sent: u32,
    pub(crate) retransmissions_sent: u32,
    pub(crate) bytes_received: u64,
    pub(crate) packets_received: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) packets_sent: u64,
    pub(crate) current_round_trip: Option<Duration>,
    pub(crate) total_round_trip: Duration,
    pub(crate) last_received: Option<Instant>,
    pub(crate) last_sent: Option<Instant>,
}

impl Pair {
    /// RFC 8445 §6.1.2.3.
    pub(crate) fn priority(&self, controlling: bool) -> u64 {
        let (local, remote) = (u64::from(self.local_priority), u64::from(self.remote_priority));
        let (g, d) = if controlling { (local, remote) } else { (remote, local) };
        (g.min(d) << 32).saturating_add(g.max(d).saturating_mul(2)).saturating_add(u64::from(g > d))
    }

    pub(crate) const fn is_valid(&self) -> bool {
        self.valid_since.is_some()
    }

    /// Whether it may be thrown out to make room: nothing runs on it and nothing was found.
    pub(crate) const fn is_expendable(&self) -> bool {
        !self.is_valid() && self.check.is_none() && self.triggered.is_none()
    }

    pub(crate) const fn is_relayed(&self) -> bool {
        matches!(self.local_kind, CandidateType::Relayed) || matches!(self.remote_kind, CandidateType::Relayed)
    }

    pub(crate) fn on_round_trip(&mut self, round_trip: Option<Duration>) {
        self.stats.responses_received = self.stats.responses_received.saturating_add(1);
        if let Some(rtt) = round_trip {
            self.stats.current_round_trip = Some(rtt);
            self.stats.total_round_trip = self.stats.total_round_trip.saturating_add(rtt);
        }
    }
}
