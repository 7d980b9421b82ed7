//! A generator for tests.

use crate::rand_core::{TryCryptoRng, TryRng};
use core::convert::Infallible;

/// A predictable generator for tests and self-tests, in which two runs must be equal. It must never make real keys.
///
/// ```
/// use barertc_crypto::{Provider, RustCrypto, selftest::Predictable};
/// let [a, b] = [7, 7].map(|seed| RustCrypto.x25519_key(&mut Predictable::new(seed)));
/// assert_eq!(a.raw(), b.raw());
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Predictable {
    key: [u8; 32],
    counter: u32,
    block: [u8; 64],
    used: usize,
}

impl Predictable {
    /// Makes a generator. The same seed gives the same bytes: those of a ChaCha20 key stream.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut key = [0; 32];
        key.iter_mut().zip(seed.to_le_bytes()).for_each(|(to, from)| *to = from);
        Self { key, counter: 0, block: [0; 64], used: 64 }
    }

    fn byte(&mut self) -> u8 {
        if self.used == self.block.len() {
            self.block = crate::keys::chacha_block(&self.key, self.counter, &[0; 12]);
            self.counter = self.counter.wrapping_add(1);
            self.used = 0;
        }
        let byte = self.block.get(self.used).copied().unwrap_or_default();
        self.used = self.used.saturating_add(1);
        byte
    }
}

impl TryRng for Predictable {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(core::array::from_fn(|_| self.byte())))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(core::array::from_fn(|_| self.byte())))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        dst.iter_mut().for_each(|to| *to = self.byte());
        Ok(())
    }
}

impl TryCryptoRng for Predictable {}
