//! Integers modulo 2^255 - 19 in eight full words of 32 bits, multiplied by columns.
//!
//! The verified field has ten words of 25 and 26 bits: a hundred products of words instead of 64. This is our own
//! arithmetic and not formally verified. Why it is right:
//!
//! - An element is any integer below 2^256, not reduced: 2^256 is 38 modulo the prime.
//! - [`Sum`] is exact: 96 bits in two's complement, of which no column needs more than 69. The sixteen words are the product, as an integer.
//! - low + 38 high is below 39 * 2^256, so what is above 2^256 is at most 38. Adding 38 times what is above to the low 256
//!   bits carries at most once. After a carry the sum is below 1444 + 1, so adding 38 for the carry changes the lowest word
//!   only.
//! - A sum carries at most once, and adding 38 for it carries once more only where it leaves less than 38. A difference is the same with borrows.
//!
//! Tests hold every operation against the verified field on all patterns of extreme words and on random ones.

// Indices are constants or counters within a fixed length; `cargo xtask no-panic` links this without a panic.
// Indices are constants or counters within a fixed length; `cargo xtask no-panic` links this without a panic.
#![allow(clippy::indexing_slicing, clippy::needless_range_loop)]

use zeroize::Zeroize;

use crate::word::{Mask, Sum, add_carry, sub_borrow};
use crate::x25519::field::Field;

type Words = [u32; 8];

/// 2^256 modulo the prime.
const FOLD: u32 = 38;

/// An integer below 2^256, modulo 2^255 - 19.
#[derive(Clone, Copy)]
pub(crate) struct F25519(Words);

/// Adds the products of these words to a column.
macro_rules! column {
    ($sum:ident, $a:ident, $b:ident; $($i:literal $j:literal),*) => {
        $($sum.multiply_add($a[$i], $b[$j]);)*
    };
}

/// Adds the products of these words twice to a column.
macro_rules! twice {
    ($sum:ident, $a:ident; $($i:literal $j:literal),*) => {
        $($sum.multiply_add_twice($a[$i], $a[$j]);)*
    };
}

/// `r` + 2^256 `top`, where 38 `top` is one word (at most 121,666 times 38).
#[inline(always)]
fn fold_top(mut r: Words, top: u32) -> Words {
    let mut carry = 0;
    r[0] = add_carry(r[0], FOLD * top, &mut carry);
    for word in r.iter_mut().skip(1) {
        *word = add_carry(*word, 0, &mut carry);
    }
    r[0] = r[0].wrapping_add(FOLD * carry);
    r
}

/// low + 38 high of sixteen words.
#[inline(always)]
fn fold(t: &[u32; 16]) -> Words {
    let (mut sum, mut r) = (Sum::ZERO, [0; 8]);
    for i in 0..8 {
        sum.multiply_add(t[i + 8], FOLD);
        sum.add(t[i]);
        r[i] = sum.shift();
    }
    fold_top(r, sum.low())
}

#[inline(never)]
fn product(a: &Words, b: &Words) -> Words {
    let (mut sum, mut t) = (Sum::ZERO, [0; 16]);
    column!(sum, a, b; 0 0);
    t[0] = sum.shift();
    column!(sum, a, b; 0 1, 1 0);
    t[1] = sum.shift();
    column!(sum, a, b; 0 2, 1 1, 2 0);
    t[2] = sum.shift();
    column!(sum, a, b; 0 3, 1 2, 2 1, 3 0);
    t[3] = sum.shift();
    column!(sum, a, b; 0 4, 1 3, 2 2, 3 1, 4 0);
    t[4] = sum.shift();
    column!(sum, a, b; 0 5, 1 4, 2 3, 3 2, 4 1, 5 0);
    t[5] = sum.shift();
    column!(sum, a, b; 0 6, 1 5, 2 4, 3 3, 4 2, 5 1, 6 0);
    t[6] = sum.shift();
    column!(sum, a, b; 0 7, 1 6, 2 5, 3 4, 4 3, 5 2, 6 1, 7 0);
    t[7] = sum.shift();
    column!(sum, a, b; 1 7, 2 6, 3 5, 4 4, 5 3, 6 2, 7 1);
    t[8] = sum.shift();
    column!(sum, a, b; 2 7, 3 6, 4 5, 5 4, 6 3, 7 2);
    t[9] = sum.shift();
    column!(sum, a, b; 3 7, 4 6, 5 5, 6 4, 7 3);
    t[10] = sum.shift();
    column!(sum, a, b; 4 7, 5 6, 6 5, 7 4);
    t[11] = sum.shift();
    column!(sum, a, b; 5 7, 6 6, 7 5);
    t[12] = sum.shift();
    column!(sum, a, b; 6 7, 7 6);
    t[13] = sum.shift();
    column!(sum, a, b; 7 7);
    t[14] = sum.shift();
    t[15] = sum.low();
    fold(&t)
}

