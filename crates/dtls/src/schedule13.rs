//! The secrets of DTLS 1.3 (RFC 8446 §7, with the label prefix of RFC 9147 §5.9).

use barertc_crypto::{HmacSha256Key, HmacSha384Key, KeyLength, Provider, Suite};
use zeroize::Zeroizing;

use crate::config::Role;
use crate::handshake::transcript::Hash;
use crate::record::{Keys, key_len};
use crate::secret::Secret;

/// What stands before every label; that of TLS has as many letters, the last one being a space.
const PREFIX: &[u8; 6] = b"dtls13";

/// Derives all secrets of a connection, with the hash of its suite.
pub(crate) struct Schedule<'a, P> {
    provider: &'a P,
    hash: Hash,
    prefix: &'static [u8; 6],
}

/// The two secrets of one stage, by who writes with them.
#[derive(Default)]
pub(crate) struct Traffic {
    pub(crate) client: Secret,
    pub(crate) server: Secret,
}

impl Traffic {
    /// The secret that this side writes with.
    pub(crate) fn of(&self, role: Role) -> &Secret {
        match role {
            Role::Client => &self.client,
            Role::Server => &self.server,
        }
    }
}

/// The secrets of a handshake. They have their place here and are written in it: states are moved from step to step, and
/// each move would leave a copy behind that nobody wipes.
#[derive(Default)]
pub(crate) struct Secrets {
    /// The master secret of DTLS 1.2, or that of DTLS 1.3 from which the application's secrets come.
    pub(crate) master: Secret,
    /// DTLS 1.3: the handshake traffic secrets.
    pub(crate) handshake: Traffic,
    /// DTLS 1.3, server: the application traffic secrets, until the client's Finished.
    pub(crate) application: Traffic,
    /// DTLS 1.3, server: the exporter's secret, until then.
    pub(crate) exporter: Secret,
}

impl<'a, P: Provider> Schedule<'a, P> {
    pub(crate) fn new(provider: &'a P, hash: Hash) -> Self {
        Self { provider, hash, prefix: PREFIX }
    }

    /// The handshake traffic secrets, and the secret from which the next stage is extracted.
    pub(crate) fn handshake(&self, shared: &[u8; 32], hellos: &[u8], out: &mut Secrets) {
        let zeros = Secret::zero(self.hash.len());
        let empty = self.hash.digest(self.provider, &[]);
        let early = self.extract(&zeros, &zeros);
        let secret = self.extract(&self.derive_secret(&early, b"derived", &empty), shared);
        out.handshake.client.copy_from(&self.derive_secret(&secret, b"c hs traffic", hellos));
        out.handshake.server.copy_from(&self.derive_secret(&secret, b"s hs traffic", hellos));
        out.master.copy_from(&self.extract(&self.derive_secret(&secret, b"derived", &empty), &zeros));
    }

    /// The application traffic secrets and the exporter's; `transcript` goes up to the server's Finished.
    pub(crate) fn application(&self, transcript: &[u8], secrets: &mut Secrets) {
        let Secrets { master, application, exporter, .. } = secrets;
        application.client.copy_from(&self.derive_secret(master, b"c ap traffic", transcript));
        application.server.copy_from(&self.derive_secret(master, b"s ap traffic", transcript));
        exporter.copy_from(&self.derive_secret(master, b"exp master", transcript));
    }

    /// The traffic secret after a key update (RFC 8446 §7.2).
    pub(crate) fn updated(&self, secret: &Secret) -> Secret {
        self.derive_secret(secret, b"traffic upd", &[])
    }

    /// The record keys of a traffic secret (RFC 8446 §7.3; RFC 9147 §4.2.3).
    pub(crate) fn record_keys(&self, suite: Suite, secret: &Secret) -> Result<Keys<P>, KeyLength> {
        let len = key_len(suite);
        let (mut key, mut number) = (Secret::zero(len), Secret::zero(len));
        let mut iv = Zeroizing::new([0; 12]);
        self.expand_label(secret, b"key", &[], key.as_mut_slice());
        self.expand_label(secret, b"iv", &[], iv.as_mut_slice());
        self.expand_label(secret, b"sn", &[], number.as_mut_slice());
        Keys::v13(self.provider, suite, &key, *iv, &number)
    }

    /// verify_data of a Finished message (RFC 8446 §4.4.4).
    pub(crate) fn verify_data(&self, base: &Secret, transcript: &[u8]) -> Secret {
        let key = self.derive_secret(base, b"finished", &[]);
        match self.hash {
            Hash::Sha256 => Secret::from_slice(&self.provider.hmac_sha256(&HmacSha256Key::new(&key), &[transcript])),
            Hash::Sha384 => Secret::from_slice(&self.provider.hmac_sha384(&HmacSha384Key::new(&key), &[transcript])),
        }
    }

