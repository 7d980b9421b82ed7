//! Multiples of points.
//!
//! A secret scalar k is written with 256 digits that are 1 or -1: k = sum of d_i 2^i. An odd k below 2^256 has exactly one such
//! form, and its digits are the bits of (k + 2^256 - 1) / 2, where 0 stands for -1. For an even k, n - k is odd and gives the
//! negative of the point. No digit is zero, so every step is done for every scalar. Digits are taken together by four.
//!
//! The accumulator stays in Jacobian coordinates, whose addition is wrong for equal points and at infinity, until the last step
//! that could meet those. Each function says why no step before it can. The last step is the complete addition.

// Indices are constants or counters within a fixed length; `cargo xtask no-panic` links this without a panic.
// Indices are constants or counters within a fixed length; `cargo xtask no-panic` links this without a panic.
#![allow(clippy::indexing_slicing, clippy::needless_range_loop)]

use zeroize::Zeroize;

use crate::p256::field::{Field, invert_p};
use crate::p256::order::N;
use crate::p256::point::{Affine, Jacobian, Projective};
use crate::p256::table::{BLOCKS, COMB, COMBINATIONS, Entry, ODD, SPACING, TEETH};
use crate::word::{Mask, hide, sub_borrow, words};

/// The digits of a secret scalar between 1 and n - 1.
struct Digits {
    /// A bit a digit: 1, or 0 for -1; the least significant word first.
    bits: [u32; 8],
    /// Whether they are those of n - k.
    negated: Mask,
}

/// Four digits: the sign of their sum, and which of the eight absolute values it has.
struct Digit {
    negative: Mask,
    index: u32,
}

impl Digits {
    /// Of a scalar in big-endian bytes.
    fn new(scalar: &[u8; 32]) -> Self {
        let (mut k, mut opposite, mut borrow) = (words(scalar), [0; 8], 0);
        for i in 0..8 {
            opposite[i] = sub_borrow((N[i / 2] >> (i % 2 * 32)) as u32, k[i], &mut borrow);
        }
        let negated = Mask::from_bit((k[0] & 1) ^ 1);
        for i in 0..8 {
            k[i] ^= (k[i] ^ opposite[i]) & negated.bits();
        }
        let mut bits = [0x8000_0000; 8];
        for i in 0..8 {
            bits[i] = k[i] >> 1 | if i < 7 { k[i + 1] << 31 } else { 0x8000_0000 };
        }
        k.zeroize();
        opposite.zeroize();
        Self { bits, negated }
    }

    #[inline(always)]
    fn bit(&self, at: usize) -> u32 {
        (self.bits[at / 32] >> (at % 32)) & 1
    }

    /// The digits at `at`, `at + step`, `at + 2 step` and `at + 3 step`.
    #[inline(always)]
    fn four(&self, at: usize, step: usize) -> Digit {
        let bits = hide((0..4).fold(0, |bits, i| bits | self.bit(at + i * step) << i));
        // The highest of the four gives the sign of the sum; in a negative sum the others count the other way round.
        let negative = Mask::from_bit((bits >> 3) ^ 1);
        Digit { negative, index: (bits ^ negative.bits()) & 7 }
    }
}

impl Drop for Digits {
    fn drop(&mut self) {
        self.bits.zeroize();
    }
}

/// Reads all eight points, so that no address tells which was wanted.
#[inline(never)]
fn find_affine<F: Field>(table: &[Entry; COMBINATIONS], digit: &Digit) -> Affine<F> {
    let mut found = Affine { x: F::ZERO, y: F::ZERO };
    for (i, entry) in (0..).zip(table) {
        let here = Mask::equal(i, digit.index);
        found.x.or_if(here, &F::from_montgomery(&entry[0]));
        found.y.or_if(here, &F::from_montgomery(&entry[1]));
    }
    found.negate_if(digit.negative)
}

/// As [`find_affine`].
#[inline(never)]
fn find<F: Field>(table: &[Jacobian<F>; 8], digit: &Digit) -> Jacobian<F> {
    let mut found = Jacobian { x: F::ZERO, y: F::ZERO, z: F::ZERO };
    for (i, entry) in (0..).zip(table) {
        let here = Mask::equal(i, digit.index);
        found.x.or_if(here, &entry.x);
        found.y.or_if(here, &entry.y);
        found.z.or_if(here, &entry.z);
    }
    found.negate_if(digit.negative)
}

