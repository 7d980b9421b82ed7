//! The secrets of DTLS 1.3 (RFC 8446, section 7, with the label prefix of RFC 9147, section 5.9).

use barertc_crypto::{HmacSha256Key, HmacSha384Key, KeyLength, Provider, Suite};
use zeroize::Zeroizing;

use crate::handshake::transcript::Hash;
use crate::record::{Keys, key_len};
use crate::secret::Secret;

/// HKDF-Expand-Label. Fails for nothing that this crate asks for: all outputs are far below the limit of HKDF.
pub(crate) fn expand_label<P: Provider>(
    p: &P,
    hash: Hash,
    secret: &[u8],
    label: &[u8],
    context: &[u8],
    out: &mut [u8],
) {
    let out_len = u16::try_from(out.len()).unwrap_or(u16::MAX).to_be_bytes();
    let label_len = [u8::try_from(label.len()).unwrap_or(u8::MAX).saturating_add(6)];
    let context_len = [u8::try_from(context.len()).unwrap_or(u8::MAX)];
    let info: [&[u8]; 6] = [&out_len, &label_len, b"dtls13", label, &context_len, context];
    let expanded = match hash {
        Hash::Sha256 => secret.try_into().is_ok_and(|prk| p.hkdf_sha256_expand(prk, &info, out).is_ok()),
        Hash::Sha384 => secret.try_into().is_ok_and(|prk| p.hkdf_sha384_expand(prk, &info, out).is_ok()),
    };
    debug_assert!(expanded, "a secret of the wrong length");
}

/// Derive-Secret, with the transcript hash already taken.
pub(crate) fn derive_secret<P: Provider>(p: &P, hash: Hash, secret: &[u8], label: &[u8], transcript: &[u8]) -> Secret {
    let mut out = Secret::zero(hash.len());
    expand_label(p, hash, secret, label, transcript, out.as_mut_slice());
    out
}

fn extract<P: Provider>(p: &P, hash: Hash, salt: &[u8], ikm: &[u8]) -> Secret {
    match hash {
        Hash::Sha256 => Secret::from_slice(&*Zeroizing::new(p.hkdf_sha256_extract(salt, ikm))),
        Hash::Sha384 => Secret::from_slice(&*Zeroizing::new(p.hkdf_sha384_extract(salt, ikm))),
    }
}

/// The two secrets of one stage, by who writes with them.
pub(crate) struct Traffic {
    pub(crate) client: Secret,
    pub(crate) server: Secret,
}

/// The handshake traffic secrets, and the secret from which the next stage is extracted.
pub(crate) fn handshake<P: Provider>(p: &P, hash: Hash, shared: &[u8; 32], hellos: &[u8]) -> (Traffic, Secret) {
    let zeros = Secret::zero(hash.len());
    let empty = hash.digest(p, &[]);
    let early = extract(p, hash, &zeros, &zeros);
    let secret = extract(p, hash, &derive_secret(p, hash, &early, b"derived", &empty), shared);
    let traffic = Traffic {
        client: derive_secret(p, hash, &secret, b"c hs traffic", hellos),
        server: derive_secret(p, hash, &secret, b"s hs traffic", hellos),
    };
    let master = extract(p, hash, &derive_secret(p, hash, &secret, b"derived", &empty), &zeros);
    (traffic, master)
}

/// The application traffic secrets and the exporter's; `transcript` goes up to the server's Finished.
pub(crate) fn application<P: Provider>(p: &P, hash: Hash, master: &Secret, transcript: &[u8]) -> (Traffic, Secret) {
    let traffic = Traffic {
        client: derive_secret(p, hash, master, b"c ap traffic", transcript),
        server: derive_secret(p, hash, master, b"s ap traffic", transcript),
    };
    (traffic, derive_secret(p, hash, master, b"exp master", transcript))
}

/// The traffic secret after a key update (RFC 8446, section 7.2).
pub(crate) fn updated<P: Provider>(p: &P, hash: Hash, secret: &Secret) -> Secret {
    derive_secret(p, hash, secret, b"traffic upd", &[])
}

/// The record keys of a traffic secret (RFC 8446, section 7.3; RFC 9147, section 4.2.3).
pub(crate) fn record_keys<P: Provider>(p: &P, suite: Suite, secret: &Secret) -> Result<Keys, KeyLength> {
    let hash = Hash::of(suite);
    let len = key_len(suite);
    let (mut key, mut number) = (Secret::zero(len), Secret::zero(len));
    let mut iv = Zeroizing::new([0; 12]);
    expand_label(p, hash, secret, b"key", &[], key.as_mut_slice());
    expand_label(p, hash, secret, b"iv", &[], iv.as_mut_slice());
    expand_label(p, hash, secret, b"sn", &[], number.as_mut_slice());
    Keys::v13(suite, &key, *iv, &number)
}

/// verify_data of a Finished message (RFC 8446, section 4.4.4).
pub(crate) fn verify_data<P: Provider>(p: &P, hash: Hash, base: &Secret, transcript: &[u8]) -> Secret {
    let key = derive_secret(p, hash, base, b"finished", &[]);
    match hash {
        Hash::Sha256 => Secret::from_slice(&p.hmac_sha256(&HmacSha256Key::new(&key), &[transcript])),
        Hash::Sha384 => Secret::from_slice(&p.hmac_sha384(&HmacSha384Key::new(&key), &[transcript])),
    }
}
