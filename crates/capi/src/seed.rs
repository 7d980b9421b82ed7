//! Randomness of the application.

use core::convert::Infallible;
use core::ffi::c_void;

use barertc::crypto::Generator;
use barertc::rand_core::{TryCryptoRng, TryRng};
use zeroize::Zeroizing;

use crate::result::Cause;

/// A function of the application that writes `len` random bytes to `out`, from the chip's true source or the system's. It
/// returns 0, and anything else where it has failed. What it writes decides about all keys.
pub type brtc_random = Option<unsafe extern "C" fn(context: *mut c_void, out: *mut u8, len: usize) -> core::ffi::c_int>;

/// Bytes that are drawn for a generator.
const SEED: usize = 32;

/// A generator that the application's function has seeded.
///
/// # Safety
/// `random` is a function as [`brtc_random`] says.
pub(crate) unsafe fn generator(random: brtc_random, context: *mut c_void) -> Result<Generator, Cause> {
    let draw = random.ok_or(Cause::Null("random"))?;
    let mut seed = Zeroizing::new([0; SEED]);
    // SAFETY: the caller promises that it writes `SEED` bytes at most.
    if unsafe { draw(context, seed.as_mut_ptr(), SEED) } != 0 || seed.iter().all(|byte| *byte == 0) {
        return Err(Cause::Random);
    }
    Ok(Generator::new(&mut Drawn(seed)))
}

/// The bytes that were drawn, as a generator that a [`Generator`] takes its seed from once.
struct Drawn(Zeroizing<[u8; SEED]>);

impl TryRng for Drawn {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut out = [0; 4];
        self.try_fill_bytes(&mut out)?;
        Ok(u32::from_le_bytes(out))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut out = [0; 8];
        self.try_fill_bytes(&mut out)?;
        Ok(u64::from_le_bytes(out))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.iter_mut().zip(self.0.iter()).for_each(|(to, from)| *to = *from);
        Ok(())
    }
}

impl TryCryptoRng for Drawn {}
