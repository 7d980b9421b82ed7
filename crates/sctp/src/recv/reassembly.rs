//! From fragments to messages (RFC 9260 §6.9, RFC 8260 §2.2.3).
//!
//! A channel has two sorted lists of fragments that cannot be delivered yet, ordered and unordered, and one of those
//! that can: whole messages, and at its end perhaps the beginning of one that is too large to wait for.

use barertc_arena::{Allocator, Key, Slab};

use crate::channel::{Channel, List, Partial, Run};
use crate::chunk::Data;
use crate::dcep::ppid;
use crate::error::Discard;
use crate::pool::{Chain, Cursor};
use crate::recv::receiver::{Fragment, Receiver};
use crate::serial::{Tsn, serial_after, unwrap16};

/// What became of a message that is next in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivered {
    /// Something can be read.
    Readable,
    /// A DCEP message, taken out of the channel: its fragments, to be given to [`Receiver::take_dcep`].
    Dcep(Key),
    /// A DCEP message that is longer than all that are taken. It was dropped, and what still comes of it will be.
    LongDcep,
    /// A message of no known kind was dropped.
    Unknown,
    /// A message for a channel that is closed here was dropped.
    Deaf,
    /// More of a message whose beginning was dropped, and told then.
    Rest,
    /// Nothing more.
    Nothing,
}

impl<A: Allocator> Receiver<A> {
    /// Puts a fragment into its place. Memory was checked before.
    pub(crate) fn insert(&mut self, channel: &mut Channel, data: &Data<'_>) -> Result<(), Discard> {
        let message = match (data.interleaved, data.unordered) {
            (true, _) => data.message,
            // Unordered DATA has no number: its fragments find each other by TSN alone.
            (false, true) => 0,
            (false, false) => {
                let [_, _, a, b] = data.message.to_be_bytes();
                unwrap16(u16::from_be_bytes([a, b]), channel.next_in)
            }
        };
        if !data.unordered && serial_after(channel.next_in, message) {
            return Err(Discard::Duplicate);
        }
        let mut chain = Chain::EMPTY;
        self.pool.append(&mut chain, data.payload);
        let fragment = Fragment {
            next: None,
            prev: None,
            tsn: data.tsn,
            message,
            fragment: data.fragment,
            protocol: data.protocol,
            begin: data.begin,
            end: data.end,
            chain,
        };
        let list = if data.unordered { channel.unordered_in } else { channel.ordered_in };
        // From the end: that is where nearly every fragment belongs.
        let mut after = list.tail;
        while let Some(at) = after.and_then(|k| self.fragments.get(k)) {
            if at.message == message && at.fragment == data.fragment {
                self.pool.release(&mut chain);
                return Err(Discard::Duplicate);
            }
            let later = if at.message == message {
                serial_after(at.fragment, data.fragment)
            } else {
                serial_after(at.message, message)
            };
            if !later {
                break;
            }
            after = at.prev;
        }
        let key = match self.fragments.insert(fragment) {
            Ok(key) => key,
            Err(mut refused) => {
                self.pool.release(&mut refused.chain);
                return Err(Discard::NoMemory);
            }
        };
        let list = if data.unordered { &mut channel.unordered_in } else { &mut channel.ordered_in };
        self.link(list, key, after);
        if data.unordered {
            channel.unordered_bytes = channel.unordered_bytes.saturating_add(data.payload.len());
        } else if after.is_none() {
            channel.run = None;
        }
        Ok(())
    }

    fn link(&mut self, list: &mut List, key: Key, after: Option<Key>) {
        let next = match after {
            Some(k) => self.fragments.get_mut(k).and_then(|f| f.next.replace(key)),
            None => list.head.replace(key),
        };
        match next.and_then(|k| self.fragments.get_mut(k)) {
            Some(f) => f.prev = Some(key),
            None => list.tail = Some(key),
        }
        if let Some(f) = self.fragments.get_mut(key) {
            f.prev = after;
            f.next = next;
        }
    }

    /// Takes the fragments from `first` to `last` out of `list`; they stay linked among themselves.
    fn unlink(&mut self, list: &mut List, first: Key, last: Key) {
        let before = self.fragments.get_mut(first).and_then(|f| f.prev.take());
        let after = self.fragments.get_mut(last).and_then(|f| f.next.take());
        match before.and_then(|k| self.fragments.get_mut(k)) {
            Some(f) => f.next = after,
            None => list.head = after,
        }
        match after.and_then(|k| self.fragments.get_mut(k)) {
            Some(f) => f.prev = before,
            None => list.tail = before,
        }
    }

