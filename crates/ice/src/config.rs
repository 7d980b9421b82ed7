//! Bounds and times of an agent.
use core::time::Duration;

use barertc_wire::{ConfigError, Rule};

use crate::transaction::Timing;

/// A check with user names of usual length has no more bytes than this.
const LEAST_PATH_MTU: u16 = 256;

/// What the search for the largest datagram of a path stays between (RFC 8899 §5.1.2), in bytes of UDP payload. What TURN
/// adds counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PathMtuBounds {
    /// The size that every path carries (MIN_PLPMTU). It is used until a larger one is known to pass.
    pub min: u16,
    /// The largest size that is tried (MAX_PLPMTU).
    pub max: u16,
}

/// Bounds and times of an agent. The defaults are those of the RFCs, or of a browser where the RFCs leave it open.
// More than fifteen fields: each is a bound or a time that is set on its own.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// How many local candidates there may be, of all types.
    pub max_local: u16,
    /// How many remote candidates there may be, signalled and peer-reflexive. A further candidate replaces the one with
    /// the lowest priority among those that no valid pair and no check needs. It is refused when its own priority is
    /// not higher.
    pub max_remote: u16,
    /// How many candidate pairs there may be. A further pair replaces the one with the lowest priority among those that
    /// are neither valid nor being checked (RFC 8445 §6.1.2.5). It is refused when its own priority is not higher.
    pub max_pairs: u16,
    /// How many questions to STUN servers there may be: one for each server and socket.
    pub max_questions: u16,
    /// How many TURN servers there may be; none without the feature `turn`.
    pub max_relays: u16,
    /// How many addresses of the peer each TURN server is asked to let through.
    pub max_permissions: u16,
    /// How many channels each TURN server is asked for.
    pub max_channels: u16,
    /// The time between two new transactions (Ta, RFC 8445 §14.2).
    pub pacing: Duration,
    /// The first retransmission interval, of 500 ms or more (RFC 8445 §14.3).
    pub rto: Duration,
    /// How often one request is transmitted (Rc, RFC 8489 §6.2.1).
    pub attempts: u8,
    /// How long gathering takes at most. Then it is complete, even if a server has not answered yet.
    pub gather_timeout: Duration,
    /// How long the agent waits for a path before it has failed (RFC 8863 §4).
    pub patience: Duration,
    /// [`Event::NoAnswer`](crate::Event::NoAnswer) tells after this that no pair works yet.
    pub no_answer_after: Duration,
    /// How long a valid pair that is relayed or over TCP waits for a direct one over UDP, before the controlling agent
    /// nominates it. Data flow on it meanwhile.
    pub relay_patience: Duration,
    /// The middle of the randomised interval between consent checks, of 5 s or more (RFC 7675 §5.1).
    pub consent_interval: Duration,
    /// How long consent lasts without a response, at most 30 s (RFC 7675 §5.1).
    pub consent_timeout: Duration,
    /// The time after which an unanswered consent check makes the path suspect. Four round trips count instead if
    /// they are longer. Every pair is then checked again, the selected one too.
    pub suspicion: Duration,
    /// A path suspect for this long is reported as disconnected.
    pub disconnected_after: Duration,
    /// How many checks of the peer are answered in a second. After a quiet second, as many are answered in a row. A browser
    /// sends 21. More are dropped as [`Discard::RateLimited`](crate::Discard::RateLimited). So the agent sends no more than
    /// this to somebody who floods it with checks, or replays captured ones from forged addresses.
    pub answers_per_second: u32,
    /// Whether the agent is a lite agent: it answers checks and begins none (RFC 8445 §2.5). It is for hosts with
    /// public addresses.
    ///
    /// A lite agent still sends a check when only a response proves that a check was not captured and replayed. That is
    /// before it leaves the path in use, and for consent (RFC 7675 §5.1). RFC 8445 has lite agents send no checks.
    /// Every agent answers them, as RFC 8445 §7.3 requires.
    pub lite: bool,
    /// Only relayed candidates are told and used, so that the peer never learns our addresses: the W3C's
    /// `iceTransportPolicy` of `relay`.
    pub relay_only: bool,
    /// Types of two attributes by which checks and responses carry datagrams of another protocol, such as DTLS. For every
    /// authentic check and response, [`Handled::Carried`](crate::Handled::Carried) says where they lie, and
    /// [`Agent::poll_transmit_carrying`](crate::Agent::poll_transmit_carrying) lets them be written.
    pub carried: Option<[u16; 2]>,
    /// Whether, and between which sizes, the agent searches for the largest datagram that the path in use carries
    /// (RFC 8899). A probe is a check with padding. There is none while checks carry another protocol. [`Agent::path_mtu`](crate::Agent::path_mtu) tells the result. The buffers
    /// for [`Agent::poll_transmit`](crate::Agent::poll_transmit) must have room for the largest size.
    pub path_mtu: Option<PathMtuBounds>,
}

