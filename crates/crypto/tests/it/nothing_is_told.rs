//! Keys are wiped with their owners, and no `Debug` output shows one.

use barertc_crypto::selftest::Predictable;
use barertc_crypto::*;
use zeroize::ZeroizeOnDrop;

#[test]
fn what_software_keeps_of_a_key_is_wiped() {
    fn wiped<T: ZeroizeOnDrop>() {}
    // Ours.
    wiped::<ChaChaKey>();
    wiped::<X25519Secret>();
    // Those inside ours. Whoever drops a `zeroize` feature from Cargo.toml stops here.
    wiped::<aes::Aes128Enc>();
    wiped::<aes::Aes256Enc>();
    wiped::<aes_gcm::AesGcm<aes::Aes128Enc, aes_gcm::aead::consts::U12>>();
    wiped::<chacha20poly1305::ChaCha20Poly1305>();
    wiped::<barertc_curves::p256::SecretKey>();
    // An HMAC is two states of the hash and a buffer, which are wiped one by one.
    wiped::<sha1::Sha1>();
    wiped::<sha2::Sha256>();
    wiped::<sha2::Sha384>();
}

#[test]
fn debug_shows_no_key() {
    let p = RustCrypto;
    let mut rng = Predictable::new(1);
    let shown = [
        format!("{:?}", AesKey::new(&[0x5a; 16]).unwrap()),
        format!("{:?}", GcmKey::new(&[0x5a; 32]).unwrap()),
        format!("{:?}", ChaChaKey::new(&[0x5a; 32]).unwrap()),
        format!("{:?}", HmacSha1Key::new(&[0x5a; 20])),
        format!("{:?}", HmacSha256Key::new(&[0x5a; 20])),
        format!("{:?}", HmacSha384Key::new(&[0x5a; 20])),
        format!("{:?}", p.x25519_key(&mut rng)),
        format!("{:?}", p.p256_key(&mut rng)),
    ];
    for text in shown {
        assert!(text.ends_with(" { .. }"), "{text}");
    }
}

#[test]
fn keys_of_no_length_are_refused() {
    for len in (0..64).filter(|len| ![16, 32].contains(len)) {
        assert_eq!(AesKey::new(&[0; 64][..len]).err(), Some(KeyLength));
        assert_eq!(GcmKey::new(&[0; 64][..len]).err(), Some(KeyLength));
    }
    assert_eq!(ChaChaKey::new(&[0; 31]).err(), Some(KeyLength));
    assert_eq!(AesKey::new(&[3; 32]).unwrap().raw(), [3; 32]);
    assert_eq!(HmacSha1Key::new(&[3; 2]).raw()[..3], [3, 3, 0]);
}
