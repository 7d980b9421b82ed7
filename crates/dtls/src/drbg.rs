use core::convert::Infallible;

use barertc_crypto::Provider;
use barertc_crypto::rand_core::{CryptoRng, TryCryptoRng, TryRng};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The generator of one connection: ChaCha20 with fast key erasure, seeded from the caller's generator once, so that the
/// handshake can draw random bytes whenever a datagram makes it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Drbg {
    key: [u8; 32],
}

impl Drbg {
    pub(crate) fn new<R: CryptoRng + ?Sized>(seed: &mut R) -> Self {
        let mut key = [0; 32];
        seed.fill_bytes(&mut key);
        Self { key }
    }

    /// The generator, with the provider that computes its blocks.
    pub(crate) fn with<'a, P: Provider>(&'a mut self, provider: &'a P) -> DrbgWith<'a, P> {
        DrbgWith { drbg: self, provider }
    }

    /// 32 fresh bytes; the key that made them is gone when this returns.
    fn block<P: Provider>(&mut self, provider: &P) -> [u8; 32] {
        let mut block = provider.chacha_block(&self.key, 0, &[0; 12]);
        let mut out = [0; 32];
        let (next, fresh) = block.split_at(32);
        self.key.copy_from_slice(next);
        out.copy_from_slice(fresh);
        block.zeroize();
        out
    }
}

/// [`Drbg`] as a `rand_core` generator.
pub(crate) struct DrbgWith<'a, P> {
    drbg: &'a mut Drbg,
    provider: &'a P,
}

impl<P: Provider> TryRng for DrbgWith<'_, P> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut four = [0; 4];
        self.try_fill_bytes(&mut four)?;
        Ok(u32::from_le_bytes(four))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut eight = [0; 8];
        self.try_fill_bytes(&mut eight)?;
        Ok(u64::from_le_bytes(eight))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        for piece in out.chunks_mut(32) {
            let mut block = self.drbg.block(self.provider);
            piece.iter_mut().zip(&block).for_each(|(to, from)| *to = *from);
            block.zeroize();
        }
        Ok(())
    }
}

impl<P: Provider> TryCryptoRng for DrbgWith<'_, P> {}
