//! What the ladder needs of integers modulo 2^255 - 19.

use zeroize::Zeroize;

use crate::word::Mask;

/// An integer modulo 2^255 - 19.
///
/// Sums and differences have a type of their own: where words have room, they are not carried, and only products take them.
pub(crate) trait Field: Copy + Zeroize {
    /// What a sum or a difference of two elements is.
    type Loose: Copy;

    const ZERO: Self;
    const ONE: Self;

    /// From little-endian bytes; the highest bit is ignored and the number may be above the prime (RFC 7748 §5).
    fn from_bytes(bytes: &[u8; 32]) -> Self;
    /// The one number below the prime, little-endian.
    fn to_bytes(self) -> [u8; 32];

    fn relax(&self) -> Self::Loose;
    fn add(&self, other: &Self) -> Self::Loose;
    fn sub(&self, other: &Self) -> Self::Loose;
    fn mul(a: &Self::Loose, b: &Self::Loose) -> Self;
    fn square(a: &Self::Loose) -> Self;
    fn mul_121666(a: &Self::Loose) -> Self;
    /// Exchanges the two where the mask says so.
    fn swap(mask: Mask, a: &mut Self, b: &mut Self);
}

/// Squares `times` times. One function for all steps of the chain, for the same reason as in P-256.
#[inline(never)]
fn squares<F: Field>(x: &F, times: usize) -> F {
    (0..times).fold(*x, |x, _| F::square(&x.relax()))
}

/// x^-1 as x^(2^255 - 21) (Fermat): 254 squares and 11 products. 0 for 0.
pub(crate) fn invert<F: Field>(x: &F) -> F {
    let mul = |a: &F, b: &F| F::mul(&a.relax(), &b.relax());
    let x2 = squares(x, 1);
    let x9 = mul(&squares(&x2, 2), x);
    let x11 = mul(&x9, &x2);
    // The number in a name says how many ones the exponent has.
    let n5 = mul(&squares(&x11, 1), &x9);
    let n10 = mul(&squares(&n5, 5), &n5);
    let n20 = mul(&squares(&n10, 10), &n10);
    let n40 = mul(&squares(&n20, 20), &n20);
    let n50 = mul(&squares(&n40, 10), &n10);
    let n100 = mul(&squares(&n50, 50), &n50);
    let n200 = mul(&squares(&n100, 100), &n100);
    let n250 = mul(&squares(&n200, 50), &n50);
    mul(&squares(&n250, 5), &x11)
}
