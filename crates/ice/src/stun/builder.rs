//! Writes STUN messages.
use core::net::SocketAddr;

use barertc_crypto::{HmacSha1Key, HmacSha256Key, Provider};
use barertc_wire::{NoRoom, Writer};

use super::header::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, type_bits};
use super::{address, attr, fingerprint};

/// Writes one STUN message into the caller's buffer, from its start.
///
/// Order matters as on the wire: integrity after everything it covers, fingerprint last.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Builder<'a> {
    w: Writer<'a>,
    id: TransactionId,
}

impl<'a> Builder<'a> {
    /// Writes the header.
    ///
    /// # Errors
    /// [`NoRoom`] when `out` is too short.
    pub fn new(out: &'a mut [u8], class: Class, method: Method, id: TransactionId) -> Result<Self, NoRoom> {
        let mut w = Writer::new(out);
        w.u16(type_bits(class, method))?;
        w.u16(0)?;
        w.u32(MAGIC_COOKIE)?;
        w.put(&id.0)?;
        Ok(Self { w, id })
    }

    /// Bytes of the buffer that are left.
    #[must_use]
    pub fn room(&self) -> usize {
        self.w.room()
    }

    /// Adds an attribute of any bytes, padded to a multiple of four.
    ///
    /// # Errors
    /// [`NoRoom`] when the buffer is too short.
    pub fn bytes(&mut self, kind: u16, value: &[u8]) -> Result<(), NoRoom> {
        self.head(kind, value.len())?;
        self.w.put(value)?;
        self.w.zeros(value.len().wrapping_neg() & 3)?;
        self.update_length()
    }

    /// Adds an attribute of zeros, as long as it can be when `behind` bytes follow it. Nothing where there is no room.
    ///
    /// # Errors
    /// [`NoRoom`] when the message becomes longer than its header can say.
    pub fn fill(&mut self, kind: u16, behind: usize) -> Result<(), NoRoom> {
        let Some(len) = self.room().checked_sub(behind.saturating_add(4)).map(|len| len & !3) else { return Ok(()) };
        self.head(kind, len)?;
        self.w.zeros(len)?;
        self.update_length()
    }

    /// Adds an attribute of 32-bit numbers.
    ///
    /// # Errors
    /// [`NoRoom`] when the buffer is too short.
    pub fn words(&mut self, kind: u16, words: &[u32]) -> Result<(), NoRoom> {
        self.head(kind, words.len().saturating_mul(size_of::<u32>()))?;
        for word in words {
            self.w.u32(*word)?;
        }
        self.update_length()
    }

    /// Adds an attribute whose value is the concatenation of `parts`.
    ///
    /// # Errors
    /// [`NoRoom`] when the buffer is too short.
    pub fn parts(&mut self, kind: u16, parts: &[&[u8]]) -> Result<(), NoRoom> {
        let len = parts.iter().fold(0usize, |sum, p| sum.saturating_add(p.len()));
        self.head(kind, len)?;
        for part in parts {
            self.w.put(part)?;
        }
        self.w.zeros(len.wrapping_neg() & 3)?;
        self.update_length()
    }

    /// Adds an attribute of four bytes.
    ///
    /// # Errors
    /// [`NoRoom`] when the buffer is too short.
    pub fn u32(&mut self, kind: u16, value: u32) -> Result<(), NoRoom> {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// Adds an attribute of eight bytes.
    ///
    /// # Errors
    /// [`NoRoom`] when the buffer is too short.
    pub fn u64(&mut self, kind: u16, value: u64) -> Result<(), NoRoom> {
        self.bytes(kind, &value.to_be_bytes())
    }

    /// Adds an XOR-ed address attribute (RFC 8489 §14.2).
    ///
    /// # Errors
    /// [`NoRoom`] when the buffer is too short.
    pub fn xor_address(&mut self, kind: u16, addr: SocketAddr) -> Result<(), NoRoom> {
        self.head(kind, if addr.is_ipv4() { 8 } else { 20 })?;
        address::write_xor(&mut self.w, addr, self.id)?;
        self.update_length()
    }

    /// Adds ERROR-CODE with a reason phrase (RFC 8489 §14.8).
    ///
    /// # Errors
    /// [`NoRoom`] when the buffer is too short.
    pub fn error(&mut self, code: u16, reason: &str) -> Result<(), NoRoom> {
        let head = [0, 0, u8::try_from(code / 100).unwrap_or(5), u8::try_from(code % 100).unwrap_or(0)];
        self.parts(attr::ERROR_CODE, &[&head, reason.as_bytes()])
    }

    /// Adds MESSAGE-INTEGRITY over everything so far (RFC 8489 §14.5).
    ///
    /// # Errors
    /// [`NoRoom`] when the buffer is too short.
    pub fn integrity<P: Provider>(&mut self, provider: &P, key: &HmacSha1Key) -> Result<(), NoRoom> {
        let covered = self.w.len();
        self.bytes(attr::MESSAGE_INTEGRITY, &[0; 20])?;
        let mac = provider.hmac_sha1(key, &[self.w.written().get(..covered).unwrap_or_default()]);
        self.w.patch(covered.saturating_add(4), &mac)
    }

    /// Adds MESSAGE-INTEGRITY-SHA256 over everything so far, untruncated (RFC 8489 §14.6).
    ///
    /// # Errors
    /// [`NoRoom`] when the buffer is too short.
    pub fn integrity_sha256<P: Provider>(&mut self, provider: &P, key: &HmacSha256Key) -> Result<(), NoRoom> {
        let covered = self.w.len();
        self.bytes(attr::MESSAGE_INTEGRITY_SHA256, &[0; 32])?;
        let mac = provider.hmac_sha256(key, &[self.w.written().get(..covered).unwrap_or_default()]);
        self.w.patch(covered.saturating_add(4), &mac)
    }

    /// Adds FINGERPRINT, which ends the message (RFC 8489 §14.7). Returns the length of the message in bytes.
    ///
    /// # Errors
    /// [`NoRoom`] when the buffer is too short.
    pub fn fingerprint(mut self) -> Result<usize, NoRoom> {
        let covered = self.w.len();
        // The header's length counts this attribute already (RFC 8489 §14.7).
        self.u32(attr::FINGERPRINT, 0)?;
        let crc = fingerprint::fingerprint(self.w.written().get(..covered).unwrap_or_default());
        self.w.patch(covered.saturating_add(4), &crc.to_be_bytes())?;
        Ok(self.w.len())
    }

    /// Ends the message without FINGERPRINT. Returns the length of the message in bytes.
    #[must_use]
    pub fn finish(self) -> usize {
        self.w.len()
    }

    fn head(&mut self, kind: u16, len: usize) -> Result<(), NoRoom> {
        self.w.u16(kind)?;
        self.w.u16(u16::try_from(len).map_err(|_| NoRoom)?)
    }

    fn update_length(&mut self) -> Result<(), NoRoom> {
        let len = u16::try_from(self.w.len().saturating_sub(HEADER_LEN)).map_err(|_| NoRoom)?;
        self.w.patch(2, &len.to_be_bytes())
    }
}
