//! Integers modulo p and n in words of 32 bits, multiplied by columns.
//!
//! For machines without a carry flag or a conditional move. `fiat-crypto` multiplies by rows and carries after each row.
//! That costs 1.6 to 2 times as much on these machines. On RISC-V, LLVM also turns its masks into branches on secrets (seen
//! in the sum modulo n). This is our own arithmetic and not formally verified. Why it is right:
//!
//! - [`Sum`] is exact: 96 bits in two's complement, of which no column needs more than 70. A column adds at most eight
//!   products (each below 2^64), three words and the carry of the column before, and subtracts one word. The carry is below
//!   2^38 and above -2.
//! - So the columns are the product a * b, as an integer. The reduction adds m * p * 2^(32 i) for each of the eight low
//!   words, with p = 2^256 - 2^224 + 2^192 + 2^96 - 1: word i + 8, i + 6 and i + 3 get m, word i + 7 and word i lose it. m is the
//!   word itself, because p is -1 modulo 2^32. The low word of the sum is then zero, and the sum is congruent to a * b.
//! - The result is below (p^2 + 2^256 p) / 2^256 < 2 p. One subtraction of p, where it does not borrow, reduces it.
//!
//! - Modulo n, m is the word times -1 / n modulo 2^32, and m * n is added word by word: at most sixteen products a column, below 2^69 with
//!   the carry. The result is below 2 n for the same reason.
//!
//! Tests hold every operation against the verified field on all patterns of extreme words and on random ones.

// Indices are constants or counters within a fixed length; `cargo xtask no-panic` links this without a panic.
// Indices are constants or counters within a fixed length; `cargo xtask no-panic` links this without a panic.
#![allow(clippy::indexing_slicing, clippy::needless_range_loop)]

use zeroize::Zeroize;

use crate::p256::field::Field;
use crate::p256::order::{N as N_WIDE, ONE_N, ONE_P, P as P_WIDE};
use crate::word::{Mask, Sum, add_carry, bytes, sub_borrow, words};

type Words = [u32; 8];

const P: Words = split(&P_WIDE);
/// 2^512 modulo p: a product with it brings an integer into the Montgomery domain.
const RADIX_P: P256 = P256(split(&[0x0000000000000003, 0xfffffffbffffffff, 0xfffffffffffffffe, 0x00000004fffffffd]));

const N: Words = split(&N_WIDE);
/// 2^512 modulo n.
const RADIX_N: N256 = N256(split(&[0x83244c95be79eea2, 0x4699799c49bd6fa6, 0x2845b2392b6bec59, 0x66e12d94f3d95620]));
/// -1 / n modulo 2^32.
const N_INVERSE: u32 = 0xee00bc4f;

const fn split(wide: &[u64; 4]) -> Words {
    let mut words = [0; 8];
    let mut i = 0;
    while i < 8 {
        words[i] = (wide[i / 2] >> (i % 2 * 32)) as u32;
        i += 1;
    }
    words
}

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

/// Ends column K: adds what the multiples of p have there, and gives its word.
#[inline(always)]
fn reduce_p<const K: usize>(sum: &mut Sum, m: &mut Words) -> u32 {
    if K >= 3 && K < 11 {
        sum.add(m[K - 3]);
    }
    if K >= 6 && K < 14 {
        sum.add(m[K - 6]);
    }
    if K >= 7 && K < 15 {
        sum.sub(m[K - 7]);
    }
    if K >= 8 {
        sum.add(m[K - 8]);
    } else {
        // Subtracting it makes the low word zero, without a borrow.
        m[K] = sum.low();
    }
    sum.shift()
}

/// `r` + 2^256 `top`, which is below twice the modulus, less the modulus where it is not below it.
#[inline(always)]
fn reduced(r: Words, top: u32, modulus: &Words) -> Words {
    let mut borrow = 0;
    let mut less = [0; 8];
    for i in 0..8 {
        less[i] = sub_borrow(r[i], modulus[i], &mut borrow);
    }
    // It is below the modulus where there is nothing to take the borrow from.
    let below = Mask::from_bit(borrow & (top ^ 1)).bits();
    for i in 0..8 {
        less[i] ^= (less[i] ^ r[i]) & below;
    }
    less
}

