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

/// A P-256 secret, for ECDH or ECDSA: a scalar from 1 up to the order of the curve, exclusive. It is wiped on drop.
#[derive(Clone)]
pub struct P256Secret(SecretKey);

impl P256Secret {
    /// Makes a secret from its 32 bytes, big-endian.
    ///
    /// # Errors
    /// [`InvalidScalar`] when the number is zero or not smaller than the order of the curve.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self, InvalidScalar> {
        SecretKey::from_bytes(secret).map(Self).map_err(|_| InvalidScalar)
    }

    /// The 32 bytes of the secret, big-endian, for a key store or for hardware.
    #[must_use]
    pub fn raw(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Draws random bytes until they are a scalar. A draw fails with a probability of about 2⁻³².
    pub(crate) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        loop {
            rng.fill_bytes(&mut *bytes);
            if let Ok(secret) = Self::from_bytes(&bytes) {
                return secret;
            }
        }
    }

    /// Signs with a hedged nonce (RFC 6979 §3.6), from the key, the digest and fresh random bytes.
    ///
    /// A weak generator does not reveal the key, since the nonce depends on the key and the digest. A fault attack that signs
    /// one digest twice does not reveal the key either, since the random bytes differ.
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

/// Reads a public key in the form of TLS: an uncompressed point of the curve (RFC 8446 §4.2.8.2, RFC 8422 §5.4.1).
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
