//! X25519 (RFC 7748): Diffie-Hellman on Curve25519.

mod field;

#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod columns;
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
mod verified;

#[cfg(test)]
mod tests;

use zeroize::{Zeroize, Zeroizing};

use crate::error::SmallOrder;
use crate::word::Mask;
use field::{Field, invert};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use columns::F25519 as F;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use verified::F64 as F;

/// The u coordinate of the base point (RFC 7748 §4.1).
const BASE: [u8; 32] = {
    let mut base = [0; 32];
    base[0] = 9;
    base
};

/// The public key of a secret: any 32 random bytes, which are clamped here.
#[must_use]
pub fn public_key(secret: &[u8; 32]) -> [u8; 32] {
    ladder::<F>(secret, &BASE)
}

/// The shared secret with the owner of `peer`.
///
/// Fails where it is all zero (RFC 7748 §6.1): the peer's key is of small order then, and anybody knows the result.
pub fn agree(secret: &[u8; 32], peer: &[u8; 32]) -> Result<[u8; 32], SmallOrder> {
    let shared = Zeroizing::new(ladder::<F>(secret, peer));
    let any = shared.iter().fold(0, |all, byte| all | byte);
    if Mask::is_zero(u32::from(any)).declassify() { Err(SmallOrder) } else { Ok(*shared) }
}

/// The function X25519 (RFC 7748 §5). The ladder has no exceptional cases: its steps are right for every u, points of
/// small order and of the twist included.
fn ladder<F: Field>(secret: &[u8; 32], u: &[u8; 32]) -> [u8; 32] {
    let mut scalar = Zeroizing::new(*secret);
    let [first, .., last] = &mut *scalar;
    *first &= 0xf8;
    *last = *last & 0x7f | 0x40;

    let x1 = F::from_bytes(u);
    let mut state = Zeroizing::new([F::ONE, F::ZERO, x1, F::ONE]);
    let mut swapped = 0;
    for at in (0..255_usize).rev() {
        let bit = scalar.get(at / 8).map_or(0, |byte| u32::from(byte >> (at % 8) & 1));
        let swap = Mask::from_bit(swapped ^ bit);
        swapped = bit;
        *state = step(&state, swap, &x1);
    }
    let [mut x2, mut z2, mut x3, mut z3] = *state;
    let swap = Mask::from_bit(swapped);
    F::swap(swap, &mut x2, &mut x3);
    F::swap(swap, &mut z2, &mut z3);
    let mut inverse = invert(&z2);
    let out = F::mul(&F::relax(&x2), &F::relax(&inverse)).to_bytes();
    [&mut x2, &mut z2, &mut x3, &mut z3, &mut inverse].into_iter().for_each(Zeroize::zeroize);
    out
}

/// One bit: swaps, doubles the one and adds the other (RFC 7748 §5).
#[inline(always)]
fn step<F: Field>(state: &[F; 4], swap: Mask, x1: &F) -> [F; 4] {
    let [mut x2, mut z2, mut x3, mut z3] = *state;
    F::swap(swap, &mut x2, &mut x3);
    F::swap(swap, &mut z2, &mut z3);
    let (a, b) = (x2.add(&z2), x2.sub(&z2));
    let (c, d) = (x3.add(&z3), x3.sub(&z3));
    let (da, cb) = (F::mul(&d, &a), F::mul(&c, &b));
    let (aa, bb) = (F::square(&a), F::square(&b));
    let e = aa.sub(&bb);
    let z3 = F::square(&da.sub(&cb));
    // The RFC's AA + 121665 E is BB + 121666 E.
    let f = bb.add(&F::mul_121666(&e));
    [
        F::mul(&F::relax(&aa), &F::relax(&bb)),
        F::mul(&e, &f),
        F::square(&da.add(&cb)),
        F::mul(&F::relax(x1), &F::relax(&z3)),
    ]
}
