//! Whatever one provider makes is what the other makes, and what one refuses the other refuses.

use barertc_crypto::selftest::Predictable;
use barertc_crypto::{BadTag, KeyLength, P256Secret, Provider, RustCrypto, X25519Secret};
use barertc_crypto_host::AwsLc;
use proptest::collection::vec;
use proptest::prelude::*;

/// Longer than a datagram.
const LONGEST: usize = 70_000;

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![0..64usize, 1_000..1_300usize, 2_040..2_060usize, Just(17_000), Just(LONGEST)]
}

fn data() -> impl Strategy<Value = Vec<u8>> {
    lengths().prop_flat_map(|len| vec(any::<u8>(), len))
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 16), vec(any::<u8>(), 32)]
}

/// Seals with both, and opens with each what the other sealed, and what is not right with both.
macro_rules! aead {
    ($make:ident, $seal:ident, $open:ident, $key:expr, $nonce:expr, $aad:expr, $data:expr, $flip:expr) => {{
        let (ours, theirs) = (RustCrypto, AwsLc::new());
        let (a, b) = (ours.$make($key).unwrap(), theirs.$make($key).unwrap());
        let (mut one, mut two) = ($data.clone(), $data.clone());
        let tag = ours.$seal(&a, $nonce, $aad, &mut one);
        prop_assert_eq!(theirs.$seal(&b, $nonce, $aad, &mut two), tag);
        prop_assert_eq!(&one, &two);

        // One bit anywhere: in the tag, the data, the nonce or the additional data.
        let sealed = one.clone();
        let (mut bad_tag, mut bad_nonce) = (tag, *$nonce);
        bad_tag[$flip % 16] ^= 1;
        bad_nonce[$flip % 12] ^= 0x80;
        let mut other = $aad.to_vec();
        other.push(0);
        for (nonce, aad, tag) in [($nonce, $aad, &bad_tag), (&bad_nonce, $aad, &tag), ($nonce, &other[..], &tag)] {
            prop_assert_eq!(theirs.$open(&b, nonce, aad, &mut two, tag), Err(BadTag));
            prop_assert_eq!(&two, &sealed);
        }
        if !two.is_empty() {
            let at = $flip % two.len();
            two[at] ^= 4;
            let forged = two.clone();
            prop_assert_eq!(theirs.$open(&b, $nonce, $aad, &mut two, &tag), Err(BadTag));
            prop_assert_eq!(&two, &forged);
            two[at] ^= 4;
        }
        prop_assert_eq!(theirs.$open(&b, $nonce, $aad, &mut two, &tag), Ok(()));
        prop_assert_eq!(ours.$open(&a, $nonce, $aad, &mut one, &tag), Ok(()));
        prop_assert_eq!(&two, &$data);
        prop_assert_eq!(&one, &$data);
    }};
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn aes_gcm(key in key(), nonce: [u8; 12], aad in vec(any::<u8>(), 0..40), data in data(), flip in 0..4_096usize) {
        aead!(gcm_key, gcm_seal, gcm_open, &key, &nonce, &aad[..], data, flip);
    }

    #[test]
    fn chacha20_poly1305(
        key in vec(any::<u8>(), 32), nonce: [u8; 12], aad in vec(any::<u8>(), 0..40), data in data(), flip in 0..4_096usize,
    ) {
        aead!(chacha_key, chacha_seal, chacha_open, &key, &nonce, &aad[..], data, flip);
    }

    /// The counter has 128 bits: it carries over all of them.
    #[test]
    fn aes_ctr(key in key(), iv: [u8; 16], near_the_end: bool, data in data()) {
        let iv = if near_the_end { [0xff; 16] } else { iv };
        let (mut one, mut two) = (data.clone(), data);
        RustCrypto.aes_ctr(&RustCrypto.aes_key(&key).unwrap(), &iv, &mut one);
        let theirs = AwsLc::new();
        theirs.aes_ctr(&theirs.aes_key(&key).unwrap(), &iv, &mut two);
        prop_assert_eq!(one, two);
    }

    #[test]
    fn x25519(secret: [u8; 32], peer: [u8; 32]) {
        let secret = X25519Secret::from_bytes(secret);
        let theirs = AwsLc::new();
        prop_assert_eq!(theirs.x25519_public(&secret), RustCrypto.x25519_public(&secret));
        prop_assert_eq!(theirs.x25519_agree(&secret, &peer), RustCrypto.x25519_agree(&secret, &peer));
    }

    #[test]
    fn p256(seed: u64, digest: [u8; 32], flip in 0..64usize) {
        let mut rng = Predictable::new(seed);
        let theirs = AwsLc::new();
        let [one, two] = [(); 2].map(|()| theirs.p256_key(&mut rng));
        let public = theirs.p256_public(&one);
        prop_assert_eq!(public, RustCrypto.p256_public(&one));
        prop_assert_eq!(theirs.p256_agree(&two, &public), RustCrypto.p256_agree(&two, &public));
        let signatures = [theirs.p256_sign(&one, &digest, &mut rng), RustCrypto.p256_sign(&one, &digest, &mut rng)];
        for mut signature in signatures {
            prop_assert_eq!(theirs.p256_verify(&public, &digest, &signature), Ok(()));
            prop_assert_eq!(RustCrypto.p256_verify(&public, &digest, &signature), Ok(()));
            signature[flip] ^= 1;
            prop_assert!(theirs.p256_verify(&public, &digest, &signature).is_err());
        }
    }

    /// Bytes of any length are a key for both or for neither.
    #[test]
    fn lengths_of_keys(len in 0..80usize) {
        let bytes = [3; 80];
        let theirs = AwsLc::new();
        let wrong = |bad: bool| bad.then_some(KeyLength);
        prop_assert_eq!(theirs.aes_key(&bytes[..len]).err(), wrong(len != 16 && len != 32));
        prop_assert_eq!(theirs.gcm_key(&bytes[..len]).err(), wrong(len != 16 && len != 32));
        prop_assert_eq!(theirs.chacha_key(&bytes[..len]).err(), wrong(len != 32));
    }
}