#[inline(never)]
fn product_p(a: &Words, b: &Words) -> Words {
    let (mut sum, mut m, mut r) = (Sum::ZERO, [0; 8], [0; 8]);
    column!(sum, a, b; 0 0);
    reduce_p::<0>(&mut sum, &mut m);
    column!(sum, a, b; 0 1, 1 0);
    reduce_p::<1>(&mut sum, &mut m);
    column!(sum, a, b; 0 2, 1 1, 2 0);
    reduce_p::<2>(&mut sum, &mut m);
    column!(sum, a, b; 0 3, 1 2, 2 1, 3 0);
    reduce_p::<3>(&mut sum, &mut m);
    column!(sum, a, b; 0 4, 1 3, 2 2, 3 1, 4 0);
    reduce_p::<4>(&mut sum, &mut m);
    column!(sum, a, b; 0 5, 1 4, 2 3, 3 2, 4 1, 5 0);
    reduce_p::<5>(&mut sum, &mut m);
    column!(sum, a, b; 0 6, 1 5, 2 4, 3 3, 4 2, 5 1, 6 0);
    reduce_p::<6>(&mut sum, &mut m);
    column!(sum, a, b; 0 7, 1 6, 2 5, 3 4, 4 3, 5 2, 6 1, 7 0);
    reduce_p::<7>(&mut sum, &mut m);
    column!(sum, a, b; 1 7, 2 6, 3 5, 4 4, 5 3, 6 2, 7 1);
    r[0] = reduce_p::<8>(&mut sum, &mut m);
    column!(sum, a, b; 2 7, 3 6, 4 5, 5 4, 6 3, 7 2);
    r[1] = reduce_p::<9>(&mut sum, &mut m);
    column!(sum, a, b; 3 7, 4 6, 5 5, 6 4, 7 3);
    r[2] = reduce_p::<10>(&mut sum, &mut m);
    column!(sum, a, b; 4 7, 5 6, 6 5, 7 4);
    r[3] = reduce_p::<11>(&mut sum, &mut m);
    column!(sum, a, b; 5 7, 6 6, 7 5);
    r[4] = reduce_p::<12>(&mut sum, &mut m);
    column!(sum, a, b; 6 7, 7 6);
    r[5] = reduce_p::<13>(&mut sum, &mut m);
    column!(sum, a, b; 7 7);
    r[6] = reduce_p::<14>(&mut sum, &mut m);
    r[7] = reduce_p::<15>(&mut sum, &mut m);
    reduced(r, sum.low(), &P)
}

#[inline(never)]
fn square_p(a: &Words) -> Words {
    let (mut sum, mut m, mut r) = (Sum::ZERO, [0; 8], [0; 8]);
    column!(sum, a, a; 0 0);
    reduce_p::<0>(&mut sum, &mut m);
    twice!(sum, a; 0 1);
    reduce_p::<1>(&mut sum, &mut m);
    twice!(sum, a; 0 2);
    column!(sum, a, a; 1 1);
    reduce_p::<2>(&mut sum, &mut m);
    twice!(sum, a; 0 3, 1 2);
    reduce_p::<3>(&mut sum, &mut m);
    twice!(sum, a; 0 4, 1 3);
    column!(sum, a, a; 2 2);
    reduce_p::<4>(&mut sum, &mut m);
    twice!(sum, a; 0 5, 1 4, 2 3);
    reduce_p::<5>(&mut sum, &mut m);
    twice!(sum, a; 0 6, 1 5, 2 4);
    column!(sum, a, a; 3 3);
    reduce_p::<6>(&mut sum, &mut m);
    twice!(sum, a; 0 7, 1 6, 2 5, 3 4);
    reduce_p::<7>(&mut sum, &mut m);
    twice!(sum, a; 1 7, 2 6, 3 5);
    column!(sum, a, a; 4 4);
    r[0] = reduce_p::<8>(&mut sum, &mut m);
    twice!(sum, a; 2 7, 3 6, 4 5);
    r[1] = reduce_p::<9>(&mut sum, &mut m);
    twice!(sum, a; 3 7, 4 6);
    column!(sum, a, a; 5 5);
    r[2] = reduce_p::<10>(&mut sum, &mut m);
    twice!(sum, a; 4 7, 5 6);
    r[3] = reduce_p::<11>(&mut sum, &mut m);
    twice!(sum, a; 5 7);
    column!(sum, a, a; 6 6);
    r[4] = reduce_p::<12>(&mut sum, &mut m);
    twice!(sum, a; 6 7);
    r[5] = reduce_p::<13>(&mut sum, &mut m);
    column!(sum, a, a; 7 7);
    r[6] = reduce_p::<14>(&mut sum, &mut m);
    r[7] = reduce_p::<15>(&mut sum, &mut m);
    reduced(r, sum.low(), &P)
}

