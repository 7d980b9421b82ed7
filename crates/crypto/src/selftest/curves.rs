//! X25519 (RFC 7748), P-256 (RFC 6979 A.2.5 for ECDSA, RFC 5903 for ECDH).

use hex_literal::hex;

use super::{Predictable, is, must, same};
use crate::curve25519::X25519Secret;
use crate::nist256::P256Secret;
use crate::provider::{Provider, RustCrypto};

pub(super) fn check<P: Provider>(p: &P) -> Result<(), &'static str> {
    x25519(p)?;
    ecdh(p)?;
    invalid_points(p)?;
    ecdsa(p)
}

fn x25519<P: Provider>(p: &P) -> Result<(), &'static str> {
    let what = "X25519, RFC 7748 5.2";
    let secret = X25519Secret::from_bytes(hex!("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"));
    let peer = hex!("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c");
    let want = hex!("c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    same(what, must(what, p.x25519_agree(&secret, &peer))?, want)?;

    let what = "X25519, RFC 7748 6.1";
    let alice = X25519Secret::from_bytes(hex!("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"));
    let bob = X25519Secret::from_bytes(hex!("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"));
    let of_alice = hex!("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    let of_bob = hex!("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    let shared = hex!("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
    same(what, p.x25519_public(&alice), of_alice)?;
    same(what, p.x25519_public(&bob), of_bob)?;
    same(what, must(what, p.x25519_agree(&alice, &of_bob))?, shared)?;
    same(what, must(what, p.x25519_agree(&bob, &of_alice))?, shared)?;

    // RFC 7748 §6.1: 0, 1 and a point of order 8.
    let mut one = [0; 32];
    one[0] = 1;
    let eight = hex!("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800");
    let known = [[0; 32], one, eight].iter().any(|low| p.x25519_agree(&alice, low).is_ok());
    is("X25519, points of small order", !known)?;

    let [a, b] = [1, 2].map(|seed| p.x25519_key(&mut Predictable::new(seed)));
    is("X25519, new keys", a.raw() != b.raw())?;
    is("X25519, new keys agree", p.x25519_agree(&a, &p.x25519_public(&b)) == p.x25519_agree(&b, &p.x25519_public(&a)))
}

/// RFC 5903 §8.1.
fn ecdh<P: Provider>(p: &P) -> Result<(), &'static str> {
    let what = "P-256 ECDH, RFC 5903 8.1";
    let i = hex!("c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433");
    let r = hex!("c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53");
    let of_i = hex!(
        "04" "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
        "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3"
    );
    let of_r = hex!(
        "04" "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
        "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab"
    );
    let shared = hex!("d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de");
    let [i, r] = [must(what, P256Secret::from_bytes(&i))?, must(what, P256Secret::from_bytes(&r))?];
    same(what, p.p256_public(&i), of_i)?;
    same(what, p.p256_public(&r), of_r)?;
    same(what, must(what, p.p256_agree(&i, &of_r))?, shared)?;
    same(what, must(what, p.p256_agree(&r, &of_i))?, shared)?;

    let [a, b] = [1, 2].map(|seed| p.p256_key(&mut Predictable::new(seed)));
    is("P-256, new keys", a.raw() != b.raw())?;
    is("P-256, new keys agree", p.p256_agree(&a, &p.p256_public(&b)) == p.p256_agree(&b, &p.p256_public(&a)))
}

/// Off the curve, compressed, at infinity, too short, too long: an answer to any of them may give the secret away.
fn invalid_points<P: Provider>(p: &P) -> Result<(), &'static str> {
    let what = "P-256 ECDH, points that are none";
    let secret = must(what, P256Secret::from_bytes(&[5; 32]))?;
    let good = p.p256_public(&secret);
    let mut off = good;
    off[64] ^= 1;
    let mut compressed = [0; 33];
    compressed.copy_from_slice(&good[..33]);
    compressed[0] = 2 | (good[64] & 1);
    let mut hybrid = good;
    hybrid[0] = 6 | (good[64] & 1);
    let mut long = [0; 66];
    long[..65].copy_from_slice(&good);
    let mut beyond = [0xff; 65]; // coordinates not below the prime
    beyond[0] = 4;
    let mut origin = [0; 65];
    origin[0] = 4;
    let bad: [&[u8]; 9] = [&off, &compressed, &hybrid, &good[..64], &long, &beyond, &origin, &[0], &[]];
    is(what, bad.iter().all(|point| p.p256_agree(&secret, point).is_err()))?;

    const ORDER: [u8; 32] = hex!("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    is("P-256, secrets that are none", [[0; 32], ORDER, [0xff; 32]].iter().all(|s| P256Secret::from_bytes(s).is_err()))
}

const SECRET: [u8; 32] = hex!("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
const PUBLIC: [u8; 65] = hex!(
    "04" "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
);
/// Message, and r ‖ s with SHA-256.
const SIGNATURES: [(&[u8], [u8; 64]); 2] = [
    (
        b"sample",
        hex!(
            "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
            "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"
        ),
    ),
    (
        b"test",
        hex!(
            "f1abb023518351cd71d881567b1ea663ed3efcf6c5132b354f28d3b0b7d38367"
            "019f4113742a2b14bd25926b49c649155f267e60d3814b4c0cc84250e46f0083"
        ),
    ),
];

/// RFC 6979 A.2.5: the signatures verify, forged ones don't, and what the provider signs verifies.
fn ecdsa<P: Provider>(p: &P) -> Result<(), &'static str> {
    let what = "P-256 ECDSA, RFC 6979 A.2.5";
    let secret = must(what, P256Secret::from_bytes(&SECRET))?;
    same(what, p.p256_public(&secret), PUBLIC)?;
    for (message, signature) in SIGNATURES {
        let digest = p.sha256(&[message]);
        must(what, p.p256_verify(&PUBLIC, &digest, &signature))?;
        let mut forged = signature;
        forged[40] ^= 4;
        is("P-256 ECDSA, forged signature", p.p256_verify(&PUBLIC, &digest, &forged).is_err())?;
        let other = p.sha256(&[message, b"!"]);
        is("P-256 ECDSA, other message", p.p256_verify(&PUBLIC, &other, &signature).is_err())?;
        is("P-256 ECDSA, no key", p.p256_verify(&[4; 65], &digest, &signature).is_err())?;
    }
    let digest = p.sha256(&[b"sample"]);
    is("P-256 ECDSA, r and s zero", p.p256_verify(&PUBLIC, &digest, &[0; 64]).is_err())?;
    is("P-256 ECDSA, r and s too large", p.p256_verify(&PUBLIC, &digest, &[0xff; 64]).is_err())?;

    let what = "P-256 ECDSA, own signature";
    let mut rng = Predictable::new(3);
    let [first, second] = [0, 1].map(|_| p.p256_sign(&secret, &digest, &mut rng));
    must(what, RustCrypto.p256_verify(&PUBLIC, &digest, &first))?;
    must(what, RustCrypto.p256_verify(&PUBLIC, &digest, &second))?;
    is("P-256 ECDSA, nonces repeat", first[..32] != second[..32])
}

/// Without additional data ours are the signatures of the RFC, to the bit.
pub(super) fn deterministic_signatures() -> Result<(), &'static str> {
    let what = "P-256 ECDSA, RFC 6979 A.2.5 deterministic";
    let secret = must(what, P256Secret::from_bytes(&SECRET))?;
    for (message, signature) in SIGNATURES {
        same(what, secret.sign_with(&RustCrypto.sha256(&[message]), &[]), signature)?;
    }
    Ok(())
}
