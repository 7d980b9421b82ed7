//! P-256: ECDH and ECDSA (SEC 1, FIPS 186-5).

use core::fmt;
use ecdsa::hazmat;
use p256::elliptic_curve::Generate;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::{FieldBytes, NistP256, ProjectivePoint, PublicKey, SecretKey};
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::{BadSignature, InvalidPoint, InvalidScalar};
use crate::keys::hidden;

/// A P-256 secret: a scalar between 0 and the order of the curve, for ECDH or for signing.
#[derive(Clone)]
pub struct P256Secret {
    raw: Scalar,
    key: SecretKey,
}

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Scalar([u8; 32]);

impl P256Secret {
    /// Takes a secret that was made before, big-endian.
    pub fn from_bytes(secret: &[u8; 32]) -> Result<Self, InvalidScalar> {
        let key = SecretKey::from_slice(secret).map_err(|_| InvalidScalar)?;
        Ok(Self { raw: Scalar(*secret), key })
    }

    /// The secret, big-endian, for a key store or for hardware.
    #[must_use]
    pub fn raw(&self) -> &[u8; 32] {
        &self.raw.0
    }

    pub(crate) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let key = SecretKey::generate_from_rng(rng);
        Self { raw: Scalar(key.to_bytes().into()), key }
    }

    pub(crate) fn public(&self) -> [u8; 65] {
        let mut out = [0; 65];
        let point = self.key.public_key().to_sec1_point(false);
        out.iter_mut().zip(point.as_bytes()).for_each(|(to, from)| *to = *from);
        out
    }

    pub(crate) fn agree(&self, peer: &[u8]) -> Result<[u8; 32], InvalidPoint> {
        let shared = self.key.diffie_hellman(&public_key(peer)?);
        Ok((*shared.raw_secret_bytes()).into())
    }

    /// Hedged (RFC 6979 §3.6): the nonce comes from key, digest and fresh random bytes, so a weak generator costs
    /// nothing but repeatability, and a glitch at the same digest twice doesn't give the key away.
    pub(crate) fn sign<R: CryptoRng + ?Sized>(&self, digest: &[u8; 32], rng: &mut R) -> [u8; 64] {
        let mut fresh = [0; 32];
        rng.fill_bytes(&mut fresh);
        self.sign_with(digest, &fresh)
    }

    /// RFC 6979 with this additional data (none: the deterministic signatures of its appendix).
    pub(crate) fn sign_with(&self, digest: &[u8; 32], additional: &[u8]) -> [u8; 64] {
        let d = self.key.to_nonzero_scalar();
        // Not through `SigningKey`: making one computes the public key, which costs as much as the signature.
        let (signature, _) = hazmat::sign_prehashed_rfc6979::<NistP256, sha2::Sha256>(&d, digest, additional);
        signature.to_bytes().into()
    }
}

hidden! { P256Secret }

/// A public key as TLS carries it: uncompressed (RFC 8446 §4.2.8.2, RFC 8422 §5.4.1), and on the curve.
fn public_key(sec1: &[u8]) -> Result<PublicKey, InvalidPoint> {
    match sec1.split_first() {
        Some((4, rest)) if rest.len() == 64 => PublicKey::from_sec1_bytes(sec1).map_err(|_| InvalidPoint),
        _ => Err(InvalidPoint),
    }
}

pub(crate) fn verify(public: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> Result<(), BadSignature> {
    let point = ProjectivePoint::from(*public_key(public).map_err(|_| BadSignature)?.as_affine());
    let [r, s] = [0, 32].map(|at| {
        let mut half = FieldBytes::default();
        half.iter_mut().zip(signature.iter().skip(at)).for_each(|(to, from)| *to = *from);
        half
    });
    let signature = ecdsa::Signature::<NistP256>::from_scalars(r, s).map_err(|_| BadSignature)?;
    hazmat::verify_prehashed(&point, digest, &signature).map_err(|_| BadSignature)
}