/// Numbers at the edges: zero, one, the order of the curve and its neighbours, in both halves of a signature.
#[test]
fn signatures_at_the_edges_have_one_verdict() {
    let order: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad,
        0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];
    let (mut one, mut below, mut above) = ([0; 32], order, order);
    (one[31], below[31], above[31]) = (1, 0x50, 0x52);
    let edges = [[0; 32], one, below, order, above, [0xff; 32]];
    let secret = P256Secret::from_bytes(&[5; 32]).unwrap();
    let (theirs, digest) = (AwsLc::new(), [9; 32]);
    let public = theirs.p256_public(&secret);
    let good = theirs.p256_sign(&secret, &digest, &mut Predictable::new(1));
    for edge in edges {
        for half in [0..32, 32..64] {
            let mut signature = good;
            signature[half].copy_from_slice(&edge);
            let verdict = theirs.p256_verify(&public, &digest, &signature);
            assert_eq!(verdict, RustCrypto.p256_verify(&public, &digest, &signature));
            assert!(verdict.is_err());
        }
    }
    // A signature whose s is the other one of the two that fit is good for both (ECDSA has no low s).
    let mut mirrored = good;
    let mut borrow = 0i16;
    for at in (0..32).rev() {
        let difference = i16::from(order[at]) - i16::from(good[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        mirrored[32 + at] = difference.rem_euclid(256) as u8;
    }
    assert_eq!(theirs.p256_verify(&public, &digest, &mirrored), Ok(()));
    assert_eq!(RustCrypto.p256_verify(&public, &digest, &mirrored), Ok(()));
}

/// What is no uncompressed point of the curve is no key, for an agreement and for a signature.
#[test]
fn points_that_are_none() {
    let theirs = AwsLc::new();
    let secret = P256Secret::from_bytes(&[5; 32]).unwrap();
    let good = theirs.p256_public(&secret);
    let signature = theirs.p256_sign(&secret, &[1; 32], &mut Predictable::new(1));
    let mut off = good;
    off[64] ^= 1;
    let mut compressed = good[..33].to_vec();
    compressed[0] = 2 | (good[64] & 1);
    let mut hybrid = good;
    hybrid[0] = 6 | (good[64] & 1);
    let mut long = good.to_vec();
    long.push(0);
    for bad in [&off[..], &compressed, &hybrid, &good[..64], &long, &[4; 65], &[0], &[]] {
        assert_eq!(theirs.p256_agree(&secret, bad), RustCrypto.p256_agree(&secret, bad));
        assert!(theirs.p256_agree(&secret, bad).is_err());
        assert!(theirs.p256_verify(bad, &[1; 32], &signature).is_err());
    }
}
