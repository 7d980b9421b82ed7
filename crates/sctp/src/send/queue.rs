//! What waits to be sent: writing, and whose turn it is (RFC 8260 §3).

use barertc_arena::{Allocator, Key};
use barertc_wire::Instant;

use super::{Message, Sender};
use crate::channel::{Channel, OutReset, Reliability, pending};
use crate::channels::Channels;
use crate::chunk::Data;
use crate::dcep::ppid;
use crate::error::Error;
use crate::packet::HEADER;
use crate::pool::{Chain, Cursor};

/// Units of virtual time that a byte costs a channel of weight one.
const COST: u64 = 1 << 16;

impl<A: Allocator> Sender<A> {
    /// Adds an empty message to the end of the channel's queue.
    pub(crate) fn begin(&mut self, now: Instant, key: Key, channel: &mut Channel, protocol: u32) -> Result<(), Error> {
        let control = protocol == ppid::DCEP;
        let reliability = if control { Reliability::Reliable } else { channel.reliability };
        let (retransmits, expires) = match reliability {
            Reliability::Reliable => (u16::MAX, Instant::FAR_FUTURE),
            Reliability::MaxRetransmits(n) => (n.min(u16::MAX - 1), Instant::FAR_FUTURE),
            Reliability::MaxLifetime(ms) => (u16::MAX, now + core::time::Duration::from_millis(u64::from(ms))),
        };
        let message = Message {
            channel: key,
            next: None,
            chain: Chain::EMPTY,
            cursor: Cursor::START,
            unsent: 0,
            protocol,
            stream: channel.stream.unwrap_or(0),
            // Until the peer is heard everything goes in order, behind OPEN (RFC 8832 §6).
            unordered: !control && !channel.ordered && channel.heard,
            finished: false,
            started: false,
            abandoned: false,
            number: 0,
            next_fragment: 0,
            chunks: 0,
            expires,
            retransmits,
        };
        let name = self.messages.insert(message).map_err(|_| Error::WouldBlock)?;
        match channel.last.and_then(|k| self.messages.get_mut(k)) {
            Some(last) => last.next = Some(name),
            None => channel.first = Some(name),
        }
        channel.last = Some(name);
        channel.messages = channel.messages.saturating_add(1);
        if !channel.active {
            channel.active = self.active.try_push(key).is_ok();
            channel.due = channel.due.max(self.clock);
        }
        Ok(())
    }

    /// Bytes that the last message of the channel may grow by. A message of which a part has been sent may use the
    /// reserve: without interleaving all others wait for its end, and must not keep it from the memory it needs for that.
    fn room_of_last(&self, channel: &Channel) -> usize {
        let started = channel.last.and_then(|k| self.messages.get(k)).is_some_and(|m| m.started);
        if started { self.pool.room() } else { self.pool.room().saturating_sub(self.reserve) }
    }

    /// Adds bytes to the last message of the channel; as many as there is room for.
    pub(crate) fn append(&mut self, channel: &mut Channel, bytes: &[u8]) -> usize {
        let n = self.room_of_last(channel).min(bytes.len());
        let bytes = bytes.get(..n).unwrap_or_default();
        let Some(message) = channel.last.and_then(|k| self.messages.get_mut(k)) else { return 0 };
        let n = self.pool.append(&mut message.chain, bytes);
        message.unsent = message.unsent.saturating_add(n);
        if message.protocol != ppid::DCEP {
            channel.queued = channel.queued.saturating_add(n);
        }
        n
    }

    /// Like [`append`](Self::append), with bytes that are produced in place.
    pub(crate) fn append_with(
        &mut self,
        channel: &mut Channel,
        want: usize,
        fill: impl FnMut(&mut [u8]) -> usize,
    ) -> usize {
        let want = self.room_of_last(channel).min(want);
        let Some(message) = channel.last.and_then(|k| self.messages.get_mut(k)) else { return 0 };
        let n = self.pool.append_with(&mut message.chain, want, fill);
        message.unsent = message.unsent.saturating_add(n);
        channel.queued = channel.queued.saturating_add(n);
        n
    }

    /// The last message of the channel is complete.
    pub(crate) fn finish(&mut self, channel: &mut Channel) {
        if let Some(message) = channel.last.and_then(|k| self.messages.get_mut(k)) {
            message.finished = true;
        }
    }

    /// Whether the last message of the channel has bytes, or had.
    pub(crate) fn last_is_empty(&self, channel: &Channel) -> bool {
        channel.last.and_then(|k| self.messages.get(k)).is_none_or(|m| !m.started && m.unsent == 0)
    }