    fn append_ready(&mut self, channel: &mut Channel, first: Key, last: Key) {
        match channel.ready.tail.and_then(|k| self.fragments.get_mut(k)) {
            Some(tail) => tail.next = Some(first),
            None => channel.ready.head = Some(first),
        }
        channel.ready.tail = Some(last);
    }

    /// Moves the next thing that can be delivered to where it can be read. To be called until it says
    /// [`Delivered::Nothing`]; `touched` is whether the unordered list has changed.
    pub(crate) fn deliver(&mut self, channel: &mut Channel) -> Delivered {
        if let Some(partial) = channel.partial {
            return self.continue_partial(channel, partial);
        }
        if let Some((first, last)) = self.next_ordered(channel) {
            channel.run = None;
            let mut list = channel.ordered_in;
            self.unlink(&mut list, first, last);
            channel.ordered_in = list;
            return self.hand_over(channel, first, last, false);
        }
        if let Some((first, last)) = self.next_unordered(channel) {
            let mut list = channel.unordered_in;
            self.unlink(&mut list, first, last);
            channel.unordered_in = list;
            return self.hand_over(channel, first, last, true);
        }
        Delivered::Nothing
    }

    /// A run that was unlinked goes to the application, to DCEP, or nowhere.
    fn hand_over(&mut self, channel: &mut Channel, first: Key, last: Key, unordered: bool) -> Delivered {
        let (Some(head), Some(tail)) = (self.fragments.get(first), self.fragments.get(last)) else {
            return Delivered::Nothing;
        };
        let (protocol, message, complete) = (head.protocol, head.message, tail.end);
        let next = tail.fragment.wrapping_add(1);
        if unordered {
            channel.unordered_bytes = channel.unordered_bytes.saturating_sub(self.run_bytes(first));
        }
        if complete {
            // One from before a message that was given up does not bring it back.
            if !unordered && !serial_after(channel.next_in, message) {
                channel.next_in = message.wrapping_add(1);
            }
        } else {
            let keep = !channel.deaf && is_user(protocol);
            channel.partial = Some(Partial { unordered, message, next, keep });
        }
        match protocol {
            ppid::DCEP if complete && !unordered => Delivered::Dcep(first),
            ppid::DCEP if !unordered => {
                self.drop_list(&mut List { head: Some(first), tail: Some(last) });
                Delivered::LongDcep
            }
            _ if !channel.deaf && is_user(protocol) => {
                channel.cut = false;
                self.append_ready(channel, first, last);
                Delivered::Readable
            }
            _ => {
                self.drop_list(&mut List { head: Some(first), tail: Some(last) });
                if channel.deaf { Delivered::Deaf } else { Delivered::Unknown }
            }
        }
    }

    fn run_bytes(&self, first: Key) -> usize {
        let (mut at, mut sum) = (Some(first), 0usize);
        while let Some(f) = at.and_then(|k| self.fragments.get(k)) {
            sum = sum.saturating_add(f.chain.len());
            at = f.next;
        }
        sum
    }

    /// More of a message of which a part was delivered before.
    fn continue_partial(&mut self, channel: &mut Channel, partial: Partial) -> Delivered {
        let mut list = if partial.unordered { channel.unordered_in } else { channel.ordered_in };
        let mut at = list.head;
        while let Some(key) = at {
            let Some(f) = self.fragments.get(key) else { break };
            if f.message == partial.message && f.fragment == partial.next && !f.begin {
                let (end, next, bytes) = (f.end, partial.next.wrapping_add(1), f.chain.len());
                channel.run = None;
                self.unlink(&mut list, key, key);
                if partial.unordered {
                    channel.unordered_in = list;
                    channel.unordered_bytes = channel.unordered_bytes.saturating_sub(bytes);
                } else {
                    channel.ordered_in = list;
                }
                let keep = partial.keep && !channel.deaf;
                channel.partial = if end { None } else { Some(Partial { next, keep, ..partial }) };
                if end && !partial.unordered {
                    channel.next_in = partial.message.wrapping_add(1);
                }
                // A message whose beginning was dropped (unknown, or nobody listens) is dropped to its end.
                if !keep {
                    self.drop_fragment(key);
                    return if partial.keep { Delivered::Deaf } else { Delivered::Rest };
                }
                self.append_ready(channel, key, key);
                return Delivered::Readable;
            }
            // Ordered: only the head can be it. Unordered: others may lie before it.
            if !partial.unordered {
                break;
            }
            at = f.next;
        }
        Delivered::Nothing
    }

