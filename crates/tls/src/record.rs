//! Records (RFC 8446 §5): cut out of what arrives and decrypted in place, or encrypted in place to be sent.

use barertc_arena::{Allocator, Box};
use barertc_crypto::{BadTag, KeySchedule, Provider, Secret, Suite};
use barertc_wire::{Reader, move_down};
use zeroize::{Zeroize, Zeroizing};

use crate::config::{Config, LONGEST};
use crate::error::Error;

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const APPLICATION_DATA: u8 = 23;

/// Bytes of a record's header.
const HEADER: usize = 5;
/// Bytes of a tag.
const TAG: usize = 16;
/// What a protected record may have beyond its plaintext (RFC 8446 §5.2).
const EXPANSION: usize = 256;
/// What protection adds to a record of ours: its type, and the tag.
const ADDED: usize = 1 + TAG;
/// Records that are sent with one key (RFC 8446 §5.5: 2^24.5 for AES-GCM, less a margin). A new key comes before.
pub(crate) const REKEY_AT: u64 = 1 << 23;
/// Records without contents that are taken in a row: they cost work and bring nothing.
const EMPTY_RECORDS: u8 = 16;

// The keys are held in place: a box for the bigger variant would be an allocation a key.
#[allow(clippy::large_enum_variant)]
enum Aead<P: Provider> {
    Gcm(P::GcmKey),
    ChaCha(P::ChaChaKey),
}

/// What protects the records of one direction, until the next key.
pub(crate) struct Keys<P: Provider> {
    aead: Aead<P>,
    iv: Zeroizing<[u8; 12]>,
    /// The number of the next record.
    pub(crate) sequence: u64,
}

impl<P: Provider> Keys<P> {
    /// The keys of a traffic secret (RFC 8446 §7.3).
    pub(crate) fn new(
        p: &P,
        suite: Suite,
        schedule: &KeySchedule<'_, P>,
        secret: &Secret,
    ) -> Result<Self, barertc_crypto::Error> {
        let mut key = Secret::zero(if suite == Suite::Aes128Gcm { 16 } else { 32 });
        let mut iv = Zeroizing::new([0; 12]);
        schedule.expand_label(secret, b"key", &[], key.as_mut_slice())?;
        schedule.expand_label(secret, b"iv", &[], iv.as_mut_slice())?;
        let aead = match suite {
            Suite::Aes128Gcm | Suite::Aes256Gcm => Aead::Gcm(p.gcm_key(&key)?),
            Suite::ChaCha20Poly1305 => Aead::ChaCha(p.chacha_key(&key)?),
        };
        Ok(Self { aead, iv, sequence: 0 })
    }

    /// The nonce of the next record (RFC 8446 §5.3).
    fn next_nonce(&mut self) -> Result<[u8; 12], Error> {
        let mut nonce = *self.iv;
        nonce.iter_mut().skip(4).zip(self.sequence.to_be_bytes()).for_each(|(n, b)| *n ^= b);
        self.sequence = self.sequence.checked_add(1).ok_or(Error::Exhausted)?;
        Ok(nonce)
    }

    fn seal(&mut self, p: &P, header: &[u8], data: &mut [u8]) -> Result<[u8; TAG], Error> {
        let nonce = self.next_nonce()?;
        Ok(match &self.aead {
            Aead::Gcm(key) => p.gcm_seal(key, &nonce, header, data),
            Aead::ChaCha(key) => p.chacha_seal(key, &nonce, header, data),
        })
    }

    fn open(&mut self, p: &P, header: &[u8], data: &mut [u8], tag: &[u8; TAG]) -> Result<(), Error> {
        let nonce = self.next_nonce()?;
        let opened = match &self.aead {
            Aead::Gcm(key) => p.gcm_open(key, &nonce, header, data, tag),
            Aead::ChaCha(key) => p.chacha_open(key, &nonce, header, data, tag),
        };
        opened.map_err(|BadTag| Error::BadRecord)
    }
}

