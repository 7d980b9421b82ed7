//! HMAC keys (RFC 2104). Each key holds the hashes of its two key blocks, so that a message needs no key schedule.

use core::fmt;
use hmac::{EagerHash, Hmac, KeyInit, Mac};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::keys::hidden;

macro_rules! hmac_key {
    ($(#[$doc:meta])* $name:ident, $hash:ty, $block:literal, $out:literal) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name {
            raw: Block<$block>,
            keyed: Hmac<$hash>,
        }

        impl $name {
            /// Makes a key of any length. A key that is longer than a block of the hash is hashed first (RFC 2104 §2).
            #[must_use]
            pub fn new(key: &[u8]) -> Self {
                let mut raw = Block([0; $block]);
                match raw.0.get_mut(..key.len()) {
                    Some(room) => room.copy_from_slice(key),
                    None => {
                        use sha2::Digest;
                        let mut hashed = <$hash>::digest(key);
                        raw.0.iter_mut().zip(&hashed).for_each(|(to, from)| *to = *from);
                        hashed.as_mut_slice().zeroize();
                    }
                }
                let keyed = Hmac::new((&raw.0).into());
                Self { raw, keyed }
            }

            /// The key for hardware: padded with zeros to one block of the hash.
            #[must_use]
            pub fn raw(&self) -> &[u8; $block] {
                &self.raw.0
            }

            pub(crate) fn mac(&self, parts: &[&[u8]]) -> [u8; $out] {
                mac(&self.keyed, parts).into()
            }
        }

        hidden! { $name }
    };
}

hmac_key! {
    /// An HMAC-SHA1 key.
    HmacSha1Key, sha1::Sha1, 64, 20
}
hmac_key! {
    /// An HMAC-SHA256 key.
    HmacSha256Key, sha2::Sha256, 64, 32
}
hmac_key! {
    /// An HMAC-SHA384 key.
    HmacSha384Key, sha2::Sha384, 128, 48
}

fn mac<D: EagerHash>(keyed: &Hmac<D>, parts: &[&[u8]]) -> hmac::digest::Output<Hmac<D>> {
    let mut mac = keyed.clone();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes()
}

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
struct Block<const N: usize>([u8; N]);
