//! P-256 (secp256r1): ECDH and ECDSA (SEC 1, FIPS 186-5, SP 800-186).
//!
//! What works on secrets takes the same steps for every secret: no branch and no address depends on one. Verification works on public
//! numbers and takes a time that depends on them.

mod field;
mod multiply;
mod nonce;
mod order;
mod point;
mod table;

#[cfg(any(test, not(any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod columns;
#[cfg(any(test, target_arch = "x86_64", target_arch = "aarch64"))]
mod verified;

#[cfg(test)]
pub(crate) mod tests;

use core::fmt;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{InvalidPoint, InvalidScalar, InvalidSignature};
use crate::word::{self, Mask};
use field::{Field, invert_n, root_p};
use point::Affine;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use columns::{N256 as N, P256 as P};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use verified::{N64 as N, P64 as P};

/// A secret: a scalar between 1 and n - 1. It is wiped when it is dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SecretKey([u8; 32]);

/// A public key: a point of the curve that is not at infinity.
#[derive(Clone, Copy)]
pub struct PublicKey(Affine<P>);

impl SecretKey {
    /// Takes 32 bytes, big-endian. Fails where they are zero or not below the order of the curve: for a new key, draw again.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, InvalidScalar> {
        if scalar_is_valid::<N>(bytes) { Ok(Self(*bytes)) } else { Err(InvalidScalar) }
    }

    /// The scalar, big-endian.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The public key of this secret.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(multiply::base(&self.0))
    }

    /// The shared secret with the owner of `peer`: the x coordinate (SEC 1 section 3.3.1).
    #[must_use]
    pub fn agree(&self, peer: &PublicKey) -> [u8; 32] {
        agree::<P>(&self.0, &peer.0)
    }

    /// Signs a digest: r ‖ s, big-endian, with the nonce of RFC 6979 and HMAC-SHA-256. The same digest gives the same signature.
    #[must_use]
    pub fn sign(&self, digest: &[u8; 32]) -> [u8; 64] {
        self.sign_hedged(digest, &[])
    }

    /// As [`sign`](Self::sign), with additional data for the nonce (RFC 6979 §3.6). Fresh random bytes there protect against
    /// glitches at the same digest twice; a weak generator costs nothing but repeatability.
    #[must_use]
    pub fn sign_hedged(&self, digest: &[u8; 32], additional: &[u8]) -> [u8; 64] {
        sign::<P, N>(&self.0, digest, additional)
    }
}

/// Says that it is one, never what is in it.
impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey").finish_non_exhaustive()
    }
}

