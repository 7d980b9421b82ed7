//! User name fragments and passwords (RFC 8839 §5.4).
use barertc_crypto::{Generator, HmacSha1Key, HmacSha256Key};
use zeroize::{Zeroize, Zeroizing};

use crate::error::Error;

/// Longest user name fragment and password (RFC 8839 §5.4).
const MAX_LEN: usize = barertc_wire::MAX_ICE_STRING;

/// A block of SHA-1 and of SHA-256.
const BLOCK: usize = 64;
const UFRAG_LEN: usize = 8;
const PWD_LEN: usize = 24;

/// The alphabet of RFC 8839 §5.4: ALPHA, DIGIT, "+", "/".
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A password, as the key that it is. The text of one of up to 64 bytes is in the key of HMAC-SHA1, filled up with zeros.
pub(crate) struct Password {
    key: HmacSha1Key,
    /// What stands for a longer one in HMAC-SHA256 (RFC 2104 §2).
    hashed: Option<Zeroizing<[u8; 32]>>,
}

impl Password {
    fn new(pwd: &str) -> Self {
        let hashed = (pwd.len() > BLOCK).then(|| {
            let mut hashed = Zeroizing::new([0; 32]);
            hashed.iter_mut().zip(HmacSha256Key::new(pwd.as_bytes()).raw()).for_each(|(to, from)| *to = *from);
            hashed
        });
        Self { key: HmacSha1Key::new(pwd.as_bytes()), hashed }
    }

    pub(crate) const fn key(&self) -> &HmacSha1Key {
        &self.key
    }

    pub(crate) fn key_sha256(&self) -> HmacSha256Key {
        HmacSha256Key::new(self.hashed.as_ref().map_or(&self.key.raw()[..], |hashed| &hashed[..]))
    }

    fn is(&self, pwd: &str) -> bool {
        let other = Self::new(pwd);
        self.key.raw() == other.key.raw() && self.hashed == other.hashed
    }
}

/// Our user name fragment and password: 48 bits of the one and 144 of the other (RFC 8445 §5.3 asks for 24 and 128).
pub(crate) struct Local {
    ufrag: [u8; UFRAG_LEN],
    password: Password,
}

impl Local {
    /// Fresh ones.
    pub(crate) fn random(generator: &mut Generator) -> Self {
        let mut ufrag = [0; UFRAG_LEN];
        let mut pwd = Zeroizing::new([0; PWD_LEN]);
        encode(&generator.bytes::<UFRAG_LEN>(), &mut ufrag);
        encode(&*Zeroizing::new(generator.bytes::<PWD_LEN>()), &mut *pwd);
        Self { ufrag, password: Password::new(text(&*pwd)) }
    }

    /// Wipes the credentials. Messages with them are not authentic from now on.
    pub(crate) fn wipe(&mut self) {
        self.ufrag = [0; UFRAG_LEN];
        self.password = Password::new("");
    }

    /// None once they are wiped.
    pub(crate) fn ufrag(&self) -> &str {
        if self.ufrag == [0; UFRAG_LEN] { "" } else { text(&self.ufrag) }
    }

    pub(crate) fn pwd(&self) -> &str {
        let wiped = self.ufrag().is_empty();
        self.password.key.raw().get(..PWD_LEN).filter(|_| !wiped).map_or("", text)
    }

    pub(crate) const fn password(&self) -> &Password {
        &self.password
    }
}

/// The peer's user name fragment and password.
pub(crate) struct Remote {
    ufrag: heapless::String<MAX_LEN>,
    password: Password,
}

impl Remote {
    pub(crate) fn new(ufrag: &str, pwd: &str) -> Result<Self, Error> {
        check("ice-ufrag", ufrag, 4)?;
        check("ice-pwd", pwd, 22)?;
        Ok(Self { ufrag: heapless::String::try_from(ufrag).unwrap_or_default(), password: Password::new(pwd) })
    }

    pub(crate) fn is(&self, ufrag: &str, pwd: &str) -> bool {
        self.ufrag == ufrag && self.password.is(pwd)
    }

    pub(crate) fn ufrag(&self) -> &str {
        &self.ufrag
    }

    pub(crate) const fn password(&self) -> &Password {
        &self.password
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        self.ufrag.zeroize();
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.ufrag.zeroize();
    }
}

/// Characters of [`ICE_CHARS`] as text.
fn text(chars: &[u8]) -> &str {
    core::str::from_utf8(chars).unwrap_or_default()
}

/// Checks length and alphabet, as descriptions do: some characters beyond those of RFC 8839 §5.4 are read.
fn check(what: &'static str, text: &str, min: usize) -> Result<(), Error> {
    if let Some(byte) = text.bytes().find(|b| !barertc_wire::is_received_ice_char(*b)) {
        return Err(Error::Character { what, byte });
    }
    let bad_length = Error::Length { what, min, max: MAX_LEN, len: text.len() };
    if (min..=MAX_LEN).contains(&text.len()) { Ok(()) } else { Err(bad_length) }
}

/// Six bits of every byte, so that all characters are equally likely.
fn encode(random: &[u8], out: &mut [u8]) {
    for (out, byte) in out.iter_mut().zip(random) {
        *out = ICE_CHARS.get(usize::from(byte & 63)).copied().unwrap_or(b'A');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng;
    use std::borrow::ToOwned;

    const LONG: &str = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF+and more of it";

    #[test]
    fn a_password_makes_the_keys_of_its_text_whatever_its_length() {
        for len in [22, 63, 64, 65, LONG.len()] {
            let pwd = &LONG[..len];
            let password = Password::new(pwd);
            assert_eq!(password.key().raw(), HmacSha1Key::new(pwd.as_bytes()).raw(), "{len}");
            assert_eq!(password.key_sha256().raw(), HmacSha256Key::new(pwd.as_bytes()).raw(), "{len}");
            assert!(password.is(pwd) && !password.is(&pwd[..len - 1]) && !password.is(&LONG[1..=len.min(70)]), "{len}");
        }
    }

    #[test]
    fn ours_are_told_until_they_are_wiped() {
        let mut local = Local::random(&mut Generator::new(&mut ChaCha20Rng::seed_from_u64(1)));
        let (ufrag, pwd) = (local.ufrag().to_owned(), local.pwd().to_owned());
        assert_eq!((ufrag.len(), pwd.len()), (UFRAG_LEN, PWD_LEN));
        assert!(pwd.bytes().chain(ufrag.bytes()).all(|byte| ICE_CHARS.contains(&byte)));
        assert!(local.password().is(&pwd));
        local.wipe();
        assert_eq!((local.ufrag(), local.pwd()), ("", ""));
        assert!(!local.password().is(&pwd));
    }
}
