//! The secrets of DTLS 1.3 (RFC 8446 §7, with the label prefix of RFC 9147 §5.9).

use barertc_crypto::{DTLS13, Error, Hash, KeySchedule, Provider, Secret, Suite};
use zeroize::Zeroizing;

use crate::config::Role;
use crate::record::{Material, key_len};

/// Derives all secrets of a connection, with the hash of its suite.
pub(crate) struct Schedule<'a, P> {
    provider: &'a P,
    keys: KeySchedule<'a, P>,
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

/// The secrets of a handshake. They are written where they stay. States are moved from step to step, and a secret in a
/// state would leave an unwiped copy at each move.
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
        Self { provider, keys: KeySchedule::new(provider, hash, DTLS13) }
    }

    /// The handshake traffic secrets, and the secret from which the next stage is extracted.
    pub(crate) fn handshake(&self, shared: &[u8; 32], hellos: &[u8], out: &mut Secrets) -> Result<(), Error> {
        let Secrets { master, handshake: Traffic { client, server }, .. } = out;
        self.keys.handshake(shared, hellos, client, server, master)
    }

    /// The application traffic secrets and the exporter's; `transcript` goes up to the server's Finished.
    pub(crate) fn application(&self, transcript: &[u8], secrets: &mut Secrets) -> Result<(), Error> {
        let Secrets { master, application: Traffic { client, server }, exporter, .. } = secrets;
        self.keys.application(master, transcript, client, server)?;
        exporter.copy_from(&self.keys.derive_secret(master, b"exp master", transcript)?);
        Ok(())
    }

    /// The traffic secret after a key update (RFC 8446 §7.2).
    pub(crate) fn updated(&self, secret: &Secret) -> Result<Secret, Error> {
        self.keys.updated(secret)
    }

    /// What the record keys of a traffic secret are made of (RFC 8446 §7.3; RFC 9147 §4.2.3).
    pub(crate) fn record_keys(&self, suite: Suite, secret: &Secret) -> Result<Material, Error> {
        let len = key_len(suite);
        let (mut key, mut number) = (Secret::zero(len), Secret::zero(len));
        let mut iv = Zeroizing::new([0; 12]);
        self.keys.expand_label(secret, b"key", &[], key.as_mut_slice())?;
        self.keys.expand_label(secret, b"iv", &[], iv.as_mut_slice())?;
        self.keys.expand_label(secret, b"sn", &[], number.as_mut_slice())?;
        Ok(Material { key, iv, number: Some(number) })
    }

    /// verify_data of a Finished message (RFC 8446 §4.4.4).
    pub(crate) fn verify_data(&self, base: &Secret, transcript: &[u8]) -> Result<Secret, Error> {
        self.keys.verify_data(base, transcript)
    }

    /// Keying material for others, from the exporter's secret (RFC 8446 §7.5).
    pub(crate) fn export(&self, exporter: &Secret, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        let empty = self.keys.hash().digest(self.provider, &[]);
        let secret = self.keys.derive_secret(exporter, label, &empty)?;
        self.keys.expand_label(&secret, b"exporter", &self.keys.hash().digest(self.provider, &[context]), out)
    }
}
