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
    /// Waits for a pair like it.
    Frozen,
    /// Waits for its turn.
    Waiting,
    /// Being checked.
    InProgress,
    /// A check failed.
    Failed,
    /// A check succeeded.
    Succeeded,
}

/// What is known of a pair, with the names of the W3C's `RTCIceCandidatePairStats` in snake case. Counters begin with
/// the pair.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct CandidatePairStats {
    /// Its two ends, as the application sees them.
    pub route: Route,
    /// Where the local candidate comes from.
    pub local_kind: CandidateType,
    /// Where the remote candidate comes from.
    pub remote_kind: CandidateType,
    /// This side's address as the peer sees it, once it has answered.
    pub mapped: Option<SocketAddr>,
    /// Where the pair stands.
    pub state: CandidatePairState,
    /// Both sides agreed to use it.
    pub nominated: bool,
    /// Data go by it now.
    pub selected: bool,
    /// RFC 8445 §6.1.2.3.
    pub priority: u64,
    /// Datagrams of the application.
    pub packets_sent: u64,
    /// Datagrams of the application.
    pub packets_received: u64,
    /// Bytes of the application.
    pub bytes_sent: u64,
    /// Bytes of the application.
    pub bytes_received: u64,
    /// When anything was sent last.
    pub last_packet_sent_timestamp: Option<Instant>,
    /// When anything was received last.
    pub last_packet_received_timestamp: Option<Instant>,
    /// Of all answered requests whose answer is certain to belong to one transmission.
    pub total_round_trip_time: Duration,
    /// The last of them.
    pub current_round_trip_time: Option<Duration>,
    /// Connectivity checks received.
    pub requests_received: u32,
    /// Connectivity checks sent, without retransmissions and consent checks.
    pub requests_sent: u32,
    /// Answers to checks of either kind.
    pub responses_received: u32,
    /// Answers given.
    pub responses_sent: u32,
    /// Retransmissions of connectivity checks.
    pub retransmissions_sent: u32,
    /// Consent checks sent.
    pub consent_requests_sent: u32,
}
