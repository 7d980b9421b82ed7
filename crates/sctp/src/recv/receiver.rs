//! Payload memory of the receiving half, and reading from it.

use barertc_arena::{AllocError, Allocator, Key, Slab};

use crate::channel::{Channel, List, MessageKind};
use crate::config::{Config, RESERVED_FRAGMENTS, window};
use crate::dcep::ppid;
use crate::error::Error;
use crate::pool::{Chain, Cursor, Pool};
use crate::recv::tracker::Tracker;
use crate::serial::Tsn;

/// A received fragment, in one of its channel's lists.
#[derive(Debug)]
pub(crate) struct Fragment {
    pub(super) next: Option<Key>,
    pub(super) prev: Option<Key>,
    pub(super) tsn: Tsn,
    pub(super) message: u32,
    pub(super) fragment: u32,
    pub(super) protocol: u32,
    pub(super) begin: bool,
    pub(super) end: bool,
    pub(super) chain: Chain,
}

/// What one [`read`](crate::Association::read) brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Read {
    /// Bytes of the message.
    pub len: usize,
    /// Whether the message is complete with them.
    pub end_of_message: bool,
    /// Text or bytes.
    pub kind: MessageKind,
}

pub(crate) struct Receiver<A: Allocator> {
    pub(super) pool: Pool<A>,
    pub(super) fragments: Slab<Fragment, A>,
    pub(crate) tracker: Tracker<A>,
    pub(super) partial_point: usize,
    /// The longest message that opens a channel, in bytes.
    pub(super) dcep_room: usize,
    /// Bytes kept for the chunk that closes the first gap, so that a full pool can never lock itself.
    reserve: usize,
    /// What was told the peer last.
    advertised: u32,
}

impl<A: Allocator + Clone> Receiver<A> {
    pub(crate) fn new(config: &Config, alloc: A) -> Result<Self, AllocError> {
        let pool = Pool::new(config.receive_blocks(), config.block, alloc.clone())?;
        Ok(Self {
            pool,
            fragments: Slab::with_capacity(config.max_fragments as usize, alloc.clone())?,
            tracker: Tracker::new(config.window_words(), alloc)?,
            partial_point: config.partial_delivery_point as usize,
            dcep_room: config.text_room(),
            reserve: config.receive_reserve(),
            advertised: 0,
        })
    }
}

impl<A: Allocator> Receiver<A> {
    /// Bytes that a receiver takes from its allocator.
    pub(crate) const fn bytes(config: &Config) -> usize {
        Pool::<A>::bytes(config.receive_blocks(), config.block)
            .saturating_add(Slab::<Fragment, A>::bytes(config.max_fragments as usize))
            .saturating_add(Tracker::<A>::bytes(config.window_words()))
    }

    /// Bytes that the peer may send: what is free, less a reserve, less an eighth for blocks that are not filled up.
    pub(crate) fn window(&self) -> u32 {
        let bytes = self.pool.room().saturating_sub(self.reserve);
        // Each fragment may be as short as a byte; the window shrinks with the records, too.
        let records = self.fragments.capacity().saturating_sub(self.fragments.len());
        let records = records.saturating_sub(RESERVED_FRAGMENTS).saturating_mul(self.pool.capacity());
        let records = records.checked_div(self.fragments.capacity()).unwrap_or(0);
        u32::try_from(window(bytes.min(records))).unwrap_or(u32::MAX)
    }

    /// The window, remembered as told to the peer.
    pub(crate) fn advertise(&mut self) -> u32 {
        self.advertised = self.window();
        self.advertised
    }

    /// Whether so much has been read that the peer should hear of it now.
    pub(crate) fn window_has_opened(&self) -> bool {
        let quarter = u32::try_from(self.pool.capacity() / 4).unwrap_or(u32::MAX);
        self.advertised < quarter && self.window() >= self.advertised.saturating_add(quarter / 2)
    }

    /// Whether memory is so short that messages must be delivered in pieces.
    pub(crate) fn is_short(&self) -> bool {
        self.pool.room() < (self.pool.capacity() / 4).max(self.reserve.saturating_mul(2))
            || self.fragments.len() >= (self.fragments.capacity() / 4).saturating_mul(3)
    }

    /// Whether a payload of `len` bytes can be kept; the one that closes the first gap may use the reserve.
    pub(crate) fn has_room(&self, len: usize, closes_gap: bool) -> bool {
        // A block stays for answers: a peer that hears nothing would give up.
        let (bytes, records) = if closes_gap { (self.pool.block(), 0) } else { (self.reserve, RESERVED_FRAGMENTS) };
        self.pool.room().saturating_sub(bytes) >= len
            && self.fragments.len().saturating_add(records) < self.fragments.capacity()
    }

