//! AES-GCM with the unit for AES: what is left to software is GHASH.

use barertc_crypto::{BadTag, BlockKey, constant_time_eq};
use ghash::GHash;
use ghash::universal_hash::UniversalHash as _;

/// The counter block that the tag's mask is of, and that data begin behind (NIST SP 800-38D §7.1).
fn counter(nonce: &[u8; 12], count: u8) -> [u8; 16] {
    let mut block = [0; 16];
    block[..12].copy_from_slice(nonce);
    block[15] = count;
    block
}

/// Encrypts in place and gives the tag (NIST SP 800-38D §7.1).
pub fn seal(key: &impl BlockKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
    key.ctr(&counter(nonce, 2), data);
    tag(key, nonce, aad, data)
}

/// Checks the tag, and decrypts in place if it is right (NIST SP 800-38D §7.2).
pub fn open(
    key: &impl BlockKey,
    nonce: &[u8; 12],
    aad: &[u8],
    data: &mut [u8],
    shown: &[u8; 16],
) -> Result<(), BadTag> {
    if !constant_time_eq(&tag(key, nonce, aad, data), shown) {
        return Err(BadTag);
    }
    key.ctr(&counter(nonce, 2), data);
    Ok(())
}

/// The tag of what is encrypted.
fn tag(key: &impl BlockKey, nonce: &[u8; 12], aad: &[u8], encrypted: &[u8]) -> [u8; 16] {
    let (mut hash_key, mut mask) = ([0; 16], counter(nonce, 1));
    key.encrypt_block(&mut hash_key);
    key.encrypt_block(&mut mask);
    let mut hash = GHash::new(&hash_key.into());
    hash.update_padded(aad);
    hash.update_padded(encrypted);
    let bits = |bytes: &[u8]| (bytes.len() as u64 * 8).to_be_bytes();
    let mut lengths = [0; 16];
    lengths[..8].copy_from_slice(&bits(aad));
    lengths[8..].copy_from_slice(&bits(encrypted));
    hash.update(&[lengths.into()]);
    let hash: [u8; 16] = hash.finalize().into();
    zeroize::Zeroize::zeroize(&mut hash_key);
    core::array::from_fn(|n| hash[n] ^ mask[n])
}
