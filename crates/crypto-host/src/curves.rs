//! P-256 and X25519, without signing.

use aws_lc_rs::agreement::{Algorithm, ECDH_P256, PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::digest::{Digest, SHA256};
use aws_lc_rs::signature::{self, ECDSA_P256_SHA256_FIXED};
use barertc_crypto::{BadSignature, P256Secret, X25519Secret};

/// AWS-LC did not do it: the arguments are not valid, or it has no memory.
pub(crate) struct Failed;

pub(crate) fn x25519_public(secret: &X25519Secret) -> Result<[u8; 32], Failed> {
    public(&X25519, secret.raw())
}

/// AWS-LC refuses a shared secret of zeros itself (RFC 7748 §6.1).
pub(crate) fn x25519_agree(secret: &X25519Secret, peer: &[u8; 32]) -> Result<[u8; 32], Failed> {
    shared(&X25519, secret.raw(), peer)
}

pub(crate) fn p256_public(secret: &P256Secret) -> Result<[u8; 65], Failed> {
    public(&ECDH_P256, secret.raw())
}

pub(crate) fn p256_agree(secret: &P256Secret, peer: &[u8]) -> Result<[u8; 32], Failed> {
    shared(&ECDH_P256, secret.raw(), uncompressed(peer).ok_or(Failed)?)
}

pub(crate) fn p256_verify(public: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> Result<(), BadSignature> {
    let public = uncompressed(public).ok_or(BadSignature)?;
    let digest = imported(digest).map_err(|Failed| BadSignature)?;
    let key = signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, public);
    key.verify_digest(&digest, signature).map_err(|_| BadSignature)
}

/// A digest that was computed elsewhere, as AWS-LC's signatures take it.
pub(crate) fn imported(digest: &[u8; 32]) -> Result<Digest, Failed> {
    Digest::import_less_safe(digest, &SHA256).map_err(|_| Failed)
}

/// AWS-LC takes compressed points and whole certificates' keys too; TLS has uncompressed points alone (RFC 8446 §4.2.8.2).
fn uncompressed(point: &[u8]) -> Option<&[u8]> {
    matches!(point, [4, rest @ ..] if rest.len() == 64).then_some(point)
}

fn public<const N: usize>(algorithm: &'static Algorithm, secret: &[u8; 32]) -> Result<[u8; N], Failed> {
    let key = PrivateKey::from_private_key(algorithm, secret).map_err(|_| Failed)?;
    let public = key.compute_public_key().map_err(|_| Failed)?;
    public.as_ref().try_into().map_err(|_| Failed)
}

/// AWS-LC overwrites its copy of the shared secret.
fn shared(algorithm: &'static Algorithm, secret: &[u8; 32], peer: &[u8]) -> Result<[u8; 32], Failed> {
    let key = PrivateKey::from_private_key(algorithm, secret).map_err(|_| Failed)?;
    let peer = UnparsedPublicKey::new(algorithm, peer);
    agree(&key, peer, Failed, |secret| secret.try_into().map_err(|_| Failed))
}
