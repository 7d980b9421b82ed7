//! What a handshake works on, and the states it goes through.

use barertc_arena::Allocator;
use barertc_crypto::{Generator, Group, Provider, SrtpSuite, Suite};

use crate::acks::Acks;
use crate::config::{Config, Preference, Role, SrtpProfiles, Version};
use crate::ephemeral::Ephemeral;
use crate::error::Error;
use crate::fingerprint;
use crate::handshake::flight::Flight;
use crate::handshake::hello::{Extensions, ext, parse_use_srtp};
use crate::handshake::reassembly::Message;
use crate::handshake::transcript::{Hash, Transcript};
use crate::identity::Identity;
use crate::record::Records;
use crate::schedule13::Schedule;
use crate::secret::Secret;
use crate::x509::{self, PublicKey};
use crate::{start, v12, v13};

/// What outlives the handshake.
pub(crate) struct Link<A: Allocator, P> {
    pub(crate) provider: P,
    pub(crate) config: Config,
    pub(crate) role: Role,
    pub(crate) rng: Generator,
    pub(crate) records: Records<A>,
    pub(crate) flight: Flight<A>,
    pub(crate) acks: Acks,
    pub(crate) fingerprint: Option<barertc_wire::Fingerprint>,
    pub(crate) version: Option<Version>,
    pub(crate) suite: Suite,
    /// The SRTP profile that was agreed on.
    pub(crate) srtp: Option<u16>,
    pub(crate) exporter: Option<Exporter>,
    pub(crate) updates: Option<v13::update::Updates>,
}

/// What keys are exported from.
pub(crate) enum Exporter {
    /// Master secret and both randoms (RFC 5705, section 4).
    Dtls12 { master: Secret, client_random: [u8; 32], server_random: [u8; 32] },
    /// exporter_master_secret (RFC 8446, section 7.5).
    Dtls13 { secret: Secret },
}

/// What goes away with the handshake.
pub(crate) struct Handshake {
    pub(crate) state: State,
    pub(crate) identity: Identity,
    pub(crate) transcript: Transcript,
    pub(crate) ephemeral: Option<Ephemeral>,
    pub(crate) client_random: [u8; 32],
    pub(crate) server_random: [u8; 32],
}

// Held in place, in the one block that the handshake has.
#[allow(clippy::large_enum_variant)]
/// Where the handshake is: its beginning, one of the four machines, or its end.
pub(crate) enum State {
    /// A client that hasn't sent anything.
    Idle,
    /// Server: nothing has come yet.
    AwaitClientHello,
    /// Client: the answer decides on the version.
    AwaitServerHello(start::Client),
    Server12(v12::server::State),
    Client12(v12::client::State),
    Server13(v13::server::State),
    Client13(v13::client::State),
    /// Both sides have proven everything.
    Complete,
    /// An error ended it.
    Failed,
}

impl Handshake {
    /// Handles the next message in order. Each machine is out of line: together in one frame they would need the sum of
    /// their stacks.
    pub(crate) fn step<A: Allocator, P: Provider>(
        &mut self,
        link: &mut Link<A, P>,
        m: &Message<'_>,
    ) -> Result<(), Error> {
        self.state = match core::mem::replace(&mut self.state, State::Failed) {
            State::AwaitClientHello => start::on_client_hello(self, link, m)?,
            State::AwaitServerHello(state) => state.on_message(self, link, m)?,
            State::Server12(state) => state.on_message(self, link, m)?,
            State::Client12(state) => state.on_message(self, link, m)?,
            State::Server13(state) => state.on_message(self, link, m)?,
            State::Client13(state) => state.on_message(self, link, m)?,
            State::Idle | State::Complete | State::Failed => return Err(Error::UnexpectedMessage),
        };
        Ok(())
    }

    pub(crate) fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }

    /// The key pair for `group`: the prepared one where it fits.
    pub(crate) fn ephemeral<A: Allocator, P: Provider>(
        &mut self,
        link: &mut Link<A, P>,
        group: Group,
    ) -> &mut Ephemeral {
        let prepared = self.ephemeral.take().filter(|e| e.group() == group);
        let pair = prepared.unwrap_or_else(|| Ephemeral::new(&link.provider, group, &mut link.rng));
        self.ephemeral.insert(pair)
    }
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
        let ranking = self.provider.rank_srtp().map(srtp_id);
        list.or(none).chain(ranking.into_iter().filter(move |_| ranked))
    }

    /// The best SRTP profile that the client offers too.
    pub(crate) fn choose_srtp(&self, offered: &Extensions<'_>) -> Result<Option<u16>, Error> {
        let Some(data) = offered.get(ext::USE_SRTP) else { return Ok(None) };
        let offered = parse_use_srtp(data)?;
        Ok(self.srtp_profiles().find(|p| offered.contains(*p)))
    }

    /// The SRTP profile that the server chose, which must be exactly one of ours (RFC 5764, section 4.1.1).
    pub(crate) fn accept_srtp(&self, chosen: &Extensions<'_>) -> Result<Option<u16>, Error> {
        let Some(data) = chosen.get(ext::USE_SRTP) else { return Ok(None) };
        let mut profiles = parse_use_srtp(data)?.iter();
        match (profiles.next(), profiles.next()) {
            (Some(one), None) if self.srtp_profiles().any(|p| p == one) => Ok(Some(one)),
            _ => Err(Error::IllegalParameter),
        }
    }

    /// How secrets of DTLS 1.3 are derived, with the suite in use.
    pub(crate) fn schedule(&self) -> Schedule<'_, P> {
        Schedule::new(&self.provider, self.hash())
    }

    /// The hash of the suite in use.
    pub(crate) fn hash(&self) -> Hash {
        Hash::of(self.suite)
    }

    /// The key of the peer's certificate, once that is the one whose fingerprint the description announced.
    pub(crate) fn check_certificate(&self, certificate: &[u8]) -> Result<PublicKey, Error> {
        let announced = self.fingerprint.as_ref().ok_or(Error::FingerprintMismatch)?;
        if !fingerprint::matches(announced, &self.provider, certificate) {
            return Err(Error::FingerprintMismatch);
        }
        x509::public_key(certificate)
    }
}

/// Numbers of SRTP protection profiles (RFC 5764, section 4.1.2; RFC 7714, section 14.2).
const fn srtp_id(suite: SrtpSuite) -> u16 {
    match suite {
        SrtpSuite::AesCm128HmacSha1_80 => 0x0001,
        SrtpSuite::AesCm128HmacSha1_32 => 0x0002,
        SrtpSuite::AeadAes128Gcm => 0x0007,
        SrtpSuite::AeadAes256Gcm => 0x0008,
    }
}
