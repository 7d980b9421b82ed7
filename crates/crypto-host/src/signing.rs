//! Signing keys that were expanded already.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use barertc_crypto::{P256Secret, constant_time_eq};

use crate::curves::{Failed, imported, p256_public};

/// How many identities a program signs with in turns without their keys being expanded anew.
const SLOTS: usize = 4;

/// The key pairs that signed last. To make one costs more than to sign: AWS-LC checks the public key against the secret.
///
/// What leaves a slot is overwritten: the secret by its own type, the pair by AWS-LC.
#[derive(Default)]
pub(crate) struct SigningKeys(Mutex<Slots>);

#[derive(Default)]
struct Slots {
    /// Memory for all slots is taken with the first: a secret stays where it is, also when the provider is moved.
    pairs: Vec<(P256Secret, EcdsaKeyPair)>,
    /// The slot that is filled next.
    next: usize,
}

impl SigningKeys {
    /// An ECDSA signature r ‖ s of the digest.
    pub(crate) fn sign(&self, secret: &P256Secret, digest: &[u8; 32]) -> Result<[u8; 64], Failed> {
        let digest = imported(digest)?;
        let mut slots = self.lock();
        let known = slots.pairs.iter().position(|(known, _)| constant_time_eq(known.raw(), secret.raw()));
        let at = match known {
            Some(at) => at,
            None => slots.expand(secret)?,
        };
        let (_, pair) = slots.pairs.get(at).ok_or(Failed)?;
        let signature = pair.sign_digest(&digest).map_err(|_| Failed)?;
        signature.as_ref().try_into().map_err(|_| Failed)
    }

    /// Nothing in here is half done when a thread panics.
    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> usize {
        self.lock().pairs.len()
    }
}

impl Slots {
    fn expand(&mut self, secret: &P256Secret) -> Result<usize, Failed> {
        let public = p256_public(secret)?;
        let scheme = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(scheme, secret.raw(), &public).map_err(|_| Failed)?;
        self.pairs.try_reserve_exact(SLOTS.saturating_sub(self.pairs.len())).map_err(|_| Failed)?;
        let at = self.next;
        match self.pairs.get_mut(at) {
            Some(slot) => *slot = (secret.clone(), pair),
            #[allow(clippy::disallowed_methods, reason = "the room was reserved")]
            None => self.pairs.push((secret.clone(), pair)),
        }
        self.next = at.wrapping_add(1) % SLOTS;
        Ok(at)
    }
}
