//! Reads STUN messages.
use core::fmt;
use core::net::SocketAddr;
use core::ops::Range;

use barertc_crypto::{HmacSha1Key, HmacSha256Key, Provider, constant_time_eq};
use barertc_wire::{Reader, Truncated};

use super::header::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, from_type_bits};
use super::{address, attr, fingerprint};

/// Why a datagram is not a STUN message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Malformed {
    /// The first two bits are not zero or the magic cookie is missing.
    NotStun,
    /// The length field disagrees with the datagram, or an attribute with the length field.
    Length,
    /// FINGERPRINT is wrong.
    Fingerprint,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotStun => "not a STUN message",
            Self::Length => "STUN lengths disagree",
            Self::Fingerprint => "STUN fingerprint is wrong",
        })
    }
}

impl core::error::Error for Malformed {}

impl From<Truncated> for Malformed {
    fn from(_: Truncated) -> Self {
        Self::Length
    }
}

/// An ERROR-CODE: 300 to 699.
pub type ErrorCode = u16;

/// A STUN message in a datagram. All lengths have been checked, and the fingerprint where there is one.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// |0 0|     STUN Message Type     |         Message Length        |
/// |                         Magic Cookie                          |
/// |                     Transaction ID (96 bits)                  |
/// |            attributes: type, length, value, padding           |
/// ```
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Message<'a> {
    bytes: &'a [u8],
    class: Class,
    method: Method,
    id: TransactionId,
    /// Where MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256 start, counted from the first byte.
    sha1_at: Option<usize>,
    sha256_at: Option<usize>,
}