impl PublicKey {
    /// Reads a point (SEC 1 section 2.3.4): uncompressed (4 ‖ x ‖ y) or compressed (2 or 3 ‖ x). It has to be on the curve.
    /// Refuses the point at infinity, hybrid forms, coordinates not below the prime, and other lengths.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, InvalidPoint> {
        decode(bytes).map(Self).ok_or(InvalidPoint)
    }

    /// The point uncompressed: 4 ‖ x ‖ y, big-endian.
    #[must_use]
    pub fn to_sec1(&self) -> [u8; 65] {
        encode(&self.0)
    }

    /// Checks a signature r ‖ s of a digest. It accepts every s between 1 and n - 1.
    pub fn verify(&self, digest: &[u8; 32], signature: &[u8; 64]) -> Result<(), InvalidSignature> {
        if verify::<P, N>(&self.0, digest, signature) { Ok(()) } else { Err(InvalidSignature) }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.to_sec1() == other.to_sec1()
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PublicKey(")?;
        self.to_sec1().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

fn scalar_is_valid<N: Field>(bytes: &[u8; 32]) -> bool {
    let (scalar, below) = N::from_bytes(bytes);
    let scalar = Zeroizing::new(scalar);
    below.and(scalar.is_zero().not()).declassify()
}

fn agree<F: Field>(secret: &[u8; 32], peer: &Affine<F>) -> [u8; 32] {
    Zeroizing::new(multiply::point(secret, peer)).x.to_bytes()
}

fn encode<F: Field>(point: &Affine<F>) -> [u8; 65] {
    let mut out = [4; 65];
    let (x, y) = (point.x.to_bytes(), point.y.to_bytes());
    out.iter_mut().skip(1).zip(x.iter().chain(&y)).for_each(|(to, from)| *to = *from);
    out
}

fn decode<F: Field>(bytes: &[u8]) -> Option<Affine<F>> {
    let (&form, rest) = bytes.split_first()?;
    let (x, rest) = rest.split_first_chunk::<32>()?;
    let (x, x_valid) = F::from_bytes(x);
    let (y, y_valid) = match form {
        4 => F::from_bytes(rest.try_into().ok()?),
        2 | 3 if rest.is_empty() => {
            let root = root_p(&Affine::right_side(&x));
            let odd = root.to_bytes().last().map_or(0, |low| low & 1);
            // A root of zero is even only; there is none on this curve.
            (root.negate_if(Mask::equal(u32::from(odd), u32::from(form & 1)).not()), x_valid)
        }
        _ => return None,
    };
    let point = Affine { x, y };
    x_valid.and(y_valid).and(point.is_on_curve()).declassify().then_some(point)
}

/// FIPS 186-5 section 6.4.1.
fn sign<P: Field, N: Field>(secret: &[u8; 32], digest: &[u8; 32], additional: &[u8]) -> [u8; 64] {
    let d = Zeroizing::new(N::from_bytes(secret).0);
    let z = reduce::<N>(digest);
    let mut nonces = nonce::Nonces::new(secret, &z.to_bytes(), additional);
    loop {
        let bytes = Zeroizing::new(nonces.next());
        let (k, below) = N::from_bytes(&bytes);
        let k = Zeroizing::new(k);
        // A nonce that is refused is not used, so it may be known.
        if !below.and(k.is_zero().not()).declassify() {
            continue;
        }
        let r = reduce::<N>(&multiply::base::<P>(&bytes).x.to_bytes());
        let inverse = Zeroizing::new(invert_n(&*k));
        let s = Zeroizing::new(r.mul(&d).add(&z)).mul(&inverse);
        if r.is_zero().declassify() || s.is_zero().declassify() {
            continue;
        }
        let mut out = [0; 64];
        let (r, s) = (r.to_bytes(), s.to_bytes());
        out.iter_mut().zip(r.iter().chain(&s)).for_each(|(to, from)| *to = *from);
        return out;
    }
}

/// FIPS 186-5 section 6.4.2. All of it is public.
fn verify<P: Field, N: Field>(public: &Affine<P>, digest: &[u8; 32], signature: &[u8; 64]) -> bool {
    let (Some((r_bytes, s_bytes)), z) = (signature.split_first_chunk::<32>(), reduce::<N>(digest)) else {
        return false;
    };
    let Ok(s_bytes) = s_bytes.try_into() else { return false };
    let ((r, r_valid), (s, s_valid)) = (N::from_bytes(r_bytes), N::from_bytes(s_bytes));
    if !r_valid.and(s_valid).and(r.is_zero().not()).and(s.is_zero().not()).declassify() {
        return false;
    }
    let w = invert_n(&s);
    let sum = multiply::two_public(&z.mul(&w).to_bytes(), &r.mul(&w).to_bytes(), public);
    if sum.z.is_zero().declassify() {
        return false;
    }
    // x = X / Z^2 is r modulo n: it is r, or r + n where that is below p. Without a division.
    let zz = sum.z.square();
    let is_x = |(x, valid): (P, Mask)| valid.and(x.mul(&zz).equals(&sum.x)).declassify();
    is_x(P::from_bytes(r_bytes)) || plus_order(r_bytes).is_some_and(|x| is_x(P::from_bytes(&x)))
}

/// The integer modulo n. Any of 256 bits is below 2 n.
fn reduce<N: Field>(bytes: &[u8; 32]) -> N {
    let mut less = word::sub_if_below(&word::words(bytes), &word::words(&ORDER));
    let (value, _) = N::from_bytes(&word::bytes(&less));
    less.zeroize();
    value
}

/// r + n, where it has no more than 256 bits.
fn plus_order(r: &[u8; 32]) -> Option<[u8; 32]> {
    let (mut sum, mut carry) = (*r, 0_u16);
    for (byte, order) in sum.iter_mut().rev().zip(ORDER.iter().rev()) {
        carry = carry.wrapping_add(u16::from(*byte)).wrapping_add(u16::from(*order));
        *byte = carry as u8;
        carry >>= 8;
    }
    (carry == 0).then_some(sum)
}

/// n, big-endian.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];
