//! RFC 3711 appendix B.2 and B.3, and the nonces of RFC 7714 §16 and §17.

use super::*;
use barertc_crypto::{AesKey, GcmKey, RustCrypto};
use std::string::String;
use std::vec;
use std::vec::Vec;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
}

#[test]
fn appendix_b3_key_derivation() {
    let salt = hex("0EC675AD498AFEEBB6960B3AABE6");
    let key = AesKey::new(&hex("E1F97A0D3E018BE0D64FA32C06DE4139")).unwrap();
    let prf = Prf { provider: &RustCrypto, key, salt: &salt, stream: Stream::Rtp };

    let mut cipher_key = [0; 16];
    prf.fill(LABEL_ENCRYPTION, &mut cipher_key);
    assert_eq!(cipher_key[..], hex("C61E7A93744F39EE10734AFE3FF7A087"));

    let mut cipher_salt = [0; 14];
    prf.fill(LABEL_SALT, &mut cipher_salt);
    assert_eq!(cipher_salt[..], hex("30CBBC08863D8C85D49DB34A9AE1"));

    let mut auth = [0; 94];
    prf.fill(LABEL_AUTHENTICATION, &mut auth);
    let expected = hex("CEBE321F6FF7716B6FD4AB49AF256A15 6D38BAA48F0A0ACF3C34E2359E6CDBCE
                        E049646C43D9327AD175578EF7227098 6371C10C9A369AC2F94A8C5FBCDDDC25
                        6D6E919A48B610EF17C2041E47403576 6B68642C59BBFC2F34DB60DBDFB2");
    assert_eq!(auth[..], expected);
}

#[test]
fn appendix_b2_keystream() {
    let mut salt = [0; 14];
    salt.copy_from_slice(&hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"));
    let key = hex("2B7E151628AED2A6ABF7158809CF4F3C");
    let cipher = Cipher::Cm { key: AesKey::new(&key).unwrap(), auth: HmacSha1Key::new(&[]), tag_len: 10 };
    let keys: Keys<RustCrypto> = Keys { cipher, salt: Salt(salt) };
    let Cipher::Cm { key, .. } = &keys.cipher else { unreachable!() };

    let mut stream = vec![0; 1_044_512];
    RustCrypto.aes_ctr(key, &keys.counter(0, 0), &mut stream);
    assert_eq!(
        stream[..48],
        hex("E03EAD0935C95E80E166B16DD92B4EB4 D23513162B02D0F72A43A2FE4A5F97AB 41E95B3BB0A2E8DD477901E4FCA894C0")
    );
    assert_eq!(
        stream[0xfeff * 16..],
        hex("EC8CDF7398607CB0F2D21675EA9EA1E4 362B7C3C6773516318A077D7FC5073AE 6A2CC3787889374FBEB4C81B17BA6C44")
    );
}

#[test]
fn ssrc_and_index_have_their_places() {
    let cipher = Cipher::Cm { key: AesKey::new(&[0; 16]).unwrap(), auth: HmacSha1Key::new(&[]), tag_len: 10 };
    let keys: Keys<RustCrypto> = Keys { cipher, salt: Salt([0; 14]) };
    assert_eq!(keys.counter(0xa1a2_a3a4, 0xb1b2_b3b4_b5b6)[..], hex("00000000 a1a2a3a4 b1b2b3b4b5b6 0000"));
}

/// RFC 7714's keys are session keys, so they go in behind key derivation.
fn gcm(key_len: u8) -> Keys<RustCrypto> {
    let key: Vec<u8> = (0..key_len).collect();
    let mut salt = [0; 14];
    salt[..12].copy_from_slice(b"Quid pro quo");
    Keys { cipher: Cipher::Gcm { key: GcmKey::new(&key).unwrap() }, salt: Salt(salt) }
}

const RTP: &str = "8040f17b 8041f8d3 5501a0b2 47616c6c 69612065 7374206f 6d6e6973 20646976
                   69736120 696e2070 61727465 73207472 6573";
const RTP_128: &str = "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5
                       0d294e6f 42a5f47a 51c7d19b 36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce";
const RTP_256: &str = "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238
                       9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13";
const RTCP: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
                    deadbeef deadbeef deadbeef deadbeef deadbeef";
const RTCP_128: &str = "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d
                        c676a5f1 730d6fda 4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872
                        45d9eade 800005d4";
const RTCP_256: &str = "81c8000d 4d617273 d50ae4d1 f5ce5d30 4ba297e4 7d470c28 2c3ece5d bffe0a50
                        a2eaa5c1 110555be 8415f658 c61de047 6f1b6fad 1d1eb30c 4446839f 57ff6f6c
                        b26ac3be 800005d4";
/// §17.3: the E bit is not set, so there is a tag and nothing is encrypted.
const RTCP_128_CLEAR: &str = "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61
                              deadbeef deadbeef deadbeef deadbeef deadbeef 841dd968 3dd78ec9 2ae58790
                              125f62b3 000005d4";

#[test]
fn rfc7714_section_16() {
    let (ssrc, index) = (0x5501_a0b2, 0xf17b);
    for (keys, sealed) in [(gcm(16), hex(RTP_128)), (gcm(32), hex(RTP_256))] {
        assert_eq!(keys.nonce(ssrc, index)[..], hex("51 75 3c 65 80 c2 72 6f 20 71 84 14"));
        let mut buf = hex(RTP);
        let len = buf.len();
        buf.resize(len + 16, 0);
        assert_eq!(keys.seal_rtp(&RustCrypto, &mut buf, (12, len), ssrc, index), Ok(sealed.len()));
        assert_eq!(buf, sealed);
        assert_eq!(keys.open_rtp(&RustCrypto, &mut buf, 12, ssrc, index), Ok(len));
        assert_eq!(buf[..len], hex(RTP));
    }
}

#[test]
fn rfc7714_section_17() {
    let (ssrc, index) = (0x4d61_7273, 0x5d4);
    for (keys, sealed) in [(gcm(16), hex(RTCP_128)), (gcm(32), hex(RTCP_256))] {
        let mut buf = hex(RTCP);
        let len = buf.len();
        buf.resize(len + 20, 0);
        assert_eq!(keys.seal_rtcp(&RustCrypto, &mut buf, len, ssrc, index), Ok(sealed.len()));
        assert_eq!(buf, sealed);
        let word = keys.rtcp_word(&buf).unwrap();
        assert_eq!(keys.open_rtcp(&RustCrypto, &mut buf, ssrc, word), Ok(len));
        assert_eq!(buf[..len], hex(RTCP));
    }
}

#[test]
fn rfc7714_section_17_3_tagged_only() {
    let keys = gcm(16);
    let mut buf = hex(RTCP_128_CLEAR);
    let word = keys.rtcp_word(&buf).unwrap();
    assert_eq!(word, 0x5d4);
    assert_eq!(keys.open_rtcp(&RustCrypto, &mut buf, 0x4d61_7273, word), Ok(52));
    assert_eq!(buf[..52], hex(RTCP));

    let mut forged = hex(RTCP_128_CLEAR);
    forged[20] ^= 1;
    assert_eq!(keys.open_rtcp(&RustCrypto, &mut forged, 0x4d61_7273, word), Err(crate::crypt::Bad::Tag));
}