impl<'a> Message<'a> {
    /// Checks that all of `bytes` is one STUN message.
    ///
    /// # Errors
    /// [`Malformed`] says what is wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut r = Reader::new(bytes);
        let kind = r.u16()?;
        let len = usize::from(r.u16()?);
        if kind & 0xC000 != 0 || r.u32()? != MAGIC_COOKIE {
            return Err(Malformed::NotStun);
        }
        let id = TransactionId(r.array()?);
        if len != r.remaining() || len % 4 != 0 {
            return Err(Malformed::Length);
        }
        let (class, method) = from_type_bits(kind);
        let mut message = Self { bytes, class, method, id, sha1_at: None, sha256_at: None };
        message.check_attributes(r)?;
        Ok(message)
    }

    fn check_attributes(&mut self, mut r: Reader<'a>) -> Result<(), Malformed> {
        while !r.is_empty() {
            let at = self.bytes.len().saturating_sub(r.remaining());
            let (kind, value) = next_attribute(&mut r)?;
            match kind {
                attr::MESSAGE_INTEGRITY if self.sha1_at.is_none() && self.sha256_at.is_none() => {
                    self.sha1_at = Some(at);
                }
                attr::MESSAGE_INTEGRITY_SHA256 if self.sha256_at.is_none() => self.sha256_at = Some(at),
                attr::FINGERPRINT => {
                    // RFC 8489 §14.7: it is the last attribute; what precedes it is what it covers.
                    let covered = self.bytes.get(..at).ok_or(Malformed::Length)?;
                    let right = fingerprint::fingerprint(covered).to_be_bytes();
                    if !r.is_empty() || value != right {
                        return Err(Malformed::Fingerprint);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Request, indication or response.
    #[must_use]
    pub const fn class(&self) -> Class {
        self.class
    }

    /// What is asked or answered.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The transaction.
    #[must_use]
    pub const fn id(&self) -> TransactionId {
        self.id
    }

    /// Attributes up to the first integrity attribute, which is left out like everything behind it: RFC 8489 §14.5
    /// has a receiver ignore what the integrity does not cover.
    pub fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let end = [self.sha1_at, self.sha256_at].into_iter().flatten().min().unwrap_or(self.bytes.len());
        let covered = self.bytes.get(HEADER_LEN..end).unwrap_or_default();
        let mut r = Reader::new(covered);
        core::iter::from_fn(move || next_attribute(&mut r).ok())
    }

    /// Where the first value of an attribute lies in the message, without padding.
    #[must_use]
    pub fn range(&self, kind: u16) -> Option<Range<usize>> {
        let value = self.get(kind)?;
        // `value` lies in the message: its place is the difference of their starts.
        let start = (value.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        Some(start..start.checked_add(value.len())?)
    }

    /// The first value of an attribute.
    #[must_use]
    pub fn get(&self, kind: u16) -> Option<&'a [u8]> {
        self.attributes().find(|(k, _)| *k == kind).map(|(_, v)| v)
    }

    /// The value of an attribute that is text.
    #[must_use]
    pub fn text(&self, kind: u16) -> Option<&'a str> {
        self.get(kind).and_then(|v| core::str::from_utf8(v).ok())
    }

    /// The value of an attribute of four bytes.
    #[must_use]
    pub fn u32(&self, kind: u16) -> Option<u32> {
        self.get(kind).and_then(|v| v.try_into().ok()).map(u32::from_be_bytes)
    }

    /// The value of an attribute of eight bytes.
    #[must_use]
    pub fn u64(&self, kind: u16) -> Option<u64> {
        self.get(kind).and_then(|v| v.try_into().ok()).map(u64::from_be_bytes)
    }

    /// The value of an XOR-ed address attribute.
    #[must_use]
    pub fn xor_address(&self, kind: u16) -> Option<SocketAddr> {
        self.get(kind).and_then(|v| address::read_xor(v, self.id))
    }

    /// The value of an address attribute that is not XOR-ed (ALTERNATE-SERVER).
    #[must_use]
    pub fn address(&self, kind: u16) -> Option<SocketAddr> {
        self.get(kind).and_then(address::read_plain)
    }

    /// USERNAME, when it is UTF-8.
    #[must_use]
    pub fn username(&self) -> Option<&'a str> {
        self.text(attr::USERNAME)
    }

    /// ERROR-CODE, when it is between 300 and 699 (RFC 8489 §14.8).
    #[must_use]
    pub fn error_code(&self) -> Option<ErrorCode> {
        let [_, _, class, number, ..] = self.get(attr::ERROR_CODE)? else { return None };
        let (class, number) = (u16::from(class & 7), u16::from(*number));
        let valid = (3..=6).contains(&class) && number < 100;
        valid.then(|| class.saturating_mul(100).saturating_add(number))
    }

    /// The types of attributes that must be understood and for which `known` is false.
    #[must_use]
    pub fn unknown(&self, known: impl Fn(u16) -> bool) -> heapless::Vec<u16, 8> {
        let mut unknown = heapless::Vec::new();
        for (kind, _) in self.attributes().filter(|(kind, _)| attr::must_be_understood(*kind) && !known(*kind)) {
            if unknown.push(kind).is_err() {
                break;
            }
        }
        unknown
    }

    /// Whether there is a MESSAGE-INTEGRITY of either kind.
    #[must_use]
    pub const fn has_integrity(&self) -> bool {
        self.sha1_at.is_some() || self.sha256_at.is_some()
    }

    /// Whether there is a MESSAGE-INTEGRITY-SHA256, which then is the one that counts.
    #[must_use]
    pub const fn has_sha256(&self) -> bool {
        self.sha256_at.is_some()
    }

    /// Whether MESSAGE-INTEGRITY (HMAC-SHA1) is there and right for `key`.
    pub fn verify<P: Provider>(&self, provider: &P, key: &HmacSha1Key) -> bool {
        let Some(Covered { head, len, rest, value }) = self.sha1_at.and_then(|at| self.covered(at)) else {
            return false;
        };
        constant_time_eq(&provider.hmac_sha1(key, &[head, &len, rest]), value)
    }

    /// Whether MESSAGE-INTEGRITY-SHA256 is there and right for `key`; it may be truncated to no less than 16 bytes
    /// (RFC 8489 §14.6).
    pub fn verify_sha256<P: Provider>(&self, provider: &P, key: &HmacSha256Key) -> bool {
        let Some(Covered { head, len, rest, value }) = self.sha256_at.and_then(|at| self.covered(at)) else {
            return false;
        };
        let right = provider.hmac_sha256(key, &[head, &len, rest]);
        let long_enough = value.len() >= 16 && value.len() % 4 == 0;
        long_enough && right.get(..value.len()).is_some_and(|right| constant_time_eq(right, value))
    }

    fn covered(&self, at: usize) -> Option<Covered<'a>> {
        let (_, value) = next_attribute(&mut Reader::new(self.bytes.get(at..)?)).ok()?;
        let end = at.checked_add(4)?.checked_add(value.len())?.checked_sub(HEADER_LEN)?;
        let len = u16::try_from(end).ok()?.to_be_bytes();
        Some(Covered { head: self.bytes.get(..2)?, len, rest: self.bytes.get(4..at)?, value })
    }
}

/// What an integrity attribute covers, in three pieces: the message type, the length as if that attribute were the last
/// (RFC 8489 §14.5), and the rest; and the attribute's value.
struct Covered<'a> {
    head: &'a [u8],
    len: [u8; 2],
    rest: &'a [u8],
    value: &'a [u8],
}

fn next_attribute<'a>(r: &mut Reader<'a>) -> Result<(u16, &'a [u8]), Truncated> {
    let kind = r.u16()?;
    let len = usize::from(r.u16()?);
    let value = r.take(len)?;
    r.skip(len.wrapping_neg() & 3)?;
    Ok((kind, value))
}
