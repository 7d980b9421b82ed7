use core::time::Duration;

use barertc_crypto::{Group, Suite};
use barertc_wire::{ConfigError, Rule};

/// The role in the handshake. In SDP, `a=setup:active` is the client and `a=setup:passive` the server (RFC 8842 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// Sends the ClientHello.
    Client,
    /// Waits for the ClientHello.
    Server,
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Version {
    /// DTLS 1.2 (RFC 6347).
    Dtls12,
    /// DTLS 1.3 (RFC 9147).
    Dtls13,
}

impl Version {
    pub(crate) const fn wire(self) -> u16 {
        match self {
            Self::Dtls12 => 0xFEFD,
            Self::Dtls13 => 0xFEFC,
        }
    }
}

/// Values in order of preference. An empty list leaves the order to the provider's ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Preference<T, const N: usize>([Option<T>; N]);

impl<T: Copy + PartialEq, const N: usize> Preference<T, N> {
    /// The empty list: the provider's ranking.
    pub const ANY: Self = Self([None; N]);

    /// These values and no others, in this order. Values after the `N`th are left out.
    #[must_use]
    pub fn only(values: &[T]) -> Self {
        let mut list = [None; N];
        list.iter_mut().zip(values).for_each(|(place, v)| *place = Some(*v));
        Self(list)
    }

    /// These values, or `fallback` where there are none.
    pub(crate) fn or<const M: usize>(&self, fallback: [T; M]) -> impl Iterator<Item = T> + Clone + use<T, N, M> {
        let any = self.0.iter().all(Option::is_none);
        self.0.into_iter().flatten().chain(fallback.into_iter().filter(move |_| any))
    }
}

/// The shortest datagram that has room for a record and a piece of a handshake message.
const MIN_MTU: u16 = 64;

/// The shortest handshake message that must be kept: a certificate with a P-256 key, and a ClientHello, have about this.
const MIN_REASSEMBLY: u16 = 512;

/// The configuration of a connection: what it may use, and how much memory it may take.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// The oldest version that is accepted.
    pub min_version: Version,
    /// The newest version that is offered.
    pub max_version: Version,
    /// The AEADs, the preferred one first.
    pub suites: Preference<Suite, 3>,
    /// The groups of the key agreement, the preferred one first. A client sends a key share of the first one. P-256 must be
    /// among them where a server of DTLS 1.2 takes the list for certificates too (RFC 8422 §5.1.1).
    pub groups: Preference<Group, 2>,
    /// The SRTP protection profiles (RFC 5764 §4.1.2). A connection for data channels alone needs none.
    pub srtp: SrtpProfiles,
    /// The largest datagram that is sent, in bytes of UDP payload; at least 64.
    pub mtu: u16,
    /// The first retransmission timeout. RFC 9147 §5.8.2 recommends 400 ms for DTLS-SRTP, and 1.5 round-trip times where
    /// they are known: see [`Connection::set_round_trip_time`](crate::Connection::set_round_trip_time).
    pub initial_timeout: Duration,
    /// The largest timeout. Each repetition of a flight doubles the timeout up to this.
    pub max_timeout: Duration,
    /// How often a flight is repeated before the connection fails with [`Error::TimedOut`](crate::Error::TimedOut).
    pub retransmissions: u8,
    /// How many bytes of the peer's handshake messages are kept at a time; at least 512. A longer message ends the handshake
    /// with [`Error::MessageTooLong`](crate::Error::MessageTooLong).
    pub reassembly: u16,
    /// How many bytes of records are kept that arrive before their keys are known. What does not fit is dropped, and the
    /// peer repeats it.
    pub early: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// The default configuration, for constants and statics.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            min_version: Version::Dtls12,
            max_version: Version::Dtls13,
            suites: Preference::ANY,
            groups: Preference::ANY,
            srtp: SrtpProfiles::Ranked,
            mtu: 1_200,
            initial_timeout: Duration::from_millis(400),
            max_timeout: Duration::from_secs(60),
            retransmissions: 8,
            reassembly: 4_096,
            early: 2_048,
        }
    }

    /// Checks that a connection can be made with these values.
    ///
    /// # Errors
    /// The first field that breaks its rule.
    pub const fn check(&self) -> Result<(), ConfigError> {
        let timeout = self.initial_timeout.as_millis() as u64;
        let rules = [
            ConfigError::check("mtu", self.mtu as u64, Rule::AtLeast(MIN_MTU as u64)),
            ConfigError::check("max_version", self.max_version as u64, Rule::AtLeast(self.min_version as u64)),
            ConfigError::check("initial_timeout", timeout, Rule::AtLeast(1)),
            ConfigError::check("max_timeout", self.max_timeout.as_millis() as u64, Rule::AtLeast(timeout)),
            ConfigError::check("reassembly", self.reassembly as u64, Rule::AtLeast(MIN_REASSEMBLY as u64)),
        ];
        let mut rest = rules.as_slice();
        while let Some((first, others)) = rest.split_first() {
            if let Err(error) = first {
                return Err(*error);
            }
            rest = others;
        }
        Ok(())
    }

    pub(crate) fn allows(&self, version: Version) -> bool {
        (self.min_version..=self.max_version).contains(&version)
    }
}

/// Which SRTP profiles are offered and accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SrtpProfiles {
    /// None: a client does not send the extension, and a server ignores it.
    None,
    /// All that the provider knows, in its order, but the one whose tag has only 32 bits
    /// (`SRTP_AES128_CM_HMAC_SHA1_32`): [`Only`](Self::Only) names that where it is wanted.
    Ranked,
    /// These profile numbers, in this order.
    Only(Preference<u16, 4>),
}
