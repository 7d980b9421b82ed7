//! Keys that were dropped are nowhere in this process, also not where AWS-LC had them.
//!
//! The process reads its own memory, which Linux lets it do. What is looked for is held inverted, so that the search finds no copy of its own.
#![cfg(target_os = "linux")]

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;

use barertc_crypto::rand_core::{TryRng, UnwrapErr};
use barertc_crypto::{P256Secret, Provider, RustCrypto, X25519Secret, wipe_stack};
use barertc_crypto_host::{AwsLc, SystemRandom};

/// Bytes that are looked for, inverted.
struct Sought(Vec<u8>);

impl Sought {
    fn random(len: usize) -> Self {
        let mut bytes = vec![0; len];
        SystemRandom.try_fill_bytes(&mut bytes).unwrap();
        Self(bytes)
    }

    /// The secret itself, in a place that its user overwrites.
    fn written_to(&self, out: &mut [u8]) {
        out.iter_mut().zip(&self.0).for_each(|(to, from)| *to = !*from);
    }

    /// How often the secret is in memory that this process can write to.
    #[inline(never)]
    fn copies(&self) -> usize {
        let memory = File::open("/proc/self/mem").unwrap();
        let mut copies = 0;
        // One buffer, so that what is found is not what an earlier search copied.
        let mut buffer = vec![0u8; 1 << 20];
        let own = buffer.as_ptr() as u64..buffer.as_ptr() as u64 + buffer.len() as u64;
        for line in read_to_string("/proc/self/maps").unwrap().lines() {
            let mut words = line.split_whitespace();
            let (range, rights) = (words.next().unwrap(), words.next().unwrap());
            let (start, end) = range.split_once('-').unwrap();
            let [start, end] = [start, end].map(|n| u64::from_str_radix(n, 16).unwrap());
            if !rights.starts_with("rw") {
                continue;
            }
            let mut at = start;
            while at < end {
                // Neighbouring pieces overlap by the length of what is sought.
                let len = usize::try_from((end - at).min(buffer.len() as u64)).unwrap();
                let Ok(read) = memory.read_at(&mut buffer[..len], at) else { break };
                for (n, window) in buffer[..read].windows(self.0.len()).enumerate() {
                    let here = window.iter().zip(&self.0).all(|(a, b)| *a == !*b);
                    copies += usize::from(here && !own.contains(&(at + n as u64)));
                }
                if read < len || at + read as u64 >= end {
                    break;
                }
                at += (read - self.0.len() + 1) as u64;
            }
        }
        buffer.fill(0);
        copies
    }
}

/// Makes something of a secret, and looks for the secret while it is there and when it was dropped.
fn check<T>(what: &str, len: usize, make: impl FnOnce(&mut [u8]) -> T, last: impl FnOnce(&T)) {
    let sought = Sought::random(len);
    live(what, &sought, make, last);
    wipe_stack();
    assert_eq!(sought.copies(), 0, "{what} was left in memory");
}

/// The life of a key, below its caller: a value that is moved leaves copies on the stack, which `wipe_stack` overwrites.
#[inline(never)]
fn live<T>(what: &str, sought: &Sought, make: impl FnOnce(&mut [u8]) -> T, last: impl FnOnce(&T)) {
    let mut place = vec![0; sought.0.len()];
    sought.written_to(&mut place);
    let made = make(&mut place);
    place.fill(0);
    std::hint::black_box(&place);
    assert!(sought.copies() > 0, "{what} is not seen where it must be: the search is blind");
    last(&made);
}

/// One test, for other threads' secrets move about.
#[test]
fn of_every_kind() {
    let p = AwsLc::new();
    for len in [16, 32] {
        check(
            "AES-GCM key",
            len,
            |key| p.gcm_key(key).unwrap(),
            |key| {
                let mut data = [0; 1_200];
                let tag = p.gcm_seal(key, &[1; 12], &[], &mut data);
                p.gcm_open(key, &[1; 12], &[], &mut data, &tag).unwrap();
            },
        );
        check("AES key", len, |key| p.aes_key(key).unwrap(), |key| p.aes_ctr(key, &[1; 16], &mut [0; 1_200]));
    }
    check(
        "ChaCha20-Poly1305 key",
        32,
        |key| p.chacha_key(key).unwrap(),
        |key| {
            p.chacha_seal(key, &[1; 12], &[], &mut [0; 1_200]);
        },
    );
    let secret = |bytes: &mut [u8]| -> [u8; 32] { (&*bytes).try_into().unwrap() };
    check(
        "X25519 secret",
        32,
        |bytes| Box::new(X25519Secret::from_bytes(secret(bytes))),
        |secret| {
            p.x25519_public(secret);
            p.x25519_agree(secret, &[9; 32]).unwrap();
        },
    );
    let peer = RustCrypto.p256_public(&P256Secret::from_bytes(&[5; 32]).unwrap());
    // The highest byte is 1, so that the number is below the order: what is sought is the rest.
    let sought = Sought::random(31);
    let signer = AwsLc::new();
    sign(&sought, &signer, &peer);
    wipe_stack();
    assert!(sought.copies() > 0, "the provider keeps the key that it signs with");
    end(signer);
    wipe_stack();
    assert_eq!(sought.copies(), 0, "a P-256 secret was left in memory");
}

#[inline(never)]
fn sign(sought: &Sought, signer: &AwsLc, peer: &[u8]) {
    let mut bytes = [1; 32];
    sought.written_to(&mut bytes[1..]);
    let own = P256Secret::from_bytes(&bytes).unwrap();
    signer.p256_public(&own);
    signer.p256_agree(&own, peer).unwrap();
    let signature = signer.p256_sign(&own, &[1; 32], &mut UnwrapErr(SystemRandom));
    let public = RustCrypto.p256_public(&own);
    assert_eq!(signer.p256_verify(&public, &[1; 32], &signature), Ok(()));
}

#[inline(never)]
fn end(signer: AwsLc) {
    drop(signer);
}
