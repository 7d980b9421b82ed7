//! A provider without ciphers and curves of its own: what hardware would do is left open.

use core::hint::black_box;

use barertc_crypto::rand_core::CryptoRng;
use barertc_crypto::{
    AeadKey, BadSignature, BadTag, BlockKey, InvalidPoint, KeyLength, P256Secret, Provider, SmallOrder, X25519Secret,
};

/// Does nothing with what it gets, and the compiler knows nothing of what it gives back.
#[derive(Clone, Copy)]
pub struct Elsewhere;

/// A key in a slot of the hardware.
pub struct Slot(u8);

impl BlockKey for Slot {
    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        slot(key)
    }

    fn encrypt_block(&self, block: &mut [u8; 16]) {
        black_box((self.0, block));
    }

    fn ctr(&self, iv: &[u8; 16], data: &mut [u8]) {
        black_box((self.0, iv, data));
    }
}

impl AeadKey for Slot {
    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        slot(key)
    }

    fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        black_box((self.0, nonce, aad, data));
        black_box([0; 16])
    }

    fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        black_box((self.0, nonce, aad, data, tag));
        black_box(Err(BadTag))
    }
}

fn slot(key: &[u8]) -> Result<Slot, KeyLength> {
    black_box(key);
    black_box(Ok(Slot(0)))
}

impl Provider for Elsewhere {
    type AesKey = Slot;
    type GcmKey = Slot;
    type ChaChaKey = Slot;

    fn x25519_key<R: CryptoRng + ?Sized>(&self, _: &mut R) -> X25519Secret {
        X25519Secret::from_bytes(black_box([1; 32]))
    }

    fn x25519_public(&self, _: &X25519Secret) -> [u8; 32] {
        black_box([1; 32])
    }

    fn x25519_agree(&self, _: &X25519Secret, peer: &[u8; 32]) -> Result<[u8; 32], SmallOrder> {
        black_box(Ok(*peer))
    }

    fn p256_key<R: CryptoRng + ?Sized>(&self, _: &mut R) -> P256Secret {
        loop {
            if let Ok(secret) = P256Secret::from_bytes(&black_box([1; 32])) {
                return secret;
            }
        }
    }

    fn p256_public(&self, _: &P256Secret) -> [u8; 65] {
        black_box([1; 65])
    }

    fn p256_agree(&self, _: &P256Secret, peer: &[u8]) -> Result<[u8; 32], InvalidPoint> {
        black_box(peer);
        black_box(Ok([1; 32]))
    }

    fn p256_sign<R: CryptoRng + ?Sized>(&self, _: &P256Secret, digest: &[u8; 32], _: &mut R) -> [u8; 64] {
        black_box(digest);
        black_box([1; 64])
    }

    fn p256_verify(&self, public: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> Result<(), BadSignature> {
        black_box((public, digest, signature));
        black_box(Err(BadSignature))
    }
}
