//! What every step of a handshake works on.

use barertc_arena::Allocator;
use barertc_crypto::{Group, Hash, Provider};
use barertc_wire::Fingerprints;
use zeroize::Zeroizing;

use crate::config::Version;
use crate::ephemeral::Ephemeral;
use crate::error::Error;
use crate::handshake::transcript::Transcript;
use crate::identity::Identity;
use crate::link::Link;
use crate::schedule13::Secrets;
use crate::x509::PublicKey;
use crate::{fingerprint, x509};

/// What the machines of both versions and roles share, and what goes away with the handshake.
pub(crate) struct Context {
    pub(crate) identity: Identity,
    /// Of which the peer's certificate must have one. Nothing of the peer is handled before they are known.
    pub(crate) fingerprints: Option<Fingerprints>,
    pub(crate) transcript: Transcript,
    pub(crate) ephemeral: Option<Ephemeral>,
    pub(crate) secrets: Secrets,
    pub(crate) client_random: [u8; 32],
    pub(crate) server_random: [u8; 32],
}

impl Context {
    pub(crate) fn new(identity: &Identity) -> Self {
        Self {
            identity: identity.clone(),
            fingerprints: None,
            transcript: Transcript::new(Version::Dtls12, Hash::Sha256),
            ephemeral: None,
            secrets: Secrets::default(),
            client_random: [0; 32],
            server_random: [0; 32],
        }
    }

    /// The key of the peer's certificate, once that is one whose fingerprint the description announced.
    pub(crate) fn check_certificate<A: Allocator, P: Provider>(
        &self,
        link: &Link<A, P>,
        certificate: &[u8],
    ) -> Result<PublicKey, Error> {
        let announced = self.fingerprints.as_ref().ok_or(Error::FingerprintMismatch)?;
        if !fingerprint::matches(announced, &link.provider, certificate) {
            return Err(Error::FingerprintMismatch);
        }
        x509::public_key(certificate)
    }

    /// The shared secret with the peer's key share; our key pair is wiped.
    pub(crate) fn agree<A: Allocator, P: Provider>(
        &mut self,
        link: &Link<A, P>,
        share: &[u8],
    ) -> Result<Zeroizing<[u8; 32]>, Error> {
        let shared = self.ephemeral.as_ref().ok_or(Error::UnexpectedMessage)?.agree(&link.provider, share);
        self.ephemeral = None;
        shared
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
