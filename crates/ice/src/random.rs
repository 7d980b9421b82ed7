use barertc_crypto::Provider;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Random bytes for the life of an agent, from 32 that the caller's source gave.
///
/// A ChaCha20 block is cut in two: one half is the next key (so that what was handed out cannot be computed from what
/// is kept), the other is handed out.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Random {
    key: [u8; 32],
}

impl Random {
    pub(crate) fn new<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut key = [0; 32];
        rng.fill_bytes(&mut key);
        Self { key }
    }

    pub(crate) fn bytes<P: Provider, const N: usize>(&mut self, provider: &P) -> [u8; N] {
        const { assert!(N <= 32) };
        let mut block = provider.chacha_block(&self.key, 0, &[0; 12]);
        let mut out = [0; N];
        let (next, rest) = block.split_at(32);
        self.key.copy_from_slice(next);
        out.copy_from_slice(rest.get(..N).unwrap_or_default());
        block.zeroize();
        out
    }

    pub(crate) fn u64<P: Provider>(&mut self, provider: &P) -> u64 {
        u64::from_be_bytes(self.bytes(provider))
    }
}
