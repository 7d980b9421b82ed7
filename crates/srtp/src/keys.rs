//! The session keys of a direction (RFC 3711 §4.3).

use barertc_crypto::{HmacSha1Key, Provider};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::Error;
use crate::profile::Profile;

/// The length of the HMAC-SHA1 key in bytes (RFC 3711 §8.2: n_a = 160 bits).
const AUTH_KEY_LEN: usize = 20;

/// The session keys of one direction of RTP or of RTCP.
pub(crate) struct Keys<P: Provider> {
    pub(crate) cipher: Cipher<P>,
    pub(crate) salt: Salt,
}

/// A session salt of 112 bits. AEAD profiles use its first 96 bits.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Salt(pub(crate) [u8; 14]);

pub(crate) enum Cipher<P: Provider> {
    /// AES in counter mode (RFC 3711 §4.1.1), and HMAC-SHA1 truncated to `tag_len` bytes (RFC 3711 §4.2.1).
    Cm { key: P::AesKey, auth: HmacSha1Key, tag_len: usize },
    /// AES-GCM (RFC 7714).
    Gcm { key: P::GcmKey },
}

/// The first label of key derivation: 0 for RTP and 3 for RTCP (RFC 3711 §4.3.1, §4.3.2).
#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Rtp = 0,
    Rtcp = 3,
}

const LABEL_ENCRYPTION: u8 = 0;
const LABEL_AUTHENTICATION: u8 = 1;
const LABEL_SALT: u8 = 2;

impl<P: Provider> Keys<P> {
    /// Derives the session keys from `master`, a key followed by a salt. The key derivation rate is zero, as in all profiles
    /// of DTLS-SRTP (RFC 5764 §4.1.2).
    pub(crate) fn derive(provider: &P, profile: Profile, master: &[u8], stream: Stream) -> Result<Self, Error> {
        let (key, salt) = master.split_at_checked(profile.key_len()).ok_or(Error::KeyLength)?;
        if salt.len() != profile.salt_len() {
            return Err(Error::KeyLength);
        }
        let aes_key = |key: &[u8]| provider.aes_key(key).map_err(|_| Error::KeyRefused);
        let prf = Prf { provider, key: aes_key(key)?, salt, stream };

        let mut session_salt = Salt([0; 14]);
        prf.fill(LABEL_SALT, session_salt.0.get_mut(..profile.salt_len()).ok_or(Error::KeyLength)?);
        let mut session_key = Zeroizing::new([0; 32]);
        let encryption = session_key.get_mut(..profile.key_len()).ok_or(Error::KeyLength)?;
        prf.fill(LABEL_ENCRYPTION, encryption);
        let cipher = match profile {
            Profile::AesCm128HmacSha1_80 | Profile::AesCm128HmacSha1_32 => {
                let mut auth = Zeroizing::new([0; AUTH_KEY_LEN]);
                prf.fill(LABEL_AUTHENTICATION, &mut auth[..]);
                let tag_len = match stream {
                    Stream::Rtp => profile.tag_len(),
                    Stream::Rtcp => profile.rtcp_tag_len(),
                };
                Cipher::Cm { key: aes_key(encryption)?, auth: HmacSha1Key::new(&auth[..]), tag_len }
            }
            Profile::AeadAes128Gcm | Profile::AeadAes256Gcm => {
                Cipher::Gcm { key: provider.gcm_key(encryption).map_err(|_| Error::KeyRefused)? }
            }
        };
        Ok(Self { cipher, salt: session_salt })
    }

    /// The counter block of AES-CM: salt · 2¹⁶ ⊕ SSRC · 2⁶⁴ ⊕ index · 2¹⁶ (RFC 3711 §4.1.1).
    pub(crate) fn counter(&self, ssrc: u32, index: u64) -> [u8; 16] {
        let mut salt = [0; 16];
        if let Some((head, _)) = salt.split_first_chunk_mut::<14>() {
            *head = self.salt.0;
        }
        (u128::from_be_bytes(salt) ^ (u128::from(ssrc) << 64) ^ (u128::from(index) << 16)).to_be_bytes()
    }

    /// The nonce of AES-GCM: salt ⊕ (0, SSRC, 48-bit index) (RFC 7714 §8.1; §9.1 is the same with a 31-bit index).
    pub(crate) fn nonce(&self, ssrc: u32, index: u64) -> [u8; 12] {
        let plain = (u128::from(ssrc) << 48) | u128::from(index);
        let mut nonce = [0; 12];
        let bytes = plain.to_be_bytes();
        for ((out, salt), byte) in nonce.iter_mut().zip(&self.salt.0).zip(bytes.iter().skip(4)) {
            *out = salt ^ byte;
        }
        nonce
    }
}

/// AES-CM as a pseudo-random function (RFC 3711 §4.3.3; RFC 6188 for 256-bit keys).
struct Prf<'a, P: Provider> {
    provider: &'a P,
    key: P::AesKey,
    salt: &'a [u8],
    stream: Stream,
}

impl<P: Provider> Prf<'_, P> {
    fn fill(&self, label: u8, out: &mut [u8]) {
        // A 96-bit salt is padded on the right to 112 bits. RFC 7714 §11 does not say so, but all implementations do.
        let mut x = [0; 16];
        for (to, from) in x.iter_mut().zip(self.salt) {
            *to = *from;
        }
        // The label and then the 48-bit index are right-aligned in 112 bits (RFC 3711 §4.3.1). The index is zero.
        if let Some(byte) = x.get_mut(7) {
            *byte ^= label.wrapping_add(self.stream as u8);
        }
        out.fill(0);
        self.provider.aes_ctr(&self.key, &x, out);
    }
}

#[cfg(test)]
mod tests;