/// What arrives: bytes of the stream, and the record that they begin with.
pub(crate) struct Incoming<A: Allocator, P: Provider> {
    buffer: Box<[u8], A>,
    /// The longest plaintext.
    limit: usize,
    /// Where the bytes that were not looked at begin, and where they end.
    unread: (usize, usize),
    /// The contents of the record in front of them that were not taken.
    contents: (usize, usize),
    pub(crate) keys: Option<Keys<P>>,
    empty: u8,
}

impl<A: Allocator, P: Provider> Incoming<A, P> {
    const fn room_for(config: &Config) -> usize {
        config.record.saturating_add(HEADER + EXPANSION)
    }

    pub(crate) const fn bytes(config: &Config) -> usize {
        Box::<[u8], A>::bytes(Self::room_for(config))
    }

    pub(crate) fn new(config: &Config, alloc: A) -> Result<Self, Error> {
        let buffer = Box::try_zeroed(Self::room_for(config), alloc)?;
        Ok(Self { buffer, limit: config.record, unread: (0, 0), contents: (0, 0), keys: None, empty: 0 })
    }

    /// Room for what comes next, which is never empty once [`next`](Self::next) wants more. What was taken goes.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        let (start, end) = self.unread;
        if start > 0 {
            move_down(&mut self.buffer, start..end, 0);
            self.unread = (0, end.saturating_sub(start));
            self.contents = (0, 0);
        }
        self.buffer.get_mut(self.unread.1..).unwrap_or_default()
    }

    /// So many bytes were put into [`room`](Self::room).
    pub(crate) fn received(&mut self, len: usize) {
        self.unread.1 = self.unread.1.saturating_add(len).min(self.buffer.len());
    }

    /// Whether bytes of another record are there.
    pub(crate) const fn has_more(&self) -> bool {
        self.unread.0 < self.unread.1
    }

    /// Contents of the last record that were not taken.
    pub(crate) fn contents(&mut self) -> &mut [u8] {
        self.buffer.get_mut(self.contents.0..self.contents.1).unwrap_or_default()
    }

    /// Takes so many bytes of the contents.
    pub(crate) fn consume(&mut self, len: usize) {
        self.contents.0 = self.contents.0.saturating_add(len).min(self.contents.1);
    }

    /// The type of the next record, whose [`contents`](Self::contents) are then there; `None` until it has come as a whole.
    pub(crate) fn next(&mut self, p: &P) -> Result<Option<u8>, Error> {
        let (start, end) = self.unread;
        let unread = self.buffer.get_mut(start..end).unwrap_or_default();
        let Some((header, rest)) = unread.split_at_mut_checked(HEADER) else { return Ok(None) };
        let mut fields = Reader::new(header);
        let kind = fields.u8()?;
        // The version has no meaning, but for telling what is no TLS at all (RFC 8446 §5.1).
        if !matches!(kind, CHANGE_CIPHER_SPEC..=APPLICATION_DATA) || fields.u8()? != 3 {
            return Err(Error::Malformed);
        }
        fields.skip(1)?;
        let len = usize::from(fields.u16()?);
        let protected = self.keys.as_ref().filter(|_| kind == APPLICATION_DATA).is_some();
        let added = if protected { EXPANSION } else { 0 };
        if len > self.limit.saturating_add(added) {
            return Err(if len > LONGEST.saturating_add(added) {
                Error::Malformed
            } else {
                Error::RecordTooLong { limit: self.limit, value: len }
            });
        }
        let Some((body, _)) = rest.split_at_mut_checked(len) else { return Ok(None) };
        let from = start.saturating_add(HEADER);
        self.unread.0 = from.saturating_add(len);
        let (kind, len) = match &mut self.keys {
            Some(keys) if kind == APPLICATION_DATA => {
                let (data, tag) = body.split_last_chunk_mut::<TAG>().ok_or(Error::BadRecord)?;
                keys.open(p, header, data, tag)?;
                // The type is the last byte that is not 0 (RFC 8446 §5.4).
                let at = data.iter().rposition(|byte| *byte != 0).ok_or(Error::UnexpectedMessage)?;
                if at > self.limit {
                    return Err(Error::RecordTooLong { limit: self.limit, value: at });
                }
                let kind = data.get(at).copied().unwrap_or_default();
                // RFC 8446 §5: the middlebox message is never protected.
                if kind == CHANGE_CIPHER_SPEC {
                    return Err(Error::UnexpectedMessage);
                }
                (kind, at)
            }
            // Of what is not protected, only the middlebox message comes when there are keys (RFC 8446 §5, appendix D.4).
            Some(_) if kind != CHANGE_CIPHER_SPEC => return Err(Error::UnexpectedMessage),
            _ => (kind, len),
        };
        self.contents = (from, from.saturating_add(len));
        // RFC 8446 §5.1: only application data may be empty.
        if len == 0 {
            self.empty = self.empty.saturating_add(1);
            if kind != APPLICATION_DATA || self.empty > EMPTY_RECORDS {
                return Err(Error::UnexpectedMessage);
            }
        } else {
            self.empty = 0;
        }
        Ok(Some(kind))
    }
}

