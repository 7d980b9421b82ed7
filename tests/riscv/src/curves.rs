//! That the curves take the same instructions for every secret, and how many.

use barertc_crypto::rand_core::Rng;
use barertc_crypto::selftest::Predictable;
use barertc_curves::{p256, x25519};
use core::hint::black_box;

use crate::bench::Bench;
use crate::machine::instructions;

/// Random secrets beside those with an unusual look.
const RANDOM: usize = 24;
const SPECIAL: usize = 8;
/// n - 1, the largest secret.
const LARGEST: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7,
    0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x50,
];

pub fn run(bench: &mut Bench) {
    let secret = p256::SecretKey::from_bytes(black_box(&[7; 32])).expect("below the order");
    let public = bench.within("P-256 public key", 1_080_000, || secret.public_key());
    let shared = bench.within("P-256 agreement", 3_410_000, || secret.agree(&public));
    black_box(shared);
    let decoded = bench.measure("P-256 point decoded", || p256::PublicKey::from_sec1(black_box(&public.to_sec1())));
    bench.test("a point is read as it was written", || if decoded == Ok(public) { Ok(()) } else { Err(()) });
    let digest = black_box([5; 32]);
    let signature = bench.within("P-256 ECDSA sign", 1_620_000, || secret.sign(&digest));
    let verified = bench.within("P-256 ECDSA verify", 3_700_000, || public.verify(&digest, &signature));
    bench.test("P-256 verifies what it signed", || verified);
    bench.within("X25519 public key", 2_100_000, || x25519::public_key(black_box(&[3; 32])));
    let agreed =
        bench.within("X25519 agreement", 2_100_000, || x25519::agree(black_box(&[3; 32]), black_box(&[9; 32])));
    bench.test("X25519 agrees", || agreed.map(|_| ()));

    constant(bench, "P-256 public key takes the same for every secret", |secret| {
        black_box(p256_secret(secret).public_key());
    });
    let peer = p256::SecretKey::from_bytes(&[9; 32]).expect("below the order").public_key();
    constant(bench, "P-256 agreement takes the same for every secret", |secret| {
        black_box(p256_secret(secret).agree(&peer));
    });
    constant(bench, "P-256 ECDSA sign takes the same for every secret", |secret| {
        black_box(p256_secret(secret).sign(&[5; 32]));
    });
    constant(bench, "P-256 ECDSA sign takes the same for every nonce", |fresh| {
        black_box(p256_secret(&[7; 32]).sign_hedged(&[5; 32], fresh));
    });
    constant(bench, "X25519 takes the same for every secret", |secret| {
        black_box(x25519::agree(secret, &[9; 32])).expect("not of small order");
    });
    // Verification does not claim to: the check has to see it.
    let seen = differs(|digest| {
        black_box(public.verify(digest, &signature)).ok();
    });
    bench.test("what does not take the same is found out", || if seen.is_some() { Ok(()) } else { Err(()) });
}

fn p256_secret(bytes: &[u8; 32]) -> p256::SecretKey {
    p256::SecretKey::from_bytes(bytes).expect("below the order")
}

fn constant(bench: &mut Bench, name: &str, operation: impl Fn(&[u8; 32])) {
    let differs = differs(operation);
    bench.test(name, || differs.map_or(Ok(()), Err));
}

/// Two counts that are not the same, if there are any among the secrets.
#[inline(never)]
fn differs(operation: impl Fn(&[u8; 32])) -> Option<(u64, u64)> {
    let mut rng = Predictable::new(22);
    let mut counts = [0; SPECIAL + RANDOM];
    for (i, count) in counts.iter_mut().enumerate() {
        let mut secret = [0; 32];
        match i {
            0 => secret[31] = 1,
            1 => secret[31] = 2,
            2 => secret[0] = 0x80,
            3 => secret = LARGEST,
            4 => secret = [0x55; 32],
            5 => secret = [0xaa; 32],
            6 => secret = [0x7f; 32],
            7 => secret = [1; 32],
            _ => rng.fill_bytes(&mut secret),
        }
        // Below the order.
        if i >= SPECIAL {
            secret[0] &= 0x7f;
        }
        *count = counted(&operation, black_box(&secret));
    }
    counts.into_iter().find(|&count| count != counts[0]).map(|count| (counts[0], count))
}

/// In a function of its own, so that nothing but the operation can differ.
#[inline(never)]
fn counted(operation: &impl Fn(&[u8; 32]), secret: &[u8; 32]) -> u64 {
    let start = instructions();
    operation(secret);
    instructions() - start
}
