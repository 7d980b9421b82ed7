use core::time::Duration;

use barertc_crypto::{Group, Suite};
use barertc_wire::{ConfigError, Rule};

/// Which side begins: in SDP, `a=setup:active` is the client (RFC 8842, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Role {
    /// Sends the ClientHello.
    Client,
    /// Waits for it.
    Server,
}

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Version {
    /// RFC 6347.
    Dtls12,
    /// RFC 9147.
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

/// A few values in order of preference; an empty list leaves the choice to the provider's ranking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Preference<T, const N: usize>([Option<T>; N]);

impl<T: Copy + PartialEq, const N: usize> Preference<T, N> {
    /// Whatever the provider prefers.
    pub const ANY: Self = Self([None; N]);

    /// Exactly these, in this order; those beyond the `N`th are left out.
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

/// What a connection may use and take.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// The oldest version that is accepted.
    pub min_version: Version,
    /// The newest version that is offered.
    pub max_version: Version,
    /// AEADs, best first.
    pub suites: Preference<Suite, 3>,
    /// Groups of the key agreement, best first. As a client the first one is the key share that is sent, and P-256 has to
    /// be among them where a server of DTLS 1.2 takes the list for certificates too (RFC 8422, section 5.1.1).
    pub groups: Preference<Group, 2>,
    /// SRTP protection profiles (RFC 5764, section 4.1.2); a connection for data channels alone needs none.
    pub srtp: SrtpProfiles,
    /// Largest datagram, in bytes of UDP payload; at least 64, or no handshake fits.
    pub mtu: u16,
    /// First retransmission timeout; RFC 9147, section 5.8.2 recommends 400 ms for DTLS-SRTP, and 1.5 round trips where
    /// ICE has measured them.
    pub initial_timeout: Duration,
    /// The timeout is doubled up to this.
    pub max_timeout: Duration,
    /// How often a flight is repeated before the connection fails with `TimedOut`.
    pub retransmissions: u8,
    /// Bytes of a peer's handshake messages that are kept at a time; a longer message fails the handshake.
    pub reassembly: u16,
    /// Bytes kept of records that arrive before they can be read.
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
    /// None: the extension isn't sent, and ignored when it comes.
    None,
    /// All that the provider knows, in its order, but the one whose tag has only 32 bits
    /// (`SRTP_AES128_CM_HMAC_SHA1_32`): [`Only`](Self::Only) names that where it is wanted.
    Ranked,
    /// These profile numbers, in this order.
    Only(Preference<u16, 4>),
}
