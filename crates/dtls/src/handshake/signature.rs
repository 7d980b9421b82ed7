//! Signature schemes (RFC 8446 §4.2.3): one that we make, and those that we verify.

use barertc_crypto::{Provider, ecdsa_der_decode};

use crate::error::Error;
use crate::x509::PublicKey;

/// ecdsa_secp256r1_sha256.
pub(crate) const ECDSA_P256_SHA256: u16 = 0x0403;
/// rsa_pkcs1_sha256, in DTLS 1.2.
#[cfg(feature = "rsa")]
pub(crate) const RSA_PKCS1_SHA256: u16 = 0x0401;
/// rsa_pss_rsae_sha256.
#[cfg(feature = "rsa")]
pub(crate) const RSA_PSS_SHA256: u16 = 0x0804;

/// What we verify, best first.
#[cfg(not(feature = "rsa"))]
pub(crate) const VERIFIED: &[u16] = &[ECDSA_P256_SHA256];
/// What we verify, best first.
#[cfg(feature = "rsa")]
pub(crate) const VERIFIED: &[u16] = &[ECDSA_P256_SHA256, RSA_PSS_SHA256, RSA_PKCS1_SHA256];

/// Checks a signature over a message whose SHA-256 is `digest`.
pub(crate) fn verify<P: Provider>(
    p: &P,
    key: &PublicKey,
    scheme: u16,
    digest: &[u8; 32],
    signature: &[u8],
) -> Result<(), Error> {
    match (key, scheme) {
        (PublicKey::P256(point), ECDSA_P256_SHA256) => {
            let signature = ecdsa_der_decode(signature).map_err(|_| Error::BadSignature)?;
            p.p256_verify(point, digest, &signature).map_err(|_| Error::BadSignature)
        }
        #[cfg(feature = "rsa")]
        (PublicKey::Rsa(key), RSA_PKCS1_SHA256) => key.verify_pkcs1(digest, signature).ok_or(Error::BadSignature),
        #[cfg(feature = "rsa")]
        (PublicKey::Rsa(key), RSA_PSS_SHA256) => key.verify_pss(p, digest, signature).ok_or(Error::BadSignature),
        // A scheme that we didn't offer, or one that doesn't fit the key.
        _ => Err(Error::IllegalParameter),
    }
}
