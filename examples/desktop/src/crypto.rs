//! Who does the cryptography.
//!
//! AWS-LC has its contexts on the host's heap. Device code may not allocate there, so the methods that make keys, and those of a handshake,
//! run as host code. A packet is sealed and opened as device code: an allocation would end the process.

use barertc_crypto::rand_core::CryptoRng;
use barertc_crypto::{BadSignature, InvalidPoint, KeyLength, P256Secret, Provider, SmallOrder, X25519Secret};
use barertc_crypto_host::{AesKey, AwsLc, ChaChaKey, GcmKey};

use crate::guard::host_call;

/// AWS-LC for the device.
#[derive(Debug, Default)]
pub struct Crypto(AwsLc);

impl Provider for Crypto {
    type AesKey = AesKey;
    type GcmKey = GcmKey;
    type ChaChaKey = ChaChaKey;

    fn aes_key(&self, key: &[u8]) -> Result<AesKey, KeyLength> {
        host_call(|| self.0.aes_key(key))
    }

    fn gcm_key(&self, key: &[u8]) -> Result<GcmKey, KeyLength> {
        host_call(|| self.0.gcm_key(key))
    }

    fn chacha_key(&self, key: &[u8]) -> Result<ChaChaKey, KeyLength> {
        host_call(|| self.0.chacha_key(key))
    }

    fn x25519_public(&self, secret: &X25519Secret) -> [u8; 32] {
        host_call(|| self.0.x25519_public(secret))
    }

    fn x25519_agree(&self, secret: &X25519Secret, peer: &[u8; 32]) -> Result<[u8; 32], SmallOrder> {
        host_call(|| self.0.x25519_agree(secret, peer))
    }

    fn p256_public(&self, secret: &P256Secret) -> [u8; 65] {
        host_call(|| self.0.p256_public(secret))
    }

    fn p256_agree(&self, secret: &P256Secret, peer: &[u8]) -> Result<[u8; 32], InvalidPoint> {
        host_call(|| self.0.p256_agree(secret, peer))
    }

    fn p256_sign<R: CryptoRng + ?Sized>(&self, secret: &P256Secret, digest: &[u8; 32], rng: &mut R) -> [u8; 64] {
        host_call(|| self.0.p256_sign(secret, digest, rng))
    }

    fn p256_verify(&self, public: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> Result<(), BadSignature> {
        host_call(|| self.0.p256_verify(public, digest, signature))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_crypto::rand_core::UnwrapErr;
    use barertc_crypto_host::SystemRandom;
    use futures_lite::future;

    use crate::guard::device;

    /// The guard ends the process where one of these asks for the host's heap.
    #[test]
    fn device_code_makes_keys_shakes_hands_and_sends() {
        let p = Crypto::default();
        let mut rng = UnwrapErr(SystemRandom);
        future::block_on(device(async {
            for len in [16, 32] {
                p.aes_ctr(&p.aes_key(&[1; 32][..len]).unwrap(), &[2; 16], &mut [0; 100]);
                let key = p.gcm_key(&[1; 32][..len]).unwrap();
                // Datagrams of every network, also those that are refused.
                for len in [0, 1_200, 2_049, 65_000] {
                    let mut data = [3; 65_000];
                    let tag = p.gcm_seal(&key, &[4; 12], &[5], &mut data[..len]);
                    assert!(p.gcm_open(&key, &[4; 12], &[6], &mut data[..len], &tag).is_err());
                    p.gcm_open(&key, &[4; 12], &[5], &mut data[..len], &tag).unwrap();
                    assert_eq!(data, [3; 65_000]);
                }
            }
            let key = p.chacha_key(&[1; 32]).unwrap();
            let mut data = [3; 1_200];
            let tag = p.chacha_seal(&key, &[4; 12], &[], &mut data);
            p.chacha_open(&key, &[4; 12], &[], &mut data, &tag).unwrap();

            let secret = p.x25519_key(&mut rng);
            p.x25519_agree(&secret, &p.x25519_public(&secret)).unwrap();
            let secret = p.p256_key(&mut rng);
            let public = p.p256_public(&secret);
            p.p256_agree(&secret, &public).unwrap();
            let signature = p.p256_sign(&secret, &[7; 32], &mut rng);
            p.p256_verify(&public, &[7; 32], &signature).unwrap();
        }));
    }
}