    /// The last message of the channel turns out to be empty: a zero byte says so (RFC 8831 §6.6).
    pub(crate) fn mark_empty(&mut self, channel: &mut Channel) -> bool {
        let ok = self.append(channel, &[0]) == 1;
        // What the application wrote is nothing.
        channel.queued = channel.queued.saturating_sub(1);
        if let Some(message) = channel.last.and_then(|k| self.messages.get_mut(k)) {
            message.protocol = if message.protocol == ppid::STRING { ppid::STRING_EMPTY } else { ppid::BINARY_EMPTY };
        }
        ok
    }

    /// Whether a write of `len` bytes would succeed.
    pub(crate) fn fits(&self, len: usize) -> bool {
        !self.messages.is_full() && self.pool.room() >= len.saturating_add(self.reserve)
    }

    /// The largest message that can be written at once.
    pub(crate) fn capacity(&self) -> usize {
        self.pool.capacity().saturating_sub(self.reserve)
    }

    /// Bytes of payload in a packet that holds one chunk and nothing else.
    pub(crate) fn largest_payload(&self) -> usize {
        self.path.saturating_sub(HEADER).saturating_sub(Data::header_len(self.interleaving)).min(self.max_chunk) & !3
    }

    /// Whether `message` has a chunk to send. The last byte of an unfinished message is kept back, for the chunk that
    /// ends it must not be empty, and so is less than a packet unless memory is short.
    fn is_sendable(&self, message: &Message) -> bool {
        if message.finished {
            return message.unsent > 0;
        }
        // Where only the reserve is left, no message that was not begun grows any more.
        let short = (self.pool.capacity() / 4).max(self.reserve.saturating_add(self.pool.block()));
        message.unsent > self.largest_payload() || (message.unsent > 1 && self.pool.room() < short)
    }

    /// Whether anything could be sent if the windows allowed it.
    pub(crate) fn has_new(&self, channels: &Channels<A>) -> bool {
        if let Some(message) = self.current.and_then(|k| self.messages.get(k)) {
            return self.is_sendable(message);
        }
        self.active.iter().any(|k| self.head_of(channels, *k).is_some_and(|(_, m)| self.is_sendable(m)))
    }

    fn head_of(&self, channels: &Channels<A>, channel: Key) -> Option<(Key, &Message)> {
        let channel = channels.get(channel)?;
        // Without a stream id nothing can go yet.
        channel.stream?;
        let key = channel.first?;
        Some((key, self.messages.get(key)?))
    }

    /// The message whose turn it is: of the channel that has had the least for its weight.
    pub(super) fn pick(&mut self, channels: &mut Channels<A>, now: Instant) -> Option<Key> {
        self.drop_expired(channels, now);
        if let Some(key) = self.current {
            return self.messages.get(key).is_some_and(|m| self.is_sendable(m)).then_some(key);
        }
        let mut best: Option<(u64, Key)> = None;
        for key in &self.active {
            let Some(due) = channels.get(*key).map(|c| c.due) else { continue };
            if best.is_some_and(|(b, _)| b <= due) {
                continue;
            }
            if let Some((name, message)) = self.head_of(channels, *key)
                && self.is_sendable(message)
            {
                best = Some((due, name));
            }
        }
        best.map(|(_, name)| name)
    }

    /// Messages whose time is over before they were sent just leave; nobody has heard of them.
    fn drop_expired(&mut self, channels: &mut Channels<A>, now: Instant) {
        let mut i = 0usize;
        while let Some(key) = self.active.get(i).copied() {
            let expired = self
                .head_of(channels, key)
                .and_then(|(name, m)| (m.expires <= now && self.partial_reliability && !m.abandoned).then_some(name));
            match expired {
                Some(name) => self.abandon(channels, name),
                None => i = i.saturating_add(1),
            }
        }
    }

    /// Accounts for `len` bytes of `name` that have been sent for the first time.
    pub(super) fn sent_new(&mut self, channels: &mut Channels<A>, name: Key, len: usize) {
        let Some(message) = self.messages.get_mut(name) else { return };
        message.unsent = message.unsent.saturating_sub(len);
        let done = message.finished && message.unsent == 0;
        let counted = counts(message.protocol);
        let key = message.channel;
        self.current = if done || self.interleaving { None } else { Some(name) };
        let Some(channel) = channels.get_mut(key) else { return };
        self.clock = self.clock.max(channel.due);
        let weight = u64::from(channel.priority.max(1));
        let cost = u64::try_from(len).unwrap_or(u64::MAX).saturating_mul(COST).checked_div(weight).unwrap_or(0);
        channel.due = channel.due.saturating_add(cost);
        if counted && unqueue(channel, len) {
            channels.raise(key, pending::LOW);
        }
        if done {
            self.leave_queue(channels, name);
        }
    }

