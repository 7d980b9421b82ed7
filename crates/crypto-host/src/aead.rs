//! AEAD ciphers: the context of AWS-LC is made once for a key.

use core::fmt;

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use barertc_crypto::{AeadKey, BadTag, KeyLength, wipe_stack};

/// A datagram of nearly every network: so much ciphertext is kept on the stack while it is opened.
const SHORT: usize = 2_048;
/// Any datagram: kept on the stack too, deeper than `wipe_stack` reaches from above.
const DATAGRAM: usize = 65_536;

macro_rules! aead_key {
    ($($(#[$doc:meta])* $name:ident: $($len:literal => $algorithm:ident),*;)*) => {$(
        $(#[$doc])*
        ///
        /// AWS-LC keeps the context on its own heap. It overwrites the context when the key is dropped.
        pub struct $name(LessSafeKey);

        impl AeadKey for $name {
            fn new(key: &[u8]) -> Result<Self, KeyLength> {
                let algorithm = match key.len() {
                    $($len => &$algorithm,)*
                    _ => return Err(KeyLength),
                };
                UnboundKey::new(algorithm, key).map(|key| Self(LessSafeKey::new(key))).map_err(|_| KeyLength)
            }

            #[inline]
            fn seal(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
                seal(&self.0, nonce, aad, data)
            }

            #[inline]
            fn open(&self, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
                open(&self.0, nonce, aad, data, tag)
            }
        }

        /// Says which key it is, never what is in it.
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name)).finish_non_exhaustive()
            }
        }
    )*};
}

aead_key! {
    /// An AES-GCM key of 16 or 32 bytes.
    GcmKey: 16 => AES_128_GCM, 32 => AES_256_GCM;
    /// A ChaCha20-Poly1305 key of 32 bytes.
    ChaChaKey: 32 => CHACHA20_POLY1305;
}

/// An error that cannot happen must not send plaintext: the limits of the ciphers are tens of gigabytes.
fn refused(data: &mut [u8]) -> [u8; 16] {
    data.fill(0);
    [0; 16]
}

#[inline]
fn seal(key: &LessSafeKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let sealed = key.seal_in_place_separate_tag(nonce, Aad::from(aad), data);
    let tag = sealed.ok().and_then(|tag| tag.as_ref().try_into().ok());
    tag.unwrap_or_else(|| refused(data))
}

/// AWS-LC overwrites data that it refuses. A caller of `open` gets them back as they were, so they are copied before.
#[inline]
fn open(key: &LessSafeKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
    let mut before = heapless::Vec::<u8, SHORT>::new();
    match before.extend_from_slice(data) {
        Ok(()) => open_or_restore(key, nonce, aad, data, tag, &before),
        Err(_) => open_long(key, nonce, aad, data, tag),
    }
}

#[cold]
#[inline(never)]
fn open_long(key: &LessSafeKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag> {
    let mut before = heapless::Vec::<u8, DATAGRAM>::new();
    if before.extend_from_slice(data).is_ok() {
        let opened = open_or_restore(key, nonce, aad, data, tag, &before);
        wipe_stack();
        return opened;
    }
    // No datagram is so long: this allocates.
    let mut before = Vec::new();
    before.try_reserve_exact(data.len()).map_err(|_| BadTag)?;
    before.resize(data.len(), 0);
    before.copy_from_slice(data);
    open_or_restore(key, nonce, aad, data, tag, &before)
}

#[inline]
fn open_or_restore(
    key: &LessSafeKey,
    nonce: &[u8; 12],
    aad: &[u8],
    data: &mut [u8],
    tag: &[u8; 16],
    before: &[u8],
) -> Result<(), BadTag> {
    let nonce = Nonce::assume_unique_for_key(*nonce);
    if key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, data).is_ok() {
        return Ok(());
    }
    data.copy_from_slice(before);
    Err(BadTag)
}
