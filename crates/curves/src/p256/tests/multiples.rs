//! Tables, formulas and scalar multiplication, against RustCrypto's `p256`.

use ::p256::elliptic_curve::group::Group;
use ::p256::elliptic_curve::ops::Reduce;
use ::p256::elliptic_curve::sec1::ToSec1Point;
use ::p256::elliptic_curve::{Field as _, PrimeField};
use ::p256::{ProjectivePoint, Scalar};
use proptest::prelude::*;
use std::vec::Vec;

use crate::p256::field::Field;
use crate::p256::point::{Affine, Jacobian};
use crate::p256::table::{COMB, Entry, ODD, SPACING, TEETH};
use crate::p256::tests::for_every_backend;
use crate::p256::verified::{N64, P64};
use crate::p256::{ORDER, columns, decode, encode, multiply};

/// The other library's scalar, from any 32 bytes.
fn scalar(bytes: &[u8; 32]) -> Scalar {
    <Scalar as Reduce<::p256::FieldBytes>>::reduce(&(*bytes).into())
}

fn bytes_of(point: &ProjectivePoint) -> Vec<u8> {
    point.to_affine().to_sec1_point(false).as_bytes().to_vec()
}

fn ours<F: Field>(point: &ProjectivePoint) -> Affine<F> {
    decode(&bytes_of(point)).unwrap()
}

#[test]
fn tables_hold_the_multiples_they_name() {
    let is = |entry: &Entry, want: &ProjectivePoint| {
        let point = Affine { x: P64::from_montgomery(&entry[0]), y: P64::from_montgomery(&entry[1]) };
        assert_eq!(encode(&point)[..], bytes_of(want));
    };
    let g = ProjectivePoint::GENERATOR;
    let power = |exponent: usize| (0..exponent).fold(g, |point, _| point.double());
    for (block, entries) in COMB.iter().enumerate() {
        for (combination, entry) in entries.iter().enumerate() {
            let tooth = |tooth| power((block * TEETH + tooth) * SPACING);
            let want = (0..TEETH - 1).fold(tooth(TEETH - 1), |sum, i| {
                if combination >> i & 1 == 1 { sum + tooth(i) } else { sum - tooth(i) }
            });
            is(entry, &want);
        }
    }
    for (i, entry) in (0..).zip(&ODD) {
        is(entry, &(g * Scalar::from(2 * i + 1_u64)));
    }
}

/// Scalars at which a ladder meets its ends: small, near the order, alone in a window, full and empty words.
fn special() -> Vec<[u8; 32]> {
    let mut all = Vec::new();
    let mut push = |scalar: Scalar| {
        if !bool::from(scalar.is_zero()) {
            all.push(scalar.to_repr().into());
        }
    };
    for small in 0..70_u64 {
        push(Scalar::from(small));
        push(-Scalar::from(small));
    }
    let mut power = Scalar::ONE;
    for _ in 0..256 {
        for near in [power, power + Scalar::ONE, power - Scalar::ONE, -power] {
            push(near);
        }
        power = power.double();
    }
    // Half of the order, where k and n - k meet.
    let half = Scalar::from(2_u64).invert().unwrap();
    [half, half - Scalar::ONE, half + Scalar::ONE].into_iter().for_each(push);
    all
}

/// k G and k P of one scalar with every backend.
fn multiples_agree<P: Field, N: Field>(k: &[u8; 32], point: &ProjectivePoint) {
    let theirs = scalar(k);
    assert_eq!(encode(&multiply::base::<P>(k))[..], bytes_of(&(ProjectivePoint::GENERATOR * theirs)), "{k:x?} G");
    assert_eq!(encode(&multiply::point::<P>(k, &ours(point)))[..], bytes_of(&(*point * theirs)), "{k:x?} P");
}

#[test]
fn special_scalars_are_multiplied_right() {
    let g = ProjectivePoint::GENERATOR;
    for (i, k) in special().iter().enumerate() {
        // The order of the base point's windows differs from that of any other point only by the table, so G is one of them.
        let point = if i % 2 == 0 { g } else { g * Scalar::from(i as u64) };
        multiples_agree::<P64, N64>(k, &point);
        if i % 4 == 0 {
            multiples_agree::<columns::P256, N64>(k, &point);
        }
    }
}

