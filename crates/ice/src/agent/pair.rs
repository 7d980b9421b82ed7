//! A candidate pair (RFC 8445 §6.1.2).
use core::net::SocketAddr;
use core::time::Duration;

use barertc_wire::Instant;

use super::path::Path;
use crate::candidate::CandidateType;
use crate::route::Route;
use crate::stats::{CandidatePairState, CandidatePairStats};
use crate::stun::TransactionId;
use crate::transaction::{Timing, Transaction};

/// How many transmissions of a check can be told apart for the round trip: the last ones.
const MEASURED: usize = 4;

/// A check under way, with what its request says. A retransmission says the same, but the last byte of its transaction id
/// counts on: the response tells which transmission it answers, so that a round trip can be measured where much is lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Check {
    pub(super) transaction: Transaction,
    pub(super) controlling: bool,
    pub(super) nominates: bool,
    begun: Instant,
    /// Milliseconds from `begun` to the last transmissions; the place is the number modulo [`MEASURED`].
    sent: [u16; MEASURED],
}

impl Check {
    pub(super) const fn new(transaction: Transaction, begun: Instant, controlling: bool, nominates: bool) -> Self {
        Self { transaction, controlling, nominates, begun, sent: [0; MEASURED] }
    }

    /// The id of the latest transmission.
    pub(super) const fn id(&self) -> TransactionId {
        let TransactionId([a, b, c, d, e, f, g, h, i, j, k, last]) = self.transaction.id;
        let number = self.transaction.transmissions().saturating_sub(1);
        TransactionId([a, b, c, d, e, f, g, h, i, j, k, last.wrapping_add(number)])
    }

    /// Which transmission has this id, from 0.
    pub(super) fn number(&self, id: TransactionId) -> Option<u8> {
        let ([first @ .., begin], [same @ .., last]) = (self.transaction.id.0, id.0);
        let number = last.wrapping_sub(begin);
        (first == same && number < self.transaction.transmissions()).then_some(number)
    }

    pub(super) fn on_sent(&mut self, now: Instant, timing: Timing) {
        let number = usize::from(self.transaction.transmissions());
        self.transaction.on_sent(now, timing);
        if let Some(place) = self.sent.get_mut(number % MEASURED) {
            *place = u16::try_from(now.saturating_since(self.begun).as_millis()).unwrap_or(u16::MAX);
        }
    }

    /// The round trip, unless the transmission that was answered is too old to be remembered.
    pub(super) fn round_trip(&self, now: Instant, id: TransactionId) -> Option<Duration> {
        let number = self.number(id)?;
        if self.transaction.transmissions() == 1 {
            return Some(now.saturating_since(self.transaction.last_sent()));
        }
        let age = usize::from(self.transaction.transmissions().saturating_sub(number));
        let sent = self.sent.get(usize::from(number) % MEASURED).filter(|sent| age <= MEASURED && **sent < u16::MAX)?;
        Some(now.saturating_since(self.begun + Duration::from_millis((*sent).into())))
    }
}

/// A local way and a remote address, with everything known about whether packets pass. More than fifteen fields:
/// statistics tell most of them (`RTCIceCandidatePairStats`).
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) id: u32,
    pub(super) path: Path,
    pub(super) remote: SocketAddr,
    pub(super) local_kind: CandidateType,
    pub(super) remote_kind: CandidateType,
    pub(super) local_priority: u32,
    pub(super) remote_priority: u32,
    pub(super) foundation: u64,
    pub(super) state: CandidatePairState,
    pub(super) check: Option<Check>,
    /// Place in the queue of triggered checks.
    pub(super) triggered: Option<u32>,
    /// This side, controlling, wants it nominated: its next check says USE-CANDIDATE.
    pub(super) nominating: bool,
    /// Both sides agree.
    pub(super) nominated: bool,
    /// The peer, controlling, has nominated it before it was valid here (RFC 8445 §7.3.1.5).
    pub(super) nominate_when_valid: bool,
    /// USE-CANDIDATEs received since one came for the selected pair.
    pub(super) insisted: u8,
    pub(super) valid_since: Option<Instant>,
    /// When its last check succeeded.
    pub(super) confirmed: Option<Instant>,
    /// What the peer sees as this side's address.
    pub(super) mapped: Option<SocketAddr>,
    pub(super) stats: PairCounters,
}

/// Raw material of the statistics.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PairCounters {
    pub(super) requests_sent: u32,
    pub(super) requests_received: u32,
    pub(super) responses_sent: u32,
    pub(super) responses_received: u32,
    pub(super) consent_requests_sent: u32,
    pub(super) retransmissions_sent: u32,
    pub(super) bytes_received: u64,
    pub(super) packets_received: u64,
    pub(super) bytes_sent: u64,
    pub(super) packets_sent: u64,
    pub(super) current_round_trip: Option<Duration>,
    pub(super) total_round_trip: Duration,
    pub(super) last_received: Option<Instant>,
    pub(super) last_sent: Option<Instant>,
}

