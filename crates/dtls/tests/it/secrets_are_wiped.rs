//! A connection that is over has left none of its secrets behind: not in its value, not in its memory, and not on the stack.
//!
//! The process reads its own memory, which Linux lets it do.
#![cfg(target_os = "linux")]

use crate::support::Rng;

use barertc_arena::Heap;
use barertc_crypto::rand_core::CryptoRng;
use barertc_crypto::{
    AesKey, ChaChaKey, GcmKey, HmacSha256Key, InvalidPoint, KeyLength, P256Secret, Provider, RustCrypto, SmallOrder,
    TooLong, X25519Secret,
};
use barertc_dtls::{Config, Connection, Identity, Role, Version};
use barertc_wire::Instant;
use std::cell::RefCell;
use std::fs::File;
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::os::unix::fs::FileExt;

/// RustCrypto, and a list of every secret that goes through.
#[derive(Default)]
struct Spy {
    /// DTLS 1.2 has its secrets from HMAC, which in DTLS 1.3 makes what is sent too.
    hmac: bool,
    secrets: RefCell<Vec<(&'static str, Vec<u8>)>>,
}

impl Spy {
    fn note(&self, what: &'static str, secret: &[u8]) {
        if secret.len() >= 16 {
            self.secrets.borrow_mut().push((what, secret.to_vec()));
        }
    }
}

impl Provider for Spy {
    type AesKey = AesKey;
    type GcmKey = GcmKey;
    type ChaChaKey = ChaChaKey;

    fn aes_key(&self, key: &[u8]) -> Result<AesKey, KeyLength> {
        self.note("AES key", key);
        AesKey::new(key)
    }
    fn gcm_key(&self, key: &[u8]) -> Result<GcmKey, KeyLength> {
        self.note("GCM key", key);
        GcmKey::new(key)
    }
    fn chacha_key(&self, key: &[u8]) -> Result<ChaChaKey, KeyLength> {
        self.note("ChaCha20 key", key);
        ChaChaKey::new(key)
    }
    fn hmac_sha256(&self, key: &HmacSha256Key, parts: &[&[u8]]) -> [u8; 32] {
        let out = RustCrypto.hmac_sha256(key, parts);
        if self.hmac {
            self.note("HMAC", &out);
        }
        out
    }
    fn hkdf_sha256_expand(&self, prk: &[u8; 32], info: &[&[u8]], out: &mut [u8]) -> Result<(), TooLong> {
        self.note("key of HKDF", prk);
        RustCrypto.hkdf_sha256_expand(prk, info, out)?;
        self.note("output of HKDF", out);
        Ok(())
    }
    fn x25519_key<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> X25519Secret {
        let secret = RustCrypto.x25519_key(rng);
        self.note("X25519 secret", secret.raw());
        secret
    }
    fn x25519_agree(&self, secret: &X25519Secret, peer: &[u8; 32]) -> Result<[u8; 32], SmallOrder> {
        let shared = RustCrypto.x25519_agree(secret, peer)?;
        self.note("shared secret", &shared);
        Ok(shared)
    }
    fn p256_key<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> P256Secret {
        let secret = RustCrypto.p256_key(rng);
        self.note("P-256 secret", secret.raw());
        secret
    }
    fn p256_agree(&self, secret: &P256Secret, peer: &[u8]) -> Result<[u8; 32], InvalidPoint> {
        let shared = RustCrypto.p256_agree(secret, peer)?;
        self.note("shared secret", &shared);
        Ok(shared)
    }
}

/// This process's memory at `address`.
fn memory(address: usize, len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    File::open("/proc/self/mem").unwrap().read_exact_at(&mut out, address as u64).unwrap();
    out
}

fn left_in(place: &'static str, memory: &[u8], spies: [&Spy; 2]) -> Vec<(&'static str, &'static str, usize)> {
    let mut left = Vec::new();
    for spy in spies {
        for (what, secret) in spy.secrets.borrow().iter() {
            if let Some(at) = memory.windows(secret.len()).position(|w| w == secret) {
                left.push((place, *what, at));
            }
        }
    }
    left
}

type Peer<'m, 's> = Connection<&'m Heap<'m>, &'s Spy>;

#[inline(never)]
fn carry(from: &mut Peer, to: &mut Peer) {
    let mut out = [0; 1_500];
    while let Some(n) = from.poll_transmit(Instant::ZERO, &mut out) {
        let _ = to.handle(Instant::ZERO, &mut out[..n], |_| ());
    }
}

fn check(version: Version) {
    let config = Config { min_version: version, max_version: version, ..Config::default() };
    let spies = [0, 1].map(|_| Spy { hmac: version == Version::Dtls12, ..Spy::default() });
    let mut rng = Rng(3);
    let [a, b] = [0, 1].map(|_| Identity::generate(&RustCrypto, &mut rng));
    let mut region = vec![MaybeUninit::new(0_u8); 64 << 10];
    let (start, len) = (region.as_ptr() as usize, region.len());
    let heap: Heap = Heap::new(&mut region).unwrap();
    // Where the stack is; what is called from here lies below.
    let base = black_box(&config) as *const Config as usize;
    {
        let new = |role, id, spy, rng: &mut Rng| {
            Box::new(Connection::new(config.clone(), role, id, &heap, spy, rng).unwrap())
        };
        let mut client: Box<Peer> = new(Role::Client, &a, &spies[0], &mut rng);
        let mut server: Box<Peer> = new(Role::Server, &b, &spies[1], &mut rng);
        client.set_peer_fingerprint(Instant::ZERO, b.fingerprint(&RustCrypto)).unwrap();
        server.set_peer_fingerprint(Instant::ZERO, a.fingerprint(&RustCrypto)).unwrap();
        for _ in 0..4 {
            carry(&mut client, &mut server);
            carry(&mut server, &mut client);
        }
        assert!(client.is_connected() && server.is_connected());
        let spies = [&spies[0], &spies[1]];
        assert!(spies.iter().all(|spy| spy.secrets.borrow().len() > 5));

        // The agreement's secrets ended with the handshake.
        let ended = |what: &str| what == "shared secret" || what.ends_with(" secret");
        let found = left_in("memory", &memory(start, len), spies);
        let found: Vec<_> = found.into_iter().filter(|(_, what, _)| ended(what)).collect();
        assert_eq!(found, [], "{version:?} after the handshake");

        client.close(Instant::ZERO);
        carry(&mut client, &mut server);
        carry(&mut server, &mut client);
        let mut found = left_in("memory", &memory(start, len), spies);
        for peer in [&client, &server] {
            let value: &Peer = peer;
            let at = value as *const Peer as usize;
            found.extend(left_in("value", &memory(at, size_of_val(value)), spies));
        }
        found.extend(left_in("stack", &memory(base - (96 << 10), 96 << 10), spies));
        assert_eq!(found, [], "{version:?} after the close");
    }
}

#[test]
fn of_12() {
    check(Version::Dtls12);
}

#[test]
fn of_13() {
    check(Version::Dtls13);
}
