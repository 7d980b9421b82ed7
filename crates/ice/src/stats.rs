//! Statistics of candidate pairs.
use core::net::SocketAddr;
use core::time::Duration;

use barertc_wire::Instant;

use crate::candidate::CandidateType;
use crate::route::Route;

/// The W3C's `RTCStatsIceCandidatePairState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CandidatePairState {
    /// The pair waits for another one with its foundation.
    Frozen,
    /// The pair waits for its turn.
    Waiting,
    /// A check is under way.
    InProgress,
    /// The last check has failed.
    Failed,
    /// A check has succeeded.
    Succeeded,
}

/// Statistics of a candidate pair, with the names of the W3C's `RTCIceCandidatePairStats` in snake case. Counters begin
/// when the pair is made.
// More than fifteen fields: the members of the W3C's `RTCIceCandidatePairStats`.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct CandidatePairStats {
    /// The two ends of the pair, as the application sees them.
    pub route: Route,
    /// The type of the local candidate.
    pub local_kind: CandidateType,
    /// The type of the remote candidate.
    pub remote_kind: CandidateType,
    /// This side's address as the peer sees it, once it has answered.
    pub mapped: Option<SocketAddr>,
    /// The state of the pair.
    pub state: CandidatePairState,
    /// Whether both sides have agreed to use the pair.
    pub nominated: bool,
    /// Whether data take the pair now.
    pub selected: bool,
    /// The priority of the pair (RFC 8445 §6.1.2.3).
    pub priority: u64,
    /// Datagrams of the application that were sent.
    pub packets_sent: u64,
    /// Datagrams of the application that were received.
    pub packets_received: u64,
    /// Bytes of the application that were sent.
    pub bytes_sent: u64,
    /// Bytes of the application that were received.
    pub bytes_received: u64,
    /// When the last datagram of any kind was sent.
    pub last_packet_sent_timestamp: Option<Instant>,
    /// When the last datagram of any kind was received.
    pub last_packet_received_timestamp: Option<Instant>,
    /// The sum of the round-trip times of all requests that were answered after one transmission (Karn's rule).
    pub total_round_trip_time: Duration,
    /// The round-trip time of the last of those requests.
    pub current_round_trip_time: Option<Duration>,
    /// Connectivity checks received.
    pub requests_received: u32,
    /// Connectivity checks sent, without retransmissions and consent checks.
    pub requests_sent: u32,
    /// Responses received, to connectivity checks and to consent checks.
    pub responses_received: u32,
    /// Responses sent.
    pub responses_sent: u32,
    /// Retransmissions of connectivity checks.
    pub retransmissions_sent: u32,
    /// Consent checks sent, and probes of the path MTU, which renew consent as well.
    pub consent_requests_sent: u32,
}
