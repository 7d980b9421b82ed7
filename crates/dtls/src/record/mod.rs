//! Records: what is on the wire, and what protects it (RFC 6347 §4.1; RFC 9147 §4).

mod cipher;
mod header;
mod window;

use barertc_arena::{AllocError, Allocator, Box};
use barertc_crypto::{Provider, Suite, wipe_stack_of};
use barertc_wire::put_at;

use cipher::{Keys, TAG};
pub(crate) use cipher::{Material, key_len};
pub(crate) use header::{Head, PLAIN_HEADER, split};
use header::{UNIFIED_HEADER, plain_header, unified_header};
use window::Window;

use crate::error::{Discard, Error};

/// Content types (RFC 5246 §6.2.1; RFC 9147 §14).
pub(crate) mod content {
    pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(crate) const ALERT: u8 = 21;
    pub(crate) const HANDSHAKE: u8 = 22;
    pub(crate) const APPLICATION_DATA: u8 = 23;
    pub(crate) const ACK: u8 = 26;
}

/// Records that fail authentication before the connection is given up (RFC 9147 §4.5.3).
const FORGERY_LIMIT: u64 = 1 << 36;

/// Sequence numbers of DTLS 1.2 have 48 bits; nobody gets that far with one key of DTLS 1.3 either.
const LAST_SEQUENCE: u64 = (1 << 48) - 1;

/// The number of epochs that have keys at one time. In a handshake of DTLS 1.3 these are the epochs of the handshake and
/// of application data. Later they are the epochs before and after a key update. A peer updates its keys only after we
/// have acknowledged its whole handshake (RFC 9147 §8). The handshake's keys are of no use then. Plaintext has none.
const EPOCHS: usize = 2;

struct ReadEpoch<P: Provider> {
    epoch: u16,
    window: Window,
    keys: Keys<P>,
}

struct WriteEpoch<P: Provider> {
    epoch: u16,
    next: u64,
    keys: Keys<P>,
}

/// A record after its protection was taken off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opened {
    pub(crate) kind: u8,
    pub(crate) epoch: u16,
    pub(crate) seq: u64,
    /// Where in the record the plaintext is.
    pub(crate) start: usize,
    pub(crate) len: usize,
}

/// Both directions' keys and counters. Expanded keys are large, so they have blocks of their own: the connection stays
/// small enough to be moved about on a device's stack.
pub(crate) struct Records<A: Allocator, P: Provider> {
    read: Box<[Option<ReadEpoch<P>>], A>,
    write: Box<[Option<WriteEpoch<P>>], A>,
    next_plain: u64,
    forgeries: u64,
    /// A record of the peer was authentic.
    authentic: bool,
}

impl<A: Allocator, P: Provider> Records<A, P> {
    /// Bytes of the two blocks that keys are in.
    pub(crate) const KEY_BYTES: usize =
        size_of::<[Option<ReadEpoch<P>>; EPOCHS]>().saturating_add(size_of::<[Option<WriteEpoch<P>>; EPOCHS]>());

    pub(crate) fn new(alloc: A) -> Result<Self, AllocError>
    where
        A: Clone,
    {
        Ok(Self {
            read: Box::<[_], A>::try_from_fn(EPOCHS, alloc.clone(), |_| None)?,
            write: Box::<[_], A>::try_from_fn(EPOCHS, alloc, |_| None)?,
            next_plain: 0,
            forgeries: 0,
            authentic: false,
        })
    }

    /// Keys for what the peer sends in `epoch`; the oldest ones go where there are too many.
    // Out of line, as `install_write` is: expanded keys are large, and those of one direction are on the stack for a moment only.
    #[inline(never)]
    pub(crate) fn install_read(&mut self, p: &P, suite: Suite, epoch: u16, of: &Material) -> Result<(), Error> {
        let keys = Keys::new(p, suite, of).map_err(|_| Error::KeyRefused)?;
        if let Some(place) = self.read.iter_mut().min_by_key(|e| e.as_ref().map(|e| e.epoch)) {
            *place = Some(ReadEpoch { epoch, window: Window::default(), keys });
        }
        Ok(())
    }

