//! Long-term credentials (RFC 8489 §9.2): what the server's challenge asks for, and how requests answer it.
use barertc_arena::{Allocator, Box, Vec};
use barertc_crypto::{HmacSha1Key, HmacSha256Key, Provider};
use barertc_wire::text::base64_digit;
use barertc_wire::{NoRoom, Reader};
use zeroize::Zeroize;

use crate::error::Error;
use crate::event::ServerError;
use crate::stun::{Builder, Message, attr};

/// Longest user name (RFC 8489 §14.3) and, as the RFC sets no limit to it, password.
const MAX_ACCOUNT: usize = 508;
/// Longest realm and nonce: fewer than 128 characters, of up to six bytes (RFC 8489 §14.9, §14.10).
const MAX_CHALLENGE: usize = 763;
/// Room for PASSWORD-ALGORITHMS, which is given back as it came.
const MAX_ALGORITHMS: usize = 64;

/// A nonce that begins so carries features of the server in the four characters that follow (RFC 8489 §9.2).
const COOKIE: &[u8] = b"obMatJos2";
const FEATURE_PASSWORD_ALGORITHMS: u32 = 1 << 23;
const FEATURE_USERNAME_ANONYMITY: u32 = 1 << 22;

/// A password algorithm (RFC 8489 §18.5).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Md5 = 1,
    Sha256 = 2,
}

enum Key {
    Sha1(HmacSha1Key),
    Sha256(HmacSha256Key),
}

/// How the last challenge is answered.
struct Answer {
    /// The algorithm, where the server has named some.
    algorithm: Option<Algorithm>,
    /// SHA-256 of `username:realm`, sent instead of the name.
    user_hash: Option<[u8; 32]>,
    key: Key,
}

/// A name and its password.
pub(super) struct Account<A: Allocator> {
    username: Box<[u8], A>,
    password: Box<[u8], A>,
}

impl<A: Allocator + Clone> Account<A> {
    pub(super) const fn worst_case_bytes() -> usize {
        Box::<[u8], A>::bytes(MAX_ACCOUNT).saturating_mul(2)
    }

    pub(super) fn new(username: &str, password: &str, alloc: A) -> Result<Self, Error> {
        Self::check(username, password)?;
        let copy = |text: &str| Box::try_from_slice(text.as_bytes(), alloc.clone());
        Ok(Self { username: copy(username)?, password: copy(password)? })
    }

    /// Whether a name and a password are short enough.
    pub(super) fn check(username: &str, password: &str) -> Result<(), Error> {
        for (what, text) in [("TURN user name", username), ("TURN password", password)] {
            let len = text.len();
            if len > MAX_ACCOUNT {
                return Err(Error::Length { what, min: 0, max: MAX_ACCOUNT, len });
            }
        }
        Ok(())
    }
}

impl<A: Allocator> Account<A> {
    fn wipe(&mut self) {
        self.username.zeroize();
        self.password.zeroize();
    }
}

impl<A: Allocator> Drop for Account<A> {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// An account, and the last challenge that it was asked to answer.
pub(super) struct LongTerm<A: Allocator> {
    account: Account<A>,
    realm: Vec<u8, A>,
    nonce: Vec<u8, A>,
    algorithms: heapless::Vec<u8, MAX_ALGORITHMS>,
    answer: Option<Answer>,
    /// Counts the challenges that were answered.
    generation: u16,
}

/// A request that a challenge was the response to.
#[derive(Clone, Copy)]
pub(super) struct Attempt {
    /// 401 (Unauthenticated) or 438 (Stale Nonce).
    pub(super) code: u16,
    /// The answer that the request was made with: see [`LongTerm::generation`].
    pub(super) signed: u16,
}

impl<A: Allocator + Clone> LongTerm<A> {
    pub(super) const fn worst_case_bytes() -> usize {
        Account::<A>::worst_case_bytes().saturating_add(Vec::<u8, A>::bytes(MAX_CHALLENGE).saturating_mul(2))
    }

    pub(super) fn new(username: &str, password: &str, alloc: A) -> Result<Self, Error> {
        Ok(Self {
            account: Account::new(username, password, alloc.clone())?,
            realm: Vec::with_capacity(MAX_CHALLENGE, alloc.clone())?,
            nonce: Vec::with_capacity(MAX_CHALLENGE, alloc.clone())?,
            algorithms: heapless::Vec::new(),
            answer: None,
            generation: 0,
        })
    }

    /// Wipes the account, which is not needed any more.
    pub(super) fn wipe(&mut self) {
        self.account.wipe();
        self.answer = None;
    }

    /// Takes another account, of which nothing has been asked yet.
    pub(super) fn renew(&mut self, account: Account<A>) {
        self.account = account;
        self.answer = None;
        self.realm.clear();
        self.nonce.clear();
        self.generation = 0;
    }

    /// Which answer requests are made with: 0 while they are made without the password.
    pub(super) const fn generation(&self) -> u16 {
        self.generation
    }