    /// Takes the first message of its channel out of the queue; its chunks may still be in flight.
    fn leave_queue(&mut self, channels: &mut Channels<A>, name: Key) {
        let Some((key, next)) = self.messages.get(name).map(|m| (m.channel, m.next)) else { return };
        let Some(channel) = channels.get_mut(key) else { return };
        if channel.first != Some(name) {
            return;
        }
        channel.first = next;
        if next.is_none() {
            channel.last = None;
            channel.active = false;
            if let Some(i) = self.active.iter().position(|k| *k == key) {
                self.active.swap_remove(i);
            }
        }
    }

    /// Gives up the first message of a channel, or one that is wholly in flight (RFC 3758 §3.5).
    pub(super) fn abandon(&mut self, channels: &mut Channels<A>, name: Key) {
        let Some(message) = self.messages.get_mut(name) else { return };
        if message.abandoned {
            return;
        }
        message.abandoned = true;
        let (key, unsent, finished, started) = (message.channel, message.unsent, message.finished, message.started);
        let counted = counts(message.protocol);
        message.unsent = 0;
        self.pool.release(&mut message.chain);
        if started && !(finished && unsent == 0) {
            // The peer waits for its end, and everything sent may be acknowledged: the end gets a TSN after all, which
            // is never sent but can be forwarded over.
            self.push_end(name);
        }
        if started {
            self.abandon_chunks(name);
        }
        if self.current == Some(name) {
            self.current = None;
        }
        if let Some(channel) = channels.get_mut(key) {
            let low = counted && unqueue(channel, unsent);
            if channel.first == Some(name) {
                // An unfinished one ends here; what is still appended to it goes nowhere.
                channel.writing &= finished || channel.last != Some(name);
                self.leave_queue(channels, name);
            }
            if low {
                channels.raise(key, pending::LOW);
            }
        }
        self.free_if_done(channels, name);
    }

    /// Drops what the channel has not begun to send, and an unfinished message altogether.
    pub(crate) fn drop_queue(&mut self, channels: &mut Channels<A>, key: Key) {
        while let Some(name) = channels.get(key).and_then(|c| c.first) {
            self.abandon(channels, name);
        }
    }

    /// The unfinished message at the end of the channel's queue will not be finished. If the peer has seen some of it and
    /// cannot be told to forget that, it ends where it is.
    pub(crate) fn cut_last(&mut self, channels: &mut Channels<A>, key: Key) {
        let Some(name) = channels.get(key).and_then(|c| c.last) else { return };
        let Some(message) = self.messages.get_mut(name) else { return };
        let first = channels.get(key).is_some_and(|c| c.first == Some(name));
        if first && (!message.started || self.partial_reliability) {
            self.abandon(channels, name);
        } else if message.unsent > 0 {
            message.finished = true;
        } else if let Some(channel) = channels.get_mut(key)
            && !self.mark_empty(channel)
        {
            // Not even room for one byte: what was queued before it goes, too.
            self.drop_queue(channels, key);
        } else {
            self.finish_name(name);
        }
    }

    fn finish_name(&mut self, name: Key) {
        if let Some(message) = self.messages.get_mut(name) {
            message.finished = true;
        }
    }

    /// Frees a message of which nothing is queued or in flight.
    #[inline]
    pub(super) fn free_if_done(&mut self, channels: &mut Channels<A>, name: Key) {
        let done =
            self.messages.get(name).is_some_and(|m| m.chunks == 0 && m.unsent == 0 && (m.finished || m.abandoned));
        if done && let Some(mut message) = self.messages.remove(name) {
            self.pool.release(&mut message.chain);
            if let Some(channel) = channels.get_mut(message.channel) {
                channel.messages = channel.messages.saturating_sub(1);
                channels.reset_due |= channel.messages == 0 && channel.out_reset == OutReset::Wanted;
            }
        }
    }

    /// Channels whose refused writes would succeed now.
    pub(crate) fn wake_writers(&self, channels: &mut Channels<A>) {
        if self.messages.is_full() {
            return;
        }
        while let Some((key, channel)) =
            channels.slab.iter_mut().find(|(_, c)| c.wants > 0 && c.wants <= self.room_of_last(c))
        {
            channel.wants = 0;
            channels.raise(key, pending::WRITABLE);
        }
    }
}

/// Whether the application wrote the bytes of such a message: not OPEN and ACK, nor the byte of an empty one.
const fn counts(protocol: u32) -> bool {
    !matches!(protocol, ppid::STRING_EMPTY | ppid::BINARY_EMPTY | ppid::DCEP)
}

/// Takes `len` bytes off what the channel has queued; whether that passes its threshold.
fn unqueue(channel: &mut Channel, len: usize) -> bool {
    let before = channel.queued;
    channel.queued = before.saturating_sub(len);
    before > channel.low_threshold && channel.queued <= channel.low_threshold
}