    /// Keys for what we send in `epoch`.
    #[inline(never)]
    pub(crate) fn install_write(&mut self, p: &P, suite: Suite, epoch: u16, of: &Material) -> Result<(), Error> {
        let keys = Keys::new(p, suite, of).map_err(|_| Error::KeyRefused)?;
        if let Some(place) = self.write.iter_mut().min_by_key(|e| e.as_ref().map(|e| e.epoch)) {
            *place = Some(WriteEpoch { epoch, next: 0, keys });
        }
        Ok(())
    }

    /// Forgets all keys that the peer's records can be read with.
    pub(crate) fn forget_read(&mut self) {
        forget(&mut self.read, |_| true);
    }

    /// Forgets all keys that we send with.
    pub(crate) fn forget_write(&mut self) {
        forget(&mut self.write, |_| true);
    }

    /// Forgets the keys of epochs before `epoch`.
    pub(crate) fn retire_read_before(&mut self, epoch: u16) {
        forget(&mut self.read, |e| e.epoch < epoch);
    }

    /// The same for what we send.
    pub(crate) fn retire_write_before(&mut self, epoch: u16) {
        forget(&mut self.write, |e| e.epoch < epoch);
    }

    /// The newest epoch that we have keys to send in; 0 when there are none.
    pub(crate) fn write_epoch(&self) -> u16 {
        self.write.iter().flatten().map(|e| e.epoch).max().unwrap_or(0)
    }

    /// The newest epoch that the peer's records can be read in.
    pub(crate) fn read_epoch(&self) -> u16 {
        self.read.iter().flatten().map(|e| e.epoch).max().unwrap_or(0)
    }

    /// Records sent in the newest epoch.
    pub(crate) fn written(&self) -> u64 {
        let newest = self.write_epoch();
        self.write.iter().flatten().find(|e| e.epoch == newest).map_or(0, |e| e.next)
    }

    /// Bytes that a record adds before and after its contents in `epoch`.
    pub(crate) fn overhead(&self, epoch: u16) -> (usize, usize) {
        match self.write.iter().flatten().find(|e| e.epoch == epoch) {
            Some(e) => overhead(&e.keys),
            None => (PLAIN_HEADER, 0),
        }
    }

    /// Whether the peer's records can be protected already: there are keys to read them with.
    pub(crate) fn can_read(&self) -> bool {
        self.read.iter().any(Option::is_some)
    }

    /// Whether the peer has shown that it has keys.
    pub(crate) fn peer_has_keys(&self) -> bool {
        self.authentic
    }

    /// Uses up the sequence numbers of all keys.
    #[cfg(test)]
    pub(crate) fn use_up(&mut self) {
        self.write.iter_mut().flatten().for_each(|e| e.next = LAST_SEQUENCE);
    }

