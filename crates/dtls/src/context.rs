//! What every step of a handshake works on.

use barertc_arena::Allocator;
use barertc_crypto::{Group, Provider};
use zeroize::Zeroizing;

use crate::config::Version;
use crate::ephemeral::Ephemeral;
use crate::error::Error;
use crate::handshake::transcript::{Hash, Transcript};
use crate::identity::Identity;
use crate::link::Link;
use crate::schedule13::Secrets;

/// What the machines of both versions and roles share, and what goes away with the handshake.
pub(crate) struct Context {
    pub(crate) identity: Identity,
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
            transcript: Transcript::new(Version::Dtls12, Hash::Sha256),
            ephemeral: None,
            secrets: Secrets::default(),
            client_random: [0; 32],
            server_random: [0; 32],
        }
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
