//! The hash of all handshake messages (RFC 8446 §4.4.1).

use barertc_crypto::{Hash, Secret, Sha256, Sha384};

use super::kind;
use super::reassembly::{HEADER, Message};
use crate::config::Version;

/// The running hash over all handshake messages.
///
/// DTLS 1.2 hashes messages with their whole header, DTLS 1.3 with the four bytes that TLS has (RFC 9147 §5.2).
/// Signatures of DTLS 1.2 are over SHA-256 whatever the suite's hash is, so that one always runs.
pub(crate) struct Transcript {
    version: Version,
    sha256: Sha256,
    sha384: Option<Sha384>,
}

impl Transcript {
    pub(crate) fn new(version: Version, hash: Hash) -> Self {
        Self { version, sha256: Sha256::new(), sha384: (hash == Hash::Sha384).then(Sha384::new) }
    }

    /// A message of the peer.
    pub(crate) fn add(&mut self, message: &Message<'_>) {
        self.add_parts(&message.header(), message.body);
    }

    /// A message of ours, as it was put into a flight: unfragmented, with its header.
    pub(crate) fn add_own(&mut self, bytes: &[u8]) {
        if let Some((header, body)) = bytes.split_first_chunk::<HEADER>() {
            self.add_parts(header, body);
        }
    }

    /// The hash so far, by the suite's function.
    pub(crate) fn hash(&self) -> Secret {
        match &self.sha384 {
            Some(sha384) => Secret::from_slice(&sha384.clone().finish()),
            None => Secret::from_slice(&self.sha256()),
        }
    }

    /// The hash so far, by SHA-256.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256.clone().finish()
    }

    /// Puts a hash in place of the ClientHello that a HelloRetryRequest answered (RFC 8446 §4.4.1).
    pub(crate) fn replace_by_hash(&mut self) {
        let digest = self.hash();
        let hash = if self.sha384.is_some() { Hash::Sha384 } else { Hash::Sha256 };
        *self = Self::new(self.version, hash);
        let len = u8::try_from(digest.len()).unwrap_or(0);
        self.update(&[kind::MESSAGE_HASH, 0, 0, len]);
        self.update(&digest);
    }

    fn add_parts(&mut self, header: &[u8; HEADER], body: &[u8]) {
        let kept = match self.version {
            Version::Dtls12 => HEADER,
            Version::Dtls13 => 4,
        };
        self.update(header.get(..kept).unwrap_or_default());
        self.update(body);
    }

    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha384) = &mut self.sha384 {
            sha384.update(bytes);
        }
    }
}