impl<A: Allocator, P: Provider> Drop for Incoming<A, P> {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

/// What is to be sent: whole records.
pub(crate) struct Outgoing<A: Allocator, P: Provider> {
    buffer: Box<[u8], A>,
    /// The longest plaintext.
    pub(crate) limit: usize,
    /// What waits to be sent.
    waiting: (usize, usize),
    pub(crate) keys: Option<Keys<P>>,
}

impl<A: Allocator, P: Provider> Outgoing<A, P> {
    /// What goes out while something of ours still waits, at most: an alert, or a key update.
    const REST: usize = HEADER + 8 + ADDED;

    const fn room_for(config: &Config) -> usize {
        config.sent.saturating_add(HEADER + ADDED).saturating_add(Self::REST)
    }

    pub(crate) const fn bytes(config: &Config) -> usize {
        Box::<[u8], A>::bytes(Self::room_for(config))
    }

    pub(crate) fn new(config: &Config, alloc: A) -> Result<Self, Error> {
        let buffer = Box::try_zeroed(Self::room_for(config), alloc)?;
        Ok(Self { buffer, limit: config.sent, waiting: (0, 0), keys: None })
    }

    /// What waits to be sent.
    pub(crate) fn waiting(&self) -> &[u8] {
        self.buffer.get(self.waiting.0..self.waiting.1).unwrap_or_default()
    }

    /// So much of it was sent.
    pub(crate) fn consume(&mut self, len: usize) {
        self.waiting.0 = self.waiting.0.saturating_add(len).min(self.waiting.1);
        if self.waiting.0 == self.waiting.1 {
            self.waiting = (0, 0);
        }
    }

    /// Puts a record behind what waits. `fill` writes its contents and returns their length.
    pub(crate) fn push(
        &mut self,
        p: &P,
        kind: u8,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, Error>,
    ) -> Result<(), Error> {
        let room = self.buffer.get_mut(self.waiting.1..).unwrap_or_default();
        let (header, body) = room.split_at_mut_checked(HEADER).ok_or(Error::NoMemory)?;
        let added = if self.keys.is_some() { ADDED } else { 0 };
        let most = body.len().checked_sub(added).ok_or(Error::NoMemory)?.min(self.limit);
        let len = fill(body.get_mut(..most).unwrap_or_default())?.min(most);
        let whole = len.saturating_add(added);
        let [high, low] = u16::try_from(whole).map_err(|_| Error::NoMemory)?.to_be_bytes();
        let outer = if self.keys.is_some() { APPLICATION_DATA } else { kind };
        header.copy_from_slice(&[outer, 3, 3, high, low]);
        if let Some(keys) = &mut self.keys {
            let (inner, rest) = body.split_at_mut_checked(len.saturating_add(1)).ok_or(Error::NoMemory)?;
            if let Some(last) = inner.last_mut() {
                *last = kind;
            }
            let tag = keys.seal(p, header, inner)?;
            rest.get_mut(..TAG).ok_or(Error::NoMemory)?.copy_from_slice(&tag);
        }
        self.waiting.1 = self.waiting.1.saturating_add(HEADER).saturating_add(whole);
        Ok(())
    }
}

impl<A: Allocator, P: Provider> Drop for Outgoing<A, P> {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}
