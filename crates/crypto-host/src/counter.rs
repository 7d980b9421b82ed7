//! AES in counter mode and for single blocks.

use core::fmt;

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use barertc_crypto::{BlockKey, KeyLength};

/// An AES key of 16 or 32 bytes. Counter mode is AWS-LC's; a single block, which its interface has not without a copy, is RustCrypto's.
///
/// Both parts are overwritten when the key is dropped.
pub struct AesKey {
    block: barertc_crypto::AesKey,
    counter: EncryptingKey,
}

impl BlockKey for AesKey {
    fn new(key: &[u8]) -> Result<Self, KeyLength> {
        let algorithm = match key.len() {
            16 => &AES_128,
            32 => &AES_256,
            _ => return Err(KeyLength),
        };
        let counter = UnboundCipherKey::new(algorithm, key).and_then(EncryptingKey::ctr).map_err(|_| KeyLength)?;
        Ok(Self { block: barertc_crypto::AesKey::new(key)?, counter })
    }

    fn encrypt_block(&self, block: &mut [u8; 16]) {
        self.block.encrypt_block(block);
    }

    #[inline]
    fn ctr(&self, iv: &[u8; 16], data: &mut [u8]) {
        let context = EncryptionContext::Iv128(FixedLength::from(iv));
        if self.counter.less_safe_encrypt(data, context).is_err() {
            // It cannot happen in counter mode, and must not send plaintext.
            data.fill(0);
        }
    }
}

/// Says which key it is, never what is in it.
impl fmt::Debug for AesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AesKey").finish_non_exhaustive()
    }
}
