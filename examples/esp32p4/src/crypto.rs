//! The chip's accelerators as a crypto provider: AES ([`unit_aes`](crate::unit_aes)), SHA-1 and SHA-2 with their HMACs, and points of
//! P-256. The rest is RustCrypto's.
//!
//! The units for hashes and curves have to give RustCrypto's result once, at start, before they are used: a unit that does not is left
//! alone and said. AES in software is not in the image beside the unit's: a unit that fails its test vectors ends the start.

use core::cell::RefCell;

use barertc::{Provider, RustCrypto};
#[cfg(feature = "software-aes")]
use barertc_crypto::{AesKey, GcmKey};
use barertc_crypto::{ChaChaKey, HmacSha1Key, HmacSha256Key, HmacSha384Key, InvalidPoint, P256Secret};
use esp_hal::Blocking;
use esp_hal::ecc::{Config, Ecc, EllipticCurve};
use esp_hal::peripherals::{AES, ECC, SHA};
use esp_hal::sha::{Sha, Sha1, Sha256, Sha384, Sha512, ShaAlgorithm};
use zeroize::Zeroize;

#[cfg(not(feature = "software-aes"))]
use crate::unit_aes::{self, UnitKey as AesKey, UnitKey as GcmKey};

/// The base point of P-256 (NIST SP 800-186 section 3.2.1.3).
const BASE: [u8; 64] = [
    0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03, 0x7d,
    0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96, 0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a,
    0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b, 0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb,
    0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
];
/// The prime of its field.
const PRIME: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff,
];
/// What the units are tried with: longer than a block of each hash, and not a multiple of one.
const SAMPLE: [u8; 301] = [0x5a; 301];

/// The accelerators that were found to work.
pub struct Accelerators {
    #[cfg(not(feature = "software-aes"))]
    _aes: unit_aes::Driver,
    sha: Option<RefCell<Sha<'static>>>,
    ecc: Option<RefCell<Ecc<'static, Blocking>>>,
}

impl Accelerators {
    /// Starts the units and tries each of them; `log` is told which are not used.
    pub fn new(
        #[cfg_attr(feature = "software-aes", expect(unused_variables))] aes: AES<'static>,
        sha: SHA<'static>,
        ecc: ECC<'static>,
        log: fn(core::fmt::Arguments<'_>),
    ) -> Result<Self, &'static str> {
        // A multiplication takes the same time whatever the secret is.
        let ecc = Ecc::new(ecc, Config::default().with_enhanced_security(true));
        let mut units = Self {
            #[cfg(not(feature = "software-aes"))]
            _aes: unit_aes::start(aes)?,
            sha: Some(RefCell::new(Sha::new(sha))),
            ecc: Some(RefCell::new(ecc)),
        };
        let works = [units.sha_works(), units.ecc_works()];
        for (name, _) in ["SHA", "ECC"].iter().zip(works).filter(|(_, works)| !works) {
            log(format_args!("crypto: the {name} unit gives other results than software and is not used"));
        }
        units.sha = units.sha.filter(|_| works[0]);
        units.ecc = units.ecc.filter(|_| works[1]);
        Ok(units)
    }

    fn sha_works(&self) -> bool {
        let parts: &[&[u8]] = &[&SAMPLE[..3], &SAMPLE];
        self.sha1(parts) == RustCrypto.sha1(parts)
            && self.sha256(parts) == RustCrypto.sha256(parts)
            && self.sha384(parts) == RustCrypto.sha384(parts)
            && self.sha512(parts) == RustCrypto.sha512(parts)
            && self.hmac_sha1(&HmacSha1Key::new(&SAMPLE), parts)
                == RustCrypto.hmac_sha1(&HmacSha1Key::new(&SAMPLE), parts)
            && self.hmac_sha384(&HmacSha384Key::new(&SAMPLE), parts)
                == RustCrypto.hmac_sha384(&HmacSha384Key::new(&SAMPLE), parts)
    }

    fn ecc_works(&self) -> bool {
        let Ok(secret) = P256Secret::from_bytes(&[0x5b; 32]) else { return false };
        let public = RustCrypto.p256_public(&secret);
        let mut off_curve = public;
        off_curve[64] ^= 1;
        self.p256_public(&secret) == public
            && self.p256_agree(&secret, &public).ok() == RustCrypto.p256_agree(&secret, &public).ok()
            && self.p256_agree(&secret, &off_curve).is_err()
    }
}

fn hash<'p, A: ShaAlgorithm, const N: usize>(
    unit: &RefCell<Sha<'static>>,
    parts: impl Iterator<Item = &'p [u8]>,
) -> [u8; N] {
    let mut unit = unit.borrow_mut();
    let mut digest = unit.start::<A>();
    for mut rest in parts {
        while !rest.is_empty() {
            // The only other answer is that the unit is busy.
            if let Ok(left) = digest.update(rest) {
                rest = left;
            }
        }
    }
    let mut out = [0; N];
    while digest.finish(&mut out).is_err() {}
    out
}

