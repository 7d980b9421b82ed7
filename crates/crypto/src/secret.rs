//! A secret of a key schedule.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret, or a digest, of at most 48 bytes: what SHA-256 and SHA-384 give. Wiped when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret {
    bytes: [u8; 48],
    len: usize,
}

impl Secret {
    /// `len` zero bytes (at most 48).
    #[must_use]
    pub fn zero(len: usize) -> Self {
        Self { bytes: [0; 48], len: len.min(48) }
    }

    /// Takes the value of `other`, without a copy anywhere else.
    pub fn copy_from(&mut self, other: &Self) {
        self.bytes = other.bytes;
        self.len = other.len;
    }

    /// A copy of `bytes`, of which the first 48 are kept.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Self {
        let mut secret = Self::zero(bytes.len());
        secret.bytes.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        secret
    }

    /// The bytes.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// The bytes, to be written.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.len).unwrap_or_default()
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::zero(0)
    }
}

impl core::ops::Deref for Secret {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl core::fmt::Debug for Secret {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Secret {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Secret");
    }
}
