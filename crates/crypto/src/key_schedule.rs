//! The key schedule that TLS 1.3 and DTLS 1.3 share (RFC 8446 §7).

use zeroize::Zeroizing;

use crate::error::{Error, KeyLength, TooLong};
use crate::mac::{HmacSha256Key, HmacSha384Key};
use crate::provider::Provider;
use crate::rank::Suite;
use crate::secret::Secret;

/// The hash that belongs to a cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Hash {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
}

impl Hash {
    /// That of a suite.
    #[must_use]
    pub const fn of(suite: Suite) -> Self {
        match suite {
            Suite::Aes128Gcm | Suite::ChaCha20Poly1305 => Self::Sha256,
            Suite::Aes256Gcm => Self::Sha384,
        }
    }

    /// Bytes of its digests.
    #[must_use]
    #[allow(clippy::len_without_is_empty)] // no digest is empty
    pub const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// The digest of the concatenation of `parts`.
    pub fn digest<P: Provider>(self, p: &P, parts: &[&[u8]]) -> Secret {
        match self {
            Self::Sha256 => Secret::from_slice(&p.sha256(parts)),
            Self::Sha384 => Secret::from_slice(&p.sha384(parts)),
        }
    }
}

/// What stands before every label of TLS 1.3 (RFC 8446 §7.1).
pub const TLS13: &[u8; 6] = b"tls13 ";
/// What stands before every label of DTLS 1.3 (RFC 9147 §5.9).
pub const DTLS13: &[u8; 6] = b"dtls13";

/// Derives secrets from secrets, with the hash of a suite.
///
/// Every secret is as long as a digest of the hash. One of another length gives [`Error::KeyLength`], and no output.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeySchedule<'a, P> {
    provider: &'a P,
    hash: Hash,
    prefix: &'static [u8; 6],
}

impl<'a, P: Provider> KeySchedule<'a, P> {
    /// With [`TLS13`] or [`DTLS13`] before every label.
    pub const fn new(provider: &'a P, hash: Hash, prefix: &'static [u8; 6]) -> Self {
        Self { provider, hash, prefix }
    }

    /// Its hash.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }

    /// The traffic secrets of the handshake, and the main secret, from which the next stage is derived. `hellos` is the hash of
    /// the transcript up to the ServerHello. The secrets are written where they stay.
    ///
    /// # Errors
    /// [`Error::TooLong`] when `hellos` is longer than 255 bytes.
    pub fn handshake(
        &self,
        shared: &[u8; 32],
        hellos: &[u8],
        client: &mut Secret,
        server: &mut Secret,
        main: &mut Secret,
    ) -> Result<(), Error> {
        let zeros = Secret::zero(self.hash.len());
        let empty = self.hash.digest(self.provider, &[]);
        let early = self.extract(&zeros, &zeros);
        let secret = self.extract(&self.derive_secret(&early, b"derived", &empty)?, shared);
        client.copy_from(&self.derive_secret(&secret, b"c hs traffic", hellos)?);
        server.copy_from(&self.derive_secret(&secret, b"s hs traffic", hellos)?);
        main.copy_from(&self.extract(&self.derive_secret(&secret, b"derived", &empty)?, &zeros));
        Ok(())
    }

    /// The traffic secrets of application data; `transcript` goes up to the server's Finished.
    ///
    /// # Errors
    /// [`Error::KeyLength`] for another length of `main`; [`Error::TooLong`] when `transcript` is longer than 255 bytes.
    pub fn application(
        &self,
        main: &Secret,
        transcript: &[u8],
        client: &mut Secret,
        server: &mut Secret,
    ) -> Result<(), Error> {
        client.copy_from(&self.derive_secret(main, b"c ap traffic", transcript)?);
        server.copy_from(&self.derive_secret(main, b"s ap traffic", transcript)?);
        Ok(())
    }

    /// The traffic secret after a key update (RFC 8446 §7.2).
    ///
    /// # Errors
    /// [`Error::KeyLength`] for another length of `secret`.
    pub fn updated(&self, secret: &Secret) -> Result<Secret, Error> {
        self.derive_secret(secret, b"traffic upd", &[])
    }

    /// verify_data of a Finished message (RFC 8446 §4.4.4).
    ///
    /// # Errors
    /// [`Error::KeyLength`] for another length of `base`.
    pub fn verify_data(&self, base: &Secret, transcript: &[u8]) -> Result<Secret, Error> {
        let key = self.derive_secret(base, b"finished", &[])?;
        Ok(match self.hash {
            Hash::Sha256 => Secret::from_slice(&self.provider.hmac_sha256(&HmacSha256Key::new(&key), &[transcript])),
            Hash::Sha384 => Secret::from_slice(&self.provider.hmac_sha384(&HmacSha384Key::new(&key), &[transcript])),
        })
    }

    /// Derive-Secret (RFC 8446 §7.1). `transcript` is the hash of the messages.
    ///
    /// # Errors
    /// As [`expand_label`](Self::expand_label).
    pub fn derive_secret(&self, secret: &[u8], label: &[u8], transcript: &[u8]) -> Result<Secret, Error> {
        let mut out = Secret::zero(self.hash.len());
        self.expand_label(secret, label, transcript, out.as_mut_slice())?;
        Ok(out)
    }

