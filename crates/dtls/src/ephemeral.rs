//! The key pair of the key agreement.

use barertc_crypto::{Generator, Group, P256Secret, Provider, X25519Secret};
use zeroize::Zeroizing;

use crate::error::Error;

/// A key pair for one handshake.
pub(crate) enum Ephemeral {
    X25519(X25519Secret, [u8; 32]),
    P256(P256Secret, [u8; 65]),
}

impl Ephemeral {
    pub(crate) fn new<P: Provider>(p: &P, group: Group, rng: &mut Generator) -> Self {
        match group {
            Group::X25519 => {
                let secret = p.x25519_key(rng);
                let public = p.x25519_public(&secret);
                Self::X25519(secret, public)
            }
            Group::P256 => {
                let secret = p.p256_key(rng);
                let public = p.p256_public(&secret);
                Self::P256(secret, public)
            }
        }
    }

    pub(crate) fn group(&self) -> Group {
        match self {
            Self::X25519(..) => Group::X25519,
            Self::P256(..) => Group::P256,
        }
    }

    pub(crate) fn public(&self) -> &[u8] {
        match self {
            Self::X25519(_, public) => public,
            Self::P256(_, public) => public,
        }
    }

    /// The shared secret. Points off the curve, and X25519 points of small order, are refused (RFC 8446 §7.4.2).
    pub(crate) fn agree<P: Provider>(&self, p: &P, peer: &[u8]) -> Result<Zeroizing<[u8; 32]>, Error> {
        Ok(Zeroizing::new(match self {
            Self::X25519(secret, _) => {
                let peer = peer.try_into().map_err(|_| Error::BadKeyShare)?;
                p.x25519_agree(secret, peer).map_err(|_| Error::BadKeyShare)?
            }
            Self::P256(secret, _) => p.p256_agree(secret, peer).map_err(|_| Error::BadKeyShare)?,
        }))
    }
}