/// k G for a secret k between 1 and n - 1, big-endian.
///
/// The comb: four blocks of 64 digits, each with four teeth 16 digits apart. Column j adds, for each block b, the digits at
/// 64 b + j, + 16, + 32 and + 48; between two columns the accumulator is doubled.
///
/// Why no Jacobian addition meets an exceptional case. The accumulator is m G for an integer m, and d_b G is added to it.
/// d_b is 2^(64 b) times an odd number, whose absolute value is below 2^49. The addition is exceptional only where m = d_b or m = -d_b
/// modulo n, m = 0 included.
///
/// 1. In column j >= 1, |m| + |d_b| < 2^255 (1 + 2^-14) + 2^242 < n. So m and ±d_b would be equal as integers.
/// 2. Blocks are added from the highest to the lowest. m is twice the sum of the columns before, plus the d of the blocks above b. Modulo
///    2^(64 (b+1)), whose multiples the latter are, what is left of m is the part of blocks 0 to b.
///    In the first column there is no such part, and d_b is no multiple of 2^(64 (b+1)): they are not equal.
///    In others the part of block 0 is twice an odd number, below 2^64 in absolute value. For b >= 1, ±d_b is a multiple of 2^64,
///    and m is not. For b = 0, ±d_b is odd, and m is even.
///
/// In column 0 the doubling is right for every point, and the four additions are complete.
pub(crate) fn base<F: Field>(scalar: &[u8; 32]) -> Affine<F> {
    let digits = Digits::new(scalar);
    let entry = |column: usize, block: usize| {
        find_affine::<F>(&COMB[block], &digits.four(block * TEETH * SPACING + column, SPACING))
    };
    let top = SPACING - 1;
    let mut sum = entry(top, BLOCKS - 1).jacobian();
    for block in (0..BLOCKS - 1).rev() {
        sum = sum.add_distinct_affine(&entry(top, block));
    }
    for column in (1..top).rev() {
        sum = sum.double();
        for block in (0..BLOCKS).rev() {
            sum = sum.add_distinct_affine(&entry(column, block));
        }
    }
    let mut last = sum.double().projective();
    for block in (0..BLOCKS).rev() {
        last = last.add(&entry(0, block).projective());
    }
    sum.zeroize();
    finish(&mut last, digits.negated)
}

/// k P for a secret k between 1 and n - 1, big-endian, and a point of the curve.
///
/// 64 windows of four digits, each an odd number d between -15 and 15.
///
/// Why no Jacobian addition meets an exceptional case. The accumulator is 16 m P, where m is the value of the digits above the window.
/// The highest digit is 1, so m >= 1 and 16 m >= 16 > |d|. In every window but the last, 16 m + d is at most k / 16 + 1, so
/// 16 m + |d| < n. Then 16 m is not ±d modulo n. In the last window it can be, for a few scalars: that addition is complete.
///
/// The table: P, then 2 P added one after the other to P, 3 P, … 13 P. No two of these are the same or at infinity, because the order of
/// P is n.
pub(crate) fn point<F: Field>(scalar: &[u8; 32], point: &Affine<F>) -> Affine<F> {
    let digits = Digits::new(scalar);
    let table = odd_multiples(point);
    let mut sum = find(&table, &digits.four(252, 1));
    for window in (1..63).rev() {
        sum = sum.double().double().double().double();
        sum = sum.add_distinct(&find(&table, &digits.four(window * 4, 1)));
    }
    let last_entry = find(&table, &digits.four(0, 1)).projective();
    let mut last = sum.double().double().double().double().projective().add(&last_entry);
    sum.zeroize();
    finish(&mut last, digits.negated)
}

/// P, 3 P, … 15 P.
fn odd_multiples<F: Field>(point: &Affine<F>) -> [Jacobian<F>; 8] {
    let first = point.jacobian();
    let twice = first.double();
    let mut table = [first; 8];
    for i in 1..8 {
        table[i] = twice.add_distinct(&table[i - 1]);
    }
    table
}

fn finish<F: Field>(sum: &mut Projective<F>, negated: Mask) -> Affine<F> {
    let mut inverse = invert_p(sum.z());
    let point = sum.affine(&inverse).negate_if(negated);
    sum.zeroize();
    inverse.zeroize();
    point
}

/// u1 G + u2 P, of public scalars below n, big-endian, and a point of the curve. It takes a time that depends on all of them.
///
/// Both scalars are written in windows with odd digits only (wNAF). P has windows of five bits, and a table of eight points
/// that is computed here. G has windows of six bits, and a constant table of sixteen points. Every addition looks for the
/// exceptional cases, because a peer can choose numbers that meet them.
pub(crate) fn two_public<F: Field>(u1: &[u8; 32], u2: &[u8; 32], point: &Affine<F>) -> Jacobian<F> {
    let (of_g, of_p) = (wnaf(u1, 6), wnaf(u2, 5));
    let table = odd_multiples(point);
    let mut sum = Jacobian::INFINITY;
    for (&g, &p) in of_g.iter().rev().zip(of_p.iter().rev()) {
        sum = sum.double();
        if p != 0 {
            let entry = table[usize::from(p.unsigned_abs() / 2) & 7];
            sum = sum.add_public(&entry.negate_if(Mask::from_bit(u32::from(p < 0))));
        }
        if g != 0 {
            let [x, y] = ODD[usize::from(g.unsigned_abs() / 2) & 15];
            let entry = Affine { x: F::from_montgomery(&x), y: F::from_montgomery(&y) };
            sum = sum.add_public_affine(&entry.negate_if(Mask::from_bit(u32::from(g < 0))));
        }
    }
    sum
}

/// Digits of a public scalar: each is zero or odd and below 2^(width - 1) in absolute value, and of `width` digits in a row at most one is not zero.
fn wnaf(scalar: &[u8; 32], width: usize) -> [i8; 257] {
    let mut digits = [0; 257];
    let bit = |at: usize| -> i32 { if at < 256 { i32::from(scalar[31 - at / 8] >> (at % 8) & 1) } else { 0 } };
    let (mut at, mut carry) = (0, 0);
    while at < digits.len() {
        if bit(at) == carry {
            digits[at] = 0;
            at += 1;
            continue;
        }
        let window = (0..width).fold(0, |window, i| window | bit(at + i) << i) + carry;
        carry = window >> (width - 1);
        digits[at] = (window - (carry << width)) as i8;
        at += width;
    }
    digits
}
