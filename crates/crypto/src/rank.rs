//! The order of algorithms by their speed in software on this machine.

/// An AEAD of DTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Suite {
    /// AES-128-GCM.
    Aes128Gcm,
    /// AES-256-GCM.
    Aes256Gcm,
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305,
}

/// A protection profile of SRTP (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SrtpSuite {
    /// AEAD_AES_128_GCM.
    AeadAes128Gcm,
    /// AEAD_AES_256_GCM.
    AeadAes256Gcm,
    /// AES128_CM_HMAC_SHA1_80.
    AesCm128HmacSha1_80,
    /// AES128_CM_HMAC_SHA1_32.
    AesCm128HmacSha1_32,
}

/// A group for the key agreement of DTLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Group {
    /// X25519.
    X25519,
    /// NIST P-256, also called secp256r1.
    P256,
}

/// Whether the processor is of a family with AES instructions, which RustCrypto uses. Nearly all processors of these families
/// have them.
const AES_INSTRUCTIONS: bool = cfg!(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"));

/// The order of AEADs. Without AES instructions, AES in constant time is slow: then GCM is the slowest choice, and ChaCha20
/// the fastest.
pub(crate) const fn suites() -> [Suite; 3] {
    if AES_INSTRUCTIONS {
        [Suite::Aes128Gcm, Suite::Aes256Gcm, Suite::ChaCha20Poly1305]
    } else {
        [Suite::ChaCha20Poly1305, Suite::Aes128Gcm, Suite::Aes256Gcm]
    }
}

/// The order of SRTP profiles. SRTP has no ChaCha20. The 80-bit tag is before the 32-bit tag, which saves six bytes but no
/// time.
pub(crate) const fn srtp() -> [SrtpSuite; 4] {
    use SrtpSuite::*;
    if AES_INSTRUCTIONS {
        [AeadAes128Gcm, AeadAes256Gcm, AesCm128HmacSha1_80, AesCm128HmacSha1_32]
    } else {
        [AesCm128HmacSha1_80, AeadAes128Gcm, AeadAes256Gcm, AesCm128HmacSha1_32]
    }
}
