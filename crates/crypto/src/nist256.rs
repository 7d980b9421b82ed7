//! P-256: ECDH and ECDSA (SEC 1, FIPS 186-5).

use core::fmt;

#[cfg(not(feature = "rustcrypto-curves"))]
use barertc_curves::p256::PublicKey;
use barertc_curves::p256::SecretKey;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::error::{BadSignature, InvalidPoint, InvalidScalar};
use crate::keys::hidden;
#[cfg(feature = "rustcrypto-curves")]
use crate::rustcrypto_curves::nist256 as rustcrypto;

/// A P-256 secret: a scalar between 0 and the order of the curve, for ECDH or for signing.
#[derive(Clone)]
pub struct P256Secret(SecretKey);

impl P256Secret {
    /// Takes a secret that was made before, big-endian.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self, InvalidScalar> {
        SecretKey::from_bytes(secret).map(Self).map_err(|_| InvalidScalar)
    }

    /// The secret, big-endian, for a key store or for hardware.
    #[must_use]
    pub fn raw(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Draws until the bytes are a scalar: all but one of 2^32 draws are.
    pub(crate) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            rng.fill_bytes(&mut *bytes);
            if let Ok(secret) = Self::from_bytes(&bytes) {
                return secret;
            }
        }
    }

    /// Hedged (RFC 6979 §3.6): the nonce comes from key, digest and fresh random bytes, so a weak generator costs
    /// nothing but repeatability, and a glitch at the same digest twice doesn't give the key away.
    pub(crate) fn sign<R: CryptoRng + ?Sized>(&self, digest: &[u8; 32], rng: &mut R) -> [u8; 64] {
        let mut fresh = Zeroizing::new([0; 32]);
        rng.fill_bytes(&mut *fresh);
        self.sign_with(digest, &*fresh)
    }
}

#[cfg(not(feature = "rustcrypto-curves"))]
impl P256Secret {
    pub(crate) fn public(&self) -> [u8; 65] {
        self.0.public_key().to_sec1()
    }

    pub(crate) fn agree(&self, peer: &[u8]) -> Result<[u8; 32], InvalidPoint> {
        Ok(self.0.agree(&public_key(peer)?))
    }

    /// RFC 6979 with this additional data (none: the deterministic signatures of its appendix).
    pub(crate) fn sign_with(&self, digest: &[u8; 32], additional: &[u8]) -> [u8; 64] {
        self.0.sign_hedged(digest, additional)
    }
}

#[cfg(feature = "rustcrypto-curves")]
impl P256Secret {
    pub(crate) fn public(&self) -> [u8; 65] {
        rustcrypto::public(self.raw())
    }

    pub(crate) fn agree(&self, peer: &[u8]) -> Result<[u8; 32], InvalidPoint> {
        rustcrypto::agree(self.raw(), peer)
    }

    /// RFC 6979 with this additional data (none: the deterministic signatures of its appendix).
    pub(crate) fn sign_with(&self, digest: &[u8; 32], additional: &[u8]) -> [u8; 64] {
        rustcrypto::sign_with(self.raw(), digest, additional)
    }
}

hidden! { P256Secret }

/// A public key as TLS carries it: uncompressed (RFC 8446 §4.2.8.2, RFC 8422 §5.4.1), and on the curve.
#[cfg(not(feature = "rustcrypto-curves"))]
fn public_key(sec1: &[u8]) -> Result<PublicKey, InvalidPoint> {
    match sec1.split_first() {
        Some((4, rest)) if rest.len() == 64 => PublicKey::from_sec1(sec1).map_err(|_| InvalidPoint),
        _ => Err(InvalidPoint),
    }
}

#[cfg(not(feature = "rustcrypto-curves"))]
pub(crate) fn verify(public: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> Result<(), BadSignature> {
    public_key(public).map_err(|_| BadSignature)?.verify(digest, signature).map_err(|_| BadSignature)
}

#[cfg(feature = "rustcrypto-curves")]
pub(crate) fn verify(public: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> Result<(), BadSignature> {
    rustcrypto::verify(public, digest, signature)
}
