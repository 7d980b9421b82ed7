//! Key agreement and signatures against the `openssl` command.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use barertc_crypto::selftest::Predictable;
use barertc_crypto::{DER_SIGNATURE_MAX, Provider, RustCrypto, constant_time_eq, ecdsa_der_decode, ecdsa_der_encode};

/// `SubjectPublicKeyInfo` of a P-256 key up to its 65 bytes (RFC 5480).
const P256_SPKI: &[u8] = &[
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
/// `SubjectPublicKeyInfo` of an X25519 key up to its 32 bytes (RFC 8410).
const X25519_SPKI: &[u8] = &[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00];

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("barertc-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, content: &[u8]) {
        fs::write(self.0.join(name), content).unwrap();
    }

    fn openssl(&self, args: &str) -> Vec<u8> {
        openssl(&self.0, args)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn openssl(dir: &Path, args: &str) -> Vec<u8> {
    let out = Command::new("openssl")
        .args(args.split_whitespace())
        .current_dir(dir)
        .output()
        .expect("this test needs `openssl` (package openssl)");
    assert!(out.status.success(), "openssl {args}: {}", String::from_utf8_lossy(&out.stderr));
    out.stdout
}

#[test]
fn x25519_agrees() {
    let dir = Folder::new("x25519");
    for seed in 0..8 {
        dir.openssl("genpkey -algorithm X25519 -out theirs.pem");
        let theirs = dir.openssl("pkey -in theirs.pem -pubout -outform DER");
        let theirs: [u8; 32] = theirs.strip_prefix(X25519_SPKI).unwrap().try_into().unwrap();

        let secret = RustCrypto.x25519_key(&mut Predictable::new(seed));
        dir.put("ours.der", &[X25519_SPKI, &RustCrypto.x25519_public(&secret)].concat());
        let shared = dir.openssl("pkeyutl -derive -inkey theirs.pem -peerkey ours.der -peerform DER");
        assert!(constant_time_eq(&RustCrypto.x25519_agree(&secret, &theirs).unwrap(), &shared));
    }
}

#[test]
fn p256_agrees() {
    let dir = Folder::new("p256");
    for seed in 0..8 {
        dir.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out theirs.pem");
        let theirs = dir.openssl("pkey -in theirs.pem -pubout -outform DER");
        let theirs = theirs.strip_prefix(P256_SPKI).unwrap();

        let secret = RustCrypto.p256_key(&mut Predictable::new(seed));
        dir.put("ours.der", &[P256_SPKI, &RustCrypto.p256_public(&secret)].concat());
        let shared = dir.openssl("pkeyutl -derive -inkey theirs.pem -peerkey ours.der -peerform DER");
        assert!(constant_time_eq(&RustCrypto.p256_agree(&secret, theirs).unwrap(), &shared));
    }
}

#[test]
fn openssl_verifies_what_we_sign() {
    let dir = Folder::new("sign");
    let mut rng = Predictable::new(7);
    let secret = RustCrypto.p256_key(&mut rng);
    dir.put("public.der", &[P256_SPKI, &RustCrypto.p256_public(&secret)].concat());
    for n in 0..8u8 {
        let message = [n; 100];
        let signature = RustCrypto.p256_sign(&secret, &RustCrypto.sha256(&[&message]), &mut rng);
        let mut der = [0; DER_SIGNATURE_MAX];
        let len = ecdsa_der_encode(&signature, &mut der);
        dir.put("message", &message);
        dir.put("signature", &der[..len]);
        dir.openssl("dgst -sha256 -keyform DER -verify public.der -signature signature message");
    }
}

#[test]
fn we_verify_what_openssl_signs() {
    let dir = Folder::new("verify");
    dir.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out theirs.pem");
    let public = dir.openssl("pkey -in theirs.pem -pubout -outform DER");
    let public = public.strip_prefix(P256_SPKI).unwrap();
    for n in 0..8u8 {
        let message = [n; 100];
        dir.put("message", &message);
        let der = dir.openssl("dgst -sha256 -sign theirs.pem message");
        let signature = ecdsa_der_decode(&der).unwrap();
        let digest = RustCrypto.sha256(&[&message]);
        RustCrypto.p256_verify(public, &digest, &signature).unwrap();
        let other = RustCrypto.sha256(&[&message, b"!"]);
        assert!(RustCrypto.p256_verify(public, &other, &signature).is_err());
    }
}
