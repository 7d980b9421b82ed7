//! AES (FIPS 197, NIST SP 800-38A, RFC 3686, RFC 3711), AES-GCM (McGrew and Viega's cases, which NIST SP 800-38D points to),
//! ChaCha20-Poly1305 (RFC 8439).

use hex_literal::hex;

use super::{is, must, same};
use crate::provider::Provider;

pub(super) fn check<P: Provider>(p: &P) -> Result<(), &'static str> {
    aes_block(p)?;
    aes_ctr(p)?;
    gcm(p)?;
    chacha(p)
}

/// FIPS 197 appendix C.
fn aes_block<P: Provider>(p: &P) -> Result<(), &'static str> {
    const KEY: [u8; 32] = hex!("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    for (len, want) in [(16, hex!("69c4e0d86a7b0430d8cdb78070b4c55a")), (32, hex!("8ea2b7ca516745bfeafc49904b496089"))]
    {
        let key = must("AES key", p.aes_key(KEY.get(..len).unwrap_or_default()))?;
        let mut block = hex!("00112233445566778899aabbccddeeff");
        p.aes_block(&key, &mut block);
        same("AES block, FIPS 197 C", block, want)?;
    }
    is("AES key of 24 bytes", p.aes_key(&[0; 24]).is_err())
}

fn aes_ctr<P: Provider>(p: &P) -> Result<(), &'static str> {
    let one = |what, key: &[u8], iv: [u8; 16], text: &[u8], want: &[u8]| {
        let key = must(what, p.aes_key(key))?;
        let mut room = [0u8; 80];
        let data = must(what, room.get_mut(..text.len()).ok_or(()))?;
        data.copy_from_slice(text);
        p.aes_ctr(&key, &iv, data);
        same(what, &*data, want)?;
        p.aes_ctr(&key, &iv, data);
        same(what, data, text)
    };
    const TEXT: [u8; 64] = hex!(
        "6bc1bee22e409f96e93d7e117393172a" "ae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52ef" "f69f2445df4f9b17ad2b417be66c3710"
    );
    const COUNTER: [u8; 16] = hex!("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
    one(
        "AES-CTR, SP 800-38A F.5.1",
        &hex!("2b7e151628aed2a6abf7158809cf4f3c"),
        COUNTER,
        &TEXT,
        &hex!(
            "874d6191b620e3261bef6864990db6ce" "9806f66b7970fdff8617187bb9fffdff"
            "5ae4df3edbd5d35e5b4f09020db03eab" "1e031dda2fbe03d1792170a0f3009cee"
        ),
    )?;
    one(
        "AES-CTR, SP 800-38A F.5.5",
        &hex!("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"),
        COUNTER,
        &TEXT,
        &hex!(
            "601ec313775789a5b7a7f504bbf3d228" "f443e3ca4d62b59aca84e990cacaf5c5"
            "2b0930daa23de94ce87017ba2d84988d" "dfc9c58db67aada613c2dd08457941a6"
        ),
    )?;
    const UPWARDS: [u8; 36] = hex!("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223");
    one(
        "AES-CTR, RFC 3686 #3",
        &hex!("7691be035e5020a8ac6e618529f9a0dc"),
        hex!("00e0017b27777f3f4a1786f000000001"),
        &UPWARDS,
        &hex!("c1cf48a89f2ffdd9cf4652e9efdb72d7" "4540a42bde6d7836d59a5ceaaef31053" "25b2072f"),
    )?;
    one(
        "AES-CTR, RFC 3686 #9",
        &hex!("ff7a617ce69148e4f1726e2f43581de2aa62d9f805532edff1eed687fb54153d"),
        hex!("001cc5b751a51d70a1c1114800000001"),
        &UPWARDS,
        &hex!("eb6c52821d0bbbf7ce7594462aca4faa" "b407df866569fd07f48cc0b583d6071f" "1ec0e6b8"),
    )?;
    one(
        "AES-CTR, RFC 3711 B.2",
        &hex!("2b7e151628aed2a6abf7158809cf4f3c"),
        hex!("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
        &[0; 48],
        &hex!("ec8cdf7398607cb0f2d21675ea9ea1e4" "362b7c3c6773516318a077d7fc5073ae" "6a2cc3787889374fbeb4c81b17ba6c44"),
    )?;
    carry(p)
}

/// The counter is one number of 128 bits: it carries over all of them. Held against single blocks.
fn carry<P: Provider>(p: &P) -> Result<(), &'static str> {
    let key = must("AES key", p.aes_key(&[3; 16]))?;
    let mut stream = [0; 32];
    p.aes_ctr(&key, &[0xff; 16], &mut stream);
    let mut want = [[0xff; 16], [0; 16]];
    want.iter_mut().for_each(|block| p.aes_block(&key, block));
    same("AES-CTR, carry", stream, want.as_flattened())
}

