//! Single-precision arithmetic with its exception flags.
//!
//! Source: The RISC-V Instruction Set Manual, volume I, chapter 20 ("F"), and IEEE 754-2019 for when which flag is raised. Sums and products
//! are made in double precision, where products of two singles are exact and the error of a sum is known, so that "inexact" is exact.

/// Flags of `fflags`, the RISC-V manual §20.2.
pub const INEXACT: u32 = 1;
pub const UNDERFLOW: u32 = 2;
pub const OVERFLOW: u32 = 4;
pub const DIVIDE_BY_ZERO: u32 = 8;
pub const INVALID: u32 = 16;

/// The one NaN that results have.
pub const NAN: u32 = 0x7fc0_0000;

fn signaling(bits: u32) -> bool {
    f32::from_bits(bits).is_nan() && bits & 0x0040_0000 == 0
}

/// A result as the registers have it.
fn seal(result: f32) -> u32 {
    if result.is_nan() { NAN } else { result.to_bits() }
}

/// Flags of an operation with a result that is `exact` or not.
fn flags(result: f32, inexact: bool, finite: bool) -> u32 {
    if finite && result.is_infinite() {
        return OVERFLOW | INEXACT;
    }
    match (inexact, result.is_subnormal() || result == 0.0) {
        (true, true) => INEXACT | UNDERFLOW,
        (true, false) => INEXACT,
        _ => 0,
    }
}

fn invalid(inputs: &[u32], result: f32) -> bool {
    inputs.iter().any(|bits| signaling(*bits))
        || (result.is_nan() && !inputs.iter().any(|bits| f32::from_bits(*bits).is_nan()))
}

fn finite(inputs: &[u32]) -> bool {
    inputs.iter().all(|bits| f32::from_bits(*bits).is_finite())
}

fn finish(inputs: &[u32], result: f32, inexact: bool) -> (u32, u32) {
    if result.is_nan() {
        return (NAN, if invalid(inputs, result) { INVALID } else { 0 });
    }
    (seal(result), flags(result, inexact, finite(inputs)))
}

/// `a + b`; for a difference, give `b` with the other sign.
pub fn add(a: u32, b: u32) -> (u32, u32) {
    let (x, y) = (f32::from_bits(a), f32::from_bits(b));
    let result = x + y;
    // The error of a rounded sum is a single, too (Knuth's two-sum).
    let back = f64::from(result);
    let inexact = result.is_finite() && {
        let (x, y) = (f64::from(x), f64::from(y));
        let sum = x + y;
        let error = (x - (sum - (sum - x))) + (y - (sum - x));
        sum != back || error != 0.0
    };
    finish(&[a, b], result, inexact)
}

/// `a * b`.
pub fn mul(a: u32, b: u32) -> (u32, u32) {
    let (x, y) = (f32::from_bits(a), f32::from_bits(b));
    let result = x * y;
    let inexact = result.is_finite() && f64::from(x) * f64::from(y) != f64::from(result);
    finish(&[a, b], result, inexact)
}

/// `a / b`.
pub fn div(a: u32, b: u32) -> (u32, u32) {
    let (x, y) = (f32::from_bits(a), f32::from_bits(b));
    let result = x / y;
    if y == 0.0 && x.is_finite() && x != 0.0 {
        return (seal(result), DIVIDE_BY_ZERO);
    }
    let inexact = result.is_finite() && y.is_finite() && f64::from(result) * f64::from(y) != f64::from(x);
    finish(&[a, b], result, inexact)
}

/// The square root.
pub fn sqrt(a: u32) -> (u32, u32) {
    let x = f32::from_bits(a);
    let result = x.sqrt();
    let inexact = result.is_finite() && f64::from(result) * f64::from(result) != f64::from(x);
    finish(&[a], result, inexact)
}