#[inline(never)]
fn square(a: &Words) -> Words {
    let (mut sum, mut t) = (Sum::ZERO, [0; 16]);
    column!(sum, a, a; 0 0);
    t[0] = sum.shift();
    twice!(sum, a; 0 1);
    t[1] = sum.shift();
    twice!(sum, a; 0 2);
    column!(sum, a, a; 1 1);
    t[2] = sum.shift();
    twice!(sum, a; 0 3, 1 2);
    t[3] = sum.shift();
    twice!(sum, a; 0 4, 1 3);
    column!(sum, a, a; 2 2);
    t[4] = sum.shift();
    twice!(sum, a; 0 5, 1 4, 2 3);
    t[5] = sum.shift();
    twice!(sum, a; 0 6, 1 5, 2 4);
    column!(sum, a, a; 3 3);
    t[6] = sum.shift();
    twice!(sum, a; 0 7, 1 6, 2 5, 3 4);
    t[7] = sum.shift();
    twice!(sum, a; 1 7, 2 6, 3 5);
    column!(sum, a, a; 4 4);
    t[8] = sum.shift();
    twice!(sum, a; 2 7, 3 6, 4 5);
    t[9] = sum.shift();
    twice!(sum, a; 3 7, 4 6);
    column!(sum, a, a; 5 5);
    t[10] = sum.shift();
    twice!(sum, a; 4 7, 5 6);
    t[11] = sum.shift();
    twice!(sum, a; 5 7);
    column!(sum, a, a; 6 6);
    t[12] = sum.shift();
    twice!(sum, a; 6 7);
    t[13] = sum.shift();
    column!(sum, a, a; 7 7);
    t[14] = sum.shift();
    t[15] = sum.low();
    fold(&t)
}

impl Field for F25519 {
    type Loose = Self;

    const ZERO: Self = Self([0; 8]);
    const ONE: Self = Self([1, 0, 0, 0, 0, 0, 0, 0]);

    fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(bytes.chunks_exact(4)) {
            *word = bytes.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte));
        }
        words[7] &= 0x7fff_ffff;
        Self(words)
    }

    fn to_bytes(self) -> [u8; 32] {
        let mut r = self.0;
        // 2^255 is 19 modulo the prime: twice, because the first sum can pass 2^255 again. Now it is below 2^255.
        for _ in 0..2 {
            let mut carry = 0;
            let top = r[7] >> 31;
            r[7] &= 0x7fff_ffff;
            r[0] = add_carry(r[0], 19 * top, &mut carry);
            for word in r.iter_mut().skip(1) {
                *word = add_carry(*word, 0, &mut carry);
            }
        }
        // It is not below the prime where 19 more reach 2^255; without that bit it is then reduced.
        let (mut more, mut carry) = ([0; 8], 0);
        for i in 0..8 {
            more[i] = add_carry(r[i], if i == 0 { 19 } else { 0 }, &mut carry);
        }
        let over = Mask::from_bit(more[7] >> 31).bits();
        more[7] &= 0x7fff_ffff;
        let mut bytes = [0; 32];
        for ((bytes, word), more) in bytes.chunks_exact_mut(4).zip(&r).zip(&more) {
            bytes.copy_from_slice(&(word ^ (word ^ more) & over).to_le_bytes());
        }
        r.zeroize();
        more.zeroize();
        bytes
    }

    #[inline(always)]
    fn relax(&self) -> Self {
        *self
    }

    #[inline(always)]
    fn add(&self, other: &Self) -> Self {
        let (mut r, mut carry) = ([0; 8], 0);
        for i in 0..8 {
            r[i] = add_carry(self.0[i], other.0[i], &mut carry);
        }
        Self(fold_top(r, carry))
    }

    #[inline(always)]
    fn sub(&self, other: &Self) -> Self {
        let (mut r, mut borrow) = ([0; 8], 0);
        for i in 0..8 {
            r[i] = sub_borrow(self.0[i], other.0[i], &mut borrow);
        }
        let (fold, mut borrow) = (FOLD * borrow, 0);
        r[0] = sub_borrow(r[0], fold, &mut borrow);
        for word in r.iter_mut().skip(1) {
            *word = sub_borrow(*word, 0, &mut borrow);
        }
        r[0] = r[0].wrapping_sub(FOLD * borrow);
        Self(r)
    }

    #[inline(always)]
    fn mul(a: &Self, b: &Self) -> Self {
        Self(product(&a.0, &b.0))
    }

    #[inline(always)]
    fn square(a: &Self) -> Self {
        Self(square(&a.0))
    }

    #[inline(always)]
    fn mul_121666(a: &Self) -> Self {
        let (mut sum, mut r) = (Sum::ZERO, [0; 8]);
        for i in 0..8 {
            sum.multiply_add(a.0[i], 121_666);
            r[i] = sum.shift();
        }
        // What is above 2^256 is below 121666, and 38 times it below 2^23: then the reasons of a product hold here.
        Self(fold_top(r, sum.low()))
    }

    #[inline(always)]
    fn swap(mask: Mask, a: &mut Self, b: &mut Self) {
        for (a, b) in a.0.iter_mut().zip(&mut b.0) {
            let change = (*a ^ *b) & mask.bits();
            *a ^= change;
            *b ^= change;
        }
    }
}

impl Zeroize for F25519 {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}
