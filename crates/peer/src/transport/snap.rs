//! SNAP (draft-hancke-tsvwg-snap-00): both descriptions carry an SCTP INIT chunk in base64 (`a=sctp-init`), and the
//! association stands the moment DTLS does, without a handshake of its own.

use barertc_sctp::RemoteInit;
use barertc_wire::text::base64_digit;

/// Bytes of the longest INIT chunk that is read. Chromium's have 32.
const MAX_INIT: usize = 256;
/// Bytes of the longest INIT chunk of ours.
pub(super) const MAX_OURS: usize = 64;
/// Characters of that in base64.
const MAX_TOKEN: usize = MAX_OURS.div_ceil(3) * 4;

/// The value of our `a=sctp-init`.
pub(crate) type Token = heapless::String<MAX_TOKEN>;

/// How far the association has come by way of the descriptions.
#[derive(Clone, Copy, Debug)]
pub(super) enum Snap {
    /// It is set up in-band, if at all.
    InBand,
    /// Both descriptions had a token; it begins when DTLS is up.
    Agreed(RemoteInit),
    /// It was begun so. Later descriptions repeat the tokens.
    Begun,
}

/// An INIT chunk as the value of `a=sctp-init`.
pub(super) fn encode(chunk: &[u8]) -> Option<Token> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = Token::new();
    for group in chunk.chunks(3) {
        let bytes = [0, 1, 2].map(|i| group.get(i).copied().unwrap_or(0));
        let [a, b, c] = bytes.map(u32::from);
        let bits = a << 16 | b << 8 | c;
        for i in 0..4u8 {
            let shift = 18u8.saturating_sub(i.saturating_mul(6));
            let digit = ALPHABET.get((bits >> shift) as usize & 63).map_or('A', |digit| char::from(*digit));
            text.push(if usize::from(i) <= group.len() { digit } else { '=' }).ok()?;
        }
    }
    Some(text)
}

/// The INIT chunk of the peer's `a=sctp-init`; `None` for what is no base64 or no INIT chunk.
pub(super) fn parse(token: &str) -> Option<RemoteInit> {
    let digits = token.trim_end_matches('=');
    if token.len().saturating_sub(digits.len()) > 2 || digits.len() % 4 == 1 {
        return None;
    }
    let mut chunk = heapless::Vec::<u8, MAX_INIT>::new();
    let (mut bits, mut count) = (0u32, 0u8);
    for digit in digits.bytes() {
        bits = bits << 6 | u32::from(base64_digit(digit)?);
        count = count.saturating_add(6);
        if count >= 8 {
            count = count.saturating_sub(8);
            chunk.push((bits >> count) as u8).ok()?;
        }
    }
    RemoteInit::parse(&chunk).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chromium 156.
    const CHROMIUM: &str = "AQAAHoHPilUAUAAA/////6hgKPnAAAAEgAgABoLA";
    const CHUNK: [u8; 30] = [
        1, 0, 0, 0x1E, 0x81, 0xCF, 0x8A, 0x55, 0, 0x50, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xA8, 0x60, 0x28, 0xF9, 0xC0, 0,
        0, 4, 0x80, 8, 0, 6, 0x82, 0xC0,
    ];

    #[test]
    fn chromiums_token_is_read_and_written() {
        assert!(parse(CHROMIUM).is_some());
        assert_eq!(encode(&CHUNK).as_deref(), Some(CHROMIUM));
        assert_eq!(encode(&CHUNK[..29]).as_deref(), Some("AQAAHoHPilUAUAAA/////6hgKPnAAAAEgAgABoI="));
        assert_eq!(encode(&CHUNK[..28]).as_deref(), Some("AQAAHoHPilUAUAAA/////6hgKPnAAAAEgAgABg=="));
        assert_eq!(encode(&[0; MAX_OURS]).map(|text| text.len()), Some(MAX_TOKEN));
        assert_eq!(encode(&[0; MAX_OURS + 3]), None);
    }

    #[test]
    fn padding_of_the_chunk_and_of_the_text_may_be_there_or_not() {
        let mut chunk = CHUNK.to_vec();
        for _ in 0..3 {
            chunk.push(0);
            let text = encode(&chunk).expect("it fits");
            assert!(parse(&text).is_some() && parse(text.trim_end_matches('=')).is_some(), "{text}");
        }
        chunk.push(0);
        assert!(parse(&encode(&chunk).expect("it fits")).is_none(), "four bytes are another chunk");
    }

    #[test]
    fn what_is_no_init_chunk_is_refused() {
        let mut tagless = CHUNK;
        tagless[4..8].fill(0);
        let mut ack = CHUNK;
        ack[0] = 2;
        for chunk in [&tagless[..], &ack, &CHUNK[..29], &CHUNK[..19], &[1, 0, 0, 4], &[]] {
            assert!(parse(&encode(chunk).expect("it fits")).is_none(), "{chunk:?}");
        }
        for text in ["AAAA", "A", "=", "====", "AQAA!", "AQ==AA", "\u{e9}AQAA", &"A".repeat(400)] {
            assert!(parse(text).is_none(), "{text}");
        }
        assert!(parse(&std::format!("{CHROMIUM}===")).is_none());
    }
}
