//! Hashes.

use sha2::Digest;

macro_rules! incremental {
    ($(#[$doc:meta])* $name:ident, $out:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name(sha2::$name);

        impl $name {
            /// Starts the hash of an empty message.
            #[must_use]
            pub fn new() -> Self {
                Self::default()
            }

            /// Appends `data` to the message.
            pub fn update(&mut self, data: &[u8]) {
                self.0.update(data);
            }

            /// The hash of the message. To append more data afterwards, clone the value first.
            #[must_use]
            pub fn finish(self) -> [u8; $out] {
                self.0.finalize().into()
            }
        }
    };
}

incremental! {
    /// SHA-256 of a message that arrives in pieces, such as a handshake transcript.
    ///
    /// ```
    /// use barertc_crypto::{Provider, RustCrypto, Sha256};
    /// let mut transcript = Sha256::new();
    /// transcript.update(b"Client");
    /// let so_far = transcript.clone().finish();
    /// transcript.update(b"Hello");
    /// assert_eq!(so_far, RustCrypto.sha256(&[b"Client"]));
    /// assert_eq!(transcript.finish(), RustCrypto.sha256(&[b"ClientHello"]));
    /// ```
    Sha256, 32
}
incremental! {
    /// SHA-384 of a message that arrives in pieces.
    Sha384, 48
}

pub(crate) fn of<D: Digest>(parts: &[&[u8]]) -> sha2::digest::Output<D> {
    let mut hash = D::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize()
}