    /// Keeps bytes that are not a message, behind those that `chain` has: the peer's state cookie, or an answer that waits
    /// for the next packet. All of them or, where there is no room, none; whether they were kept.
    pub(crate) fn keep(&mut self, chain: &mut Chain, parts: &[&[u8]]) -> bool {
        let len = parts.iter().fold(0usize, |sum, part| sum.saturating_add(part.len()));
        if self.pool.room() < len {
            return false;
        }
        for part in parts {
            self.pool.append(chain, part);
        }
        true
    }

    /// Copies what [`keep`](Self::keep) kept.
    pub(crate) fn copy_kept(&self, chain: &Chain, out: &mut [u8]) {
        self.pool.copy(chain, Cursor::START, out);
    }

    pub(crate) fn release_kept(&mut self, chain: &mut Chain) {
        self.pool.release(chain);
    }

    /// Lends the next run of bytes of the channel's first deliverable message to `take`, which says how many it used.
    pub(crate) fn read_with(
        &mut self,
        channel: &mut Channel,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Result<Read, Error> {
        let Some(key) = channel.ready.head else {
            if channel.cut {
                channel.cut = false;
                if channel.reading.take().is_some() {
                    return Err(Error::MessageAborted);
                }
            }
            return Err(Error::WouldBlock);
        };
        let fragment = self.fragments.get_mut(key).ok_or(Error::WouldBlock)?;
        let kind = match channel.reading {
            // A new message starts where the rest of this one should be: its sender has given it up.
            Some(_) if fragment.begin => {
                channel.reading = None;
                return Err(Error::MessageAborted);
            }
            Some(kind) => kind,
            None => kind_of(fragment.protocol),
        };
        let empty = matches!(fragment.protocol, ppid::STRING_EMPTY | ppid::BINARY_EMPTY) && fragment.begin;
        fragment.begin = false;
        let used = if empty {
            take(&[]);
            let all = fragment.chain.len();
            self.pool.consume(&mut fragment.chain, all);
            0
        } else {
            let front = self.pool.front(&fragment.chain);
            let used = take(front).min(front.len());
            self.pool.consume(&mut fragment.chain, used);
            used
        };
        channel.reading = Some(kind);
        let mut end = false;
        if fragment.chain.len() == 0 {
            end = fragment.end;
            self.pool.release(&mut fragment.chain);
            let next = fragment.next;
            self.fragments.remove(key);
            channel.ready.head = next;
            if next.is_none() {
                channel.ready.tail = None;
            }
        }
        if end {
            channel.reading = None;
        }
        Ok(Read { len: used, end_of_message: end, kind })
    }

    /// Copies as much of the first deliverable message as there is, or as fits.
    pub(crate) fn read(&mut self, channel: &mut Channel, out: &mut [u8]) -> Result<Read, Error> {
        let mut done = 0usize;
        loop {
            let room = out.get_mut(done..).unwrap_or_default();
            // What is there of this message, and not a byte further: that its rest is missing is told by the next call.
            let next = channel.ready.head.and_then(|k| self.fragments.get(k));
            if done > 0 && (room.is_empty() || next.is_none_or(|f| f.begin)) {
                break;
            }
            let step = self.read_with(channel, |bytes| {
                let n = bytes.len().min(room.len());
                if let (Some(to), Some(from)) = (room.get_mut(..n), bytes.get(..n)) {
                    to.copy_from_slice(from);
                }
                n
            });
            match step {
                Ok(read) => {
                    done = done.saturating_add(read.len);
                    if read.end_of_message || (read.len == 0 && done == 0) {
                        return Ok(Read { len: done, ..read });
                    }
                }
                Err(e) if done == 0 => return Err(e),
                Err(_) => break,
            }
        }
        let kind = channel.reading.unwrap_or(MessageKind::Binary);
        Ok(Read { len: done, end_of_message: false, kind })
    }

    /// Frees every fragment of `list`.
    pub(crate) fn drop_list(&mut self, list: &mut List) -> usize {
        let (mut at, mut messages) = (list.head, 0usize);
        while let Some(key) = at {
            messages = messages.saturating_add(self.fragments.get(key).is_some_and(|f| f.begin).into());
            at = self.drop_fragment(key);
        }
        *list = List::default();
        messages
    }

    /// Frees one fragment, which the caller has unlinked or is about to; returns the one after it.
    pub(super) fn drop_fragment(&mut self, key: Key) -> Option<Key> {
        let mut fragment = self.fragments.remove(key)?;
        self.pool.release(&mut fragment.chain);
        fragment.next
    }
}

fn kind_of(protocol: u32) -> MessageKind {
    match protocol {
        ppid::STRING | ppid::STRING_PARTIAL | ppid::STRING_EMPTY => MessageKind::Text,
        _ => MessageKind::Binary,
    }
}
