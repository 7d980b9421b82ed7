//! Each field's operations are those of the verified field of 64-bit words, which in turn are those of integers.

use proptest::prelude::*;

use crate::p256::columns;
use crate::p256::field::{Field, invert_n, invert_p, root_p};
use crate::p256::order;
use crate::p256::tests::extremes;
use crate::p256::verified::{N32, N64, P32, P64};
use std::vec::Vec;

/// a and b through every operation of two fields.
fn same<A: Field, B: Field>(a: &[u8; 32], b: &[u8; 32]) {
    let ((x, x_valid), (y, _)) = (A::from_bytes(a), A::from_bytes(b));
    let ((v, v_valid), (w, _)) = (B::from_bytes(a), B::from_bytes(b));
    assert_eq!(x_valid.declassify(), v_valid.declassify(), "below the prime: {a:x?}");
    assert_eq!(x.to_bytes(), v.to_bytes(), "bytes of {a:x?}");
    assert_eq!(x.is_zero().declassify(), v.is_zero().declassify(), "zero: {a:x?}");
    assert_eq!(x.equals(&y).declassify(), v.equals(&w).declassify(), "{a:x?} = {b:x?}");
    assert_eq!(x.mul(&y).to_bytes(), v.mul(&w).to_bytes(), "{a:x?} * {b:x?}");
    assert_eq!(x.square().to_bytes(), v.square().to_bytes(), "{a:x?} squared");
    assert_eq!(x.add(&y).to_bytes(), v.add(&w).to_bytes(), "{a:x?} + {b:x?}");
    assert_eq!(x.sub(&y).to_bytes(), v.sub(&w).to_bytes(), "{a:x?} - {b:x?}");
}

/// The same, where the bytes are the words inside: the extremes of the Montgomery domain itself.
fn same_inside<A: Field, B: Field>(a: &[u8; 32], b: &[u8; 32]) {
    let words = |bytes: &[u8; 32]| {
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().rev().zip(bytes.chunks_exact(8)) {
            *word = u64::from_be_bytes(bytes.try_into().unwrap());
        }
        words
    };
    // Only numbers below the prime are elements.
    if !A::from_bytes(a).1.declassify() || !A::from_bytes(b).1.declassify() {
        return;
    }
    let (a, b) = (words(a), words(b));
    let (x, y, v, w) = (A::from_montgomery(&a), A::from_montgomery(&b), B::from_montgomery(&a), B::from_montgomery(&b));
    assert_eq!(x.mul(&y).to_bytes(), v.mul(&w).to_bytes(), "{a:x?} * {b:x?}");
    assert_eq!(x.square().to_bytes(), v.square().to_bytes(), "{a:x?} squared");
    assert_eq!(x.add(&y).to_bytes(), v.add(&w).to_bytes(), "{a:x?} + {b:x?}");
    assert_eq!(x.sub(&y).to_bytes(), v.sub(&w).to_bytes(), "{a:x?} - {b:x?}");
}

fn near_the_primes() -> Vec<[u8; 32]> {
    let mut all = Vec::new();
    for prime in [order::P, order::N] {
        for change in -3_i128..=3 {
            let mut bytes = [0; 32];
            let mut carry = change;
            for (chunk, word) in bytes.chunks_exact_mut(8).rev().zip(prime) {
                carry += i128::from(word);
                chunk.copy_from_slice(&(carry as u64).to_be_bytes());
                carry >>= 64;
            }
            all.push(bytes);
        }
    }
    all
}

#[test]
fn extreme_words_give_the_same_in_every_field() {
    let mut all = extremes();
    all.extend(near_the_primes());
    // Each with itself, its neighbours, and a few that stand far away: pairs of all would be six millions.
    for (i, a) in all.iter().enumerate() {
        for b in [i, i + 1, i * 7 + 3, i * 31 + 11, i * 127 + 29].map(|at| &all[at % all.len()]) {
            same::<columns::P256, P64>(a, b);
            same_inside::<columns::P256, P64>(a, b);
            same_inside::<P32, P64>(a, b);
            same_inside::<N32, N64>(a, b);
            same_inside::<columns::N256, N64>(a, b);
        }
    }
    for a in near_the_primes() {
        for b in &all {
            same::<columns::P256, P64>(&a, b);
            same::<P32, P64>(&a, b);
            same::<columns::N256, N64>(&a, b);
        }
    }
}

