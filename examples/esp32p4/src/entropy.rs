//! Where randomness comes from.
//!
//! The chip's generator is no true one as long as no radio feeds it, and esp-hal offers none (`trng_supported` is false). So
//! the base is a seed in flash, put there by the machine that flashed the board and renewed at each start; what else there
//! is of noise is mixed in, and none of it is relied on. Without a seed the board does not start.

use barertc::{Provider, RustCrypto};
use barertc_streamer::seed::{RECORD, Record, SEED};
use chacha20::ChaCha20Rng;
use esp_hal::analog::adc::{Adc, AdcConfig, Attenuation};
use esp_hal::peripherals::{ADC1, GPIO20};
use esp_hal::rng::Rng;
use rand_core::{Rng as _, SeedableRng};

use crate::flash::Storage;

/// Samples of the converter's noise.
const SAMPLES: usize = 512;

/// A generator that nobody else has, and that this board never had.
#[inline(never)]
pub fn generator(storage: &mut Storage, adc: ADC1<'_>, pin: GPIO20<'_>) -> Result<ChaCha20Rng, &'static str> {
    let mut places = [Words([0; RECORD]), Words([0; RECORD])];
    for (sector, place) in places.iter_mut().enumerate() {
        storage.read(storage.seed, sector as u32, &mut place.0).map_err(|_| "the seed cannot be read")?;
    }
    let (record, place) = Record::newest([&places[0].0, &places[1].0])
        .ok_or("no seed in flash, and this chip makes no randomness of its own: `cargo xtask esp32p4` writes one")?;
    let noise = noise(adc, pin);
    let mut mixed = ChaCha20Rng::from_seed(RustCrypto.sha256(&[b"barertc seed", &record.seed, &noise]));
    let [mut next, mut own] = [[0; SEED]; 2];
    mixed.fill_bytes(&mut next);
    mixed.fill_bytes(&mut own);
    // The next seed first: what comes out of this one is used only when it can never come out again.
    let following = Words(record.next(next).bytes());
    storage.write(storage.seed, place as u32, &following.0).map_err(|_| "the next seed cannot be written")?;
    let mut written = Words([0; RECORD]);
    storage.read(storage.seed, place as u32, &mut written.0).map_err(|_| "the next seed cannot be read")?;
    if written.0 != following.0 {
        return Err("the next seed was not written: the flash is worn out or protected");
    }
    Ok(ChaCha20Rng::from_seed(own))
}

/// Whatever differs from start to start: the converter's lowest bits on an open pin, how long each conversion took, and the
/// chip's own generator.
fn noise(adc: ADC1<'_>, pin: GPIO20<'_>) -> [u8; 32] {
    let mut config = AdcConfig::new();
    let mut pin = config.enable_pin(pin, Attenuation::_0dB);
    let mut adc = Adc::new(adc, config);
    let mut pool = [0; 32];
    for _ in 0..SAMPLES {
        let sample = adc.read_blocking(&mut pin).to_le_bytes();
        let word = Rng::new().random().to_le_bytes();
        pool = RustCrypto.sha256(&[&pool, &sample, &cycles().to_le_bytes(), &word]);
    }
    pool
}

/// The processor's count of cycles.
fn cycles() -> u32 {
    let count;
    // SAFETY: reads a counter.
    unsafe { core::arch::asm!("csrr {0}, mcycle", out(reg) count, options(nomem, nostack)) };
    count
}

/// Flash is read and written in words.
#[repr(align(4))]
struct Words([u8; RECORD]);
