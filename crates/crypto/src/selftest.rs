//! Self-tests of every primitive with published vectors (feature `selftest`). They run on a desktop, in an emulator, and on a
//! board with an accelerator.
//!
//! ```
//! # fn main() -> Result<(), &'static str> {
//! use barertc_crypto::{AesKey, ChaChaKey, GcmKey, Provider, selftest};
//!
//! struct Accelerator;
//! impl Provider for Accelerator {
//!     type AesKey = AesKey;
//!     type GcmKey = GcmKey;
//!     type ChaChaKey = ChaChaKey;
//! }
//!
//! selftest::run_with(&Accelerator)
//! # }
//! ```

mod ciphers;
mod curves;
mod hashes;
mod random;

pub use random::Predictable;

use crate::provider::{Provider, RustCrypto};

/// Checks [`RustCrypto`] with the published vectors. The error is the name of the vector that failed.
pub fn run() -> Result<(), &'static str> {
    run_with(&RustCrypto)?;
    curves::deterministic_signatures()
}

/// Checks a provider with the published vectors. The error is the name of the vector that failed.
pub fn run_with<P: Provider>(p: &P) -> Result<(), &'static str> {
    ciphers::check(p)?;
    hashes::check(p)?;
    curves::check(p)
}

fn same<T: AsRef<[u8]>, U: AsRef<[u8]>>(what: &'static str, got: T, want: U) -> Result<(), &'static str> {
    if got.as_ref() == want.as_ref() { Ok(()) } else { Err(what) }
}

fn is(what: &'static str, holds: bool) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}

/// Replaces the error of a step by the name of its vector.
fn must<T, E>(what: &'static str, step: Result<T, E>) -> Result<T, &'static str> {
    step.map_err(|_| what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::*;

    #[test]
    fn rustcrypto_gives_the_published_results() {
        assert_eq!(run(), Ok(()));
    }

    /// The vectors are only worth something if a wrong provider doesn't pass.
    #[test]
    fn a_wrong_provider_is_found_out() {
        macro_rules! wrong {
            ($($name:literal: $method:item)*) => {$({
                struct Wrong;
                impl Provider for Wrong {
                    type AesKey = AesKey;
                    type GcmKey = GcmKey;
                    type ChaChaKey = ChaChaKey;
                    $method
                }
                let failed = run_with(&Wrong).expect_err($name);
                assert!(failed.contains($name), "{failed} is not about {}", $name);
            })*};
        }
        wrong! {
            "AES block": fn aes_block(&self, _: &AesKey, _: &mut [u8; 16]) {}
            "AES-CTR": fn aes_ctr(&self, key: &AesKey, iv: &[u8; 16], data: &mut [u8]) {
                // A counter of 32 bits, as GCM has it.
                let mut iv = *iv;
                for block in data.chunks_mut(16) {
                    key.ctr(&iv, block);
                    let n = u32::from_be_bytes(iv[12..].try_into().unwrap()).wrapping_add(1);
                    iv[12..].copy_from_slice(&n.to_be_bytes());
                }
            }
            "ChaCha20 block": fn chacha_block(&self, _: &[u8; 32], _: u32, _: &[u8; 12]) -> [u8; 64] { [0; 64] }
            "AES-GCM": fn gcm_seal(&self, _: &GcmKey, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> [u8; 16] { [0; 16] }
            "AES-GCM": fn gcm_open(
                &self, key: &GcmKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], _: &[u8; 16],
            ) -> Result<(), BadTag> {
                key.seal(nonce, aad, data);
                Ok(()) // deciphers and believes everything
            }
            "ChaCha20-Poly1305": fn chacha_seal(&self, _: &ChaChaKey, _: &[u8; 12], _: &[u8], _: &mut [u8]) -> [u8; 16] {
                [0; 16]
            }
            "ChaCha20-Poly1305": fn chacha_open(
                &self, _: &ChaChaKey, _: &[u8; 12], _: &[u8], _: &mut [u8], _: &[u8; 16],
            ) -> Result<(), BadTag> {
                Err(BadTag)
            }
            "HMAC-SHA1": fn hmac_sha1(&self, _: &HmacSha1Key, _: &[&[u8]]) -> [u8; 20] { [0; 20] }
            "HMAC-SHA256": fn hmac_sha256(&self, _: &HmacSha256Key, _: &[&[u8]]) -> [u8; 32] { [0; 32] }
            "HMAC-SHA384": fn hmac_sha384(&self, _: &HmacSha384Key, _: &[&[u8]]) -> [u8; 48] { [0; 48] }
            "SHA-1": fn sha1(&self, _: &[&[u8]]) -> [u8; 20] { [0; 20] }
            "SHA-256": fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] { RustCrypto.sha256(&parts[..1]) }
            "SHA-384": fn sha384(&self, _: &[&[u8]]) -> [u8; 48] { [0; 48] }
            "SHA-512": fn sha512(&self, _: &[&[u8]]) -> [u8; 64] { [0; 64] }
            "MD5": fn md5(&self, _: &[&[u8]]) -> [u8; 16] { [0; 16] }
            "HKDF-SHA256": fn hkdf_sha256_extract(&self, _: &[u8], _: &[u8]) -> [u8; 32] { [0; 32] }
            "HKDF-SHA256": fn hkdf_sha256_expand(&self, _: &[u8; 32], _: &[&[u8]], _: &mut [u8]) -> Result<(), TooLong> {
                Ok(())
            }
            "HKDF-SHA384": fn hkdf_sha384_extract(&self, _: &[u8], _: &[u8]) -> [u8; 48] { [0; 48] }
            "HKDF-SHA384": fn hkdf_sha384_expand(&self, _: &[u8; 48], _: &[&[u8]], _: &mut [u8]) -> Result<(), TooLong> {
                Ok(())
            }
            "X25519": fn x25519_key<R: rand_core::CryptoRng + ?Sized>(&self, _: &mut R) -> X25519Secret {
                X25519Secret::from_bytes([7; 32])
            }
            "X25519": fn x25519_public(&self, _: &X25519Secret) -> [u8; 32] { [0; 32] }
            "X25519": fn x25519_agree(&self, secret: &X25519Secret, peer: &[u8; 32]) -> Result<[u8; 32], SmallOrder> {
                Ok(secret.agree(peer).unwrap_or_default())
            }
            "P-256": fn p256_key<R: rand_core::CryptoRng + ?Sized>(&self, _: &mut R) -> P256Secret {
                P256Secret::from_bytes(&[7; 32]).unwrap()
            }
            "P-256": fn p256_public(&self, _: &P256Secret) -> [u8; 65] { [0; 65] }
            "P-256": fn p256_agree(&self, _: &P256Secret, peer: &[u8]) -> Result<[u8; 32], InvalidPoint> {
                peer.get(1..33).and_then(|x| x.try_into().ok()).ok_or(InvalidPoint)
            }
            "P-256": fn p256_sign<R: rand_core::CryptoRng + ?Sized>(
                &self, _: &P256Secret, _: &[u8; 32], _: &mut R,
            ) -> [u8; 64] {
                [1; 64]
            }
            "P-256": fn p256_verify(&self, _: &[u8], _: &[u8; 32], _: &[u8; 64]) -> Result<(), BadSignature> { Ok(()) }
        }
    }
}
