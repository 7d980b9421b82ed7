//! User name fragments and passwords (RFC 8839 §5.4).
use barertc_crypto::{Generator, HmacSha1Key};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::Error;

/// Longest user name fragment and password (RFC 8839 §5.4).
const MAX_LEN: usize = barertc_wire::MAX_ICE_STRING;

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
        let text = Text { ufrag: read("ice-ufrag", ufrag, 4)?, pwd: read("ice-pwd", pwd, 22)? };
        Ok(Self { key: HmacSha1Key::new(pwd.as_bytes()), text })
    }

    /// Fresh ones: 48 bits of user name fragment and 144 of password (RFC 8445 §5.3 asks for 24 and 128).
    pub(crate) fn random(generator: &mut Generator) -> Result<Self, Error> {
        let mut ufrag = [0; UFRAG_LEN];
        let mut pwd = [0; PWD_LEN];
        encode(&generator.bytes::<UFRAG_LEN>(), &mut ufrag);
        encode(&*Zeroizing::new(generator.bytes::<PWD_LEN>()), &mut pwd);
        let text = |bytes| core::str::from_utf8(bytes).unwrap_or_default();
        let fresh = Self::new(text(&ufrag), text(&pwd));
        pwd.zeroize();
        fresh
    }

    /// Wipes them: nobody who knew them is believed from now on.
    pub(crate) fn wipe(&mut self) {
        self.text.zeroize();
        self.key = HmacSha1Key::new(&[]);
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

/// Checks length and alphabet, as descriptions do: some characters beyond those of RFC 8839 §5.4 are read.
fn read(what: &'static str, text: &str, min: usize) -> Result<heapless::String<MAX_LEN>, Error> {
    if let Some(byte) = text.bytes().find(|b| !barertc_wire::is_received_ice_char(*b)) {
        return Err(Error::Character { what, byte });
    }
    let bad_length = Error::Length { what, min, max: MAX_LEN, len: text.len() };
    heapless::String::try_from(text).ok().filter(|t| t.len() >= min).ok_or(bad_length)
}

/// Six bits of every byte, so that all characters are equally likely.
fn encode(random: &[u8], out: &mut [u8]) {
    for (out, byte) in out.iter_mut().zip(random) {
        *out = ICE_CHARS.get(usize::from(byte & 63)).copied().unwrap_or(b'A');
    }
}
