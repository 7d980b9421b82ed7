//! The vectors of RFC 5769 and RFC 8489 appendix B, and what a hostile sender makes of them.
use barertc_crypto::{HmacSha1Key, HmacSha256Key, Provider, RustCrypto};
use std::net::SocketAddr;
use std::vec::Vec;

use super::header::{from_type_bits, type_bits};
use super::*;

const PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
const USER: &str = "\u{30DE}\u{30C8}\u{30EA}\u{30C3}\u{30AF}\u{30B9}";

/// RFC 5769 §2.1
const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae802200105354554e207465737420636c69656e74002400046e0001ff\
    80290008932ff9b151263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2\
    80280004e57a3bcf";
/// RFC 5769 §2.2
const RESPONSE4: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643\
    000800142b91f599fd9e90c38c7489f92af9ba53f06be7d780280004c07d4c96";
/// RFC 5769 §2.3
const RESPONSE6: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9fa\
    a5d3f179bc25f4b5bed2b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
/// RFC 5769 §2.4
const LONG_TERM: &str = "000100602112a44278ad3433c6ad72c029da412e00060012e3839ee38388e383aae38383e382afe382b90000\
    0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341\
    0014000b6578616d706c652e6f72670000080014f67024656dd64a3e02b8e0712e85c9a28ca89666";
/// RFC 8489 §B.1
const LONG_TERM_SHA256: &str = "0001009c2112a44278ad3433c6ad72c029da412e001e00204a3cf38fef6992bda952c6780417da0f24819415569e60b205c4\
    6e41407f1704001500296f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c394653547679363473\
    410000000014000b6578616d706c652e6f726700001c0020e4686c8f0edeb59013e07090010a93efccbccc544c0a45d9f830\
    aa6d6f735a01";

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|d| u8::from_str_radix(std::str::from_utf8(d).unwrap(), 16).unwrap()).collect()
}

#[test]
fn rfc_5769_request() {
    let bytes = bytes(REQUEST);
    let m = Message::parse(&bytes).unwrap();
    assert_eq!((m.class(), m.method()), (Class::Request, Method::BINDING));
    assert_eq!(m.username(), Some("evtj:h6vY"));
    assert_eq!(m.text(attr::SOFTWARE), Some("STUN test client"));
    assert_eq!(m.u32(attr::PRIORITY), Some(0x6E00_01FF));
    assert_eq!(m.u64(attr::ICE_CONTROLLED), Some(0x932F_F9B1_5126_3B36));
    assert!(m.verify(&RustCrypto, &HmacSha1Key::new(PASSWORD)));
    assert!(!m.verify(&RustCrypto, &HmacSha1Key::new(b"VOkJxbRl1RmTxUk/WvJxBu")));
}

#[test]
fn rfc_5769_responses_and_the_same_written() {
    for (hex, mapped) in [(RESPONSE4, "192.0.2.1:32853"), (RESPONSE6, "[2001:db8:1234:5678:11:2233:4455:6677]:32853")] {
        let bytes = bytes(hex);
        let mapped: SocketAddr = mapped.parse().unwrap();
        let m = Message::parse(&bytes).unwrap();
        assert_eq!(m.class(), Class::Success);
        assert_eq!(m.xor_address(attr::XOR_MAPPED_ADDRESS), Some(mapped));
        assert!(m.verify(&RustCrypto, &HmacSha1Key::new(PASSWORD)));

        let mut out = [0; 128];
        let mut b = Builder::new(&mut out, Class::Success, Method::BINDING, m.id()).unwrap();
        b.bytes(attr::SOFTWARE, b"test vector").unwrap();
        b.xor_address(attr::XOR_MAPPED_ADDRESS, mapped).unwrap();
        b.integrity(&RustCrypto, &HmacSha1Key::new(PASSWORD)).unwrap();
        let len = b.fingerprint().unwrap();
        // The vector pads with a space, and so hashes other bytes; everything before is the same.
        assert_eq!(len, bytes.len());
        assert_eq!(out[..35], bytes[..35]);
        assert_eq!(out[36..48], bytes[36..48]);
        assert!(Message::parse(&out[..len]).unwrap().verify(&RustCrypto, &HmacSha1Key::new(PASSWORD)));
    }
}

