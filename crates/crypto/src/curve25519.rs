//! X25519 (RFC 7748).

use core::fmt;

#[cfg(not(feature = "rustcrypto-curves"))]
use barertc_curves::x25519;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::error::SmallOrder;
use crate::keys::hidden;
#[cfg(feature = "rustcrypto-curves")]
use crate::rustcrypto_curves::curve25519 as rustcrypto;

/// An X25519 secret of 32 bytes. It is clamped at each use (RFC 7748 §5), and wiped on drop.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct X25519Secret([u8; 32]);

impl X25519Secret {
    /// Makes a secret from its 32 bytes.
    #[must_use]
    pub fn from_bytes(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The 32 bytes of the secret, for a key store or for hardware.
    #[must_use]
    pub fn raw(&self) -> &[u8; 32] {
        &self.0
    }

    pub(crate) fn generate<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut secret = Self([0; 32]);
        rng.fill_bytes(&mut secret.0);
        secret
    }

    pub(crate) fn public(&self) -> [u8; 32] {
        #[cfg(feature = "rustcrypto-curves")]
        return rustcrypto::public(&self.0);
        #[cfg(not(feature = "rustcrypto-curves"))]
        x25519::public_key(&self.0)
    }

    /// Computes the shared secret, and refuses one of zeros as RFC 8446 §7.4.2 requires.
    pub(crate) fn agree(&self, peer: &[u8; 32]) -> Result<[u8; 32], SmallOrder> {
        #[cfg(feature = "rustcrypto-curves")]
        return rustcrypto::agree(&self.0, peer);
        #[cfg(not(feature = "rustcrypto-curves"))]
        x25519::agree(&self.0, peer).map_err(|_| SmallOrder)
    }
}

hidden! { X25519Secret }