    /// The next message in order, when it is complete or too large to wait for.
    fn next_ordered(&mut self, channel: &mut Channel) -> Option<(Key, Key)> {
        let first = channel.ordered_in.head?;
        let head = self.fragments.get(first)?;
        // One with a lower number is whole, and has waited for one that was given up ([`skip`](Self::skip)).
        if serial_after(head.message, channel.next_in) || !head.begin {
            return None;
        }
        let mut run = channel.run.unwrap_or(Run { last: first, bytes: head.chain.len() });
        let mut last = self.fragments.get(run.last)?;
        while !last.end {
            let Some((key, next)) = last.next.and_then(|k| Some((k, self.fragments.get(k)?))) else { break };
            if next.message != last.message || next.fragment != last.fragment.wrapping_add(1) || next.begin {
                break;
            }
            run = Run { last: key, bytes: run.bytes.saturating_add(next.chain.len()) };
            last = next;
        }
        channel.run = Some(run);
        // Nothing of the channel that was sent before may still be missing: it would have to wait for the end of this one.
        let in_sequence = !last.tsn.is_after(self.tracker.cumulative());
        let begin_early = (run.bytes >= self.partial_point || self.is_short()) && in_sequence;
        // Nobody will read such a one, and waiting for its end could fill the memory for all others.
        let too_long = run.bytes > self.dcep_room;
        let begin_early = if head.protocol == ppid::DCEP { too_long && in_sequence } else { begin_early };
        (last.end || begin_early).then_some((first, run.last))
    }

    /// Any unordered message that is complete; failing that the first that is too large to wait for.
    fn next_unordered(&self, channel: &Channel) -> Option<(Key, Key)> {
        let large = channel.unordered_bytes >= self.partial_point || self.is_short();
        let mut at = channel.unordered_in.head;
        let mut largest = None;
        while let Some(first) = at {
            let (last, bytes, complete) = self.run_from(first)?;
            let head = self.fragments.get(first)?;
            if complete {
                return Some((first, last));
            }
            let settled = self.fragments.get(last).is_some_and(|f| !f.tsn.is_after(self.tracker.cumulative()));
            if large
                && settled
                && head.begin
                && head.protocol != ppid::DCEP
                && largest.is_none_or(|(_, _, b)| bytes > b)
            {
                largest = Some((first, last, bytes));
            }
            at = self.fragments.get(last)?.next;
        }
        largest.map(|(first, last, _)| (first, last))
    }

    /// The consecutive fragments of one message from `first` on: the last of them, their bytes, and whether they are
    /// a message.
    fn run_from(&self, first: Key) -> Option<(Key, usize, bool)> {
        let mut key = first;
        let mut f = self.fragments.get(first)?;
        let begin = f.begin;
        let mut bytes = f.chain.len();
        while !f.end {
            let Some(next_key) = f.next else { break };
            let next = self.fragments.get(next_key)?;
            if next.message != f.message || next.fragment != f.fragment.wrapping_add(1) || next.begin {
                break;
            }
            bytes = bytes.saturating_add(next.chain.len());
            (key, f) = (next_key, next);
        }
        Some((key, bytes, begin && f.end))
    }

    /// Drops the fragment with the highest TSN beyond the first gap, and says so to the peer by the next SACK (RFC 9260
    /// RFC 9260 §6.2): the chunk that closes the gap is worth more. False when there is none.
    pub(crate) fn renege(&mut self, channels: &mut Slab<Channel, A>) -> bool {
        let cumulative = self.tracker.cumulative();
        let mut victim: Option<(Tsn, Key, Key, bool)> = None;
        for (name, channel) in channels.iter() {
            for (list, unordered) in [(channel.ordered_in, false), (channel.unordered_in, true)] {
                let mut at = list.head;
                while let Some((key, f)) = at.and_then(|k| Some((k, self.fragments.get(k)?))) {
                    if f.tsn.is_after(cumulative) && victim.is_none_or(|(tsn, ..)| f.tsn.is_after(tsn)) {
                        victim = Some((f.tsn, name, key, unordered));
                    }
                    at = f.next;
                }
            }
        }
        let Some((tsn, name, key, unordered)) = victim else { return false };
        let Some(channel) = channels.get_mut(name) else { return false };
        let mut list = if unordered { channel.unordered_in } else { channel.ordered_in };
        self.unlink(&mut list, key, key);
        if unordered {
            channel.unordered_in = list;
            let len = self.fragments.get(key).map_or(0, |f| f.chain.len());
            channel.unordered_bytes = channel.unordered_bytes.saturating_sub(len);
        } else {
            channel.ordered_in = list;
            channel.run = None;
        }
        self.drop_fragment(key);
        self.tracker.forget(tsn);
        true
    }

