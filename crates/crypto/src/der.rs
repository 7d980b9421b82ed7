//! ECDSA signatures as TLS carries them: the DER of `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 section 2.2.3).

use crate::BadDer;

/// The longest DER of a P-256 signature: two numbers of 32 bytes with a zero before, each with its header, and the outer header.
pub const DER_SIGNATURE_MAX: usize = 72;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// Writes r ‖ s as DER into `out` and returns the length, 8 to 72 bytes.
///
/// ```
/// use barertc_crypto::{DER_SIGNATURE_MAX, ecdsa_der_decode, ecdsa_der_encode};
/// let mut der = [0; DER_SIGNATURE_MAX];
/// let len = ecdsa_der_encode(&[0x80; 64], &mut der);
/// assert_eq!(len, 72);
/// assert_eq!(ecdsa_der_decode(&der[..len]), Ok([0x80; 64]));
/// ```
pub fn ecdsa_der_encode(signature: &[u8; 64], out: &mut [u8; DER_SIGNATURE_MAX]) -> usize {
    let (r, s) = signature.split_at(32);
    let (r, s) = (Integer::of(r), Integer::of(s));
    let header = [SEQUENCE, r.len().saturating_add(s.len())];
    let bytes = header.into_iter().chain(r.der()).chain(s.der());
    let mut len = 0usize;
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = from;
        len = len.saturating_add(1);
    }
    len
}

/// Reads the DER of a P-256 signature into r ‖ s. Strict: minimal lengths, minimal and positive numbers, nothing after.
pub fn ecdsa_der_decode(der: &[u8]) -> Result<[u8; 64], BadDer> {
    let (content, after) = element(SEQUENCE, der)?;
    let (r, rest) = element(INTEGER, content)?;
    let (s, end) = element(INTEGER, rest)?;
    if !after.is_empty() || !end.is_empty() {
        return Err(BadDer);
    }
    let mut out = [0; 64];
    let (to_r, to_s) = out.split_at_mut(32);
    number(r, to_r)?;
    number(s, to_s)?;
    Ok(out)
}

/// A positive number without its leading zeros.
struct Integer<'a> {
    digits: &'a [u8],
    /// A zero goes before, because the first bit would make it negative (or because the number is zero).
    zero: bool,
}

impl<'a> Integer<'a> {
    fn of(number: &'a [u8]) -> Self {
        let start = number.iter().position(|b| *b != 0).unwrap_or(number.len());
        let digits = number.get(start..).unwrap_or_default();
        Self { digits, zero: digits.first().is_none_or(|b| b & 0x80 != 0) }
    }

    /// Bytes with the header. At most 35.
    fn len(&self) -> u8 {
        u8::try_from(self.digits.len()).unwrap_or(u8::MAX).saturating_add(u8::from(self.zero)).saturating_add(2)
    }

    fn der(&self) -> impl Iterator<Item = u8> {
        let zero = self.zero.then_some(0);
        [INTEGER, self.len().saturating_sub(2)].into_iter().chain(zero).chain(self.digits.iter().copied())
    }
}

/// The content of an element of less than 128 bytes, and what follows it.
fn element(tag: u8, from: &[u8]) -> Result<(&[u8], &[u8]), BadDer> {
    match from {
        [t, len @ 0..=0x7f, rest @ ..] if *t == tag => rest.split_at_checked(usize::from(*len)).ok_or(BadDer),
        _ => Err(BadDer),
    }
}

/// Writes a positive minimal number right-aligned into `out`.
fn number(content: &[u8], out: &mut [u8]) -> Result<(), BadDer> {
    let digits = match content {
        [0, rest @ ..] if rest.first().is_some_and(|b| b & 0x80 != 0) => rest,
        // Zero, a negative number, nothing at all, or a zero too much in front.
        [] | [0, ..] | [0x80..=0xff, ..] => return Err(BadDer),
        digits => digits,
    };
    let start = out.len().checked_sub(digits.len()).ok_or(BadDer)?;
    out.get_mut(start..).ok_or(BadDer)?.copy_from_slice(digits);
    Ok(())
}
