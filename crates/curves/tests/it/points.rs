//! Public keys: which bytes are a point, and that both forms are the same one.

use barertc_curves::InvalidPoint;
use barertc_curves::p256::{PublicKey, SecretKey};

#[test]
fn both_forms_are_the_same_point() {
    for seed in 1..20 {
        let public = SecretKey::from_bytes(&[seed; 32]).unwrap().public_key();
        let long = public.to_sec1();
        let mut short = [0; 33];
        short.copy_from_slice(&long[..33]);
        short[0] = 2 | (long[64] & 1);
        assert_eq!(PublicKey::from_sec1(&long), Ok(public));
        assert_eq!(PublicKey::from_sec1(&short), Ok(public));
        // The other sign is the other point with that x.
        short[0] ^= 1;
        assert_ne!(PublicKey::from_sec1(&short), Ok(public));
    }
}

#[test]
fn what_is_no_point_is_refused() {
    let good = SecretKey::from_bytes(&[5; 32]).unwrap().public_key().to_sec1();
    let mut off = good;
    off[64] ^= 1;
    let mut hybrid = good;
    hybrid[0] = 6 | (good[64] & 1);
    // x + p, which fits 256 bits only for small x: all ones are above p at any rate.
    let mut beyond = [0xff; 65];
    beyond[0] = 4;
    let mut origin = [0; 65];
    origin[0] = 4;
    let long = [&good[..], &[0]].concat();
    let mut none = [1; 33]; // no y belongs to this x
    none[0] = 2;
    let bad: [&[u8]; 10] = [&off, &hybrid, &beyond, &origin, &long, &good[..64], &good[..33], &none, &[0], &[]];
    for (i, bytes) in bad.iter().enumerate() {
        assert_eq!(PublicKey::from_sec1(bytes), Err(InvalidPoint), "{i}");
    }
}
