//! Keys of the ciphers.

use aes::{Aes128Enc, Aes256Enc};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{AesGcm, KeyInit};
use chacha20poly1305::ChaCha20Poly1305;
use core::fmt;
use ctr::cipher::consts::U12;
use ctr::cipher::{BlockCipherEncrypt, InnerIvInit, StreamCipherCore};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::{BadTag, KeyLength};

type Ctr<'k, C> = ctr::CtrCore<&'k C, ctr::flavors::Ctr128BE>;

// `#[inline]` lets the compiler see the caller's buffer. That makes the libraries' loops over blocks a tenth faster.

/// An expanded AES key: the type of [`Provider::AesKey`](crate::Provider::AesKey).
///
/// The default methods of [`Provider`](crate::Provider) call these methods. A provider that overrides them can still use
/// these.
pub trait BlockKey: Sized {
    /// Expands a key of 16 (AES-128) or 32 bytes (AES-256).
    ///
    /// # Errors
    /// [`KeyLength`] for any other length.
    fn new(key: &[u8]) -> Result<Self, KeyLength>;

    /// Encrypts one block in place.
    fn encrypt_block(&self, block: &mut [u8; 16]);

    /// Encrypts or decrypts in place in counter mode (NIST SP 800-38A §6.5). `iv` is the first counter block. The counter is
    /// one big-endian number of 128 bits.
    fn ctr(&self, iv: &[u8; 16], data: &mut [u8]);
}

/// An expanded key of an AEAD with a nonce of 12 bytes and a tag of 16 bytes: the type of
/// [`Provider::GcmKey`](crate::Provider::GcmKey) and [`Provider::ChaChaKey`](crate::Provider::ChaChaKey).
pub trait AeadKey: Sized {
    /// Expands a key: 16 or 32 bytes for AES-GCM, 32 for ChaCha20-Poly1305.
    ///
    /// # Errors
    /// [`KeyLength`] for any other length.
    fn new(key: &[u8]) -> Result<Self, KeyLength>;

    /// Encrypts `data` in place and returns the tag. A nonce must never be used twice with one key.
    fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16];

    /// Checks the tag and decrypts `data` in place.
    ///
    /// # Errors
    /// [`BadTag`] when `data`, `aad`, `nonce` or `tag` differs from what was sealed. `data` is then unchanged.
    fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag>;
}

macro_rules! aead_key {
    ($($name:ident)*) => {$(
        impl AeadKey for $name {
            fn new(key: &[u8]) -> Result<Self, KeyLength> {
                Self::new(key)
            }

            #[inline]
            fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
                self.seal(nonce, aad, data)
            }

            #[inline]
            fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
                self.open(nonce, aad, data, tag)
            }
        }
    )*};
}

aead_key! { GcmKey ChaChaKey }

impl BlockKey for AesKey {
    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        Self::new(key)
    }

    fn encrypt_block(&self, block: &mut [u8; 16]) {
        self.encrypt_block(block);
    }

    #[inline]
    fn ctr(&self, iv: &[u8; 16], data: &mut [u8]) {
        self.ctr(iv, data);
    }
}

/// Wipes `data` for an input that is too long for the cipher, so that no plaintext is sent. The limit is tens of gigabytes,
/// which no datagram reaches.
fn refused(data: &mut [u8]) -> [u8; 16] {
    data.zeroize();
    [0; 16]
}

/// An AES key of 16 or 32 bytes, for counter mode and for single blocks. It is wiped on drop.
#[derive(Clone)]
pub struct AesKey {
    raw: Raw,
    schedule: AesSchedule,
}

/// The number of bytes by which the shorter variant of an enum is filled up.
///
/// Moving a shorter variant also copies bytes of the stack behind it, which may be a copy of the key.
const fn fill<Long, Short>() -> usize {
    size_of::<Long>().saturating_sub(size_of::<Short>())
}

const AES_FILL: usize = fill::<Aes256Enc, Aes128Enc>();
const GCM_FILL: usize = fill::<AesGcm<Aes256Enc, U12>, AesGcm<Aes128Enc, U12>>();

// What fills a variant up is written and never read.
#[allow(dead_code)]
#[derive(Clone)]
enum AesSchedule {
    Aes128(Aes128Enc, [u8; AES_FILL]),
    Aes256(Aes256Enc),
}

impl AesKey {
    /// Expands a key of 16 (AES-128) or 32 bytes (AES-256).
    pub fn new(key: &[u8]) -> Result<Self, KeyLength> {
        let schedule = match key.len() {
            16 => AesSchedule::Aes128(Aes128Enc::new_from_slice(key).map_err(|_| KeyLength)?, [0; AES_FILL]),
            32 => AesSchedule::Aes256(Aes256Enc::new_from_slice(key).map_err(|_| KeyLength)?),
            _ => return Err(KeyLength),
        };
        Ok(Self { raw: Raw::new(key)?, schedule })
    }