/// RFC 2104, with the key padded to a block.
fn hmac<A: ShaAlgorithm, const BLOCK: usize, const N: usize>(
    unit: &RefCell<Sha<'static>>,
    key: &[u8; BLOCK],
    parts: &[&[u8]],
) -> [u8; N] {
    let (mut inner_pad, mut outer_pad) = (key.map(|byte| byte ^ 0x36), key.map(|byte| byte ^ 0x5c));
    let inner: [u8; N] = hash::<A, N>(unit, core::iter::once(&inner_pad[..]).chain(parts.iter().copied()));
    let outer = hash::<A, N>(unit, [&outer_pad[..], &inner].into_iter());
    inner_pad.zeroize();
    outer_pad.zeroize();
    outer
}

/// The unit has its numbers least significant byte first.
fn reversed(number: &[u8]) -> [u8; 32] {
    core::array::from_fn(|n| number[31 - n])
}

impl Provider for Accelerators {
    type AesKey = AesKey;
    type GcmKey = GcmKey;
    type ChaChaKey = ChaChaKey;

    fn hmac_sha1(&self, key: &HmacSha1Key, parts: &[&[u8]]) -> [u8; 20] {
        match &self.sha {
            Some(unit) => hmac::<Sha1, 64, 20>(unit, key.raw(), parts),
            None => RustCrypto.hmac_sha1(key, parts),
        }
    }

    fn hmac_sha256(&self, key: &HmacSha256Key, parts: &[&[u8]]) -> [u8; 32] {
        match &self.sha {
            Some(unit) => hmac::<Sha256, 64, 32>(unit, key.raw(), parts),
            None => RustCrypto.hmac_sha256(key, parts),
        }
    }

    fn hmac_sha384(&self, key: &HmacSha384Key, parts: &[&[u8]]) -> [u8; 48] {
        match &self.sha {
            Some(unit) => hmac::<Sha384, 128, 48>(unit, key.raw(), parts),
            None => RustCrypto.hmac_sha384(key, parts),
        }
    }

    fn sha1(&self, parts: &[&[u8]]) -> [u8; 20] {
        match &self.sha {
            Some(unit) => hash::<Sha1, 20>(unit, parts.iter().copied()),
            None => RustCrypto.sha1(parts),
        }
    }

    fn sha256(&self, parts: &[&[u8]]) -> [u8; 32] {
        match &self.sha {
            Some(unit) => hash::<Sha256, 32>(unit, parts.iter().copied()),
            None => RustCrypto.sha256(parts),
        }
    }

    fn sha384(&self, parts: &[&[u8]]) -> [u8; 48] {
        match &self.sha {
            Some(unit) => hash::<Sha384, 48>(unit, parts.iter().copied()),
            None => RustCrypto.sha384(parts),
        }
    }

    fn sha512(&self, parts: &[&[u8]]) -> [u8; 64] {
        match &self.sha {
            Some(unit) => hash::<Sha512, 64>(unit, parts.iter().copied()),
            None => RustCrypto.sha512(parts),
        }
    }

    fn p256_public(&self, secret: &P256Secret) -> [u8; 65] {
        let Some(unit) = &self.ecc else { return RustCrypto.p256_public(secret) };
        let mut unit = unit.borrow_mut();
        let mut scalar = reversed(secret.raw());
        let (mut x, mut y) = (reversed(&BASE[..32]), reversed(&BASE[32..]));
        let product = unit.affine_point_multiplication(EllipticCurve::P256, &scalar, &x, &y);
        let read = product.is_ok_and(|product| product.read_affine_point_result(&mut x, &mut y).is_ok());
        scalar.zeroize();
        debug_assert!(read, "all numbers have the length of the curve's");
        let mut public = [4; 65];
        public[1..33].copy_from_slice(&reversed(&x));
        public[33..].copy_from_slice(&reversed(&y));
        public
    }

    fn p256_agree(&self, secret: &P256Secret, peer: &[u8]) -> Result<[u8; 32], InvalidPoint> {
        let Some(unit) = &self.ecc else { return RustCrypto.p256_agree(secret, peer) };
        let Ok([4, point @ ..]) = <&[u8; 65]>::try_from(peer) else { return Err(InvalidPoint) };
        let (x, y) = point.split_at(32);
        // Whether larger numbers are reduced or refused is not said of the unit.
        if x >= &PRIME[..] || y >= &PRIME[..] {
            return Err(InvalidPoint);
        }
        let mut unit = unit.borrow_mut();
        let mut scalar = reversed(secret.raw());
        let (mut x, mut y) = (reversed(x), reversed(y));
        let product = unit.affine_point_verification_multiplication(EllipticCurve::P256, &scalar, &x, &y);
        let read = product.is_ok_and(|product| product.read_affine_point_result(&mut x, &mut y).is_ok());
        scalar.zeroize();
        y.zeroize();
        if read { Ok(reversed(&x)) } else { Err(InvalidPoint) }
    }
}
