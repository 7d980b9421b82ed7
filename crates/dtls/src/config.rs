//! The configuration of a connection.

use core::time::Duration;

use barertc_crypto::{Group, Suite};
use barertc_wire::{ConfigError, Rule};

/// The role in the handshake. In SDP, `a=setup:active` is the client and `a=setup:passive` the server (RFC 8842 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// The side that sends the ClientHello.
    Client,
    /// The side that waits for the ClientHello.
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
    /// The oldest version that is compiled in: DTLS 1.2 with the feature `dtls12`.
    pub const OLDEST: Self = if cfg!(feature = "dtls12") { Self::Dtls12 } else { Self::Dtls13 };
    /// The newest version that is compiled in: DTLS 1.3 with the feature `dtls13`.
    pub const NEWEST: Self = if cfg!(feature = "dtls13") { Self::Dtls13 } else { Self::Dtls12 };

    pub(crate) const fn wire(self) -> u16 {
        match self {
            Self::Dtls12 => 0xFEFD,
            Self::Dtls13 => 0xFEFC,
        }
    }
}

/// At most `N` values, the preferred one first. An empty list leaves the order to the crypto provider's ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Preference<T, const N: usize>([Option<T>; N]);

impl<T: Copy + PartialEq, const N: usize> Preference<T, N> {
    /// The empty list, for which the provider's ranking is used.
    pub const ANY: Self = Self([None; N]);

    /// A list that allows these values only, in this order. Values after the `N`th are left out. An empty `values` gives
    /// [`ANY`](Self::ANY).
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

/// The configuration of a connection: versions, algorithms, timers, and sizes of its buffers.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// The oldest version that this side accepts; not older than [`Version::OLDEST`].
    pub min_version: Version,
    /// The newest version that this side offers; not older than [`min_version`](Self::min_version), and
    /// not newer than [`Version::NEWEST`].
    pub max_version: Version,
    /// The AEADs that may be negotiated, the preferred one first.
    pub suites: Preference<Suite, 3>,
    /// The groups for the key agreement, the preferred one first. A client sends a key share of the first group. Some
    /// DTLS 1.2 servers apply the list to certificates too (RFC 8422 §5.1.1): for them it must contain P-256.
    pub groups: Preference<Group, 2>,
    /// The SRTP protection profiles that may be negotiated (RFC 5764 §4.1.2). A connection for data channels only needs
    /// none.
    pub srtp: SrtpProfiles,
    /// The longest datagram that [`poll_transmit`](crate::Connection::poll_transmit) writes, in bytes of UDP payload; at
    /// least 64. The length of application data is the caller's choice.
    pub mtu: u16,
    /// The first retransmission timeout; at least 1 ms. RFC 9147 §5.8.2 recommends 400 ms for DTLS-SRTP, or 1.5 times the
    /// round-trip time where that is known. [`Connection::set_round_trip_time`](crate::Connection::set_round_trip_time)
    /// sets the round-trip time.
    pub initial_timeout: Duration,
    /// The longest retransmission timeout; at least [`initial_timeout`](Self::initial_timeout). Each repetition of a
    /// flight doubles the timeout, up to this value.
    pub max_timeout: Duration,
    /// The number of repetitions of a flight. After the last one the connection fails with
    /// [`Error::TimedOut`](crate::Error::TimedOut).
    pub retransmissions: u8,
    /// The size of the buffer that reassembles the peer's handshake messages, in bytes; at least 512. A message that is
    /// longer than the buffer ends the handshake with [`Error::MessageTooLong`](crate::Error::MessageTooLong).
    pub reassembly: u16,
    /// The size of the buffer for records that arrive before their keys are known, in bytes. A record that does not fit is
    /// dropped and counted. The peer repeats handshake records, but not application data.
    pub early: u16,
    /// Whether a server of DTLS 1.3 seals application data as soon as its Finished is written, one round trip before the
    /// client's Finished comes (0.5-RTT data, RFC 8446 §4.4.4). Nobody has proven then who the client is: whoever has sent
    /// the ClientHello can read the data. The default is false. [`Connection::can_send`](crate::Connection::can_send) tells
    /// when it may be sealed. Data of the client are read only after its Finished, in any case.
    pub half_rtt: bool,
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
            min_version: Version::OLDEST,
            max_version: Version::NEWEST,
            suites: Preference::ANY,
            groups: Preference::ANY,
            srtp: SrtpProfiles::Ranked,
            mtu: 1_200,
            initial_timeout: Duration::from_millis(400),
            max_timeout: Duration::from_secs(60),
            retransmissions: 8,
            reassembly: 4_096,
            early: 2_048,
            half_rtt: false,
        }
    }

    /// Checks every field against its limits.
    ///
    /// # Errors
    /// [`ConfigError`] for the first field that breaks its rule, with the field's name, its value and the limit.
    pub const fn check(&self) -> Result<(), ConfigError> {
        let timeout = self.initial_timeout.as_millis() as u64;
        let rules = [
            ConfigError::check("mtu", self.mtu as u64, Rule::AtLeast(MIN_MTU as u64)),
            ConfigError::check("min_version", self.min_version as u64, Rule::AtLeast(Version::OLDEST as u64)),
            ConfigError::check("max_version", self.max_version as u64, Rule::AtMost(Version::NEWEST as u64)),
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

    /// Whether `version` may be negotiated. Of a version that is not compiled in the compiler knows that it may not.
    pub(crate) fn allows(&self, version: Version) -> bool {
        (Version::OLDEST..=Version::NEWEST).contains(&version)
            && (self.min_version..=self.max_version).contains(&version)
    }
}

/// The SRTP protection profiles that a connection offers and accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SrtpProfiles {
    /// No profile. A client does not send the `use_srtp` extension, and a server ignores it.
    None,
    /// All profiles of the crypto provider in the order of its ranking, without `SRTP_AES128_CM_HMAC_SHA1_32`. The tag of
    /// that profile has only 32 bits; [`Only`](Self::Only) can name it.
    Ranked,
    /// The profiles with these numbers, in this order. An empty list is like [`None`](Self::None).
    Only(Preference<u16, 4>),
}
