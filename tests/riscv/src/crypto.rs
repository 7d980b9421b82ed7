//! The published vectors, and what each primitive costs in software.

use barertc_crypto::selftest::{self, Predictable};
use barertc_crypto::{AesKey, ChaChaKey, GcmKey, HmacSha1Key, HmacSha256Key, Provider, RustCrypto};
use core::hint::black_box;

use crate::bench::Bench;

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

    let aes = bench.measure("AES-128 key", || AesKey::new(black_box(&[1; 16]))).expect("16 bytes");
    bench.measure("AES-128-CTR 1200 B", || p.aes_ctr(&aes, black_box(&[2; 16]), &mut data));
    bench.measure("AES block", || p.aes_block(&aes, black_box(&mut [2; 16])));

    let sha1 = bench.measure("HMAC-SHA1 key", || HmacSha1Key::new(black_box(&[3; 20])));
    bench.measure("HMAC-SHA1 1200 B", || p.hmac_sha1(&sha1, &[&data, &[0; 4]]));

    let gcm = bench.measure("AES-128-GCM key", || GcmKey::new(black_box(&[1; 16]))).expect("16 bytes");
    let tag = bench.measure("AES-128-GCM seal 1200 B", || p.gcm_seal(&gcm, &nonce, &aad, &mut data));
    let opened = bench.measure("AES-128-GCM open 1200 B", || p.gcm_open(&gcm, &nonce, &aad, &mut data, &tag));
    bench.test("AES-128-GCM opens what it sealed", || opened);

    let chacha = ChaChaKey::new(black_box(&[1; 32])).expect("32 bytes");
    let tag = bench.measure("ChaCha20-Poly1305 seal 1200 B", || p.chacha_seal(&chacha, &nonce, &aad, &mut data));
    let opened =
        bench.measure("ChaCha20-Poly1305 open 1200 B", || p.chacha_open(&chacha, &nonce, &aad, &mut data, &tag));
    bench.test("ChaCha20-Poly1305 opens what it sealed", || opened);

    bench.measure("SHA-256 1200 B", || p.sha256(&[&data]));
    bench.measure("MD5 64 B", || p.md5(&[&data[..64]]));
    let sha256 = HmacSha256Key::new(black_box(&[3; 32]));
    bench.measure("HMAC-SHA256 64 B", || p.hmac_sha256(&sha256, &[&data[..64]]));
}

fn curves<P: Provider>(bench: &mut Bench, p: &P) {
    let mut rng = Predictable::new(1);

    let secret = p.x25519_key(&mut rng);
    let public = bench.measure("X25519 public key", || p.x25519_public(&secret));
    let shared = bench.measure("X25519 agreement", || p.x25519_agree(&secret, &public));
    bench.test("X25519 agrees", || shared.map(|_| ()));

    let secret = p.p256_key(&mut rng);
    let public = bench.measure("P-256 public key", || p.p256_public(&secret));
    let shared = bench.measure("P-256 agreement", || p.p256_agree(&secret, &public));
    bench.test("P-256 agrees", || shared.map(|_| ()));

    let digest = black_box([5; 32]);
    let signature = bench.measure("P-256 ECDSA sign", || p.p256_sign(&secret, &digest, &mut rng));
    let valid = bench.measure("P-256 ECDSA verify", || p.p256_verify(&public, &digest, &signature));
    bench.test("P-256 verifies what it signed", || valid);
}
