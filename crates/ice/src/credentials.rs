use barertc_crypto::{HmacSha1Key, Provider};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Error;
use crate::random::Random;

/// Longest user name fragment and password (RFC 8839 §5.4).
const MAX_LEN: usize = 256;

const UFRAG_LEN: usize = 8;
const PWD_LEN: usize = 24;

/// The alphabet of RFC 8839 §5.4: ALPHA, DIGIT, "+", "/".
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A user name fragment, its password and the key made from it.
pub(crate) struct Credentials {
    text: Text,
    key: HmacSha1Key,
}

#[derive(Zeroize, ZeroizeOnDrop)]
struct Text {
    ufrag: heapless::String<MAX_LEN>,
    pwd: heapless::String<MAX_LEN>,
}

impl Credentials {
    pub(crate) fn new(ufrag: &str, pwd: &str) -> Result<Self, Error> {
        let valid =
            |s: &str, min: usize| (min..=MAX_LEN).contains(&s.len()) && s.bytes().all(|b| ICE_CHARS.contains(&b));
        // Lengths of RFC 8839 §5.4. Characters outside the grammar are met in the wild only as "-" and "_".
        let lenient =
            |s: &str, min: usize| valid(s, min) || ((min..=MAX_LEN).contains(&s.len()) && s.bytes().all(url_safe));
        if !lenient(ufrag, 4) || !lenient(pwd, 22) {
            return Err(Error::BadCredentials);
        }
        let text = Text {
            ufrag: heapless::String::try_from(ufrag).map_err(|_| Error::BadCredentials)?,
            pwd: heapless::String::try_from(pwd).map_err(|_| Error::BadCredentials)?,
        };
        Ok(Self { key: HmacSha1Key::new(pwd.as_bytes()), text })
    }

    /// Fresh ones: 48 bits of user name fragment and 144 of password (RFC 8445 §5.3 asks for 24 and 128).
    pub(crate) fn random<P: Provider>(random: &mut Random, provider: &P) -> Result<Self, Error> {
        let mut ufrag = [0; UFRAG_LEN];
        let mut pwd = [0; PWD_LEN];
        encode(&random.bytes::<P, UFRAG_LEN>(provider), &mut ufrag);
        encode(&random.bytes::<P, PWD_LEN>(provider), &mut pwd);
        let text = |bytes| core::str::from_utf8(bytes).map_err(|_| Error::BadCredentials);
        let fresh = Self::new(text(&ufrag)?, text(&pwd)?);
        pwd.zeroize();
        fresh
    }

    pub(crate) fn ufrag(&self) -> &str {
        &self.text.ufrag
    }

    pub(crate) fn pwd(&self) -> &str {
        &self.text.pwd
    }

    pub(crate) const fn key(&self) -> &HmacSha1Key {
        &self.key
    }
}

const fn url_safe(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// Six bits of every byte, so that all characters are equally likely.
fn encode(random: &[u8], out: &mut [u8]) {
    for (out, byte) in out.iter_mut().zip(random) {
        *out = ICE_CHARS.get(usize::from(byte & 63)).copied().unwrap_or(b'A');
    }
}
