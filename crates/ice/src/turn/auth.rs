//! Long-term credentials (RFC 8489 §9.2): what the server's challenge asks for, and how requests answer it.

use barertc_crypto::{HmacSha1Key, HmacSha256Key, Provider};
use barertc_wire::{NoRoom, Reader};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::Error;
use crate::stun::{Builder, Message, attr};

/// Longest user name, password, realm and nonce. RFC 8489 allows realms and nonces of 763 bytes; servers in use keep
/// far below this.
const MAX_LEN: usize = 128;
/// Room for PASSWORD-ALGORITHMS, which is given back as it came.
const MAX_ALGORITHMS: usize = 32;

/// A nonce that begins so carries features of the server in the four characters that follow (RFC 8489 §9.2).
const COOKIE: &[u8] = b"obMatJos2";
const FEATURE_PASSWORD_ALGORITHMS: u32 = 1 << 23;
const FEATURE_USERNAME_ANONYMITY: u32 = 1 << 22;
const ALGORITHM_SHA256: u16 = 2;

#[derive(Zeroize, ZeroizeOnDrop)]
struct Account {
    username: heapless::String<MAX_LEN>,
    password: heapless::String<MAX_LEN>,
}

enum Key {
    Sha1(HmacSha1Key),
    Sha256(HmacSha256Key),
}

struct Challenge {
    realm: heapless::String<MAX_LEN>,
    nonce: heapless::Vec<u8, MAX_LEN>,
    algorithms: heapless::Vec<u8, MAX_ALGORITHMS>,
    /// SHA-256 of `username:realm`, sent instead of the name.
    user_hash: Option<[u8; 32]>,
    key: Key,
}

/// An account, and the last challenge it was asked to answer.
pub(super) struct LongTerm {
    account: Account,
    challenge: Option<Challenge>,
}

impl LongTerm {
    pub(super) fn new(username: &str, password: &str) -> Result<Self, Error> {
        let text = |what, s: &str| {
            let len = s.len();
            heapless::String::try_from(s).map_err(|_| Error::Length { what, min: 0, max: MAX_LEN, len })
        };
        let account =
            Account { username: text("TURN user name", username)?, password: text("TURN password", password)? };
        Ok(Self { account, challenge: None })
    }

    /// Takes in the challenge of a 401 or 438 response (RFC 8489 §9.2.5); false when it has none that can be answered.
    pub(super) fn take<P: Provider>(&mut self, provider: &P, m: &Message<'_>) -> bool {
        self.read(provider, m).map(|c| self.challenge = Some(c)).is_some()
    }

    fn read<P: Provider>(&self, provider: &P, m: &Message<'_>) -> Option<Challenge> {
        let realm = match (m.text(attr::REALM), &self.challenge) {
            (Some(realm), _) => heapless::String::try_from(realm).ok()?,
            (None, Some(last)) => last.realm.clone(),
            (None, None) => return None,
        };
        let nonce = heapless::Vec::from_slice(m.get(attr::NONCE)?).ok()?;
        let features = features(&nonce);
        let listed = m.get(attr::PASSWORD_ALGORITHMS).filter(|_| features & FEATURE_PASSWORD_ALGORITHMS != 0);
        let algorithms: heapless::Vec<u8, MAX_ALGORITHMS> =
            listed.map_or_else(|| Some(heapless::Vec::new()), |l| heapless::Vec::from_slice(l).ok())?;
        let (user, password) = (self.account.username.as_bytes(), self.account.password.as_bytes());
        let parts: [&[u8]; 5] = [user, b":", realm.as_bytes(), b":", password];
        let key = if lists_sha256(&algorithms) {
            Key::Sha256(HmacSha256Key::new(&provider.sha256(&parts)))
        } else {
            let mut digest = provider.md5(&parts);
            let key = if algorithms.is_empty() {
                Key::Sha1(HmacSha1Key::new(&digest))
            } else {
                // RFC 8489 §9.2.4: whoever names algorithms understands the newer integrity.
                Key::Sha256(HmacSha256Key::new(&digest))
            };
            digest.zeroize();
            key
        };
        let anonymous = features & FEATURE_USERNAME_ANONYMITY != 0;
        let user_hash = anonymous.then(|| provider.sha256(&[user, b":", realm.as_bytes()]));
        Some(Challenge { realm, nonce, algorithms, user_hash, key })
    }

    /// Adds what the last challenge asks for, integrity last; nothing before the first one.
    pub(super) fn sign<P: Provider>(&self, provider: &P, b: &mut Builder<'_>) -> Result<(), NoRoom> {
        let Some(c) = &self.challenge else { return Ok(()) };
        match &c.user_hash {
            Some(hash) => b.bytes(attr::USERHASH, hash)?,
            None => b.bytes(attr::USERNAME, self.account.username.as_bytes())?,
        }
        b.bytes(attr::REALM, c.realm.as_bytes())?;
        b.bytes(attr::NONCE, &c.nonce)?;
        if !c.algorithms.is_empty() {
            b.bytes(attr::PASSWORD_ALGORITHMS, &c.algorithms)?;
            let chosen = if lists_sha256(&c.algorithms) { ALGORITHM_SHA256 } else { 1 };
            b.u32(attr::PASSWORD_ALGORITHM, u32::from(chosen) << 16)?;
        }
        match &c.key {
            Key::Sha1(key) => b.integrity(provider, key),
            Key::Sha256(key) => b.integrity_sha256(provider, key),
        }
    }

    /// Whether the server knows the password too.
    pub(super) fn verify<P: Provider>(&self, provider: &P, m: &Message<'_>) -> bool {
        match self.challenge.as_ref().map(|c| &c.key) {
            Some(Key::Sha1(key)) => m.verify(provider, key),
            Some(Key::Sha256(key)) => m.verify_sha256(provider, key),
            // A server that never asked for a password has none to prove.
            None => !m.has_integrity(),
        }
    }
}

fn lists_sha256(algorithms: &[u8]) -> bool {
    let mut r = Reader::new(algorithms);
    while let (Ok(algorithm), Ok(len)) = (r.u16(), r.u16()) {
        let parameters = usize::from(len).next_multiple_of(4);
        if algorithm == ALGORITHM_SHA256 {
            return true;
        }
        if r.skip(parameters).is_err() {
            break;
        }
    }
    false
}

/// The 24 feature bits of a nonce, from four characters of base64; zero without the cookie.
fn features(nonce: &[u8]) -> u32 {
    let Some(text) = nonce.strip_prefix(COOKIE).and_then(|rest| rest.get(..4)) else { return 0 };
    text.iter().fold(0, |bits, c| {
        let value = match c {
            b'A'..=b'Z' => c.wrapping_sub(b'A'),
            b'a'..=b'z' => c.wrapping_sub(b'a').wrapping_add(26),
            b'0'..=b'9' => c.wrapping_sub(b'0').wrapping_add(52),
            b'+' => 62,
            b'/' => 63,
            _ => 0,
        };
        (bits << 6) | u32::from(value)
    })
}
