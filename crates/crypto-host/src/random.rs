//! The generator of AWS-LC.

use core::fmt;

use aws_lc_rs::rand;
use barertc_crypto::rand_core::{TryCryptoRng, TryRng};

/// AWS-LC's generator, which the operating system seeds. Where an infallible generator is asked for, `rand_core::UnwrapErr` makes it one.
///
/// ```
/// use barertc_crypto::{Provider, rand_core::UnwrapErr};
/// use barertc_crypto_host::{AwsLc, SystemRandom};
///
/// let secret = AwsLc::new().x25519_key(&mut UnwrapErr(SystemRandom));
/// assert_ne!(secret.raw(), &[0; 32]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RandomFailed;

impl fmt::Display for RandomFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operating system gave no random bytes")
    }
}

impl core::error::Error for RandomFailed {}

impl SystemRandom {
    fn bytes<const N: usize>() -> Result<[u8; N], RandomFailed> {
        let mut bytes = [0; N];
        rand::fill(&mut bytes).map_err(|_| RandomFailed)?;
        Ok(bytes)
    }
}

impl TryRng for SystemRandom {
    type Error = RandomFailed;

    fn try_next_u32(&mut self) -> Result<u32, RandomFailed> {
        Self::bytes().map(u32::from_ne_bytes)
    }

    fn try_next_u64(&mut self) -> Result<u64, RandomFailed> {
        Self::bytes().map(u64::from_ne_bytes)
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), RandomFailed> {
        rand::fill(dst).map_err(|_| RandomFailed)
    }
}

impl TryCryptoRng for SystemRandom {}
