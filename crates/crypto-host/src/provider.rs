//! The provider.

use core::fmt;

use barertc_crypto::rand_core::CryptoRng;
use barertc_crypto::{BadSignature, InvalidPoint, P256Secret, Provider, RustCrypto, SmallOrder, X25519Secret};

use crate::aead::{ChaChaKey, GcmKey};
use crate::counter::AesKey;
use crate::curves;
use crate::signing::SigningKeys;

/// AWS-LC's ciphers and curves. What it does not override is `barertc-crypto`'s: hashes, HMAC, HKDF, single blocks.
///
/// Make one for a program and lend it to all connections. It keeps the expanded keys of the last four identities that
/// signed, until it is dropped.
///
/// Where AWS-LC fails, `barertc-crypto` repeats the computation. A peer's key is then refused with the right reason. A full
/// heap makes a handshake slower, not wrong.
///
/// Signatures take their nonce from AWS-LC's own generator, mixed with the secret and the digest. The generator that
/// [`p256_sign`](Provider::p256_sign) is given is used only where AWS-LC has no memory.
#[derive(Default)]
pub struct AwsLc {
    signing: SigningKeys,
}

impl AwsLc {
    /// A provider without keys.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

/// Shows no keys.
impl fmt::Debug for AwsLc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsLc").finish_non_exhaustive()
    }
}

impl Provider for AwsLc {
    type AesKey = AesKey;
    type GcmKey = GcmKey;
    type ChaChaKey = ChaChaKey;

    fn x25519_public(&self, secret: &X25519Secret) -> [u8; 32] {
        curves::x25519_public(secret).unwrap_or_else(|_| RustCrypto.x25519_public(secret))
    }

    fn x25519_agree(&self, secret: &X25519Secret, peer: &[u8; 32]) -> Result<[u8; 32], SmallOrder> {
        curves::x25519_agree(secret, peer).or_else(|_| RustCrypto.x25519_agree(secret, peer))
    }

    fn p256_public(&self, secret: &P256Secret) -> [u8; 65] {
        curves::p256_public(secret).unwrap_or_else(|_| RustCrypto.p256_public(secret))
    }

    fn p256_agree(&self, secret: &P256Secret, peer: &[u8]) -> Result<[u8; 32], InvalidPoint> {
        curves::p256_agree(secret, peer).or_else(|_| RustCrypto.p256_agree(secret, peer))
    }

    fn p256_sign<R: CryptoRng + ?Sized>(&self, secret: &P256Secret, digest: &[u8; 32], rng: &mut R) -> [u8; 64] {
        self.signing.sign(secret, digest).unwrap_or_else(|_| RustCrypto.p256_sign(secret, digest, rng))
    }

    fn p256_verify(&self, public: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> Result<(), BadSignature> {
        curves::p256_verify(public, digest, signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_crypto::selftest::Predictable;

    /// More identities than slots: all sign well, and no more are kept than there are slots.
    #[test]
    fn signing_keys_are_kept_in_turns() {
        let p = AwsLc::new();
        let mut rng = Predictable::new(3);
        let secrets: Vec<P256Secret> = (0..6).map(|_| p.p256_key(&mut rng)).collect();
        for round in 0..3u8 {
            for (n, secret) in secrets.iter().enumerate() {
                let digest = [round; 32];
                let signature = p.p256_sign(secret, &digest, &mut rng);
                let public = RustCrypto.p256_public(secret);
                assert_eq!(RustCrypto.p256_verify(&public, &digest, &signature), Ok(()));
                let kept = if round == 0 { (n + 1).min(4) } else { 4 };
                assert_eq!(p.signing.held(), kept);
            }
        }
        // One that is known takes no further slot.
        let one = AwsLc::new();
        for _ in 0..3 {
            one.p256_sign(&secrets[0], &[7; 32], &mut rng);
        }
        assert_eq!(one.signing.held(), 1);
    }
}