/// u1 G + u2 P, where a peer can let any two points meet.
fn sums_agree<P: Field, N: Field>(u1: &[u8; 32], u2: &[u8; 32], point: &ProjectivePoint) {
    let want = ProjectivePoint::GENERATOR * scalar(u1) + *point * scalar(u2);
    let got = multiply::two_public::<P>(u1, u2, &ours(point));
    assert_eq!(got.z.is_zero().declassify(), bool::from(want.is_identity()), "{u1:x?} {u2:x?}");
    if !got.z.is_zero().declassify() {
        let projective = got.projective();
        let inverse = crate::p256::field::invert_p(projective.z());
        assert_eq!(encode(&projective.affine(&inverse))[..], bytes_of(&want), "{u1:x?} {u2:x?}");
    }
}

#[test]
fn a_peer_that_lets_points_meet_gets_the_right_sum() {
    let g = ProjectivePoint::GENERATOR;
    let mut scalars: Vec<[u8; 32]> = (0..40_u64).map(|small| Scalar::from(small).to_repr().into()).collect();
    scalars.extend((1..40_u64).map(|small| <[u8; 32]>::from((-Scalar::from(small)).to_repr())));
    // The key is a small multiple of G: both ladders run over the same points, and end in equal or opposite ones.
    for key in [1_u64, 2, 3, 5, 31] {
        for point in [g * Scalar::from(key), -(g * Scalar::from(key))] {
            for (i, u1) in scalars.iter().enumerate() {
                for u2 in [&scalars[i], &scalars[(i * 7 + 3) % scalars.len()], &scalars[scalars.len() - 1 - i]] {
                    sums_agree::<P64, N64>(u1, u2, &point);
                }
            }
        }
    }
    let (zero, key) = ([0; 32], g * Scalar::from(7_u64));
    for_every_backend!(sums_agree(&zero, &zero, &key));
    for_every_backend!(sums_agree(&zero, &ORDER_LESS_ONE, &key));
    for_every_backend!(sums_agree(&ORDER_LESS_ONE, &zero, &key));
}

const ORDER_LESS_ONE: [u8; 32] = {
    let mut less = ORDER;
    less[31] -= 1;
    less
};

/// The formulas alone: every pair out of small multiples and infinity.
#[test]
fn complete_addition_is_complete() {
    let g = ProjectivePoint::GENERATOR;
    // The multiple of G as a sum of points, in the coordinates of the complete formula: 0 is infinity.
    let small = |multiple: i64| {
        let point = ours::<P64>(&g).projective();
        let minus = ours::<P64>(&-g).projective();
        let zero = point.add(&minus);
        (0..multiple.abs()).fold(zero, |sum, _| sum.add(if multiple < 0 { &minus } else { &point }))
    };
    for (a, b) in (-5..=5).flat_map(|a| (-5..=5).map(move |b| (a, b))) {
        let sum = small(a).add(&small(b));
        assert_eq!(sum.z().is_zero().declassify(), a + b == 0, "{a} + {b}");
        if a + b != 0 {
            let multiple = Scalar::from((a + b).unsigned_abs());
            let want = g * if a + b < 0 { -multiple } else { multiple };
            assert_eq!(encode(&sum.affine(&crate::p256::field::invert_p(sum.z())))[..], bytes_of(&want), "{a} + {b}");
        }
    }
    assert!(Jacobian::<P64>::INFINITY.double().z.is_zero().declassify());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn random_scalars_and_points_are_multiplied_right(k: [u8; 32], other: [u8; 32], u: [u8; 32]) {
        let point = ProjectivePoint::GENERATOR * scalar(&other);
        let [k, u] = [k, u].map(|bytes| <[u8; 32]>::from(scalar(&bytes).to_repr()));
        for_every_backend!(multiples_agree(&k, &point));
        for_every_backend!(sums_agree(&u, &k, &point));
    }
}
