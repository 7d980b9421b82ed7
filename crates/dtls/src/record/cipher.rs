//! Encrypts and decrypts records.

use barertc_crypto::{BadTag, KeyLength, Provider, Secret, Suite};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of every tag here.
pub(crate) const TAG: usize = 16;

/// Bytes of an AEAD's key.
pub(crate) const fn key_len(suite: Suite) -> usize {
    match suite {
        Suite::Aes128Gcm => 16,
        Suite::Aes256Gcm | Suite::ChaCha20Poly1305 => 32,
    }
}

/// What keys are made of: some 150 bytes, where expanded keys have more than a kilobyte.
pub(crate) struct Material {
    pub(crate) key: Secret,
    /// For DTLS 1.2 with GCM, only the first four bytes (RFC 5288 §3).
    pub(crate) iv: Zeroizing<[u8; 12]>,
    /// The key that encrypts record numbers; DTLS 1.2 has no such thing.
    pub(crate) number: Option<Secret>,
}

// The keys are held in place: a box for the bigger variant would be an allocation a key.
#[allow(clippy::large_enum_variant)]
enum Aead<P: Provider> {
    Gcm(P::GcmKey),
    ChaCha(P::ChaChaKey),
}

#[allow(clippy::large_enum_variant)]
enum NumberKey<P: Provider> {
    Aes(P::AesKey),
    ChaCha(Zeroizing<[u8; 32]>),
}

/// What protects the records of one epoch in one direction.
pub(crate) struct Keys<P: Provider> {
    aead: Aead<P>,
    iv: Iv,
    /// Encrypts record numbers; DTLS 1.2 has no such thing.
    number: Option<NumberKey<P>>,
}

#[derive(Zeroize, ZeroizeOnDrop)]
struct Iv([u8; 12]);

impl<P: Provider> Keys<P> {
    /// Expands keys. With a key for record numbers they are those of DTLS 1.3 (RFC 9147 §4.2.3).
    pub(crate) fn new(p: &P, suite: Suite, of: &Material) -> Result<Self, KeyLength> {
        let number = match (of.number.as_deref().filter(|_| cfg!(feature = "dtls13")), suite) {
            (None, _) => None,
            (Some(key), Suite::Aes128Gcm | Suite::Aes256Gcm) => Some(NumberKey::Aes(p.aes_key(key)?)),
            (Some(key), Suite::ChaCha20Poly1305) => {
                Some(NumberKey::ChaCha(Zeroizing::new(key.try_into().map_err(|_| KeyLength)?)))
            }
        };
        Ok(Self { aead: aead(p, suite, &of.key)?, iv: Iv(*of.iv), number })
    }

    /// Whether these are keys of DTLS 1.3, with its record format. Where one version is left out, the compiler knows.
    pub(crate) fn is_13(&self) -> bool {
        match (cfg!(feature = "dtls12"), cfg!(feature = "dtls13")) {
            (true, true) => self.number.is_some(),
            (_, newer) => newer,
        }
    }

    /// Bytes of nonce that travel in a record of DTLS 1.2 (RFC 5288 §3).
    pub(crate) fn explicit_nonce(&self) -> usize {
        match &self.aead {
            Aead::Gcm(_) if !self.is_13() => 8,
            _ => 0,
        }
    }

    /// The nonce for a record; `explicit` is what travels in it, in DTLS 1.2 epoch and sequence number otherwise.
    pub(crate) fn nonce(&self, number: [u8; 8]) -> [u8; 12] {
        let mut nonce = self.iv.0;
        // GCM in DTLS 1.2 has zeros there, so this is the concatenation of RFC 5288 as well as the XOR of the others.
        nonce.iter_mut().skip(4).zip(number).for_each(|(n, b)| *n ^= b);
        nonce
    }

    pub(crate) fn seal(&self, p: &P, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; TAG] {
        match &self.aead {
            Aead::Gcm(key) => p.gcm_seal(key, nonce, aad, data),
            Aead::ChaCha(key) => p.chacha_seal(key, nonce, aad, data),
        }
    }

    pub(crate) fn open(
        &self,
        p: &P,
        nonce: &[u8; 12],
        aad: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG],
    ) -> Result<(), BadTag> {
        match &self.aead {
            Aead::Gcm(key) => p.gcm_open(key, nonce, aad, data, tag),
            Aead::ChaCha(key) => p.chacha_open(key, nonce, aad, data, tag),
        }
    }

    /// The mask over a record number, from the first 16 bytes of the ciphertext (RFC 9147 §4.2.3).
    pub(crate) fn number_mask(&self, p: &P, sample: [u8; 16]) -> [u8; 2] {
        let first_two = |block: &[u8]| [block.first().copied().unwrap_or(0), block.get(1).copied().unwrap_or(0)];
        match &self.number {
            Some(NumberKey::Aes(key)) => {
                let mut block = sample;
                p.aes_block(key, &mut block);
                first_two(&block)
            }
            Some(NumberKey::ChaCha(key)) => {
                let [a, b, c, d, nonce @ ..] = sample;
                first_two(&p.chacha_block(key, u32::from_le_bytes([a, b, c, d]), &nonce))
            }
            None => [0; 2],
        }
    }
}

fn aead<P: Provider>(p: &P, suite: Suite, key: &[u8]) -> Result<Aead<P>, KeyLength> {
    Ok(match suite {
        Suite::Aes128Gcm | Suite::Aes256Gcm => Aead::Gcm(p.gcm_key(key)?),
        Suite::ChaCha20Poly1305 => Aead::ChaCha(p.chacha_key(key)?),
    })
}

#[cfg(test)]
mod tests {
    use barertc_crypto::RustCrypto;

    use super::*;
    use crate::testing::hex;

    /// QUIC masks its packet numbers in the same way, and has published vectors (RFC 9001, appendices A.2 and A.5).
    /// There the first byte of the mask is for the header's flags; here it is for the number.
    #[test]
    fn record_numbers_are_masked_as_in_the_published_vectors() {
        let keys = |suite, number: &[u8]| {
            let number = Some(Secret::from_slice(number));
            let of = Material { key: Secret::zero(key_len(suite)), iv: Zeroizing::new([0; 12]), number };
            Keys::new(&RustCrypto, suite, &of).unwrap()
        };
        let aes = hex::<16>("9f50449e04a0e810283a1e9933adedd2");
        let masks = keys(Suite::Aes128Gcm, &aes);
        assert_eq!(masks.number_mask(&RustCrypto, hex("d1b1c98dd7689fb8ec11d242b123dc9b")), [0x43, 0x7B]);
        let chacha = hex::<32>("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4");
        let masks = keys(Suite::ChaCha20Poly1305, &chacha);
        assert_eq!(masks.number_mask(&RustCrypto, hex("5e5cd55c41f69080575d7999c25a5bfb")), [0xAE, 0xFE]);
    }
}