/// As [`product_p`]. Word 6 of n is zero.
#[inline(never)]
fn product_n(a: &Words, b: &Words) -> Words {
    let (mut sum, mut m, mut r) = (Sum::ZERO, [0; 8], [0; 8]);
    column!(sum, a, b; 0 0);
    m[0] = sum.low().wrapping_mul(N_INVERSE);
    sum.multiply_add(m[0], N[0]);
    sum.shift();
    column!(sum, a, b; 0 1, 1 0);
    column!(sum, m, N; 0 1);
    m[1] = sum.low().wrapping_mul(N_INVERSE);
    sum.multiply_add(m[1], N[0]);
    sum.shift();
    column!(sum, a, b; 0 2, 1 1, 2 0);
    column!(sum, m, N; 0 2, 1 1);
    m[2] = sum.low().wrapping_mul(N_INVERSE);
    sum.multiply_add(m[2], N[0]);
    sum.shift();
    column!(sum, a, b; 0 3, 1 2, 2 1, 3 0);
    column!(sum, m, N; 0 3, 1 2, 2 1);
    m[3] = sum.low().wrapping_mul(N_INVERSE);
    sum.multiply_add(m[3], N[0]);
    sum.shift();
    column!(sum, a, b; 0 4, 1 3, 2 2, 3 1, 4 0);
    column!(sum, m, N; 0 4, 1 3, 2 2, 3 1);
    m[4] = sum.low().wrapping_mul(N_INVERSE);
    sum.multiply_add(m[4], N[0]);
    sum.shift();
    column!(sum, a, b; 0 5, 1 4, 2 3, 3 2, 4 1, 5 0);
    column!(sum, m, N; 0 5, 1 4, 2 3, 3 2, 4 1);
    m[5] = sum.low().wrapping_mul(N_INVERSE);
    sum.multiply_add(m[5], N[0]);
    sum.shift();
    column!(sum, a, b; 0 6, 1 5, 2 4, 3 3, 4 2, 5 1, 6 0);
    column!(sum, m, N; 1 5, 2 4, 3 3, 4 2, 5 1);
    m[6] = sum.low().wrapping_mul(N_INVERSE);
    sum.multiply_add(m[6], N[0]);
    sum.shift();
    column!(sum, a, b; 0 7, 1 6, 2 5, 3 4, 4 3, 5 2, 6 1, 7 0);
    column!(sum, m, N; 0 7, 2 5, 3 4, 4 3, 5 2, 6 1);
    m[7] = sum.low().wrapping_mul(N_INVERSE);
    sum.multiply_add(m[7], N[0]);
    sum.shift();
    column!(sum, a, b; 1 7, 2 6, 3 5, 4 4, 5 3, 6 2, 7 1);
    column!(sum, m, N; 1 7, 3 5, 4 4, 5 3, 6 2, 7 1);
    r[0] = sum.shift();
    column!(sum, a, b; 2 7, 3 6, 4 5, 5 4, 6 3, 7 2);
    column!(sum, m, N; 2 7, 4 5, 5 4, 6 3, 7 2);
    r[1] = sum.shift();
    column!(sum, a, b; 3 7, 4 6, 5 5, 6 4, 7 3);
    column!(sum, m, N; 3 7, 5 5, 6 4, 7 3);
    r[2] = sum.shift();
    column!(sum, a, b; 4 7, 5 6, 6 5, 7 4);
    column!(sum, m, N; 4 7, 6 5, 7 4);
    r[3] = sum.shift();
    column!(sum, a, b; 5 7, 6 6, 7 5);
    column!(sum, m, N; 5 7, 7 5);
    r[4] = sum.shift();
    column!(sum, a, b; 6 7, 7 6);
    column!(sum, m, N; 6 7);
    r[5] = sum.shift();
    column!(sum, a, b; 7 7);
    column!(sum, m, N; 7 7);
    r[6] = sum.shift();
    r[7] = sum.shift();
    reduced(r, sum.low(), &N)
}