    /// Whether so many records failed that the keys can't be trusted any longer.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.forgeries >= FORGERY_LIMIT
    }

    /// Makes a record of `out[front..front + len]`; returns its length and number.
    // Out of line, as `open` is: what ciphers leave on the stack lies below whoever wipes it.
    #[inline(never)]
    pub(crate) fn seal(
        &mut self,
        p: &P,
        epoch: u16,
        kind: u8,
        out: &mut [u8],
        len: usize,
    ) -> Result<(usize, u64), Error> {
        if epoch == 0 {
            let seq = self.next_plain;
            self.next_plain = seq.saturating_add(1);
            let total = PLAIN_HEADER.saturating_add(len);
            let short = Error::BufferTooShort { needed: total };
            let record = out.get_mut(..total).ok_or(short)?;
            plain_header(record, kind, 0, seq, len).ok_or(short)?;
            return Ok((total, seq));
        }
        let w = self.write.iter_mut().flatten().find(|e| e.epoch == epoch).ok_or(Error::NotConnected)?;
        if w.next >= LAST_SEQUENCE {
            return Err(Error::KeysExhausted);
        }
        let seq = w.next;
        let (front, back) = overhead(&w.keys);
        let needed = front.saturating_add(len).saturating_add(back);
        let total = if w.keys.is_13() { seal_13(p, w, kind, out, len) } else { seal_12(p, w, kind, out, len) };
        let total = total.ok_or(Error::BufferTooShort { needed })?;
        w.next = seq.saturating_add(1);
        Ok((total, seq))
    }

    /// Takes the protection off one record, in place.
    #[inline(never)]
    pub(crate) fn open(&mut self, p: &P, head: Head, record: &mut [u8]) -> Result<Opened, Discard> {
        let result = match head {
            Head::Plain { kind, epoch: 0, seq, len, .. } => {
                return Ok(Opened { kind, epoch: 0, seq, start: PLAIN_HEADER, len });
            }
            Head::Plain { kind, epoch, seq, .. } => {
                let e = self.read.iter_mut().flatten().find(|e| e.epoch == epoch && !e.keys.is_13());
                open_12(p, e.ok_or(Discard::WrongEpoch)?, kind, seq, record)
            }
            Head::Unified { epoch_bits, number_len, header_len } => {
                let matching = |e: &&mut ReadEpoch<P>| e.keys.is_13() && e.epoch & 3 == epoch_bits;
                let e = self.read.iter_mut().flatten().filter(matching).max_by_key(|e| e.epoch);
                open_13(p, e.ok_or(Discard::WrongEpoch)?, number_len, header_len, record)
            }
        };
        match result {
            Ok(_) => self.authentic = true,
            Err(Discard::BadTag) => self.forgeries = self.forgeries.saturating_add(1),
            Err(_) => {}
        }
        result
    }
}

/// Forgets the epochs for which `ended` says so.
///
/// `None` is written over them as a value of their size, whose unused bytes are whatever the stack held. So that
/// part of the stack is wiped before.
fn forget<T>(epochs: &mut [Option<T>], ended: impl Fn(&T) -> bool) {
    if epochs.iter().flatten().any(&ended) {
        wipe_stack_of::<Option<T>>();
        clear(epochs, ended);
    }
}

#[inline(never)]
fn clear<T>(epochs: &mut [Option<T>], ended: impl Fn(&T) -> bool) {
    epochs.iter_mut().filter(|e| e.as_ref().is_some_and(&ended)).for_each(|e| *e = None);
}

/// Bytes that a record adds before and after its contents under these keys.
fn overhead<P: Provider>(keys: &Keys<P>) -> (usize, usize) {
    if keys.is_13() {
        // One more for the content type, which is inside (RFC 9147 §4).
        (UNIFIED_HEADER, TAG.saturating_add(1))
    } else {
        (PLAIN_HEADER.saturating_add(keys.explicit_nonce()), TAG)
    }
}

/// Epoch and sequence number in eight bytes (RFC 6347 §4.1).
fn number_12(epoch: u16, seq: u64) -> [u8; 8] {
    (u64::from(epoch) << 48 | (seq & LAST_SEQUENCE)).to_be_bytes()
}

/// additional_data (RFC 5246 §6.2.3.3, with the epoch in front as RFC 6347 §4.1.2.1 has it).
fn additional_data_12(number: [u8; 8], kind: u8, len: usize) -> [u8; 13] {
    let [a, b, c, d, e, f, g, h] = number;
    let [hi, lo] = u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes();
    [a, b, c, d, e, f, g, h, kind, 0xFE, 0xFD, hi, lo]
}

fn seal_12<P: Provider>(p: &P, w: &WriteEpoch<P>, kind: u8, out: &mut [u8], len: usize) -> Option<usize> {
    let number = number_12(w.epoch, w.next);
    let explicit = w.keys.explicit_nonce();
    let front = PLAIN_HEADER.checked_add(explicit)?;
    let end = front.checked_add(len)?;
    let total = end.checked_add(TAG)?;
    let record = out.get_mut(..total)?;
    plain_header(record, kind, w.epoch, w.next, total.checked_sub(PLAIN_HEADER)?)?;
    put_at(record, PLAIN_HEADER, number.get(..explicit)?).ok()?;
    let aad = additional_data_12(number, kind, len);
    let tag = w.keys.seal(p, &w.keys.nonce(number), &aad, record.get_mut(front..end)?);
    put_at(record, end, &tag).ok()?;
    Some(total)
}

