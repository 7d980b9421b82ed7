//! Any bytes as a STUN message: no panic, every attribute lies inside, and what was read can be written again.
#![no_main]

use barertc_crypto::{HmacSha1Key, HmacSha256Key, RustCrypto};
use barertc_ice::stun::{Builder, Message, attr};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(m) = Message::parse(data) else { return };
    let mut out = vec![0; data.len() + 100];
    let mut b = Builder::new(&mut out, m.class(), m.method(), m.id()).unwrap();
    for (kind, value) in m.attributes() {
        // FINGERPRINT is the last one, and written as such.
        if kind != attr::FINGERPRINT {
            b.bytes(kind, value).unwrap();
        }
        let _ = (m.xor_address(kind), m.address(kind), m.text(kind), m.u32(kind), m.u64(kind));
    }
    let _ = (m.error_code(), m.username(), m.unknown(|_| false));
    let key = HmacSha1Key::new(b"not the sender's password");
    assert!(!m.verify(&RustCrypto, &key) && !m.verify_sha256(&RustCrypto, &HmacSha256Key::new(b"nor this")));
    b.integrity(&RustCrypto, &key).unwrap();
    let len = b.fingerprint().unwrap();
    let again = Message::parse(&out[..len]).unwrap();
    assert!(again.verify(&RustCrypto, &key));
    let kept = |m: &Message<'_>| {
        m.attributes().filter(|a| a.0 != attr::FINGERPRINT).map(|(k, v)| (k, v.to_vec())).collect::<Vec<_>>()
    };
    assert_eq!(kept(&again), kept(&m));
});