    /// HKDF-Expand-Label (RFC 8446 §7.1). On an error `out` is not of use.
    ///
    /// # Errors
    /// [`Error::KeyLength`] for a `secret` that is not as long as a digest. [`Error::TooLong`] for a `label` of more than 249
    /// bytes, a `context` of more than 255 bytes, or an `out` of more than 255 digests (RFC 5869 §2.3).
    pub fn expand_label(&self, secret: &[u8], label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let p = self.provider;
        let out_len = u16::try_from(out.len()).map_err(|_| TooLong)?.to_be_bytes();
        let prefixed = self.prefix.len().saturating_add(label.len());
        let label_len = [u8::try_from(prefixed).map_err(|_| TooLong)?];
        let context_len = [u8::try_from(context.len()).map_err(|_| TooLong)?];
        let info: [&[u8]; 6] = [&out_len, &label_len, self.prefix, label, &context_len, context];
        match self.hash {
            Hash::Sha256 => p.hkdf_sha256_expand(secret.try_into().map_err(|_| KeyLength)?, &info, out)?,
            Hash::Sha384 => p.hkdf_sha384_expand(secret.try_into().map_err(|_| KeyLength)?, &info, out)?,
        }
        Ok(())
    }

    /// HKDF-Extract (RFC 5869 §2.2).
    #[must_use]
    pub fn extract(&self, salt: &[u8], ikm: &[u8]) -> Secret {
        match self.hash {
            Hash::Sha256 => Secret::from_slice(&*Zeroizing::new(self.provider.hkdf_sha256_extract(salt, ikm))),
            Hash::Sha384 => Secret::from_slice(&*Zeroizing::new(self.provider.hkdf_sha384_extract(salt, ikm))),
        }
    }
}

#[cfg(test)]
mod tests {
    use hex_literal::hex;

    use super::*;
    use crate::provider::RustCrypto;

    /// The trace of RFC 8448 §3. Nobody has published one of DTLS, whose labels differ in nothing but the prefix.
    #[test]
    fn the_trace_of_rfc_8448() {
        let tls = KeySchedule::new(&RustCrypto, Hash::Sha256, TLS13);
        let shared = hex!("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
        let hellos = hex!("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
        let [mut client, mut server, mut main] = [0; 3].map(Secret::zero);
        tls.handshake(&shared, &hellos, &mut client, &mut server, &mut main).unwrap();
        assert_eq!(*client, hex!("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"));
        assert_eq!(*server, hex!("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"));
        assert_eq!(*main, hex!("18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919"));

        let (mut key, mut iv) = ([0; 16], [0; 12]);
        tls.expand_label(&server, b"key", &[], &mut key).unwrap();
        tls.expand_label(&server, b"iv", &[], &mut iv).unwrap();
        assert_eq!((key, iv), (hex!("3fce516009c21727d0f2e4e86ee403bc"), hex!("5d313eb2671276ee13000b30")));

        let finished = hex!("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13");
        let verify_data = tls.verify_data(&client, &finished).unwrap();
        assert_eq!(*verify_data, hex!("a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61"));

        tls.application(&main, &finished, &mut client, &mut server).unwrap();
        assert_eq!(*client, hex!("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5"));
        assert_eq!(*server, hex!("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643"));
        let exporter = tls.derive_secret(&main, b"exp master", &finished).unwrap();
        assert_eq!(*exporter, hex!("fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50"));
    }

    #[test]
    fn dtls_has_labels_of_its_own() {
        let [tls, dtls] = [TLS13, DTLS13].map(|prefix| KeySchedule::new(&RustCrypto, Hash::Sha384, prefix));
        let secret = Secret::zero(48);
        assert_ne!(*tls.updated(&secret).unwrap(), *dtls.updated(&secret).unwrap());
    }

    #[test]
    fn what_cannot_be_derived_is_an_error() {
        let keys = [Hash::Sha256, Hash::Sha384].map(|hash| KeySchedule::new(&RustCrypto, hash, TLS13));
        for (keys, right) in keys.iter().zip([32, 48]) {
            for len in [0, 1, 31, 32, 33, 47, 48] {
                let (secret, result) = (Secret::zero(len), if len == right { None } else { Some(Error::KeyLength) });
                let [mut client, mut server] = [0; 2].map(Secret::zero);
                assert_eq!(keys.updated(&secret).err(), result, "{len}");
                assert_eq!(keys.verify_data(&secret, &[0; 32]).err(), result, "{len}");
                assert_eq!(keys.derive_secret(&secret, b"x", &[]).err(), result, "{len}");
                assert_eq!(keys.application(&secret, &[0; 32], &mut client, &mut server).err(), result, "{len}");
            }
            let (secret, mut long) = (Secret::zero(right), [0; 255 * 48 + 1]);
            let mut expand = |label: usize, context: usize, out: usize| {
                keys.expand_label(&secret, &[b'l'; 300][..label], &[0; 300][..context], &mut long[..out]).err()
            };
            assert_eq!(expand(249, 255, 255 * right), None);
            assert_eq!(expand(250, 0, 32), Some(Error::TooLong));
            assert_eq!(expand(0, 256, 32), Some(Error::TooLong));
            assert_eq!(expand(0, 0, 255 * right + 1), Some(Error::TooLong));
        }
    }
}