impl Pair {
    /// RFC 8445 §6.1.2.3.
    pub(super) fn priority(&self, controlling: bool) -> u64 {
        let (local, remote) = (u64::from(self.local_priority), u64::from(self.remote_priority));
        let (g, d) = if controlling { (local, remote) } else { (remote, local) };
        (g.min(d) << 32).saturating_add(g.max(d).saturating_mul(2)).saturating_add(u64::from(g > d))
    }

    pub(super) const fn is_valid(&self) -> bool {
        self.valid_since.is_some()
    }

    /// Whether something authentic has come by it: a check, or the answer to one of ours. That a description names an
    /// address proves nothing about who sends from there.
    pub(super) const fn is_authentic(&self) -> bool {
        self.stats.requests_received > 0 || self.stats.responses_received > 0 || self.is_valid()
    }

    /// Whether it may be thrown out to make room: nothing runs on it and nothing was found.
    pub(super) const fn is_expendable(&self) -> bool {
        !self.is_valid() && self.check.is_none() && self.triggered.is_none()
    }

    /// Whether it is of the second choice: it has a relay in it, or a TCP connection, which delays everything behind what
    /// the network has lost.
    pub(super) const fn is_fallback(&self) -> bool {
        let relayed =
            matches!(self.local_kind, CandidateType::Relayed) || matches!(self.remote_kind, CandidateType::Relayed);
        relayed || self.path.is_tcp()
    }

    /// Whether it leads to the remote candidate of this address, over TCP or over UDP.
    pub(super) fn is_with(&self, remote: SocketAddr, tcp: bool) -> bool {
        self.remote == remote && self.path.is_tcp() == tcp
    }

    /// How its checks are repeated.
    pub(super) const fn timing(&self, timing: Timing) -> Timing {
        if self.path.is_tcp() { timing.over_stream() } else { timing }
    }

    /// Whether a check may still show that it works.
    pub(super) const fn is_hopeful(&self) -> bool {
        !matches!(self.state, CandidatePairState::Failed) || self.triggered.is_some()
    }

    pub(super) fn stats(&self, route: Route, controlling: bool, selected: bool) -> CandidatePairStats {
        let s = &self.stats;
        CandidatePairStats {
            route,
            local_kind: self.local_kind,
            remote_kind: self.remote_kind,
            mapped: self.mapped,
            state: self.state,
            nominated: self.nominated,
            selected,
            priority: self.priority(controlling),
            packets_sent: s.packets_sent,
            packets_received: s.packets_received,
            bytes_sent: s.bytes_sent,
            bytes_received: s.bytes_received,
            last_packet_sent_timestamp: s.last_sent,
            last_packet_received_timestamp: s.last_received,
            total_round_trip_time: s.total_round_trip,
            current_round_trip_time: s.current_round_trip,
            requests_received: s.requests_received,
            requests_sent: s.requests_sent,
            responses_received: s.responses_received,
            responses_sent: s.responses_sent,
            retransmissions_sent: s.retransmissions_sent,
            consent_requests_sent: s.consent_requests_sent,
        }
    }

    pub(super) fn on_round_trip(&mut self, round_trip: Option<Duration>) {
        self.stats.responses_received = self.stats.responses_received.saturating_add(1);
        if let Some(rtt) = round_trip {
            self.stats.current_round_trip = Some(rtt);
            self.stats.total_round_trip = self.stats.total_round_trip.saturating_add(rtt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_tells_which_transmission_it_answers() {
        let timing = Timing { rto: Duration::from_millis(500), attempts: 7 };
        let at = Instant::from_millis;
        // The counter passes 255.
        let mut check = Check::new(Transaction::new([254; 12], at(1_000)), at(1_000), true, false);
        let mut ids = std::vec::Vec::new();
        for n in 0..6 {
            check.on_sent(at(1_000 + 150 * n), timing);
            ids.push(check.id());
        }
        assert!(ids.iter().zip(0..).all(|(id, n)| check.number(*id) == Some(n)), "{ids:?}");
        let round_trips: std::vec::Vec<_> = ids.iter().map(|id| check.round_trip(at(1_800), *id)).collect();
        let ms = |ms| Some(Duration::from_millis(ms));
        // Only the last four are remembered.
        assert_eq!(round_trips, [None, None, ms(500), ms(350), ms(200), ms(50)]);
        // One that was not sent yet, and one of another check.
        assert_eq!(check.number(TransactionId([254; 12].map(|b: u8| b.wrapping_add(6)))), None);
        let mut next = ids[5];
        next.0[11] = next.0[11].wrapping_add(1);
        assert_eq!((check.number(next), check.round_trip(at(1_800), next)), (None, None));
    }
}