impl Config {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_local: 8,
            max_remote: 16,
            max_pairs: 32,
            max_questions: 8,
            max_relays: if cfg!(feature = "turn") { 1 } else { 0 },
            max_permissions: 16,
            max_channels: 4,
            pacing: Duration::from_millis(50),
            rto: Duration::from_millis(500),
            attempts: 7,
            gather_timeout: Duration::from_secs(10),
            patience: Duration::from_millis(39_500),
            no_answer_after: Duration::from_secs(5),
            relay_patience: Duration::from_millis(500),
            consent_interval: Duration::from_secs(5),
            consent_timeout: Duration::from_secs(30),
            suspicion: Duration::from_secs(1),
            disconnected_after: Duration::from_secs(2),
            answers_per_second: 100,
            lite: false,
            relay_only: false,
            carried: None,
            path_mtu: None,
        }
    }

    /// Checks the bounds and times against each other and the RFCs.
    ///
    /// # Errors
    /// [`ConfigError`] names the field, the limit and the value. Durations are in milliseconds.
    pub const fn check(&self) -> Result<(), ConfigError> {
        use Rule::{AtLeast, AtMost};
        let (least, most) = match self.path_mtu {
            Some(bounds) => (bounds.min, bounds.max),
            None => (LEAST_PATH_MTU, LEAST_PATH_MTU),
        };
        let rules = [
            ("max_local", self.max_local as u64, AtLeast(1)),
            ("max_remote", self.max_remote as u64, AtLeast(1)),
            ("max_pairs", self.max_pairs as u64, AtLeast(1)),
            // RFC 8445 §14.2.
            ("pacing", millis(self.pacing), AtLeast(5)),
            // RFC 8445 §14.3.
            ("rto", millis(self.rto), AtLeast(500)),
            ("attempts", self.attempts as u64, AtLeast(1)),
            // RFC 7675 §5.1: no period, which is 0.8 of this at the least, is below 4 s.
            ("consent_interval", millis(self.consent_interval), AtLeast(5_000)),
            ("consent_timeout", millis(self.consent_timeout), AtMost(30_000)),
            ("consent_timeout", millis(self.consent_timeout), AtLeast(millis(self.consent_interval))),
            ("suspicion", millis(self.suspicion), AtMost(millis(self.consent_timeout))),
            // A relay is of no use when nobody can be let through.
            ("max_permissions", self.max_permissions as u64, AtLeast((self.max_relays > 0) as u64)),
            ("max_relays", self.max_relays as u64, AtMost(if cfg!(feature = "turn") { u16::MAX as u64 } else { 0 })),
            // With relays only, one is needed; a lite agent has none (RFC 8445 §2.5).
            ("max_relays", self.max_relays as u64, AtLeast(self.relay_only as u64)),
            ("path_mtu.min", least as u64, AtLeast(LEAST_PATH_MTU as u64)),
            ("path_mtu.max", most as u64, AtLeast(least as u64)),
            ("relay_only", self.relay_only as u64, AtMost(!self.lite as u64)),
        ];
        let mut rest: &[(&'static str, u64, Rule)] = &rules;
        while let [(field, value, rule), others @ ..] = rest {
            if let Err(error) = ConfigError::check(field, *value, *rule) {
                return Err(error);
            }
            rest = others;
        }
        Ok(())
    }

    pub(crate) const fn timing(&self) -> Timing {
        Timing { rto: self.rto, attempts: self.attempts }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

const fn millis(duration: Duration) -> u64 {
    // Clamped, since a rule that compares with the largest number holds as well.
    let millis = duration.as_millis();
    if millis > u64::MAX as u128 { u64::MAX } else { millis as u64 }
}
