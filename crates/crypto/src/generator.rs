//! The random generator that a state machine owns.

use core::convert::Infallible;
use core::fmt;

use rand_core::{CryptoRng, TryCryptoRng, TryRng};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::keys::{chacha_block, hidden};

/// The bytes that one block of ChaCha20 gives in addition to the next key.
const FRESH: usize = 32;

/// A seeded generator of random bytes: ChaCha20 with fast key erasure.
///
/// A state machine seeds one in its constructor, so that its later calls need no generator. Each block has 64 bytes. One
/// half replaces the key, and the other half is the output. So nobody can compute earlier output from the current key. The
/// key is wiped on drop.
///
/// ```
/// use barertc_crypto::{Generator, rand_core::Rng};
/// # use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
/// # struct Source;
/// # impl TryRng for Source {
/// #     type Error = core::convert::Infallible;
/// #     fn try_next_u32(&mut self) -> Result<u32, Self::Error> { Ok(7) }
/// #     fn try_next_u64(&mut self) -> Result<u64, Self::Error> { Ok(7) }
/// #     fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> { out.fill(7); Ok(()) }
/// # }
/// # impl TryCryptoRng for Source {}
/// # let mut source = Source;
/// let mut generator = Generator::new(&mut source);
/// let transaction_id: [u8; 12] = generator.bytes();
/// assert_ne!(transaction_id, generator.bytes());
/// let tie_breaker = generator.next_u64();
/// # let _ = tie_breaker;
/// ```
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Generator {
    key: [u8; 32],
}

impl Generator {
    /// Makes a generator with a seed of 32 bytes from `rng`.
    pub fn new<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut generator = Self { key: [0; 32] };
        rng.fill_bytes(&mut generator.key);
        generator
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.fill(&mut out);
        out
    }

    fn fill(&mut self, out: &mut [u8]) {
        for piece in out.chunks_mut(FRESH) {
            let block = Zeroizing::new(chacha_block(&self.key, 0, &[0; 12]));
            let (next, fresh) = block.split_at(self.key.len());
            self.key.copy_from_slice(next);
            piece.iter_mut().zip(fresh).for_each(|(to, from)| *to = *from);
        }
    }
}

impl TryRng for Generator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Generator {}

hidden! { Generator }

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selftest::Predictable;
    use rand_core::Rng;

    /// The first block of the key stream under the seed is the next key and then the bytes.
    #[test]
    fn a_block_is_the_next_key_and_the_bytes() {
        let seed: [u8; 32] = {
            let mut seed = [0; 32];
            Predictable::new(9).fill_bytes(&mut seed);
            seed
        };
        let mut generator = Generator::new(&mut Predictable::new(9));
        assert_eq!(generator.key, seed);
        let block = chacha_block(&seed, 0, &[0; 12]);
        assert_eq!(generator.bytes::<32>()[..], block[32..]);
        assert_eq!(generator.key[..], block[..32]);
    }

    #[test]
    fn no_piece_of_a_long_request_comes_twice() {
        let mut generator = Generator::new(&mut Predictable::new(1));
        let mut out = [0; 100];
        generator.fill_bytes(&mut out);
        assert_ne!(out[..32], out[32..64]);
        assert_ne!(out[32..64], out[64..96]);
        assert_ne!(out[96..], [0; 4], "the rest is filled too");
        assert_ne!(generator.next_u64(), generator.next_u64());
    }
}
