//! Puts handshake messages together from fragments (RFC 6347 §4.2.3).

use barertc_arena::{AllocError, Allocator, Box};
use barertc_wire::{Reader, Writer, move_down, put_at};

use super::ranges::Ranges;
use crate::error::Discard;

/// How many messages ahead of the next one may be kept: a whole flight of either version.
const AHEAD: usize = 8;

/// Bytes of a handshake message's header (RFC 6347 §4.2.2).
pub(crate) const HEADER: usize = 12;

/// A whole handshake message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// msg_type.
    pub(crate) kind: u8,
    /// message_seq.
    pub(crate) seq: u16,
    /// Epoch of the records that brought it.
    pub(crate) epoch: u16,
    /// What follows the header.
    pub(crate) body: &'a [u8],
}

impl Message<'_> {
    /// The header as if the message had come in one fragment, which is how it is hashed (RFC 6347 §4.2.6).
    pub(crate) fn header(&self) -> [u8; HEADER] {
        header(self.kind, self.body.len(), self.seq, 0, self.body.len())
    }
}

/// A handshake header.
pub(crate) fn header(kind: u8, len: usize, seq: u16, offset: usize, fragment: usize) -> [u8; HEADER] {
    let mut out = [0; HEADER];
    let u24 = |n: usize| u32::try_from(n).unwrap_or(0);
    let mut w = Writer::new(&mut out);
    let _ = w.u8(kind);
    let _ = w.u24(u24(len));
    let _ = w.u16(seq);
    let _ = w.u24(u24(offset));
    let _ = w.u24(u24(fragment));
    out
}

/// One fragment, as it lies in a record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fragment<'a> {
    /// msg_type.
    pub(crate) kind: u8,
    /// Length of the whole message.
    pub(crate) len: u32,
    /// message_seq.
    pub(crate) seq: u16,
    /// fragment_offset.
    pub(crate) offset: u32,
    /// The bytes themselves.
    pub(crate) bytes: &'a [u8],
}

impl<'a> Fragment<'a> {
    /// Reads the next fragment of a record.
    pub(crate) fn parse(r: &mut Reader<'a>) -> Result<Self, Discard> {
        let bad = |_| Discard::BadFragment;
        let kind = r.u8().map_err(bad)?;
        let len = r.u24().map_err(bad)?;
        let seq = r.u16().map_err(bad)?;
        let offset = r.u24().map_err(bad)?;
        let n = r.u24().map_err(bad)?;
        let bytes = r.take(usize::try_from(n).unwrap_or(usize::MAX)).map_err(bad)?;
        let end = offset.checked_add(n).ok_or(Discard::BadFragment)?;
        if end > len {
            return Err(Discard::BadFragment);
        }
        Ok(Self { kind, len, seq, offset, bytes })
    }

    /// The message, when it is all here.
    pub(crate) fn whole(&self) -> Option<&'a [u8]> {
        (self.offset == 0 && u32::try_from(self.bytes.len()) == Ok(self.len)).then_some(self.bytes)
    }

    /// Where in its message it begins and ends, and how long that is; messages of more than 64 KB are not kept.
    pub(crate) fn place(&self) -> Result<(u16, u16, u16), Discard> {
        let short = |n: u32| u16::try_from(n).map_err(|_| Discard::OversizedMessage);
        let len = short(self.len)?;
        let offset = short(self.offset)?;
        // `parse` made sure that the end is at most `len`.
        let bytes = u16::try_from(self.bytes.len()).map_err(|_| Discard::OversizedMessage)?;
        Ok((offset, offset.saturating_add(bytes), len))
    }
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    kind: u8,
    epoch: u16,
    start: usize,
    len: u16,
    have: Ranges,
}

/// Puts fragments together again, in any order, within one fixed piece of memory.
#[derive(Debug)]
pub(crate) struct Reassembly<A: Allocator> {
    store: Box<[u8], A>,
    used: usize,
    next: u16,
    /// `slots[i]` belongs to message `next + i`.
    slots: [Option<Slot>; AHEAD],
}

