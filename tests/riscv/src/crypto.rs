//! The published vectors, and what each primitive costs in software.

use barertc_crypto::selftest::{self, Predictable};
use barertc_crypto::{HmacSha1Key, HmacSha256Key, Provider, RustCrypto};
use core::hint::black_box;

use crate::bench::Bench;

// The limits leave a few percent for another compiler. They catch a key schedule per packet or a wrapper that copies.

/// A full packet of video.
const PACKET: usize = 1_200;

pub fn run(bench: &mut Bench) {
    bench.test("published vectors", selftest::run);
    symmetric(bench, &RustCrypto);
    curves(bench, &RustCrypto);
}

fn symmetric<P: Provider>(bench: &mut Bench, p: &P) {
    let mut data = [0u8; PACKET];
    let (nonce, aad) = (black_box([7; 12]), black_box([9; 12]));

    let aes = bench.measure("AES-128 key", || p.aes_key(black_box(&[1; 16]))).expect("16 bytes");
    bench.within("AES-128-CTR 1200 B", 170_000, || p.aes_ctr(&aes, black_box(&[2; 16]), &mut data));
    bench.measure("AES block", || p.aes_block(&aes, black_box(&mut [2; 16])));

    let sha1 = bench.measure("HMAC-SHA1 key", || HmacSha1Key::new(black_box(&[3; 20])));
    bench.within("HMAC-SHA1 1200 B", 43_000, || p.hmac_sha1(&sha1, &[&data, &[0; 4]]));

    let gcm = bench.measure("AES-128-GCM key", || p.gcm_key(black_box(&[1; 16]))).expect("16 bytes");
    let tag = bench.within("AES-128-GCM seal 1200 B", 300_000, || p.gcm_seal(&gcm, &nonce, &aad, &mut data));
    let opened = bench.within("AES-128-GCM open 1200 B", 300_000, || p.gcm_open(&gcm, &nonce, &aad, &mut data, &tag));
    bench.test("AES-128-GCM opens what it sealed", || opened);

    let chacha = p.chacha_key(black_box(&[1; 32])).expect("32 bytes");
    let tag = bench.within("ChaCha20-Poly1305 seal 1200 B", 80_000, || p.chacha_seal(&chacha, &nonce, &aad, &mut data));
    let opened =
        bench.within("ChaCha20-Poly1305 open 1200 B", 80_000, || p.chacha_open(&chacha, &nonce, &aad, &mut data, &tag));
    bench.test("ChaCha20-Poly1305 opens what it sealed", || opened);

    bench.within("SHA-256 1200 B", 84_000, || p.sha256(&[&data]));
    bench.measure("MD5 64 B", || p.md5(&[&data[..64]]));
    let sha256 = HmacSha256Key::new(black_box(&[3; 32]));
    bench.measure("HMAC-SHA256 64 B", || p.hmac_sha256(&sha256, &[&data[..64]]));
}

fn curves<P: Provider>(bench: &mut Bench, p: &P) {
    let mut rng = Predictable::new(1);

    let secret = p.x25519_key(&mut rng);
    let public = bench.within("X25519 public key", 2_100_000, || p.x25519_public(&secret));
    let shared = bench.within("X25519 agreement", 2_100_000, || p.x25519_agree(&secret, &public));
    bench.test("X25519 agrees", || shared.map(|_| ()));

    let secret = p.p256_key(&mut rng);
    let public = bench.within("P-256 public key", 1_080_000, || p.p256_public(&secret));
    let shared = bench.within("P-256 agreement", 3_410_000, || p.p256_agree(&secret, &public));
    bench.test("P-256 agrees", || shared.map(|_| ()));

    let digest = black_box([5; 32]);
    let signature = bench.within("P-256 ECDSA sign", 1_640_000, || p.p256_sign(&secret, &digest, &mut rng));
    let valid = bench.within("P-256 ECDSA verify", 3_700_000, || p.p256_verify(&public, &digest, &signature));
    bench.test("P-256 verifies what it signed", || valid);
}
