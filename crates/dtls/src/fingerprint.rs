//! The fingerprint of a certificate (RFC 8122 §5).

use barertc_crypto::{Provider, constant_time_eq};
use barertc_wire::{Fingerprint, Fingerprints, HashAlgorithm};

/// Computes the fingerprint of a certificate in DER with the given hash (RFC 8122 §5).
#[must_use]
pub fn fingerprint<P: Provider>(provider: &P, algorithm: HashAlgorithm, certificate: &[u8]) -> Fingerprint {
    match algorithm {
        HashAlgorithm::Sha256 => Fingerprint::sha256(provider.sha256(&[certificate])),
        HashAlgorithm::Sha384 => Fingerprint::sha384(provider.sha384(&[certificate])),
        HashAlgorithm::Sha512 => Fingerprint::sha512(provider.sha512(&[certificate])),
    }
}

/// Whether one of `announced` is the fingerprint of this certificate. Each comparison takes constant time.
pub(crate) fn matches<P: Provider>(announced: &Fingerprints, provider: &P, certificate: &[u8]) -> bool {
    let own = fingerprint(provider, announced.algorithm(), certificate);
    announced.iter().any(|one| constant_time_eq(own.digest(), one.digest()))
}