/// `a * b + c`, rounded once.
pub fn fma(a: u32, b: u32, c: u32) -> (u32, u32) {
    let [x, y, z] = [a, b, c].map(f32::from_bits);
    let result = x.mul_add(y, z);
    let product = f64::from(x) * f64::from(y);
    let sum = product + f64::from(z);
    let error = (product - (sum - (sum - product))) + (f64::from(z) - (sum - product));
    let inexact = result.is_finite() && (sum != f64::from(result) || error != 0.0);
    // Infinity times zero is invalid even beside a NaN.
    let zero_inf = (x.is_infinite() && y == 0.0) || (x == 0.0 && y.is_infinite());
    let (bits, flags) = finish(&[a, b, c], result, inexact);
    (bits, if zero_inf { INVALID } else { flags })
}

/// The smaller (or larger) one; a NaN is left out.
pub fn min_max(a: u32, b: u32, max: bool) -> (u32, u32) {
    let (x, y) = (f32::from_bits(a), f32::from_bits(b));
    let flags = if signaling(a) || signaling(b) { INVALID } else { 0 };
    let bits = match (x.is_nan(), y.is_nan()) {
        (true, true) => NAN,
        (true, false) => b,
        (false, true) => a,
        // The zeros are ordered.
        _ if x == y => {
            if (a >> 31 == 1) == max {
                b
            } else {
                a
            }
        }
        _ => {
            if (x < y) == max {
                b
            } else {
                a
            }
        }
    };
    (bits, flags)
}

/// Comparisons. `quiet` is equality, which a quiet NaN does not disturb.
pub fn compare(a: u32, b: u32, with: fn(&f32, &f32) -> bool, quiet: bool) -> (u32, u32) {
    let (x, y) = (f32::from_bits(a), f32::from_bits(b));
    let bad = if quiet { signaling(a) || signaling(b) } else { x.is_nan() || y.is_nan() };
    (u32::from(with(&x, &y)), if bad { INVALID } else { 0 })
}

/// Rounds as the mode says (§20.2: 0 to even, 1 to zero, 2 down, 3 up, 4 away from zero at the half).
fn round(x: f32, mode: u32) -> Option<f32> {
    Some(match mode {
        0 => x.round_ties_even(),
        1 => x.trunc(),
        2 => x.floor(),
        3 => x.ceil(),
        4 => x.round(),
        _ => return None,
    })
}

/// To a signed integer; none for a rounding mode that there is not.
pub fn to_i32(a: u32, mode: u32) -> Option<(u32, u32)> {
    let x = f32::from_bits(a);
    if x.is_nan() {
        return Some((i32::MAX as u32, INVALID));
    }
    let rounded = round(x, mode)?;
    Some(match rounded {
        r if r >= 2_147_483_648.0 => (i32::MAX as u32, INVALID),
        r if r < -2_147_483_648.0 => (i32::MIN as u32, INVALID),
        r => (r as i32 as u32, if r == x { 0 } else { INEXACT }),
    })
}

/// To an unsigned integer.
pub fn to_u32(a: u32, mode: u32) -> Option<(u32, u32)> {
    let x = f32::from_bits(a);
    if x.is_nan() {
        return Some((u32::MAX, INVALID));
    }
    let rounded = round(x, mode)?;
    Some(match rounded {
        r if r >= 4_294_967_296.0 => (u32::MAX, INVALID),
        r if r < 0.0 => (0, INVALID),
        r => (r as u32, if r == x { 0 } else { INEXACT }),
    })
}

/// From an integer, rounded to even.
pub fn from_i64(value: i64) -> (u32, u32) {
    let result = value as f32;
    (result.to_bits(), if result as i64 == value { 0 } else { INEXACT })
}

/// The class of a number as a bit (§20.9).
pub fn class(a: u32) -> u32 {
    let x = f32::from_bits(a);
    let negative = a >> 31 == 1;
    1 << match x.classify() {
        std::num::FpCategory::Infinite => {
            if negative {
                0
            } else {
                7
            }
        }
        std::num::FpCategory::Normal => {
            if negative {
                1
            } else {
                6
            }
        }
        std::num::FpCategory::Subnormal => {
            if negative {
                2
            } else {
                5
            }
        }
        std::num::FpCategory::Zero => {
            if negative {
                3
            } else {
                4
            }
        }
        std::num::FpCategory::Nan => {
            if signaling(a) {
                8
            } else {
                9
            }
        }
    }
}