/// Every pair of words of a product meets with both at their ends, and nothing else in the column.
#[test]
fn every_pair_of_words_of_a_column_is_there() {
    let one_word = |at: usize, word: u32| {
        let mut bytes = [0; 32];
        bytes[28 - 4 * at..32 - 4 * at].copy_from_slice(&word.to_be_bytes());
        bytes
    };
    let ends = [1, 0x8000_0000, 0xffff_ffff, 0xffff_fffe];
    for (i, j) in (0..8).flat_map(|i| (0..8).map(move |j| (i, j))) {
        for (a, b) in ends.into_iter().flat_map(|a| ends.map(|b| (a, b))) {
            same_inside::<columns::P256, P64>(&one_word(i, a), &one_word(j, b));
            same_inside::<columns::N256, N64>(&one_word(i, a), &one_word(j, b));
        }
    }
}

#[test]
fn a_number_times_its_inverse_is_one() {
    for bytes in extremes().iter().step_by(53).chain(&near_the_primes()) {
        fn check<F: Field>(bytes: &[u8; 32], invert: fn(&F) -> F) {
            let (x, _) = F::from_bytes(bytes);
            let one = if x.is_zero().declassify() { F::ZERO } else { F::ONE };
            assert!(x.mul(&invert(&x)).equals(&one).declassify(), "{bytes:x?}");
        }
        check::<P64>(bytes, invert_p);
        check::<columns::P256>(bytes, invert_p);
        check::<N64>(bytes, invert_n);
        check::<columns::N256>(bytes, invert_n);
    }
}

#[test]
fn the_root_of_a_square_is_one_of_two() {
    for bytes in extremes().iter().step_by(53) {
        let (x, _) = columns::P256::from_bytes(bytes);
        let root = root_p(&x.square());
        assert!(root.equals(&x).declassify() || root.add(&x).is_zero().declassify(), "{bytes:x?}");
    }
}

/// What the verified fields take themselves for: integers, computed one bit after the other.
#[test]
fn verified_products_are_those_of_integers() {
    fn slow<F: Field>(a: &[u8; 32], b: &F) -> F {
        a.iter().flat_map(|byte| (0..8).rev().map(move |i| byte >> i & 1)).fold(F::ZERO, |sum, bit| {
            let twice = sum.add(&sum);
            if bit == 1 { twice.add(b) } else { twice }
        })
    }
    for (a, b) in extremes().iter().step_by(41).zip(extremes().iter().rev().step_by(37)) {
        fn check<F: Field>(a: &[u8; 32], b: &[u8; 32]) {
            let ((x, _), (y, _)) = (F::from_bytes(a), F::from_bytes(b));
            assert_eq!(x.mul(&y).to_bytes(), slow(&x.to_bytes(), &y).to_bytes());
        }
        check::<P64>(a, b);
        check::<N64>(a, b);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_numbers_give_the_same_in_every_field(a: [u8; 32], b: [u8; 32]) {
        same::<columns::P256, P64>(&a, &b);
        same_inside::<columns::P256, P64>(&a, &b);
        same::<P32, P64>(&a, &b);
        same::<columns::N256, N64>(&a, &b);
    }

    /// Words that are full or empty, with a few random ones between.
    #[test]
    fn mixed_words_give_the_same_in_every_field(
        a in prop::array::uniform8(prop_oneof![Just(0), Just(u32::MAX), Just(1), Just(0x8000_0000), any::<u32>()]),
        b in prop::array::uniform8(prop_oneof![Just(0), Just(u32::MAX), Just(1), Just(0x8000_0000), any::<u32>()]),
    ) {
        let [a, b] = [a, b].map(|words: [u32; 8]| {
            let mut bytes = [0; 32];
            bytes.chunks_exact_mut(4).zip(words).for_each(|(to, word)| to.copy_from_slice(&word.to_be_bytes()));
            bytes
        });
        same::<columns::P256, P64>(&a, &b);
        same_inside::<columns::P256, P64>(&a, &b);
        same_inside::<columns::N256, N64>(&a, &b);
    }
}
