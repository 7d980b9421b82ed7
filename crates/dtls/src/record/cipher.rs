//! Encrypts and decrypts records.

use barertc_crypto::{BadTag, KeyLength, Provider, Suite};
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
    /// Keys for DTLS 1.2; `iv` has 4 bytes for GCM (RFC 5288) and 12 for ChaCha20 (RFC 7905).
    pub(crate) fn v12(p: &P, suite: Suite, key: &[u8], iv: &[u8]) -> Result<Self, KeyLength> {
        let mut twelve = Iv([0; 12]);
        twelve.0.iter_mut().zip(iv).for_each(|(to, from)| *to = *from);
        Ok(Self { aead: aead(p, suite, key)?, iv: twelve, number: None })
    }

    /// Keys for DTLS 1.3 (RFC 9147 §4.2.3).
    pub(crate) fn v13(p: &P, suite: Suite, key: &[u8], iv: [u8; 12], number: &[u8]) -> Result<Self, KeyLength> {
        let number = match suite {
            Suite::Aes128Gcm | Suite::Aes256Gcm => NumberKey::Aes(p.aes_key(number)?),
            Suite::ChaCha20Poly1305 => NumberKey::ChaCha(Zeroizing::new(number.try_into().map_err(|_| KeyLength)?)),
        };
        Ok(Self { aead: aead(p, suite, key)?, iv: Iv(iv), number: Some(number) })
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
        let aes = hex::<16>("9f50449e04a0e810283a1e9933adedd2");
        let keys = Keys::v13(&RustCrypto, Suite::Aes128Gcm, &[0; 16], [0; 12], &aes).unwrap();
        assert_eq!(keys.number_mask(&RustCrypto, hex("d1b1c98dd7689fb8ec11d242b123dc9b")), [0x43, 0x7B]);
        let chacha = hex::<32>("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4");
        let keys = Keys::v13(&RustCrypto, Suite::ChaCha20Poly1305, &[0; 32], [0; 12], &chacha).unwrap();
        assert_eq!(keys.number_mask(&RustCrypto, hex("5e5cd55c41f69080575d7999c25a5bfb")), [0xAE, 0xFE]);
    }
}
