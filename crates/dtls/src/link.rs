//! What a connection keeps for its whole life.

use barertc_arena::Allocator;
use barertc_crypto::{Generator, Group, Hash, Provider, Secret, SrtpSuite, Suite};

use crate::acks::Acks;
use crate::config::{Config, Preference, Role, SrtpProfiles, Version};
use crate::error::Error;
use crate::handshake::flight::Flight;
use crate::handshake::hello::{Extensions, ext, parse_use_srtp};
use crate::record::Records;
#[cfg(feature = "dtls13")]
use crate::schedule13::Schedule;
use crate::updates::Updates;

/// Epochs of DTLS 1.3 (RFC 9147 §6.1).
pub(crate) const HANDSHAKE_EPOCH: u16 = 2;
pub(crate) const APPLICATION_EPOCH: u16 = 3;

/// What outlives the handshake.
pub(crate) struct Link<A: Allocator, P: Provider> {
    pub(crate) provider: P,
    pub(crate) config: Config,
    pub(crate) role: Role,
    pub(crate) rng: Generator,
    pub(crate) records: Records<A, P>,
    pub(crate) flight: Flight<A>,
    pub(crate) acks: Acks,
    pub(crate) version: Option<Version>,
    pub(crate) suite: Suite,
    /// The SRTP profile that was agreed on.
    pub(crate) srtp: Option<u16>,
    pub(crate) exporter: Option<Exporter>,
    pub(crate) updates: Option<Updates>,
}

/// What keys are exported from.
pub(crate) enum Exporter {
    /// Master secret and both randoms (RFC 5705 §4).
    #[cfg(feature = "dtls12")]
    Dtls12 { master: Secret, client_random: [u8; 32], server_random: [u8; 32] },
    /// exporter_master_secret (RFC 8446 §7.5).
    #[cfg(feature = "dtls13")]
    Dtls13 { secret: Secret },
}

impl<A: Allocator, P: Provider> Link<A, P> {
    /// AEADs in our order.
    pub(crate) fn suites(&self) -> impl Iterator<Item = Suite> + Clone + use<A, P> {
        self.config.suites.or(self.provider.rank_suites())
    }

    /// Groups in our order.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Group> + Clone + use<A, P> {
        self.config.groups.or(self.provider.rank_groups())
    }

    /// SRTP profiles in our order.
    pub(crate) fn srtp_profiles(&self) -> impl Iterator<Item = u16> + Clone + use<A, P> {
        let (list, ranked) = match self.config.srtp {
            SrtpProfiles::None => (Preference::ANY, false),
            SrtpProfiles::Ranked => (Preference::ANY, true),
            SrtpProfiles::Only(list) => (list, false),
        };
        let none: [u16; 0] = [];
        // A tag of 32 bits is forged too easily to be used unasked.
        let ranking = self.provider.rank_srtp().map(srtp_id).into_iter().filter(|id| *id != srtp_id(SHORT_TAG));
        list.or(none).chain(ranking.filter(move |_| ranked))
    }

    /// The best SRTP profile that the client offers too.
    pub(crate) fn choose_srtp(&self, offered: &Extensions<'_>) -> Result<Option<u16>, Error> {
        let Some(data) = offered.get(ext::USE_SRTP) else { return Ok(None) };
        let (offered, _) = parse_use_srtp(data)?;
        Ok(self.srtp_profiles().find(|p| offered.contains(*p)))
    }

    /// The SRTP profile that the server chose, which must be exactly one of ours (RFC 5764 §4.1.1).
    pub(crate) fn accept_srtp(&self, chosen: &Extensions<'_>) -> Result<Option<u16>, Error> {
        let Some(data) = chosen.get(ext::USE_SRTP) else { return Ok(None) };
        if self.srtp_profiles().next().is_none() {
            return Err(Error::UnsolicitedExtension);
        }
        let (profiles, mki) = parse_use_srtp(data)?;
        let mut profiles = profiles.iter();
        match (profiles.next(), profiles.next()) {
            // We offer no MKI, so there must be none.
            (Some(one), None) if mki.is_empty() && self.srtp_profiles().any(|p| p == one) => Ok(Some(one)),
            _ => Err(Error::IllegalParameter),
        }
    }

    /// Whether DTLS 1.3 was agreed on. Where only one version is compiled in, the compiler knows.
    pub(crate) fn is_13(&self) -> bool {
        Version::NEWEST == Version::Dtls13 && self.version == Some(Version::Dtls13)
    }

    /// The first epoch that application data may come in (RFC 6347 §4.1, RFC 9147 §6.1).
    pub(crate) fn data_epoch(&self) -> u16 {
        if self.is_13() { APPLICATION_EPOCH } else { 1 }
    }

    /// How secrets of DTLS 1.3 are derived, with the suite in use.
    #[cfg(feature = "dtls13")]
    pub(crate) fn schedule(&self) -> Schedule<'_, P> {
        Schedule::new(&self.provider, self.hash())
    }

    /// The hash of the suite in use.
    pub(crate) fn hash(&self) -> Hash {
        Hash::of(self.suite)
    }
}

/// The profile that is used only where the configuration names it.
const SHORT_TAG: SrtpSuite = SrtpSuite::AesCm128HmacSha1_32;

/// Numbers of SRTP protection profiles (RFC 5764 §4.1.2; RFC 7714 §14.2).
const fn srtp_id(suite: SrtpSuite) -> u16 {
    match suite {
        SrtpSuite::AesCm128HmacSha1_80 => 0x0001,
        SrtpSuite::AesCm128HmacSha1_32 => 0x0002,
        SrtpSuite::AeadAes128Gcm => 0x0007,
        SrtpSuite::AeadAes256Gcm => 0x0008,
    }
}