#[test]
fn long_term_credentials() {
    let old = bytes(LONG_TERM);
    let m = Message::parse(&old).unwrap();
    assert_eq!(m.username(), Some(USER));
    let parts: [&[u8]; 5] = [USER.as_bytes(), b":", b"example.org", b":", b"TheMatrIX"];
    assert!(m.verify(&RustCrypto, &HmacSha1Key::new(&RustCrypto.md5(&parts))));

    // The vector's length field counts the header too, and its integrity was made over that. So: the integrity over the
    // bytes as printed, then the message with its length put right.
    let mut new = bytes(LONG_TERM_SHA256);
    let key = HmacSha256Key::new(&RustCrypto.sha256(&parts));
    let (covered, mac) = (&new[..120], &new[124..]);
    assert_eq!(RustCrypto.hmac_sha256(&key, &[covered]), mac);
    assert_eq!(Message::parse(&new).unwrap_err(), Malformed::Length);
    new[3] -= 20;
    let m = Message::parse(&new).unwrap();
    assert_eq!(m.get(attr::USERHASH), Some(&RustCrypto.sha256(&[USER.as_bytes(), b":", b"example.org"])[..]));
    assert!(m.has_sha256() && !m.verify_sha256(&RustCrypto, &key));
    let right = RustCrypto.hmac_sha256(&key, &[&new[..120]]);
    new[124..].copy_from_slice(&right);
    let m = Message::parse(&new).unwrap();
    assert!(m.verify_sha256(&RustCrypto, &key));
    assert!(!m.verify_sha256(&RustCrypto, &HmacSha256Key::new(b"")));
}

#[test]
fn any_changed_bit_is_noticed() {
    let good = bytes(REQUEST);
    let key = HmacSha1Key::new(PASSWORD);
    // All but the type of FINGERPRINT, without which the integrity still holds.
    for bit in (0..800).chain(816..864) {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let accepted = Message::parse(&bad).is_ok_and(|m| m.verify(&RustCrypto, &key));
        assert!(!accepted, "bit {bit}");
    }
}

#[test]
fn every_truncation_is_refused() {
    for hex in [REQUEST, RESPONSE4, LONG_TERM] {
        let good = bytes(hex);
        for len in 0..good.len() {
            assert!(Message::parse(&good[..len]).is_err(), "{len}");
        }
    }
}

#[test]
fn what_follows_the_integrity_is_ignored() {
    let key = HmacSha1Key::new(PASSWORD);
    let mut out = [0; 128];
    let mut b = Builder::new(&mut out, Class::Request, Method::BINDING, TransactionId::default()).unwrap();
    b.integrity(&RustCrypto, &key).unwrap();
    b.bytes(attr::USE_CANDIDATE, &[]).unwrap();
    b.bytes(0x7777, &[]).unwrap();
    let len = b.fingerprint().unwrap();
    let m = Message::parse(&out[..len]).unwrap();
    assert!(m.verify(&RustCrypto, &key));
    assert_eq!(m.get(attr::USE_CANDIDATE), None);
    assert!(m.unknown(|_| false).is_empty());
}

#[test]
fn unknown_attributes_are_those_below_0x8000() {
    let mut out = [0; 128];
    let mut b = Builder::new(&mut out, Class::Request, Method::BINDING, TransactionId::default()).unwrap();
    for kind in [0x7001, attr::PRIORITY, 0x8001, 0xC057] {
        b.bytes(kind, &[1]).unwrap();
    }
    let len = b.fingerprint().unwrap();
    assert_eq!(Message::parse(&out[..len]).unwrap().unknown(|k| k == attr::PRIORITY), [0x7001]);
}

#[test]
fn error_codes() {
    let mut out = [0; 64];
    let mut b = Builder::new(&mut out, Class::Error, Method::BINDING, TransactionId::default()).unwrap();
    b.error(487, "Role Conflict").unwrap();
    let len = b.finish();
    assert_eq!(Message::parse(&out[..len]).unwrap().error_code(), Some(487));
}

#[test]
fn a_short_buffer_is_an_error_at_every_length() {
    let write = |out: &mut [u8]| {
        let mut b = Builder::new(out, Class::Request, Method::BINDING, TransactionId::default())?;
        b.parts(attr::USERNAME, &[b"a", b":", b"b"])?;
        b.xor_address(attr::XOR_PEER_ADDRESS, "[::1]:9".parse().unwrap())?;
        b.error(420, "x")?;
        b.integrity_sha256(&RustCrypto, &HmacSha256Key::new(b""))?;
        b.integrity(&RustCrypto, &HmacSha1Key::new(b""))?;
        b.fingerprint()
    };
    let mut out = [0; 256];
    let len = write(&mut out).unwrap();
    for short in 0..len {
        assert!(write(&mut out[..short]).is_err(), "{short}");
    }
}

#[test]
fn every_class_and_method_has_its_own_type() {
    for class in [Class::Request, Class::Indication, Class::Success, Class::Error] {
        for method in 0..0x1000 {
            let bits = type_bits(class, Method(method));
            assert!(bits < 0x4000);
            assert_eq!(from_type_bits(bits), (class, Method(method)));
        }
    }
}
