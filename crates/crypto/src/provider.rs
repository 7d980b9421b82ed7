//! The trait [`Provider`], and the provider in software.

use rand_core::CryptoRng;

use crate::curve25519::X25519Secret;
use crate::error::{BadSignature, BadTag, InvalidPoint, KeyLength, SmallOrder, TooLong};
use crate::keys::{AeadKey, AesKey, BlockKey, ChaChaKey, GcmKey};
use crate::mac::{HmacSha1Key, HmacSha256Key, HmacSha384Key};
use crate::nist256::P256Secret;
use crate::rank::{Group, SrtpSuite, Suite};
use crate::{hash, hkdf, keys, nist256, rank};

/// The provider in software.
///
/// The ciphers and hashes are RustCrypto's, which use the processor's instructions for them where there are some. The curves
/// are those of `barertc-curves`, or RustCrypto's with the feature `rustcrypto-curves`.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RustCrypto;

impl Provider for RustCrypto {
    type AesKey = AesKey;
    type GcmKey = GcmKey;
    type ChaChaKey = ChaChaKey;
}

/// Writes the trait and its implementation for references from one list. A method that is missing in the
/// implementation would silently take work away from the hardware.
macro_rules! provider {
    ($(#[$trait_doc:meta])* $name:ident {
        keys {$($(#[$key_doc:meta])* type $key_type:ident: $bound:ident;)*}
    $(
        $(#[$doc:meta])*
        fn $method:ident $(<$rng:ident>)? (&$this:ident $(, $arg:ident: $ty:ty)* $(,)?) $(-> $out:ty)? $body:block
    )*}) => {
        $(#[$trait_doc])*
        pub trait $name {
            $($(#[$key_doc])* type $key_type: $bound;)*
        $(
            $(#[$doc])*
            fn $method $(<$rng: CryptoRng + ?Sized>)? (&$this $(, $arg: $ty)*) $(-> $out)? $body
        )*}

        impl<P: $name + ?Sized> $name for &P {
            $(type $key_type = P::$key_type;)*
        $(
            fn $method $(<$rng: CryptoRng + ?Sized>)? (&$this $(, $arg: $ty)*) $(-> $out)? {
                (**$this).$method($($arg),*)
            }
        )*}
    };
}

provider! {
/// The cryptographic primitives of a machine, one method for each. Each method has a default in software.
///
/// A provider for hardware overrides the methods that the hardware implements. An overridden method must return the same
/// bytes as the default. `selftest::run_with` (feature `selftest`) checks a provider with published vectors.
///
/// The types of cipher keys belong to the provider, so that a packet needs no key schedule. A key can hold the provider's
/// own expanded key, or the number of a key slot in hardware. A provider without own key types uses [`AesKey`], [`GcmKey`]
/// and [`ChaChaKey`]. These also keep the raw key, for hardware to load.
///
/// Methods take `&self`. A peripheral that needs exclusive access is behind a lock or a cell in the provider.
///
/// A generator is `R: CryptoRng + ?Sized` of `rand_core` 0.10.
Provider {
    keys {
        /// An expanded AES key, for single blocks and for counter mode.
        type AesKey: BlockKey;
        /// An expanded AES-GCM key.
        type GcmKey: AeadKey;
        /// An expanded ChaCha20-Poly1305 key.
        type ChaChaKey: AeadKey;
    }

    /// Makes an AES key of 16 or 32 bytes.
    fn aes_key(&self, key: &[u8]) -> Result<Self::AesKey, KeyLength> {
        BlockKey::new(key)
    }

    /// Makes an AES-GCM key of 16 or 32 bytes.
    fn gcm_key(&self, key: &[u8]) -> Result<Self::GcmKey, KeyLength> {
        AeadKey::new(key)
    }

    /// Makes a ChaCha20-Poly1305 key of 32 bytes.
    fn chacha_key(&self, key: &[u8]) -> Result<Self::ChaChaKey, KeyLength> {
        AeadKey::new(key)
    }

    /// Encrypts or decrypts in place with AES in counter mode (NIST SP 800-38A §6.5). `iv` is the first counter block. The
    /// counter is one big-endian number of 128 bits.
    fn aes_ctr(&self, key: &Self::AesKey, iv: &[u8; 16], data: &mut [u8]) {
        key.ctr(iv, data);
    }

    /// Encrypts one block in place. DTLS 1.3 masks record numbers with it (RFC 9147 §4.2.3), and SRTP derives keys.
    fn aes_block(&self, key: &Self::AesKey, block: &mut [u8; 16]) {
        key.encrypt_block(block);
    }

    /// Makes one block of ChaCha20 key stream (RFC 8439 §2.3). DTLS 1.3 masks record numbers with it (RFC 9147 §4.2.3).
    fn chacha_block(&self, key: &[u8; 32], counter: u32, nonce: &[u8; 12]) -> [u8; 64] {
        keys::chacha_block(key, counter, nonce)
    }

    /// Encrypts `data` in place with AES-GCM and returns the tag. A nonce must never be used twice with one key.
    fn gcm_seal(&self, key: &Self::GcmKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        key.seal(nonce, aad, data)
    }

    /// Checks the tag and decrypts `data` in place with AES-GCM. After an error `data` is unchanged.
    fn gcm_open(
        &self, key: &Self::GcmKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16],
    ) -> Result<(), BadTag> {
        key.open(nonce, aad, data, tag)
    }

    /// Encrypts `data` in place with ChaCha20-Poly1305 (RFC 8439 §2.8) and returns the tag. A nonce must never be used twice
    /// with one key.
    fn chacha_seal(&self, key: &Self::ChaChaKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8]) -> [u8; 16] {
        key.seal(nonce, aad, data)
    }

    /// Checks the tag and decrypts `data` in place with ChaCha20-Poly1305. After an error `data` is unchanged.
    fn chacha_open(
        &self, key: &Self::ChaChaKey, nonce: &[u8; 12], aad: &[u8], data: &mut [u8], tag: &[u8; 16],
    ) -> Result<(), BadTag> {
        key.open(nonce, aad, data, tag)
    }

    /// HMAC-SHA1 of the concatenation of `parts` (RFC 2104).
    fn hmac_sha1(&self, key: &HmacSha1Key, parts: &[&[u8]]) -> [u8; 20] {
        key.mac(parts)
    }

    /// HMAC-SHA256 of the concatenation of `parts` (RFC 2104).
    fn hmac_sha256(&self, key: &HmacSha256Key, parts: &[&[u8]]) -> [u8; 32] {
        key.mac(parts)
    }

    /// HMAC-SHA384 of the concatenation of `parts` (RFC 2104).
    fn hmac_sha384(&self, key: &HmacSha384Key, parts: &[&[u8]]) -> [u8; 48] {
        key.mac(parts)
    }

    /// SHA-1 of the concatenation of `parts`. It must not be used for signatures.
    fn sha1(&self, parts: &[&[u8]]) -> [u8; 20] {
        hash::of::<sha1::Sha1>(parts).into()
    }

    /// SHA-256 of the concatenation of `parts`.
    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        hash::of::<sha2::Sha256>(parts).into()
    }

    /// SHA-384 of the concatenation of `parts`.
    fn sha384(&self, parts: &[&[u8]]) -> [u8; 48] {
        hash::of::<sha2::Sha384>(parts).into()
    }

    /// SHA-512 of the concatenation of `parts`, for certificate fingerprints.
    fn sha512(&self, parts: &[&[u8]]) -> [u8; 64] {
        hash::of::<sha2::Sha512>(parts).into()
    }

    /// MD5 of the concatenation of `parts`, only for the long-term credentials of STUN (RFC 8489 §9.2.2).
    fn md5(&self, parts: &[&[u8]]) -> [u8; 16] {
        hash::of::<md5::Md5>(parts).into()
    }

    /// HKDF-Extract with SHA-256 (RFC 5869 §2.2).
    fn hkdf_sha256_extract(&self, salt: &[u8], ikm: &[u8]) -> [u8; 32] {
        self.hmac_sha256(&HmacSha256Key::new(salt), &[ikm])
    }

    /// HKDF-Expand with SHA-256 (RFC 5869 §2.3). `info` has at most eight parts, and `out` at most 8,160 bytes.
    fn hkdf_sha256_expand(&self, prk: &[u8; 32], info: &[&[u8]], out: &mut [u8]) -> Result<(), TooLong> {
        let key = HmacSha256Key::new(prk);
        hkdf::expand(|parts| self.hmac_sha256(&key, parts), info, out)
    }

    /// HKDF-Extract with SHA-384 (RFC 5869 §2.2).
    fn hkdf_sha384_extract(&self, salt: &[u8], ikm: &[u8]) -> [u8; 48] {
        self.hmac_sha384(&HmacSha384Key::new(salt), &[ikm])
    }

    /// HKDF-Expand with SHA-384 (RFC 5869 §2.3). `info` has at most eight parts, and `out` at most 12,240 bytes.
    fn hkdf_sha384_expand(&self, prk: &[u8; 48], info: &[&[u8]], out: &mut [u8]) -> Result<(), TooLong> {
        let key = HmacSha384Key::new(prk);
        hkdf::expand(|parts| self.hmac_sha384(&key, parts), info, out)
    }

    /// Makes an X25519 secret.
    fn x25519_key<R>(&self, rng: &mut R) -> X25519Secret {
        X25519Secret::generate(rng)
    }

    /// The public key of the secret (RFC 7748 §6.1).
    fn x25519_public(&self, secret: &X25519Secret) -> [u8; 32] {
        secret.public()
    }

    /// The shared secret with the peer's public key (RFC 7748 §6.1). The call fails when that key is a point of small order.
    fn x25519_agree(&self, secret: &X25519Secret, peer: &[u8; 32]) -> Result<[u8; 32], SmallOrder> {
        secret.agree(peer)
    }

    /// Makes a P-256 secret.
    fn p256_key<R>(&self, rng: &mut R) -> P256Secret {
        P256Secret::generate(rng)
    }

    /// The public key of the secret, as an uncompressed point: 4 ‖ x ‖ y, big-endian (SEC 1 §2.3.3).
    fn p256_public(&self, secret: &P256Secret) -> [u8; 65] {
        secret.public()
    }

    /// The shared secret with the peer's public key: the x coordinate, big-endian. `peer` is an uncompressed point of 65
    /// bytes. The call fails when the point is not on the curve.
    fn p256_agree(&self, secret: &P256Secret, peer: &[u8]) -> Result<[u8; 32], InvalidPoint> {
        secret.agree(peer)
    }

    /// Signs the digest with ECDSA and returns r ‖ s, of 32 bytes each, big-endian.
    ///
    /// [`ecdsa_der_encode`](crate::ecdsa_der_encode) makes the form of TLS from it. The nonce is that of RFC 6979 §3.6, with
    /// fresh random bytes as additional data.
    fn p256_sign<R>(&self, secret: &P256Secret, digest: &[u8; 32], rng: &mut R) -> [u8; 64] {
        secret.sign(digest, rng)
    }

    /// Verifies the ECDSA signature r ‖ s of the digest. `public` is an uncompressed point of 65 bytes.
    fn p256_verify(&self, public: &[u8], digest: &[u8; 32], signature: &[u8; 64]) -> Result<(), BadSignature> {
        nist256::verify(public, digest, signature)
    }

    /// The AEADs of DTLS, the fastest on this machine first.
    fn rank_suites(&self) -> [Suite; 3] {
        rank::suites()
    }

    /// The protection profiles of SRTP, the fastest on this machine first. Of two equally fast ones, the stronger is first.
    fn rank_srtp(&self) -> [SrtpSuite; 4] {
        rank::srtp()
    }

    /// The groups of the key agreement, the fastest on this machine first. In software, X25519 is a little faster than P-256.
    fn rank_groups(&self) -> [Group; 2] {
        [Group::X25519, Group::P256]
    }
}
}
