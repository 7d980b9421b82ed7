//! Certificates as text: PEM (RFC 7468), or its base64 alone, as it stands in one line of a settings page.

use barertc_wire::text::base64_digit;

/// Writes the certificates in `text` to `out` in DER, one after the other, and returns how many bytes these are. What stands
/// between two certificates is passed over. Without a line `-----BEGIN`, all of `text` is base64.
///
/// [`TrustAnchors::new`](crate::TrustAnchors::new) looks whether they are certificates.
///
/// # Errors
/// [`BadText`] when the text is not base64, when the block is of another kind, and when `out` is too short. Three
/// quarters of the text's length are enough.
pub fn decode_certificates(text: &str, out: &mut [u8]) -> Result<usize, BadText> {
    if !text.contains(BEGIN) {
        return decode(text, out);
    }
    let (mut rest, mut len) = (text, 0usize);
    while let Some((_, block)) = rest.split_once(BEGIN) {
        let (body, after) = block.split_once(END).ok_or(BadText)?;
        let body = body.strip_prefix(CERTIFICATE).ok_or(BadText)?;
        rest = after.strip_prefix(CERTIFICATE).ok_or(BadText)?;
        let written = decode(body, out.get_mut(len..).ok_or(BadText)?)?;
        len = len.saturating_add(written);
    }
    Ok(len)
}

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const CERTIFICATE: &str = "CERTIFICATE-----";

/// A text is no certificate's, or longer than the room for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BadText;

impl core::fmt::Display for BadText {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("not a certificate in PEM or base64, or too long")
    }
}

impl core::error::Error for BadText {}

/// Base64 with padding or without (RFC 4648 §4); white space does not count.
fn decode(base64: &str, out: &mut [u8]) -> Result<usize, BadText> {
    let mut digits = base64.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let (mut bits, mut count, mut len) = (0u32, 0u8, 0usize);
    for byte in digits.by_ref() {
        if byte == b'=' {
            break;
        }
        let digit = base64_digit(byte).ok_or(BadText)?;
        bits = bits << 6 | u32::from(digit);
        count = count.wrapping_add(6);
        if let Some(left) = count.checked_sub(8) {
            let [.., byte] = (bits >> left).to_be_bytes();
            *out.get_mut(len).ok_or(BadText)? = byte;
            (count, len) = (left, len.saturating_add(1));
        }
    }
    // Padding stands at the end, and no more than six bits that are not used.
    if digits.all(|byte| byte == b'=') && count < 6 { Ok(len) } else { Err(BadText) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Result<std::vec::Vec<u8>, BadText> {
        let mut out = [0; 64];
        decode_certificates(text, &mut out).map(|len| out[..len].to_vec())
    }

    #[test]
    fn base64_is_read_with_and_without_its_frame() {
        for (text, bytes) in
            [("", &b""[..]), ("Zg==", b"f"), ("Zm8", b"fo"), ("Zm9v", b"foo"), (" Zm9v\r\nYmE= ", b"fooba")]
        {
            assert_eq!(decoded(text).as_deref(), Ok(bytes), "{text}");
        }
        let block = "-----BEGIN CERTIFICATE-----\nZm9v\n-----END CERTIFICATE-----\n";
        assert_eq!(decoded(&std::format!("first\n{block}second\n{block}")).as_deref(), Ok(&b"foofoo"[..]));
    }

    #[test]
    fn what_is_no_text_of_a_certificate_is_refused() {
        for text in [
            "Zm9v!",
            "Zm9vY",
            "Zg==Zg",
            "-----BEGIN CERTIFICATE-----\nZm9v\n",
            "-----BEGIN PRIVATE KEY-----\nZm9v\n-----END PRIVATE KEY-----",
        ] {
            assert_eq!(decoded(text), Err(BadText), "{text}");
        }
        assert_eq!(decode_certificates("Zm9v", &mut [0; 2]), Err(BadText), "no room");
    }
}
