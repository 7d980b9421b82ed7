//! The board's randomness for the protocol crates.

use core::convert::Infallible;

use rand_core::{Rng, TryCryptoRng, TryRng};

use crate::board::Board;

/// The board's generator, for those who want to keep one while others use it.
pub(crate) struct BoardRng<'b, B>(pub(crate) &'b B);

impl<B: Board> TryRng for BoardRng<'_, B> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.0.random(Rng::next_u32))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.0.random(Rng::next_u64))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.random(|rng| rng.fill_bytes(out));
        Ok(())
    }
}

impl<B: Board> TryCryptoRng for BoardRng<'_, B> {}
