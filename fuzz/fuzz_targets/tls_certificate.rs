//! Certificates in DER and as text, and answers of time servers. No panic; what is taken for certificates is whole, and so are those before it.
#![no_main]

use barertc_tls::{TrustAnchors, decode_certificates, sntp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // What answers another question is passed over.
    if let Some(mark) = bytes.get(24..32).and_then(|mark| mark.try_into().ok()) {
        let _ = sntp::read(bytes, mark);
        assert!(sntp::read(bytes, [!mark[0]; 8]).is_none());
    }
    let anchors = TrustAnchors::new(bytes).map(|(_, count)| count);
    if let Ok(count) = anchors {
        let twice = [bytes, bytes].concat();
        assert_eq!(TrustAnchors::new(&twice).map(|(_, count)| count), Ok(2 * count));
        assert!(bytes.is_empty() || TrustAnchors::new(&bytes[..bytes.len() - 1]).is_err());
    }
    if let Ok(text) = core::str::from_utf8(bytes) {
        let mut out = vec![0; text.len()];
        if let Ok(len) = decode_certificates(text, &mut out) {
            assert!(4 * len <= 3 * text.len());
        }
    }
});
