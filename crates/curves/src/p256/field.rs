//! What the curve needs of its two fields: integers modulo p (coordinates) and modulo n (scalars).

// Indices are constants or counters within a fixed length; `cargo xtask no-panic` links this without a panic.
#![allow(clippy::indexing_slicing)]

use zeroize::Zeroize;

use crate::word::Mask;

/// An integer modulo a prime of 256 bits, in the Montgomery domain (times 2^256).
///
/// Every implementation keeps the same number in the same words, fully reduced, so tables fit all of them.
/// Nothing here takes a time that depends on the value, except where a name says so.
pub(crate) trait Field: Copy + Zeroize {
    const ZERO: Self;
    const ONE: Self;

    /// From words that are in the Montgomery domain and reduced.
    fn from_montgomery(words: &[u64; 4]) -> Self;
    /// From 32 bytes, big-endian, and whether they were below the prime. Where not, the element is something below it.
    fn from_bytes(bytes: &[u8; 32]) -> (Self, Mask);
    /// As 32 bytes, big-endian.
    fn to_bytes(self) -> [u8; 32];

    fn add(&self, other: &Self) -> Self;
    fn sub(&self, other: &Self) -> Self;
    fn mul(&self, other: &Self) -> Self;
    fn square(&self) -> Self;
    fn is_zero(&self) -> Mask;
    /// Takes the bits of `other` too, where the mask says so.
    fn or_if(&mut self, mask: Mask, other: &Self);

    #[inline(always)]
    fn double(&self) -> Self {
        self.add(self)
    }

    /// The negative where the mask says so.
    #[inline(always)]
    fn negate_if(&self, mask: Mask) -> Self {
        Self::select(mask, &Self::ZERO.sub(self), self)
    }

    /// `yes` where the mask is set, else `no`.
    #[inline(always)]
    fn select(mask: Mask, yes: &Self, no: &Self) -> Self {
        let mut out = Self::ZERO;
        out.or_if(mask, yes);
        out.or_if(mask.not(), no);
        out
    }

    #[inline(always)]
    fn equals(&self, other: &Self) -> Mask {
        self.sub(other).is_zero()
    }
}

/// Squares `times` times. One function for all chains: copies of the square in each of their steps would take 14 KB.
#[inline(never)]
fn squares<F: Field>(x: &F, times: usize) -> F {
    (0..times).fold(*x, |x, _| x.square())
}

/// x^-1 modulo p, as x^(p-2) (Fermat): 255 squares and 14 products. 0 for 0.
pub(crate) fn invert_p<F: Field>(x: &F) -> F {
    let (x32, x2) = ones_32(x);
    // p - 2 = ffffffff 00000001 00000000 00000000 00000000 ffffffff ffffffff fffffffd
    let t = squares(&x32, 32).mul(x);
    let t = squares(&t, 128).mul(&x32);
    let t = squares(&t, 32).mul(&x32);
    let x30 = {
        // ffffffff ffffffff ends above: what is left is fffffffd, thirty ones and 01.
        let x4 = squares(&x2, 2).mul(&x2);
        let x6 = squares(&x4, 2).mul(&x2);
        let x12 = squares(&x6, 6).mul(&x6);
        let x24 = squares(&x12, 12).mul(&x12);
        squares(&x24, 6).mul(&x6)
    };
    let t = squares(&t, 30).mul(&x30);
    squares(&t, 2).mul(x)
}

/// x to 32 ones (2^32 - 1), and to two ones.
fn ones_32<F: Field>(x: &F) -> (F, F) {
    let x2 = x.square().mul(x);
    let x4 = squares(&x2, 2).mul(&x2);
    let x8 = squares(&x4, 4).mul(&x4);
    let x16 = squares(&x8, 8).mul(&x8);
    (squares(&x16, 16).mul(&x16), x2)
}

/// x^((p+1)/4) modulo p: a square root where there is one, because p is 3 modulo 4.
pub(crate) fn root_p<F: Field>(x: &F) -> F {
    // (p + 1) / 4 = 2^254 - 2^222 + 2^190 + 2^94
    let (x32, _) = ones_32(x);
    let t = squares(&x32, 32).mul(x);
    let t = squares(&t, 96).mul(x);
    squares(&t, 94)
}

/// The low half of n - 2, four bits at a time, the most significant first.
const N_LOW: [u8; 32] = [
    0xb, 0xc, 0xe, 0x6, 0xf, 0xa, 0xa, 0xd, 0xa, 0x7, 0x1, 0x7, 0x9, 0xe, 0x8, 0x4, 0xf, 0x3, 0xb, 0x9, 0xc, 0xa, 0xc,
    0x2, 0xf, 0xc, 0x6, 0x3, 0x2, 0x5, 0x4, 0xf,
];

/// x^-1 modulo n, as x^(n-2) (Fermat): the exponent is public, so the order of squares and products is the same for all. 0 for 0.
pub(crate) fn invert_n<F: Field>(x: &F) -> F {
    let mut powers = [F::ONE; 16];
    for i in 1..16 {
        powers[i] = powers[i - 1].mul(x);
    }
    let (x32, _) = ones_32(x);
    // n - 2 = ffffffff 00000000 ffffffff ffffffff and the low half.
    let t = squares(&x32, 64).mul(&x32);
    let t = squares(&t, 32).mul(&x32);
    let inverse = N_LOW.iter().fold(t, |t, &digit| squares(&t, 4).mul(&powers[usize::from(digit)]));
    powers.zeroize();
    inverse
}