impl<A: Allocator> Reassembly<A> {
    /// Room for `capacity` bytes of messages.
    pub(crate) fn new(capacity: usize, alloc: A) -> Result<Self, AllocError> {
        Ok(Self { store: Box::<[u8], A>::try_zeroed(capacity, alloc)?, used: 0, next: 0, slots: [None; AHEAD] })
    }

    /// The message_seq that is to be handled next.
    pub(crate) fn next(&self) -> u16 {
        self.next
    }

    /// Takes in one fragment; it is an error not to keep it.
    ///
    /// A fragment that contradicts an earlier one takes its place, and [`Discard::ConflictingFragment`] is returned.
    /// Nothing shows which of the two plaintext fragments is forged. The peer repeats the right one. What is protected
    /// stays.
    pub(crate) fn push(&mut self, epoch: u16, f: &Fragment<'_>) -> Result<(), Discard> {
        match self.keep(epoch, f) {
            Err(Discard::ConflictingFragment) if self.replaces(epoch, f) => {
                self.free(usize::from(f.seq.saturating_sub(self.next)));
                self.keep(epoch, f).and(Err(Discard::ConflictingFragment))
            }
            result => result,
        }
    }

    /// Whether a fragment that conflicts with what is kept is as good as that.
    fn replaces(&self, epoch: u16, f: &Fragment<'_>) -> bool {
        let slot = self.slots.get(usize::from(f.seq.saturating_sub(self.next)));
        slot.is_some_and(|slot| slot.is_some_and(|slot| slot.epoch == 0 || epoch > slot.epoch))
    }

    fn keep(&mut self, epoch: u16, f: &Fragment<'_>) -> Result<(), Discard> {
        let ahead = usize::from(f.seq.checked_sub(self.next).ok_or(Discard::OldMessage)?);
        let slot = *self.slots.get(ahead).ok_or(Discard::NoRoom)?;
        let (start, end, len) = f.place()?;
        if usize::from(len) > self.store.len() {
            return Err(Discard::OversizedMessage);
        }
        let slot = match slot {
            Some(slot) => slot,
            None => self.open(ahead, epoch, f.kind, len)?,
        };
        if slot.kind != f.kind || slot.len != len || slot.epoch != epoch {
            return Err(Discard::ConflictingFragment);
        }
        let message = slot.start..slot.start.saturating_add(usize::from(slot.len));
        let kept = self.store.get_mut(message).ok_or(Discard::NoRoom)?;
        if conflicts(kept, &slot.have, (start, end), f.bytes) {
            return Err(Discard::ConflictingFragment);
        }
        let mut have = slot.have;
        if !have.insert(start, end) {
            return Err(Discard::NoRoom);
        }
        put_at(kept, start.into(), f.bytes).map_err(|_| Discard::BadFragment)?;
        if let Some(place) = self.slots.get_mut(ahead) {
            *place = Some(Slot { have, ..slot });
        }
        Ok(())
    }