fn open_12<P: Provider>(p: &P, e: &mut ReadEpoch<P>, kind: u8, seq: u64, record: &mut [u8]) -> Result<Opened, Discard> {
    if !e.window.is_fresh(seq) {
        return Err(Discard::Replayed);
    }
    let start = PLAIN_HEADER.saturating_add(e.keys.explicit_nonce());
    let (contents, tag) = record.split_last_chunk_mut::<TAG>().ok_or(Discard::NotARecord)?;
    let explicit = contents.get(PLAIN_HEADER..start).ok_or(Discard::NotARecord)?;
    // ChaCha20 takes the number from the header, GCM from the record, where senders may put anything (RFC 5288).
    let number = number_12(e.epoch, seq);
    let nonce = e.keys.nonce(explicit.try_into().unwrap_or(number));
    let data = contents.get_mut(start..).ok_or(Discard::NotARecord)?;
    let len = data.len();
    e.keys.open(p, &nonce, &additional_data_12(number, kind, len), data, tag).map_err(|_| Discard::BadTag)?;
    e.window.mark(seq);
    Ok(Opened { kind, epoch: e.epoch, seq, start, len })
}

fn seal_13<P: Provider>(p: &P, w: &WriteEpoch<P>, kind: u8, out: &mut [u8], len: usize) -> Option<usize> {
    let typed = UNIFIED_HEADER.checked_add(len)?;
    let end = typed.checked_add(1)?;
    let total = end.checked_add(TAG)?;
    let (header, body) = out.get_mut(..total)?.split_first_chunk_mut::<UNIFIED_HEADER>()?;
    *header = unified_header(w.epoch, w.next, total.checked_sub(UNIFIED_HEADER)?);
    let (data, tag) = body.split_last_chunk_mut::<TAG>()?;
    *data.last_mut()? = kind;
    *tag = w.keys.seal(p, &w.keys.nonce(w.next.to_be_bytes()), header, data);
    let mask = w.keys.number_mask(p, *body.first_chunk()?);
    header.iter_mut().skip(1).zip(mask).for_each(|(h, m)| *h ^= m);
    Some(total)
}

fn open_13<P: Provider>(
    p: &P,
    e: &mut ReadEpoch<P>,
    number_len: usize,
    header_len: usize,
    record: &mut [u8],
) -> Result<Opened, Discard> {
    let (header, body) = record.split_at_mut_checked(header_len).ok_or(Discard::NotARecord)?;
    let sample = *body.first_chunk::<16>().ok_or(Discard::NotARecord)?;
    let (data, tag) = body.split_last_chunk_mut::<TAG>().ok_or(Discard::NotARecord)?;
    let mask = e.keys.number_mask(p, sample);
    let mut low = 0u64;
    for (byte, mask) in header.iter_mut().skip(1).take(number_len).zip(mask) {
        *byte ^= mask;
        low = low << 8 | u64::from(*byte);
    }
    let bits = if number_len == 1 { 8 } else { 16 };
    let seq = e.window.reconstruct(low, bits);
    if !e.window.is_fresh(seq) {
        return Err(Discard::Replayed);
    }
    e.keys.open(p, &e.keys.nonce(seq.to_be_bytes()), header, data, tag).map_err(|_| Discard::BadTag)?;
    e.window.mark(seq);
    // The content type is the last byte that isn't padding (RFC 8446 §5.4).
    let len = data.iter().rposition(|b| *b != 0).ok_or(Discard::NotARecord)?;
    let kind = data.get(len).copied().unwrap_or(0);
    Ok(Opened { kind, epoch: e.epoch, seq, start: header_len, len })
}
