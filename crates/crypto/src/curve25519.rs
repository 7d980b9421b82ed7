//! X25519 (RFC 7748).

use core::fmt;
use rand_core::CryptoRng;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::compare::constant_time_eq;
use crate::error::SmallOrder;
use crate::keys::hidden;

/// An X25519 secret: 32 bytes, clamped when used.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct X25519Secret([u8; 32]);

impl X25519Secret {
    /// Takes a secret that was made before.
    #[must_use]
    pub fn from_bytes(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The secret, for a key store or for hardware.
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
        let secret = x25519_dalek::StaticSecret::from(self.0);
        x25519_dalek::PublicKey::from(&secret).to_bytes()
    }

    pub(crate) fn agree(&self, peer: &[u8; 32]) -> Result<[u8; 32], SmallOrder> {
        let secret = x25519_dalek::StaticSecret::from(self.0);
        let shared = secret.diffie_hellman(&x25519_dalek::PublicKey::from(*peer)).to_bytes();
        // RFC 7748 §6.1; RFC 8446 §7.4.2 makes it a must.
        if constant_time_eq(&shared, &[0; 32]) { Err(SmallOrder) } else { Ok(shared) }
    }
}

hidden! { X25519Secret }