    /// Takes in the challenge of a 401 or 438 response (RFC 8489 §9.2.5). After `Ok` the request is to be repeated.
    pub(super) fn challenge<P: Provider>(
        &mut self,
        provider: &P,
        m: &Message<'_>,
        attempt: Attempt,
    ) -> Result<(), ServerError> {
        let refused = ServerError::Refused(attempt.code);
        let nonce = m.get(attr::NONCE).ok_or(refused)?;
        if is_bid_down(m) {
            return Err(ServerError::BidDown);
        }
        let listed = m.get(attr::PASSWORD_ALGORITHMS);
        let algorithm = listed.map(|l| first_supported(l).ok_or(ServerError::Algorithm)).transpose()?;
        let realm = m.get(attr::REALM).or(self.answer.as_ref().map(|_| &*self.realm)).ok_or(refused)?;
        let anonymous = features(nonce) & FEATURE_USERNAME_ANONYMITY != 0;
        if let Some(answer) = self.answer.as_ref().filter(|_| attempt.signed > 0) {
            let same_name = *realm == *self.realm && answer.user_hash.is_some() == anonymous;
            // A 401 is repeated with another name or realm only, a 438 with another nonce than the request had.
            if attempt.code == 401 && same_name {
                return Err(ServerError::Credentials);
            }
            if attempt.code == 438 && attempt.signed == self.generation && *nonce == *self.nonce {
                return Err(refused);
            }
        }
        let answer = self.answer_to(provider, realm, algorithm, anonymous);
        if m.get(attr::REALM).is_some() {
            self.realm.clear();
            self.realm.try_extend_from_slice(realm_of(m)).map_err(|_| ServerError::NoRoom)?;
        }
        self.nonce.clear();
        self.nonce.try_extend_from_slice(nonce).map_err(|_| ServerError::NoRoom)?;
        self.algorithms = heapless::Vec::from_slice(listed.unwrap_or_default()).map_err(|_| ServerError::NoRoom)?;
        self.answer = Some(answer);
        self.generation = self.generation.wrapping_add(1).max(1);
        Ok(())
    }

    fn answer_to<P: Provider>(
        &self,
        provider: &P,
        realm: &[u8],
        algorithm: Option<Algorithm>,
        anonymous: bool,
    ) -> Answer {
        let parts: [&[u8]; 5] = [&self.account.username, b":", realm, b":", &self.account.password];
        // RFC 8489 §9.2.5: whoever names algorithms gets the newer integrity.
        let key = match algorithm {
            Some(Algorithm::Sha256) => {
                let mut digest = provider.sha256(&parts);
                let key = Key::Sha256(HmacSha256Key::new(&digest));
                digest.zeroize();
                key
            }
            old => {
                let mut digest = provider.md5(&parts);
                let key = match old {
                    None => Key::Sha1(HmacSha1Key::new(&digest)),
                    Some(_) => Key::Sha256(HmacSha256Key::new(&digest)),
                };
                digest.zeroize();
                key
            }
        };
        let user_hash = anonymous.then(|| provider.sha256(&[&self.account.username, b":", realm]));
        Answer { algorithm, user_hash, key }
    }

    /// Adds what the last challenge asks for, integrity last; nothing before the first challenge.
    pub(super) fn sign<P: Provider>(&self, provider: &P, b: &mut Builder<'_>) -> Result<(), NoRoom> {
        let Some(answer) = &self.answer else { return Ok(()) };
        match &answer.user_hash {
            Some(hash) => b.bytes(attr::USERHASH, hash)?,
            None => b.bytes(attr::USERNAME, &self.account.username)?,
        }
        b.bytes(attr::REALM, &self.realm)?;
        b.bytes(attr::NONCE, &self.nonce)?;
        if let Some(algorithm) = answer.algorithm {
            b.bytes(attr::PASSWORD_ALGORITHMS, &self.algorithms)?;
            b.u32(attr::PASSWORD_ALGORITHM, (algorithm as u32) << 16)?;
        }
        match &answer.key {
            Key::Sha1(key) => b.integrity(provider, key),
            Key::Sha256(key) => b.integrity_sha256(provider, key),
        }
    }

    /// Whether a response to a signed request proves that the server knows the password too.
    pub(super) fn verify<P: Provider>(&self, provider: &P, m: &Message<'_>) -> bool {
        match self.answer.as_ref().map(|a| &a.key) {
            Some(Key::Sha1(key)) => m.verify(provider, key),
            Some(Key::Sha256(key)) => m.verify_sha256(provider, key),
            None => false,
        }
    }
}

/// RFC 8489 §9.2.5: the nonce says that there is a list of algorithms, and there is none. Somebody on the way wants the
/// weakest.
pub(super) fn is_bid_down(m: &Message<'_>) -> bool {
    let announced = features(m.get(attr::NONCE).unwrap_or_default()) & FEATURE_PASSWORD_ALGORITHMS != 0;
    announced && m.get(attr::PASSWORD_ALGORITHMS).is_none()
}

fn realm_of<'m>(m: &Message<'m>) -> &'m [u8] {
    m.get(attr::REALM).unwrap_or_default()
}

/// The first algorithm of the server's list that is supported here (RFC 8489 §9.2.5). The algorithms have no parameters.
fn first_supported(list: &[u8]) -> Option<Algorithm> {
    let mut r = Reader::new(list);
    while let (Ok(algorithm), Ok(len)) = (r.u16(), r.u16()) {
        match algorithm {
            1 if len == 0 => return Some(Algorithm::Md5),
            2 if len == 0 => return Some(Algorithm::Sha256),
            _ => r.skip(usize::from(len).next_multiple_of(4)).ok()?,
        }
    }
    None
}

/// The 24 feature bits of a nonce, from four characters of base64; zero without the cookie.
fn features(nonce: &[u8]) -> u32 {
    let Some(text) = nonce.strip_prefix(COOKIE).and_then(|rest| rest.get(..4)) else { return 0 };
    text.iter().fold(0, |bits, c| (bits << 6) | u32::from(base64_digit(*c).unwrap_or(0)))
}