    /// The next message, once it is whole.
    pub(crate) fn ready(&self) -> Option<Message<'_>> {
        let slot = self.slots.first()?.as_ref()?;
        if slot.have.gap(0, slot.len).is_some() {
            return None;
        }
        let body = self.store.get(slot.start..slot.start.saturating_add(usize::from(slot.len)))?;
        Some(Message { kind: slot.kind, seq: self.next, epoch: slot.epoch, body })
    }

    /// Type and epoch of the next message, of which a part is here.
    pub(crate) fn first(&self) -> Option<(u8, u16)> {
        self.slots.first().copied().flatten().map(|slot| (slot.kind, slot.epoch))
    }

    /// Forgets what is here of the next message, which is not what it should be. Its place stays open.
    pub(crate) fn drop_first(&mut self) {
        self.free(0);
    }

    /// Forgets the next message, which has been handled.
    pub(crate) fn pop(&mut self) {
        self.free(0);
        self.slots.rotate_left(1);
        self.next = self.next.saturating_add(1);
    }

    /// Forgets what came without protection: from now on the peer has keys.
    pub(crate) fn forget_plaintext(&mut self) {
        for index in 0..AHEAD {
            if self.slots.get(index).is_some_and(|slot| slot.is_some_and(|slot| slot.epoch == 0)) {
                self.free(index);
            }
        }
    }

    /// How many bytes a message may have.
    pub(crate) fn limit(&self) -> usize {
        self.store.len()
    }

    /// Makes room for a new message; what lies further in the future gives way to it.
    fn open(&mut self, ahead: usize, epoch: u16, kind: u8, len: u16) -> Result<Slot, Discard> {
        while self.store.len().saturating_sub(self.used) < usize::from(len) {
            let last = self.slots.iter().rposition(Option::is_some).ok_or(Discard::NoRoom)?;
            if last <= ahead {
                return Err(Discard::NoRoom);
            }
            self.free(last);
        }
        let slot = Slot { kind, epoch, start: self.used, len, have: Ranges::default() };
        self.used = self.used.saturating_add(usize::from(len));
        if let Some(place) = self.slots.get_mut(ahead) {
            *place = Some(slot);
        }
        Ok(slot)
    }

    /// Gives a message's bytes back and closes the gap that they leave.
    fn free(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index).and_then(Option::take) else { return };
        let len = usize::from(slot.len);
        let end = slot.start.saturating_add(len);
        if end <= self.used {
            move_down(&mut self.store, end..self.used, slot.start);
        }
        self.used = self.used.saturating_sub(len);
        for other in self.slots.iter_mut().flatten() {
            if other.start > slot.start {
                other.start = other.start.saturating_sub(len);
            }
        }
    }
}

/// Whether the fragment changes a byte that is there already. An honest sender never does (RFC 9147 §5.5); the
/// transcript decides in the end who was right.
fn conflicts(kept: &[u8], have: &Ranges, (start, end): (u16, u16), bytes: &[u8]) -> bool {
    have.iter().any(|(s, e)| {
        let (s, e) = (s.max(start), e.min(end));
        let here = usize::from(s.saturating_sub(start))..usize::from(e.saturating_sub(start));
        s < e && kept.get(usize::from(s)..usize::from(e)) != bytes.get(here)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_arena::Global;
    use std::vec::Vec;

    /// A few messages in random pieces, in random order, some twice: they come out whole and in order.
    #[test]
    fn any_order_of_any_pieces_comes_out_whole() {
        let mut seed = 1u64;
        let mut below = |n: usize| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as usize % n
        };
        for _ in 0..300 {
            let mut whole = Reassembly::new(2_000, Global).unwrap();
            let messages: Vec<Vec<u8>> =
                (0..4).map(|m| (0..below(400)).map(|i| (i * 7 + m * 31) as u8).collect()).collect();
            let mut pieces = Vec::new();
            for (seq, m) in messages.iter().enumerate() {
                let mut at = 0;
                loop {
                    let end = (at + 1 + below(150)).min(m.len());
                    pieces.push((seq as u16, at, end));
                    if end == m.len() {
                        break;
                    }
                    at = end;
                }
            }
            for _ in 0..2 {
                let again = pieces[below(pieces.len())];
                pieces.push(again);
            }
            for i in (1..pieces.len()).rev() {
                pieces.swap(i, below(i + 1));
            }
            let mut out = Vec::new();
            for (seq, at, end) in pieces {
                let m = &messages[usize::from(seq)];
                let f = Fragment { kind: 1, len: m.len() as u32, seq, offset: at as u32, bytes: &m[at..end] };
                match whole.push(0, &f) {
                    Ok(()) => {}
                    Err(Discard::OldMessage) => assert!(usize::from(seq) < out.len()),
                    Err(other) => panic!("{other:?}"),
                }
                while let Some(message) = whole.ready() {
                    out.push(message.body.to_vec());
                    whole.pop();
                }
            }
            assert_eq!(out, messages);
            assert_eq!(whole.used, 0);
        }
    }
}
