//! The audio level of samples (RFC 6464).

/// The mean square of full scale (32,768), with 20 more bits, for levels far below it.
const OVERLOAD: u64 = 1 << 50;
/// One decibel less of power, as a part of 2^32; and half of one.
const DECIBEL: u64 = 3_411_613_790;
const HALF: u64 = 3_827_893_632;

/// The audio level of a block of samples (RFC 6464 §3). It is the root mean square in decibels below overload (−dBov): 0
/// is the loudest level, 127 is silence.
#[must_use]
pub fn audio_level(pcm: &[i16]) -> u8 {
    let squares = pcm.iter().map(|sample| u64::from(sample.unsigned_abs())).map(|s| s.saturating_mul(s));
    let sum = squares.fold(0, u64::saturating_add);
    let Some(power) = sum.saturating_mul(1 << 20).checked_div(pcm.len() as u64) else { return 127 };
    let less = |power: u64, factor: u64| (u128::from(power).saturating_mul(factor.into()) >> 32) as u64;
    // Rounded to the nearest decibel.
    let (mut bound, mut level) = (less(OVERLOAD, HALF), 0_u8);
    while power < bound && level < 127 {
        bound = less(bound, DECIBEL);
        level = level.saturating_add(1);
    }
    level
}
