//! Secrets: which bytes are one, and that they are neither shown nor left.

use barertc_curves::InvalidScalar;
use barertc_curves::p256::SecretKey;
use hex_literal::hex;

const ORDER: [u8; 32] = hex!("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

#[test]
fn zero_and_the_order_are_no_secrets() {
    let mut below = ORDER;
    below[31] -= 1;
    for (bytes, valid) in [([0; 32], false), (ORDER, false), ([0xff; 32], false), (below, true), ([1; 32], true)] {
        let key = SecretKey::from_bytes(&bytes);
        assert_eq!(key.as_ref().err(), (!valid).then_some(&InvalidScalar));
        assert!(key.is_err() || *key.unwrap().as_bytes() == bytes);
    }
}

#[test]
fn a_secret_is_not_shown() {
    assert_eq!(format!("{:?}", SecretKey::from_bytes(&[7; 32]).unwrap()), "SecretKey { .. }");
}

#[test]
fn a_secret_is_wiped_when_it_ends() {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<SecretKey>();
    let mut key = SecretKey::from_bytes(&[7; 32]).unwrap();
    zeroize::Zeroize::zeroize(&mut key);
    assert_eq!(key.as_bytes(), &[0; 32]);
}

#[test]
fn what_is_hedged_differs_and_verifies() {
    let (key, digest) = (SecretKey::from_bytes(&[7; 32]).unwrap(), [3; 32]);
    let signatures = [key.sign(&digest), key.sign_hedged(&digest, &[1; 32]), key.sign_hedged(&digest, &[2; 32])];
    assert_eq!(signatures[0], key.sign(&digest));
    assert_ne!(signatures[0][..32], signatures[1][..32]);
    assert_ne!(signatures[1][..32], signatures[2][..32]);
    assert!(signatures.iter().all(|signature| key.public_key().verify(&digest, signature).is_ok()));
}
