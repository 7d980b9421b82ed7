//! What hardware overrides must stay overridden behind a reference: nothing may fall back to software unseen.

use std::cell::Cell;

use barertc_crypto::rand_core::CryptoRng;
use barertc_crypto::selftest::Predictable;
use barertc_crypto::*;

/// Overrides every method, counts its calls and leaves the work to software.
#[derive(Default)]
struct Hardware {
    calls: Cell<usize>,
}

macro_rules! overriding {
    ($($method:ident $(<$rng:ident>)? ($($arg:ident: $ty:ty),*) $(-> $out:ty)?;)*) => {
        /// How many methods the trait has.
        const METHODS: usize = [$(stringify!($method)),*].len();

        impl Provider for Hardware {
            type AesKey = AesKey;
            type GcmKey = GcmKey;
            type ChaChaKey = ChaChaKey;
        $(
            fn $method $(<$rng: CryptoRng + ?Sized>)? (&self $(, $arg: $ty)*) $(-> $out)? {
                self.calls.set(self.calls.get() + 1);
                RustCrypto.$method($($arg),*)
            }
        )*}
    };
}

overriding! {
    aes_key(key: &[u8]) -> Result<AesKey, KeyLength>;
    gcm_key(key: &[u8]) -> Result<GcmKey, KeyLength>;
    chacha_key(key: &[u8]) -> Result<ChaChaKey, KeyLength>;
    aes_ctr(key: &AesKey, iv: &[u8; 16], data: &mut [u8]);
    aes_block(key: &AesKey, block: &mut [u8; 16]);
    chacha_block(key: &[u8; 32], counter: u32, nonce: &[u8; 12]) -> [u8; 64];
    gcm_seal(key: &GcmKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16];
    gcm_open(key: &GcmKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag>;
    chacha_seal(key: &ChaChaKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16];
    chacha_open(key: &ChaChaKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16]) -> Result<(), BadTag>;
    hmac_sha1(key: &HmacSha1Key, parts: &[&[u8]]) -> [u8; 20];
    hmac_sha256(key: &HmacSha256Key, parts: &[&[u8]]) -> [u8; 32];
    hmac_sha384(key: &HmacSha384Key, parts: &[&[u8]]) -> [u8; 48];
    sha1(parts: &[&[u8]]) -> [u8; 20];
    sha256(parts: &[&[u8]]) -> [u8; 32];
    sha384(parts: &[&[u8]]) -> [u8; 48];
    sha512(parts: &[&[u8]]) -> [u8; 64];
    md5(parts: &[&[u8]]) -> [u8; 16];
    hkdf_sha256_extract(salt: &[u8], ikm: &[u8]) -> [u8; 32];
    hkdf_sha256_expand(prk: &[u8; 32], info: &[&[u8]], out: &mut [u8]) -> Result<(), TooLong>;
    hkdf_sha384_extract(salt: &[u8], ikm: &[u8]) -> [u8; 48];
    hkdf_sha384_expand(prk: &[u8; 48], info: &[&[u8]], out: &mut [u8]) -> Result<(), TooLong>;
    x25519_key<R>(rng: &mut R) -> X25519Secret;
    x25519_public(secret: &X25519Secret) -> [u8; 32];
    x25519_agree(secret: &X25519Secret, peer: &[u8; 32]) -> Result<[u8; 32], SmallOrder>;
    p256_key<R>(rng: &mut R) -> P256Secret;
    p256_public(secret: &P256Secret) -> [u8; 65];
    p256_agree(secret: &P256Secret, peer: &[u8]) -> Result<[u8; 32], InvalidPoint>;
    p256_sign<R>(secret: &P256Secret, digest: &[u8; 32], rng: &mut R) -> [u8; 64];
    p256_verify(public: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> Result<(), BadSignature>;
    rank_suites() -> [Suite; 3];
    rank_srtp() -> [SrtpSuite; 4];
    rank_groups() -> [Group; 2];
}

/// Calls every method once.
fn use_all<P: Provider>(p: P) -> Result<(), Error> {
    let mut rng = Predictable::new(1);
    let (aes, gcm, chacha) = (p.aes_key(&[1; 16])?, p.gcm_key(&[1; 16])?, p.chacha_key(&[1; 32])?);
    let mut data = [0; 20];
    p.aes_ctr(&aes, &[0; 16], &mut data);
    p.aes_block(&aes, &mut [0; 16]);
    p.chacha_block(&[0; 32], 1, &[0; 12]);
    let tag = p.gcm_seal(&gcm, &[0; 12], &[], &mut data);
    p.gcm_open(&gcm, &[0; 12], &[], &mut data, &tag)?;
    let tag = p.chacha_seal(&chacha, &[0; 12], &[], &mut data);
    p.chacha_open(&chacha, &[0; 12], &[], &mut data, &tag)?;
    p.hmac_sha1(&HmacSha1Key::new(&[]), &[]);
    p.hmac_sha256(&HmacSha256Key::new(&[]), &[]);
    p.hmac_sha384(&HmacSha384Key::new(&[]), &[]);
    p.sha1(&[]);
    p.sha384(&[]);
    p.sha512(&[]);
    p.md5(&[]);
    let digest = p.sha256(&[]);
    p.hkdf_sha256_expand(&p.hkdf_sha256_extract(&[], &[]), &[], &mut data)?;
    p.hkdf_sha384_expand(&p.hkdf_sha384_extract(&[], &[]), &[], &mut data)?;
    let secret = p.x25519_key(&mut rng);
    p.x25519_agree(&secret, &p.x25519_public(&secret))?;
    let secret = p.p256_key(&mut rng);
    let public = p.p256_public(&secret);
    p.p256_agree(&secret, &public)?;
    let signature = p.p256_sign(&secret, &digest, &mut rng);
    p.p256_verify(&public, &digest, &signature)?;
    p.rank_suites();
    p.rank_srtp();
    p.rank_groups();
    Ok(())
}

#[test]
fn every_method_reaches_the_hardware() {
    let hardware = Hardware::default();
    use_all(&hardware).unwrap();
    assert_eq!(hardware.calls.get(), METHODS);
    let twice: &&Hardware = &&hardware;
    use_all(twice).unwrap();
    assert_eq!(hardware.calls.get(), 2 * METHODS);
}

/// Whoever has only HMAC in hardware gets HKDF over it.
#[test]
fn hkdf_is_made_of_the_providers_hmac() {
    #[derive(Default)]
    struct Hmac(Cell<usize>);
    impl Provider for Hmac {
        type AesKey = AesKey;
        type GcmKey = GcmKey;
        type ChaChaKey = ChaChaKey;
        fn hmac_sha256(&self, key: &HmacSha256Key, parts: &[&[u8]]) -> [u8; 32] {
            self.0.set(self.0.get() + 1);
            RustCrypto.hmac_sha256(key, parts)
        }
    }
    let p = Hmac::default();
    let prk = p.hkdf_sha256_extract(b"salt", b"secret");
    p.hkdf_sha256_expand(&prk, &[b"label"], &mut [0; 33]).unwrap();
    assert_eq!(p.0.get(), 3);
}

#[test]
fn ranks_name_everything_once() {
    let (suites, srtp) = (RustCrypto.rank_suites(), RustCrypto.rank_srtp());
    assert!((1..3).all(|i| !suites[..i].contains(&suites[i])));
    assert!((1..4).all(|i| !srtp[..i].contains(&srtp[i])));
    if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
        assert_eq!(suites[0], Suite::Aes128Gcm);
        assert_eq!(srtp[0], SrtpSuite::AeadAes128Gcm);
    }
    assert_eq!(RustCrypto.rank_groups()[0], Group::X25519);
}
