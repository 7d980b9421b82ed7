//! Any secret, peer, digest and signature: our curves answer as RustCrypto's do.
#![no_main]

use barertc_curves::{p256 as ours, x25519};
use libfuzzer_sys::{arbitrary, fuzz_target};
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use p256::ecdsa::{Signature, VerifyingKey};
use p256::elliptic_curve::sec1::ToSec1Point;

#[derive(arbitrary::Arbitrary, Debug)]
struct Input {
    secret: [u8; 32],
    form: u8,
    x: [u8; 32],
    y: [u8; 32],
    /// Whether the peer is a multiple of the base point instead, so that sums meet.
    multiple: Option<u8>,
    digest: [u8; 32],
    signature: [u8; 64],
}

fuzz_target!(|input: Input| {
    let Input { secret, form, x, y, multiple, digest, signature } = input;
    let theirs = x25519_dalek::StaticSecret::from(secret);
    let shared = theirs.diffie_hellman(&x25519_dalek::PublicKey::from(x)).to_bytes();
    assert_eq!(x25519::agree(&secret, &x).ok(), (shared != [0; 32]).then_some(shared));

    let (ours, theirs) = (ours::SecretKey::from_bytes(&secret), p256::SecretKey::from_slice(&secret));
    assert_eq!(ours.is_ok(), theirs.is_ok());
    let (Ok(ours), Ok(theirs)) = (ours, theirs) else { return };
    let public = ours.public_key().to_sec1();
    assert_eq!(public[..], *theirs.public_key().to_sec1_point(false).as_bytes());

    let peer = match multiple {
        Some(multiple) => {
            let mut small = [0; 32];
            small[31] = multiple.max(1);
            p256::SecretKey::from_slice(&small).expect("not zero").public_key().to_sec1_point(false).as_bytes().to_vec()
        }
        None if form & 0xfe == 2 => [&[form][..], &x].concat(),
        None => [&[4][..], &x, &y].concat(),
    };
    let (ours_peer, theirs_peer) = (ours::PublicKey::from_sec1(&peer), p256::PublicKey::from_sec1_bytes(&peer));
    assert_eq!(ours_peer.is_ok(), theirs_peer.is_ok());
    if let (Ok(ours_peer), Ok(theirs_peer)) = (ours_peer, theirs_peer) {
        assert_eq!(ours.agree(&ours_peer)[..], theirs.diffie_hellman(&theirs_peer).raw_secret_bytes()[..]);
        let key = VerifyingKey::from(theirs_peer);
        let valid =
            Signature::from_slice(&signature).is_ok_and(|signature| key.verify_prehash(&digest, &signature).is_ok());
        assert_eq!(ours_peer.verify(&digest, &signature).is_ok(), valid);
    }
    let signed = ours.sign_hedged(&digest, &y);
    let key = VerifyingKey::from(theirs.public_key());
    key.verify_prehash(&digest, &Signature::from_slice(&signed).expect("two scalars")).expect("our signature");
});