/// Squares modulo n are few: a function of their own would not pay for its room.
fn square_n(a: &Words) -> Words {
    product_n(a, a)
}

/// The operations of a field, given its modulus and its products.
macro_rules! field {
    ($(#[$doc:meta])* $name:ident, modulus $modulus:ident, one $one:ident, radix $radix:ident, $product:ident, $square:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(crate) struct $name(Words);

        impl Field for $name {
            const ZERO: Self = Self([0; 8]);
            const ONE: Self = Self(split(&$one));

            #[inline]
            fn from_montgomery(words: &[u64; 4]) -> Self {
                Self(split(words))
            }

            fn from_bytes(bytes: &[u8; 32]) -> (Self, Mask) {
                let mut out = words(bytes);
                let mut borrow = 0;
                for (&word, &p) in out.iter().zip(&$modulus) {
                    sub_borrow(word, p, &mut borrow);
                }
                let valid = Mask::from_bit(borrow);
                out.iter_mut().for_each(|word| *word &= valid.bits());
                (Self(out).mul(&$radix), valid)
            }

            fn to_bytes(self) -> [u8; 32] {
                let mut words = $product(&self.0, &[1, 0, 0, 0, 0, 0, 0, 0]);
                let out = bytes(&words);
                words.zeroize();
                out
            }

            #[inline(never)]
            fn add(&self, other: &Self) -> Self {
                let (mut r, mut carry) = ([0; 8], 0);
                for i in 0..8 {
                    r[i] = add_carry(self.0[i], other.0[i], &mut carry);
                }
                Self(reduced(r, carry, &$modulus))
            }

            #[inline(never)]
            fn sub(&self, other: &Self) -> Self {
                let (mut r, mut borrow) = ([0; 8], 0);
                for i in 0..8 {
                    r[i] = sub_borrow(self.0[i], other.0[i], &mut borrow);
                }
                let negative = Mask::from_bit(borrow).bits();
                let mut carry = 0;
                for i in 0..8 {
                    r[i] = add_carry(r[i], $modulus[i] & negative, &mut carry);
                }
                Self(r)
            }

            #[inline(always)]
            fn mul(&self, other: &Self) -> Self {
                Self($product(&self.0, &other.0))
            }

            #[inline(always)]
            fn square(&self) -> Self {
                Self($square(&self.0))
            }

            #[inline]
            fn is_zero(&self) -> Mask {
                Mask::is_zero(self.0.iter().fold(0, |all, word| all | word))
            }

            #[inline(always)]
            fn or_if(&mut self, mask: Mask, other: &Self) {
                for (word, other) in self.0.iter_mut().zip(&other.0) {
                    *word |= other & mask.bits();
                }
            }
        }

        impl Zeroize for $name {
            fn zeroize(&mut self) {
                self.0.zeroize();
            }
        }
    };
}

field! {
    /// An integer modulo p.
    P256, modulus P, one ONE_P, radix RADIX_P, product_p, square_p
}
field! {
    /// An integer modulo n.
    N256, modulus N, one ONE_N, radix RADIX_N, product_n, square_n
}