fn gcm<P: Provider>(p: &P) -> Result<(), &'static str> {
    const KEY: [u8; 32] = hex!("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    const NONCE: [u8; 12] = hex!("cafebabefacedbaddecaf888");
    const AAD: [u8; 20] = hex!("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    const TEXT: [u8; 60] = hex!(
        "d9313225f88406e5a55909c5aff5269a" "86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525" "b16aedf5aa0de657ba637b39"
    );
    let cases = [
        (
            16,
            hex!(
                "42831ec2217774244b7221b784d0d49c" "e3aa212f2c02a4e035c17e2329aca12e"
                "21d514b25466931c7d8f6a5aac84aa05" "1ba30b396a0aac973d58e091"
            ),
            hex!("5bc94fbc3221a5db94fae95ae7121a47"),
        ),
        (
            32,
            hex!(
                "522dc1f099567d07f47f37a32a84427d" "643a8cdcbfe5c0c97598a2bd2555d1aa"
                "8cb08e48590dbb3da7b08b1056828838" "c5f61e6393ba7a0abcc9f662"
            ),
            hex!("76fc6ece0f4e1768cddf8853bb2d551b"),
        ),
    ];
    for (len, sealed, tag) in cases {
        let key = must("AES-GCM key", p.gcm_key(KEY.get(..len).unwrap_or_default()))?;
        let mut data = TEXT;
        same("AES-GCM tag, cases 4 and 16", p.gcm_seal(&key, &NONCE, &AAD, &mut data), tag)?;
        same("AES-GCM text, cases 4 and 16", data, sealed)?;
        must("AES-GCM open, cases 4 and 16", p.gcm_open(&key, &NONCE, &AAD, &mut data, &tag))?;
        same("AES-GCM open, cases 4 and 16", data, TEXT)?;

        let mut forged = sealed;
        is("AES-GCM forged aad", p.gcm_open(&key, &NONCE, &AAD[1..], &mut forged, &tag).is_err())?;
        same("AES-GCM forged data untouched", forged, sealed)?;
        forged[59] ^= 1;
        is("AES-GCM forged data", p.gcm_open(&key, &NONCE, &AAD, &mut forged, &tag).is_err())?;
        forged = sealed;
        let mut bad = tag;
        bad[15] ^= 0x80;
        is("AES-GCM forged tag", p.gcm_open(&key, &NONCE, &AAD, &mut forged, &bad).is_err())?;
    }
    // Nothing to encrypt: an SRTCP packet with the E flag off, and case 1.
    let zero = must("AES-GCM key", p.gcm_key(&[0; 16]))?;
    same("AES-GCM case 1", p.gcm_seal(&zero, &[0; 12], &[], &mut []), hex!("58e2fccefa7e3061367f1d57a4e7455a"))?;
    let mut data = [0; 16];
    same("AES-GCM case 2", p.gcm_seal(&zero, &[0; 12], &[], &mut data), hex!("ab6e47d42cec13bdf53a67b21257bddf"))?;
    same("AES-GCM case 2", data, hex!("0388dace60b6a392f328c2b971b2fe78"))
}

/// RFC 8439 §2.3.2 and §2.8.2.
fn chacha<P: Provider>(p: &P) -> Result<(), &'static str> {
    let key = core::array::from_fn(|i| u8::try_from(i).unwrap_or_default());
    same(
        "ChaCha20 block, RFC 8439 2.3.2",
        p.chacha_block(&key, 1, &hex!("000000090000004a00000000")),
        hex!(
            "10f1e7e4d13b5915500fdd1fa32071c4" "c7d1f4c733c068030422aa9ac3d46c4e"
            "d2826446079faa0914c2d705d98b02a2" "b5129cd1de164eb9cbd083e8a2503c4e"
        ),
    )?;

    const WHAT: &str = "ChaCha20-Poly1305, RFC 8439 2.8.2";
    const TEXT: &[u8; 114] = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
        future, sunscreen would be it.";
    const SEALED: [u8; 114] = hex!(
        "d31a8d34648e60db7b86afbc53ef7ec2" "a4aded51296e08fea9e2b5a736ee62d6" "3dbea45e8ca9671282fafb69da92728b"
        "1a71de0a9e060b2905d6a5b67ecd3b36" "92ddbd7f2d778b8c9803aee328091b58" "fab324e4fad675945585808b4831d7bc"
        "3ff4def08e4b7a9de576d26586cec64b" "6116"
    );
    const TAG: [u8; 16] = hex!("1ae10b594f09e26a7e902ecbd0600691");
    const NONCE: [u8; 12] = hex!("070000004041424344454647");
    const AAD: [u8; 12] = hex!("50515253c0c1c2c3c4c5c6c7");
    let key = must(WHAT, p.chacha_key(&hex!("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f")))?;
    let mut data = *TEXT;
    same(WHAT, p.chacha_seal(&key, &NONCE, &AAD, &mut data), TAG)?;
    same(WHAT, data, SEALED)?;
    must(WHAT, p.chacha_open(&key, &NONCE, &AAD, &mut data, &TAG))?;
    same(WHAT, data, TEXT)?;

    let mut forged = SEALED;
    is("ChaCha20-Poly1305 forged aad", p.chacha_open(&key, &NONCE, &[], &mut forged, &TAG).is_err())?;
    same("ChaCha20-Poly1305 forged data untouched", forged, SEALED)?;
    is("ChaCha20-Poly1305 forged tag", p.chacha_open(&key, &NONCE, &AAD, &mut forged, &[0; 16]).is_err())
}
