//! Hashes (FIPS 180-4's examples, RFC 1321), HMAC (RFC 2202, RFC 4231), HKDF (RFC 5869).

use hex_literal::hex;

use super::{is, must, same};
use crate::hash::{Sha256, Sha384};
use crate::mac::{HmacSha1Key, HmacSha256Key, HmacSha384Key};
use crate::provider::Provider;

pub(super) fn check<P: Provider>(p: &P) -> Result<(), &'static str> {
    sha(p)?;
    md5(p)?;
    hmac(p)?;
    hkdf(p)
}

fn sha<P: Provider>(p: &P) -> Result<(), &'static str> {
    const TWO_BLOCKS: &[u8] = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    // In parts, so that gluing them together is tested too.
    let (abc, two) = ([&b"a"[..], b"", b"bc"], TWO_BLOCKS.split_at(21));
    let two = [two.0, two.1];
    same("SHA-1, abc", p.sha1(&abc), hex!("a9993e364706816aba3e25717850c26c9cd0d89d"))?;
    same("SHA-1, two blocks", p.sha1(&two), hex!("84983e441c3bd26ebaae4aa1f95129e5e54670f1"))?;
    let want = hex!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    same("SHA-256, abc", p.sha256(&abc), want)?;
    let want = hex!("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    same("SHA-256, two blocks", p.sha256(&two), want)?;
    let mut pieces = Sha256::new();
    two.iter().for_each(|part| pieces.update(part));
    same("SHA-256, incremental", pieces.finish(), want)?;
    let want = hex!(
        "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded163" "1a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
    );
    same("SHA-384, abc", p.sha384(&abc), want)?;
    let mut pieces = Sha384::new();
    abc.iter().for_each(|part| pieces.update(part));
    same("SHA-384, incremental", pieces.finish(), want)?;
    let want = hex!(
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
    );
    same("SHA-512, abc", p.sha512(&abc), want)
}

/// RFC 1321 appendix A.5.
fn md5<P: Provider>(p: &P) -> Result<(), &'static str> {
    same("MD5, nothing", p.md5(&[]), hex!("d41d8cd98f00b204e9800998ecf8427e"))?;
    same("MD5, abc", p.md5(&[b"ab", b"c"]), hex!("900150983cd24fb0d6963f7d28e17f72"))?;
    let digits = [&b"1234567890"[..]; 8];
    same("MD5, 80 digits", p.md5(&digits), hex!("57edf4a22be3c955ac49da2e2107b67a"))
}