    /// Keying material for others, from the exporter's secret (RFC 8446 §7.5).
    pub(crate) fn export(&self, exporter: &Secret, label: &[u8], context: &[u8], out: &mut [u8]) {
        let empty = self.hash.digest(self.provider, &[]);
        let secret = self.derive_secret(exporter, label, &empty);
        self.expand_label(&secret, b"exporter", &self.hash.digest(self.provider, &[context]), out);
    }

    /// Derive-Secret, with the transcript hash already taken.
    fn derive_secret(&self, secret: &[u8], label: &[u8], transcript: &[u8]) -> Secret {
        let mut out = Secret::zero(self.hash.len());
        self.expand_label(secret, label, transcript, out.as_mut_slice());
        out
    }

    /// HKDF-Expand-Label. Fails for nothing that this crate asks for: all outputs are far below the limit of HKDF.
    fn expand_label(&self, secret: &[u8], label: &[u8], context: &[u8], out: &mut [u8]) {
        let p = self.provider;
        let out_len = u16::try_from(out.len()).unwrap_or(u16::MAX).to_be_bytes();
        let label_len = [u8::try_from(label.len()).unwrap_or(u8::MAX).saturating_add(6)];
        let context_len = [u8::try_from(context.len()).unwrap_or(u8::MAX)];
        let info: [&[u8]; 6] = [&out_len, &label_len, self.prefix, label, &context_len, context];
        let expanded = match self.hash {
            Hash::Sha256 => secret.try_into().is_ok_and(|prk| p.hkdf_sha256_expand(prk, &info, out).is_ok()),
            Hash::Sha384 => secret.try_into().is_ok_and(|prk| p.hkdf_sha384_expand(prk, &info, out).is_ok()),
        };
        debug_assert!(expanded, "a secret of the wrong length");
    }

    fn extract(&self, salt: &[u8], ikm: &[u8]) -> Secret {
        match self.hash {
            Hash::Sha256 => Secret::from_slice(&*Zeroizing::new(self.provider.hkdf_sha256_extract(salt, ikm))),
            Hash::Sha384 => Secret::from_slice(&*Zeroizing::new(self.provider.hkdf_sha384_extract(salt, ikm))),
        }
    }
}

#[cfg(test)]
mod tests {
    use barertc_crypto::RustCrypto;

    use super::*;
    use crate::testing::hex;

    /// The trace of RFC 8448 §3. Nobody has published one of DTLS, whose labels differ in nothing but the prefix.
    #[test]
    fn the_trace_of_rfc_8448() {
        let tls = Schedule { prefix: b"tls13 ", ..Schedule::new(&RustCrypto, Hash::Sha256) };
        let shared = hex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
        let hellos: [u8; 32] = hex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
        let mut secrets = Secrets::default();
        tls.handshake(&shared, &hellos, &mut secrets);
        assert_eq!(
            *secrets.handshake.client,
            hex::<32>("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21")
        );
        assert_eq!(
            *secrets.handshake.server,
            hex::<32>("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38")
        );
        assert_eq!(*secrets.master, hex::<32>("18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919"));

        let (mut key, mut iv) = ([0; 16], [0; 12]);
        tls.expand_label(&secrets.handshake.server, b"key", &[], &mut key);
        tls.expand_label(&secrets.handshake.server, b"iv", &[], &mut iv);
        assert_eq!((key, iv), (hex("3fce516009c21727d0f2e4e86ee403bc"), hex("5d313eb2671276ee13000b30")));

        let finished: [u8; 32] = hex("9608102a0f1ccc6db6250b7b7e417b1a000eaada3daae4777a7686c9ff83df13");
        tls.application(&finished, &mut secrets);
        assert_eq!(
            *secrets.application.client,
            hex::<32>("9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5")
        );
        assert_eq!(
            *secrets.application.server,
            hex::<32>("a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643")
        );
        assert_eq!(*secrets.exporter, hex::<32>("fe22f881176eda18eb8f44529e6792c50c9a3f89452f68d8ae311b4309d3cf50"));

        let verify_data = tls.verify_data(&secrets.handshake.client, &finished);
        assert_eq!(*verify_data, hex::<32>("a8ec436d677634ae525ac1fcebe11a039ec17694fac6e98527b642f2edd5ce61"));
    }

    #[test]
    fn dtls_has_labels_of_its_own() {
        let (tls, dtls) = (
            Schedule { prefix: b"tls13 ", ..Schedule::new(&RustCrypto, Hash::Sha384) },
            Schedule::new(&RustCrypto, Hash::Sha384),
        );
        let secret = Secret::zero(48);
        assert_ne!(*tls.updated(&secret), *dtls.updated(&secret));
        assert_eq!(dtls.prefix, b"dtls13", "RFC 9147 §5.9");
    }
}
