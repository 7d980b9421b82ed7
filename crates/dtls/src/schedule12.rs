//! The secrets of DTLS 1.2 (RFC 5246 §5, §6.3 and §8.1; RFC 7627).

use barertc_crypto::{Hash, HmacSha256Key, HmacSha384Key, KeyLength, Provider, Secret, Suite};
use zeroize::Zeroizing;

use crate::config::Role;
use crate::record::{Material, key_len};

/// PRF(secret, label, seed), the seed in up to four parts.
pub(crate) fn prf<P: Provider>(p: &P, hash: Hash, secret: &[u8], label: &[u8], seed: [&[u8]; 4], out: &mut [u8]) {
    match hash {
        Hash::Sha256 => {
            let key = HmacSha256Key::new(secret);
            p_hash(|parts| p.hmac_sha256(&key, parts), label, seed, out);
        }
        Hash::Sha384 => {
            let key = HmacSha384Key::new(secret);
            p_hash(|parts| p.hmac_sha384(&key, parts), label, seed, out);
        }
    }
}

/// P_hash: HMAC(secret, A(i) | seed), with A(i) = HMAC(secret, A(i-1)) and A(0) = seed.
fn p_hash<const N: usize>(hmac: impl Fn(&[&[u8]]) -> [u8; N], label: &[u8], seed: [&[u8]; 4], out: &mut [u8]) {
    let [s0, s1, s2, s3] = seed;
    let mut a = Zeroizing::new(hmac(&[label, s0, s1, s2, s3]));
    for piece in out.chunks_mut(N) {
        let block = Zeroizing::new(hmac(&[&a[..], label, s0, s1, s2, s3]));
        piece.iter_mut().zip(block.iter()).for_each(|(to, from)| *to = *from);
        *a = hmac(&[&a[..]]);
    }
}

/// The master secret, bound to the whole handshake (RFC 7627 §4).
pub(crate) fn master_secret<P: Provider>(p: &P, hash: Hash, premaster: &[u8; 32], session_hash: &[u8]) -> Secret {
    let mut master = Secret::zero(48);
    prf(p, hash, premaster, b"extended master secret", [session_hash, &[], &[], &[]], master.as_mut_slice());
    master
}

/// verify_data of a Finished message (RFC 5246 §7.4.9).
pub(crate) fn verify_data<P: Provider>(p: &P, hash: Hash, master: &[u8], label: &[u8], transcript: &[u8]) -> [u8; 12] {
    let mut out = [0; 12];
    prf(p, hash, master, label, [transcript, &[], &[], &[]], &mut out);
    out
}

/// What the keys of epoch 1 that `writer` writes with are made of (RFC 5246 §6.3).
pub(crate) fn record_keys<P: Provider>(
    p: &P,
    suite: Suite,
    master: &[u8],
    client_random: &[u8; 32],
    server_random: &[u8; 32],
    writer: Role,
) -> Result<Material, KeyLength> {
    let (key, iv) = match suite {
        Suite::Aes128Gcm | Suite::Aes256Gcm => (key_len(suite), 4),
        Suite::ChaCha20Poly1305 => (key_len(suite), 12),
    };
    let mut block = Zeroizing::new([0; 2 * (32 + 12)]);
    prf(p, Hash::of(suite), master, b"key expansion", [server_random, client_random, &[], &[]], block.as_mut_slice());
    let mut rest = &block[..];
    let mut cut = |n: usize| {
        let (head, tail) = rest.split_at_checked(n).ok_or(KeyLength)?;
        rest = tail;
        Ok(head)
    };
    let (client_key, server_key, client_iv, server_iv) = (cut(key)?, cut(key)?, cut(iv)?, cut(iv)?);
    let (key, iv) = match writer {
        Role::Client => (client_key, client_iv),
        Role::Server => (server_key, server_iv),
    };
    let mut twelve = Zeroizing::new([0; 12]);
    twelve.iter_mut().zip(iv).for_each(|(to, from)| *to = *from);
    Ok(Material { key: Secret::from_slice(key), iv: twelve, number: None })
}

#[cfg(test)]
mod tests {
    use barertc_crypto::RustCrypto;

    use super::*;
    use crate::testing::hex;

    fn output<const N: usize>(hash: Hash, secret: &str, seed: &str) -> [u8; N] {
        let (secret, seed): ([u8; 16], [u8; 16]) = (hex(secret), hex(seed));
        let mut out = [0; N];
        // The seed may come in parts.
        let (a, b) = seed.split_at(5);
        prf(&RustCrypto, hash, &secret, b"test label", [a, b, &[], &[]], &mut out);
        out
    }

    /// The vectors that were published on the mailing list of the TLS working group for RFC 5246.
    #[test]
    fn the_pseudorandom_function_of_either_hash() {
        assert_eq!(
            output(Hash::Sha256, "9bbe436ba940f017b17652849a71db35", "a0ba9f936cda311827a6f796ffd5198c"),
            hex::<100>(
                "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7
                 077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66"
            )
        );
        assert_eq!(
            output(Hash::Sha384, "b80b733d6ceefcdc71566ea48e5567df", "cd665cf6a8447dd6ff8b27555edb7465"),
            hex::<148>(
                "7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0e534cb40
                 0fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d
                 31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f"
            )
        );
    }
}