fn hmac<P: Provider>(p: &P) -> Result<(), &'static str> {
    const JEFE: [&[u8]; 2] = [b"what do ya want ", b"for nothing?"];
    const LONG: [&[u8]; 1] = [b"Test Using Larger Than Block-Size Key - Hash Key First"];
    const DD: [&[u8]; 1] = [&[0xdd; 50]];

    let sha1 = |what, key: &[u8], parts: &[&[u8]], want| same(what, p.hmac_sha1(&HmacSha1Key::new(key), parts), want);
    let want: [u8; 20] = hex!("b617318655057264e28bc0b6fb378c8ef146be00");
    sha1("HMAC-SHA1, RFC 2202 case 1", &[0x0b; 20], &[b"Hi There"], want)?;
    sha1("HMAC-SHA1, RFC 2202 case 2", b"Jefe", &JEFE, hex!("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"))?;
    sha1("HMAC-SHA1, RFC 2202 case 3", &[0xaa; 20], &DD, hex!("125d7342b9ac11cd91a39af48aa17b4f63f175d3"))?;
    sha1("HMAC-SHA1, RFC 2202 case 6", &[0xaa; 80], &LONG, hex!("aa4ae5e15272d00e95705637ce8a3b55ed402112"))?;

    let sha256 =
        |what, key: &[u8], parts: &[&[u8]], want| same(what, p.hmac_sha256(&HmacSha256Key::new(key), parts), want);
    let want: [u8; 32] = hex!("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    sha256("HMAC-SHA256, RFC 4231 case 2", b"Jefe", &JEFE, want)?;
    let want = hex!("773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    sha256("HMAC-SHA256, RFC 4231 case 3", &[0xaa; 20], &DD, want)?;
    let want = hex!("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    sha256("HMAC-SHA256, RFC 4231 case 6", &[0xaa; 131], &LONG, want)?;

    let sha384 =
        |what, key: &[u8], parts: &[&[u8]], want| same(what, p.hmac_sha384(&HmacSha384Key::new(key), parts), want);
    let want: [u8; 48] = hex!(
        "af45d2e376484031617f78d2b58a6b1b" "9c7ef464f5a01b47e42ec3736322445e" "8e2240ca5e69e2c78b3239ecfab21649"
    );
    sha384("HMAC-SHA384, RFC 4231 case 2", b"Jefe", &JEFE, want)?;
    let want = hex!(
        "4ece084485813e9088d2c63a041bc5b4" "4f9ef1012a2b588f3cd11f05033ac4c6" "0c2ef6ab4030fe8296248df163f44952"
    );
    sha384("HMAC-SHA384, RFC 4231 case 6", &[0xaa; 131], &LONG, want)
}

fn hkdf<P: Provider>(p: &P) -> Result<(), &'static str> {
    let what = "HKDF-SHA256, RFC 5869 A.1";
    let prk = p.hkdf_sha256_extract(&hex!("000102030405060708090a0b0c"), &[0x0b; 22]);
    same(what, prk, hex!("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"))?;
    let mut out = [0; 42];
    must(what, p.hkdf_sha256_expand(&prk, &[&hex!("f0f1f2f3"), &hex!("f4f5f6f7f8f9")], &mut out))?;
    let want = hex!("3cb25f25faacd57a90434f64d0362f2a" "2d2d0a90cf1a5a4c5db02d56ecc4c5bf" "34007208d5b887185865");
    same(what, out, want)?;

    let upwards =
        |from: u8| core::array::from_fn::<u8, 80, _>(|i| from.wrapping_add(u8::try_from(i).unwrap_or_default()));
    let (ikm, salt, info) = (upwards(0), upwards(0x60), upwards(0xb0));
    let what = "HKDF-SHA256, RFC 5869 A.2";
    let mut out = [0; 82];
    must(what, p.hkdf_sha256_expand(&p.hkdf_sha256_extract(&salt, &ikm), &[&info], &mut out))?;
    let want = hex!(
        "b11e398dc80327a1c8e7f78c596a4934" "4f012eda2d4efad8a050cc4c19afa97c" "59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71" "cc30c58179ec3e87c14c01d5c1f3434f" "1d87"
    );
    same(what, out, want)?;

    let what = "HKDF-SHA256, RFC 5869 A.3";
    let mut out = [0; 42];
    must(what, p.hkdf_sha256_expand(&p.hkdf_sha256_extract(&[], &[0x0b; 22]), &[], &mut out))?;
    let want = hex!("8da4e775a563c18f715f802a063c5a31" "b8a11f5c5ee1879ec3454e5f3c738d2d" "9d201395faa4b61a96c8");
    same(what, out, want)?;

    // The RFC has none with SHA-384: the inputs of A.2, and what OpenSSL makes of them.
    let what = "HKDF-SHA384, inputs of RFC 5869 A.2";
    let mut out = [0; 82];
    must(what, p.hkdf_sha384_expand(&p.hkdf_sha384_extract(&salt, &ikm), &[&info], &mut out))?;
    let want = hex!(
        "484ca052b8cc724fd1c4ec64d57b4e81" "8c7e25a8e0f4569ed72a6a05fe0649ee" "bf69f8d5c832856bf4e4fbc17967d549"
        "75324a94987f7f41835817d8994fdbd6" "f4c09c5500dca24a56222fea53d8967a" "8b2e"
    );
    same(what, out, want)?;
    is("HKDF-SHA256, longer than it can be", p.hkdf_sha256_expand(&prk, &[], &mut [0; 255 * 32 + 1]).is_err())
}