    /// Copies a DCEP message into `out` and frees it; `None` when it is longer.
    pub(crate) fn take_dcep(&mut self, first: Key, out: &mut [u8]) -> Option<usize> {
        let (mut at, mut len, mut fits) = (Some(first), 0usize, true);
        while let Some(key) = at {
            if let Some(f) = self.fragments.get(key) {
                let end = len.saturating_add(f.chain.len());
                match out.get_mut(len..end) {
                    Some(room) => {
                        self.pool.copy(&f.chain, Cursor::START, room);
                    }
                    None => fits = false,
                }
                len = end;
            }
            at = self.drop_fragment(key);
        }
        fits.then_some(len)
    }

    /// The sender has given up `message` and everything before it (RFC 3758 §3.6, RFC 8260 §2.3.1). What is whole of it can be
    /// [delivered](Self::deliver) then.
    pub(crate) fn skip(&mut self, channel: &mut Channel, interleaved: bool, unordered: bool, message: u32) {
        if unordered {
            if channel.partial.is_some_and(|p| p.unordered && !serial_after(p.message, message)) {
                channel.partial = None;
                channel.cut = true;
            }
            self.sweep(channel, |f| !serial_after(f.message, message));
            return;
        }
        let message = if interleaved {
            message
        } else {
            let [_, _, a, b] = message.to_be_bytes();
            unwrap16(u16::from_be_bytes([a, b]), channel.next_in)
        };
        if serial_after(channel.next_in, message) {
            return;
        }
        if channel.partial.is_some_and(|p| !p.unordered) {
            channel.partial = None;
            channel.cut = true;
        }
        channel.run = None;
        channel.next_in = message.wrapping_add(1);
        // Messages before it that are complete still count; they only waited for one that was given up. They keep their
        // place, and `deliver` takes them from there.
        let mut list = channel.ordered_in;
        let mut at = list.head;
        while let Some((first, head)) = at.and_then(|k| Some((k, self.fragments.get(k)?))) {
            if serial_after(head.message, message) {
                break;
            }
            let Some((last, _, complete)) = self.run_from(first) else { break };
            at = self.fragments.get(last).and_then(|f| f.next);
            if !complete {
                self.unlink(&mut list, first, last);
                self.drop_list(&mut List { head: Some(first), tail: Some(last) });
            }
        }
        channel.ordered_in = list;
    }

    /// Unordered DATA up to `cumulative` that is not a whole message will never be one.
    pub(crate) fn skip_unordered_data(&mut self, channel: &mut Channel, cumulative: Tsn) {
        if channel.partial.is_some_and(|p| p.unordered && !serial_after(p.next, cumulative.0)) {
            channel.partial = None;
            channel.cut = true;
        }
        self.sweep(channel, |f| !serial_after(f.fragment, cumulative.0));
    }

    /// Drops the incomplete unordered messages of which `given_up` holds.
    fn sweep(&mut self, channel: &mut Channel, given_up: impl Fn(&Fragment) -> bool) {
        let mut list = channel.unordered_in;
        let mut at = list.head;
        while let Some(first) = at {
            let Some((last, bytes, complete)) = self.run_from(first) else { break };
            let next = self.fragments.get(last).and_then(|f| f.next);
            if !complete && self.fragments.get(first).is_some_and(&given_up) {
                self.unlink(&mut list, first, last);
                self.drop_list(&mut List { head: Some(first), tail: Some(last) });
                channel.unordered_bytes = channel.unordered_bytes.saturating_sub(bytes);
            }
            at = next;
        }
        channel.unordered_in = list;
    }

    /// The peer starts the stream anew: what is incomplete will not be completed, numbers start from zero.
    pub(crate) fn reset(&mut self, channel: &mut Channel) {
        self.drop_list(&mut channel.ordered_in);
        self.drop_list(&mut channel.unordered_in);
        channel.unordered_bytes = 0;
        channel.run = None;
        channel.next_in = 0;
        if channel.partial.take().is_some() {
            channel.cut = true;
        }
    }
}

/// Whether messages of this payload protocol are for the application.
const fn is_user(protocol: u32) -> bool {
    matches!(
        protocol,
        ppid::STRING
            | ppid::STRING_PARTIAL
            | ppid::STRING_EMPTY
            | ppid::BINARY
            | ppid::BINARY_PARTIAL
            | ppid::BINARY_EMPTY
    )
}
