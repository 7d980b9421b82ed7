//! The nonces of RFC 6979 §3.2, with HMAC-SHA-256.

use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Gives candidates for k one after the other. The first that is between 1 and n - 1 is the nonce.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct Nonces {
    key: [u8; 32],
    value: [u8; 32],
    first: bool,
}

impl Nonces {
    /// For a secret and a digest that is reduced modulo n; `additional` is that of RFC 6979 §3.6.
    pub(crate) fn new(secret: &[u8; 32], digest: &[u8; 32], additional: &[u8]) -> Self {
        // Steps b to g.
        let mut nonces = Self { key: [0; 32], value: [1; 32], first: true };
        for round in [0, 1] {
            let value = nonces.value;
            nonces.key = mac(&nonces.key, &[&value, &[round], secret, digest, additional]);
            nonces.value = mac(&nonces.key, &[&nonces.value]);
        }
        nonces
    }

    /// The next candidate. Its 256 bits are as many as n has: it is taken as it is.
    pub(crate) fn next(&mut self) -> [u8; 32] {
        // Step h.
        if !self.first {
            self.key = mac(&self.key, &[&self.value, &[0]]);
            self.value = mac(&self.key, &[&self.value]);
        }
        self.first = false;
        self.value = mac(&self.key, &[&self.value]);
        self.value
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than the hash's block is filled up with zeros (RFC 2104 §2).
    let mut block = Zeroizing::new([0; 64]);
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = <Hmac<Sha256> as KeyInit>::new((&*block).into());
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}