    /// The raw key of 16 or 32 bytes.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        self.raw.as_slice()
    }

    /// Encrypts one block in software: the default of [`Provider::aes_block`](crate::Provider::aes_block).
    pub fn encrypt_block(&self, block: &mut [u8; 16]) {
        match &self.schedule {
            AesSchedule::Aes128(c, _) => c.encrypt_block(block.into()),
            AesSchedule::Aes256(c) => c.encrypt_block(block.into()),
        }
    }

    /// Counter mode in software (NIST SP 800-38A §6.5).
    #[inline]
    pub(crate) fn ctr(&self, iv: &[u8; 16], data: &mut [u8]) {
        let data = InOutBuf::from(data);
        // The counter has 128 bits: it cannot run out within a slice.
        match &self.schedule {
            AesSchedule::Aes128(c, _) => Ctr::inner_iv_init(c, iv.into()).apply_keystream_partial(data),
            AesSchedule::Aes256(c) => Ctr::inner_iv_init(c, iv.into()).apply_keystream_partial(data),
        }
    }
}

/// An AES-GCM key of 16 or 32 bytes. It is wiped on drop.
#[derive(Clone)]
pub struct GcmKey {
    raw: Raw,
    schedule: GcmSchedule,
}

// What fills a variant up is written and never read.
#[allow(dead_code)]
#[derive(Clone)]
enum GcmSchedule {
    Aes128(AesGcm<Aes128Enc, U12>, [u8; GCM_FILL]),
    Aes256(AesGcm<Aes256Enc, U12>),
}

impl GcmKey {
    /// Expands a key of 16 (AES-128-GCM) or 32 bytes (AES-256-GCM).
    pub fn new(key: &[u8]) -> Result<Self, KeyLength> {
        let schedule = match key.len() {
            16 => GcmSchedule::Aes128(AesGcm::new_from_slice(key).map_err(|_| KeyLength)?, [0; GCM_FILL]),
            32 => GcmSchedule::Aes256(AesGcm::new_from_slice(key).map_err(|_| KeyLength)?),
            _ => return Err(KeyLength),
        };
        Ok(Self { raw: Raw::new(key)?, schedule })
    }

    /// The raw key of 16 or 32 bytes.
    #[must_use]
    pub fn raw(&self) -> &[u8] {
        self.raw.as_slice()
    }

    #[inline]
    pub(crate) fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        let (nonce, buffer) = (nonce.into(), InOutBuf::from(&mut *data));
        let sealed = match &self.schedule {
            GcmSchedule::Aes128(c, _) => c.encrypt_inout_detached(nonce, aad, buffer),
            GcmSchedule::Aes256(c) => c.encrypt_inout_detached(nonce, aad, buffer),
        };
        sealed.map_or_else(|_| refused(data), Into::into)
    }

    #[inline]
    pub(crate) fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        let (nonce, data, tag) = (nonce.into(), InOutBuf::from(data), tag.into());
        match &self.schedule {
            GcmSchedule::Aes128(c, _) => c.decrypt_inout_detached(nonce, aad, data, tag),
            GcmSchedule::Aes256(c) => c.decrypt_inout_detached(nonce, aad, data, tag),
        }
        .map_err(|_| BadTag)
    }
}

/// A ChaCha20-Poly1305 key of 32 bytes. It is wiped on drop. The cipher has no key schedule.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct ChaChaKey([u8; 32]);

impl ChaChaKey {
    /// Takes a key of 32 bytes.
    pub fn new(key: &[u8]) -> Result<Self, KeyLength> {
        Ok(Self(key.try_into().map_err(|_| KeyLength)?))
    }

    /// The raw key of 32 bytes.
    #[must_use]
    pub fn raw(&self) -> &[u8; 32] {
        &self.0
    }

    #[inline]
    pub(crate) fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        ChaCha20Poly1305::new((&self.0).into())
            .encrypt_inout_detached(nonce.into(), aad, InOutBuf::from(&mut *data))
            .map_or_else(|_| refused(data), Into::into)
    }

    #[inline]
    pub(crate) fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
        ChaCha20Poly1305::new((&self.0).into())
            .decrypt_inout_detached(nonce.into(), aad, InOutBuf::from(data), tag.into())
            .map_err(|_| BadTag)
    }
}

/// One ChaCha20 block (RFC 8439 §2.3).
pub(crate) fn chacha_block(key: &[u8; 32], counter: u32, nonce: &[u8; 12]) -> [u8; 64] {
    use chacha20::cipher::KeyIvInit;
    type Core = chacha20::ChaChaCore<chacha20::R20, chacha20::variants::Ietf>;
    let mut cipher = <Core as KeyIvInit>::new(key.into(), nonce.into());
    cipher.set_block_pos(counter);
    let mut block = [0; 64];
    cipher.write_keystream_block((&mut block).into());
    block
}

/// The bytes of a key of at most 32.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Raw {
    bytes: [u8; 32],
    len: usize,
}

impl Raw {
    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        let mut raw = Self { bytes: [0; 32], len: key.len() };
        raw.bytes.get_mut(..key.len()).ok_or(KeyLength)?.copy_from_slice(key);
        Ok(raw)
    }

    fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

macro_rules! hidden {
    ($($name:ident)*) => {$(
        /// Says which key it is, never what is in it.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }

        #[cfg(feature = "defmt")]
        impl defmt::Format for $name {
            fn format(&self, f: defmt::Formatter<'_>) {
                defmt::write!(f, "{=str}", stringify!($name));
            }
        }
    )*};
}
pub(crate) use hidden;

hidden! { AesKey GcmKey ChaChaKey }
