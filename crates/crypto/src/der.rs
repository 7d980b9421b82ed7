//! ECDSA signatures in the form of TLS: the DER of `SEQUENCE { r INTEGER, s INTEGER }` (RFC 3279 §2.2.3).

use crate::error::BadDer;

/// The longest DER of a P-256 signature, in bytes. Two numbers have 33 bytes and a header of 2 each; the outer header has 2.
pub const DER_SIGNATURE_MAX: usize = 72;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;

/// Writes the signature r ‖ s as DER into `out` and returns its length, 8 to 72 bytes.
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

/// Reads the DER of a P-256 signature into r ‖ s.
///
/// Lengths and numbers must have their shortest form, the numbers must be positive, and no byte may follow.
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
    /// Whether a zero byte goes in front: the first bit would make the number negative, or the number is zero.
    zero: bool,
}

impl<'a> Integer<'a> {
    fn of(number: &'a [u8]) -> Self {
        let start = number.iter().position(|b| *b != 0).unwrap_or(number.len());
        let digits = number.get(start..).unwrap_or_default();
        Self { digits, zero: digits.first().is_none_or(|b| b & 0x80 != 0) }
    }

    /// The length with its header in bytes, at most 35.
    fn len(&self) -> u8 {
        u8::try_from(self.digits.len()).unwrap_or(u8::MAX).saturating_add(u8::from(self.zero)).saturating_add(2)
    }

    fn der(&self) -> impl Iterator<Item = u8> {
        let zero = self.zero.then_some(0);
        [INTEGER, self.len().saturating_sub(2)].into_iter().chain(zero).chain(self.digits.iter().copied())
    }
}

/// Splits off the content of an element of fewer than 128 bytes, and returns the bytes after it too.
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
        // The number is zero, negative or empty, or has a needless zero in front.
        [] | [0, ..] | [0x80..=0xff, ..] => return Err(BadDer),
        digits => digits,
    };
    let start = out.len().checked_sub(digits.len()).ok_or(BadDer)?;
    out.get_mut(start..).ok_or(BadDer)?.copy_from_slice(digits);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn encoded(signature: &[u8; 64]) -> Vec<u8> {
        let mut out = [0; DER_SIGNATURE_MAX];
        let len = ecdsa_der_encode(signature, &mut out);
        out[..len].to_vec()
    }

    /// Two numbers with so many zeros in front, which is where DER is interesting.
    fn signature() -> impl Strategy<Value = [u8; 64]> {
        (any::<[[u8; 32]; 2]>(), [0usize..32, 0usize..32]).prop_map(|(mut numbers, zeros)| {
            for (number, zeros) in numbers.iter_mut().zip(zeros) {
                number[..zeros].fill(0);
                number[31] |= 1; // never zero
            }
            numbers.as_flattened().try_into().unwrap()
        })
    }

    #[test]
    fn a_zero_goes_before_a_first_bit_that_is_set() {
        let mut signature = [0; 64];
        (signature[31], signature[63]) = (1, 0x80);
        assert_eq!(encoded(&signature), [0x30, 7, 2, 1, 1, 2, 2, 0, 0x80]);
        assert_eq!(encoded(&[0xff; 64])[..5], [0x30, 70, 2, 33, 0]);
    }

    #[test]
    fn what_is_not_der_is_refused() {
        let refused: [&[u8]; 16] = [
            &[],
            &[0x30],
            &[0x30, 0],
            &[0x31, 6, 2, 1, 1, 2, 1, 1],                // not a sequence
            &[0x30, 6, 2, 1, 1, 3, 1, 1],                // not a number
            &[0x30, 7, 2, 1, 1, 2, 1, 1],                // longer than it is
            &[0x30, 5, 2, 1, 1, 2, 1, 1],                // shorter than it is
            &[0x30, 6, 2, 1, 1, 2, 1, 1, 0],             // something after it
            &[0x30, 7, 2, 1, 1, 2, 1, 1, 0],             // something after it, inside
            &[0x30, 0x81, 6, 2, 1, 1, 2, 1, 1],          // a length of two bytes where one does
            &[0x30, 0x80, 2, 1, 1, 2, 1, 1, 0, 0],       // an indefinite length, which is BER
            &[0x30, 7, 2, 2, 0, 1, 2, 1, 1],             // a zero too much
            &[0x30, 6, 2, 1, 0x80, 2, 1, 1],             // negative
            &[0x30, 6, 2, 1, 0, 2, 1, 1],                // zero is no part of a signature
            &[0x30, 5, 2, 0, 2, 1, 1],                   // a number without bytes
            &[0x30, 9, 2, 0x84, 0, 0, 0, 1, 1, 2, 1, 1], // a length of five bytes
        ];
        for der in refused {
            assert_eq!(ecdsa_der_decode(der), Err(BadDer), "{der:02x?}");
        }
        let mut long = std::vec![0x30, 38, 2, 33];
        long.extend([1; 33]); // more than 256 bits
        long.extend([2, 1, 1]);
        assert_eq!(ecdsa_der_decode(&long), Err(BadDer));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(signature in signature()) {
            let der = encoded(&signature);
            prop_assert_eq!(ecdsa_der_decode(&der), Ok(signature));
            for len in 0..der.len() {
                prop_assert_eq!(ecdsa_der_decode(&der[..len]), Err(BadDer));
            }
        }

        /// DER has one form for each value: what is read is what would be written.
        #[test]
        fn only_one_form_is_read(signature in signature(), at in 0usize..72, to in any::<u8>()) {
            let mut der = encoded(&signature);
            let at = at % der.len();
            der[at] = to;
            if let Ok(read) = ecdsa_der_decode(&der) {
                prop_assert_eq!(encoded(&read), der);
            }
        }
    }
}
