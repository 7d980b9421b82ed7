//! Verifying RSA signatures of up to 4,096 bits (RFC 8017), for those who have no other certificates.
//!
//! Only public values are worked on, so nothing here has to be constant-time.

use crypto_bigint::modular::{FixedMontyForm, FixedMontyParams};
use crypto_bigint::{Odd, U4096};

use crate::provider::Provider;

/// Bytes of the longest modulus.
const MOST: usize = 512;

/// A modulus shorter than 2,048 bits proves nothing any more.
const LEAST: usize = 256;

/// DigestInfo without the digest (RFC 8017 §9.2), but for the number of the hash and the lengths.
const INFO: [u8; 19] =
    [0x30, 0, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0, 0x05, 0x00, 0x04, 0];

/// DigestInfo for a digest of SHA-256, SHA-384 or SHA-512 of this length.
fn digest_info(len: usize) -> Option<[u8; 19]> {
    let mut info = INFO;
    let [_, all, _, _, _, _, _, _, _, _, _, _, _, _, number, _, _, _, digest] = &mut info;
    (*all, *number, *digest) = match len {
        32 => (0x31, 1, 0x20),
        48 => (0x41, 2, 0x30),
        64 => (0x51, 3, 0x40),
        _ => return None,
    };
    Some(info)
}

/// A public RSA key.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RsaPublicKey {
    /// Big-endian, with zeros in front.
    modulus: [u8; MOST],
    len: usize,
    exponent: u32,
}

impl RsaPublicKey {
    /// Modulus and exponent, big-endian, as DER has them. `None` where the modulus has less than 2,048 bits or more than 4,096,
    /// and for exponents that no key has.
    #[must_use]
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let modulus = trim(modulus);
        let exponent = trim(exponent);
        if !(LEAST..=MOST).contains(&modulus.len()) || exponent.len() > 4 || modulus.last()? & 1 == 0 {
            return None;
        }
        let mut padded = [0; MOST];
        padded.get_mut(MOST.checked_sub(modulus.len())?..)?.copy_from_slice(modulus);
        let exponent = exponent.iter().fold(0, |e, b| e << 8 | u32::from(*b));
        (exponent >= 3 && exponent & 1 == 1).then_some(Self { modulus: padded, len: modulus.len(), exponent })
    }

    /// Verifies a signature of RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2). `digest` is one of SHA-256, SHA-384 or SHA-512: its length
    /// tells which.
    pub fn verify_pkcs1(&self, digest: &[u8], signature: &[u8]) -> Option<()> {
        let message = self.recover(signature)?;
        let encoded = message.get(MOST.checked_sub(self.len)?..)?;
        let expected = digest_info(digest.len())?;
        let (padding, rest) =
            encoded.split_at_checked(self.len.checked_sub(expected.len().checked_add(digest.len())?)?)?;
        let (info, hash) = rest.split_at_checked(expected.len())?;
        let [0, 1, ff @ .., 0] = padding else { return None };
        (ff.len() >= 8 && ff.iter().all(|b| *b == 0xFF) && info == expected && hash == digest).then_some(())
    }

    /// Verifies a signature of RSASSA-PSS with SHA-256, MGF1 and a salt of 32 bytes (section 8.1.2; RFC 8446 §4.2.3).
    pub fn verify_pss<P: Provider>(&self, p: &P, digest: &[u8; 32], signature: &[u8]) -> Option<()> {
        let message = self.recover(signature)?;
        // emBits is one less than the bits of the modulus; a modulus of whole bytes, as they all are, has its top bit set.
        let start = MOST.checked_sub(self.len)?;
        if self.modulus.get(start)? & 0x80 == 0 {
            return None;
        }
        let (masked, rest) = message.get(start..)?.split_at_checked(self.len.checked_sub(33)?)?;
        let (hash, trailer) = rest.split_at_checked(32)?;
        if trailer != [0xBC] || masked.first()? & 0x80 != 0 {
            return None;
        }
        let mut db = [0; MOST];
        let db = db.get_mut(..masked.len())?;
        db.copy_from_slice(masked);
        for (counter, piece) in (0u32..).zip(db.chunks_mut(32)) {
            let mask = p.sha256(&[hash, &counter.to_be_bytes()]);
            piece.iter_mut().zip(mask).for_each(|(b, m)| *b ^= m);
        }
        *db.first_mut()? &= 0x7F;
        let (padding, salt) = db.split_at_checked(db.len().checked_sub(32)?)?;
        let (one, zeros) = padding.split_last()?;
        let expected = p.sha256(&[&[0; 8], digest, salt]);
        (*one == 1 && zeros.iter().all(|b| *b == 0) && hash == expected).then_some(())
    }

    /// signature ^ exponent mod modulus.
    fn recover(&self, signature: &[u8]) -> Option<[u8; MOST]> {
        if signature.len() != self.len {
            return None;
        }
        let mut padded = [0; MOST];
        padded.get_mut(MOST.checked_sub(self.len)?..)?.copy_from_slice(signature);
        let n = U4096::from_be_slice(&self.modulus);
        let s = U4096::from_be_slice(&padded);
        if s >= n {
            return None;
        }
        let params = FixedMontyParams::new_vartime(Odd::new(n).into_option()?);
        let m = FixedMontyForm::new(&s, &params).pow_bounded_exp(&U4096::from(self.exponent), 32).retrieve();
        let mut out = [0; MOST];
        out.copy_from_slice(m.to_be_bytes().as_ref());
        Some(out)
    }
}

/// Without the zeros in front.
fn trim(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|b| **b == 0).count();
    number.get(zeros..).unwrap_or_default()
}
