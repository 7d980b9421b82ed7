//! The channels of an association: by name, by stream, and those with events to tell.

use barertc_arena::{AllocError, Allocator, Box, Key, Ring, Slab, Vec};

use crate::channel::{Channel, OutReset, State, pending};
use crate::config::{Config, OPEN_HEADER};

/// Streams that were closed without being reset and are remembered one by one.
const SPENT: usize = 16;

/// Every channel, and what finds it.
pub(crate) struct Channels<A: Allocator> {
    pub(crate) slab: Slab<Channel, A>,
    /// Stream ids in order, with their channels.
    streams: Vec<(u16, Key), A>,
    /// A part for every channel: OPEN's fixed part, label and protocol.
    texts: Box<[u8], A>,
    /// Channels with events that the application has not taken. A channel is in it once, so it never overflows.
    events: Ring<Key, A>,
    text_room: usize,
    /// For even and odd stream ids, the lowest that may be used.
    fresh: [u16; 2],
    /// Streams above it that were closed without being reset: the first `spent_len`.
    spent: [u16; SPENT],
    spent_len: usize,
    /// Some channel may have OPEN or ACK to queue.
    pub(crate) dcep_due: bool,
    /// Some channel may have its stream to reset.
    pub(crate) reset_due: bool,
}

impl<A: Allocator + Clone> Channels<A> {
    pub(crate) fn new(config: &Config, alloc: A) -> Result<Self, AllocError> {
        let channels = usize::from(config.max_channels);
        Ok(Self {
            slab: Slab::with_capacity(channels, alloc.clone())?,
            streams: Vec::with_capacity(channels, alloc.clone())?,
            texts: Box::try_zeroed(channels.saturating_mul(config.text_room()), alloc.clone())?,
            events: Ring::with_capacity(channels, alloc)?,
            text_room: config.text_room(),
            fresh: [0, 1],
            spent: [0; SPENT],
            spent_len: 0,
            dcep_due: false,
            reset_due: false,
        })
    }
}

impl<A: Allocator> Channels<A> {
    /// Bytes that the tables take from their allocator.
    pub(crate) const fn bytes(config: &Config) -> usize {
        let channels = config.max_channels as usize;
        Slab::<Channel, A>::bytes(channels)
            .saturating_add(Vec::<(u16, Key), A>::bytes(channels))
            .saturating_add(Box::<[u8], A>::bytes(channels.saturating_mul(config.text_room())))
            .saturating_add(Ring::<Key, A>::bytes(channels))
    }

    pub(crate) fn get(&self, key: Key) -> Option<&Channel> {
        self.slab.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Channel> {
        self.slab.get_mut(key)
    }

    /// Takes note of events ([`pending`]) of a channel.
    pub(crate) fn raise(&mut self, key: Key, event: u8) {
        let Some(channel) = self.slab.get_mut(key) else { return };
        channel.pending |= event;
        if !channel.in_events {
            channel.in_events = self.events.push_back(key).is_ok();
        }
    }

    /// The next event: the channel and one of [`pending`].
    pub(crate) fn next_event(&mut self) -> Option<(Key, u8)> {
        while let Some(key) = self.events.front().copied() {
            if let Some(channel) = self.slab.get_mut(key) {
                for event in pending::ALL {
                    if channel.pending & event != 0 {
                        channel.pending &= !event;
                        return Some((key, event));
                    }
                }
                channel.in_events = false;
            }
            self.events.pop_front();
        }
        None
    }

    // Streams.

    pub(crate) fn by_stream(&self, stream: u16) -> Option<Key> {
        let i = self.streams.binary_search_by_key(&stream, |(s, _)| *s).ok()?;
        self.streams.get(i).map(|(_, k)| *k)
    }

    /// The channel in place `i` of those that have a stream, in the order of their streams.
    pub(crate) fn nth(&self, i: usize) -> Option<(u16, Key)> {
        self.streams.get(i).copied()
    }

    /// Channels that have a stream.
    pub(crate) fn with_stream(&self) -> usize {
        self.streams.len()
    }

    pub(crate) fn streams(&self) -> impl Iterator<Item = (u16, &Channel)> + '_ {
        self.streams.iter().filter_map(|(s, key)| Some((*s, self.slab.get(*key)?)))
    }

    pub(crate) fn map(&mut self, stream: u16, key: Key) -> bool {
        match self.streams.binary_search_by_key(&stream, |(s, _)| *s) {
            Ok(_) => false,
            Err(i) => self.streams.try_insert(i, (stream, key)).is_ok(),
        }
    }

    pub(crate) fn unmap(&mut self, stream: u16) {
        if let Ok(i) = self.streams.binary_search_by_key(&stream, |(s, _)| *s) {
            self.streams.remove(i);
        }
    }

    /// A new channel on `stream`, or the one that is there and nobody has opened; `None` where there is no room.
    pub(crate) fn insert(&mut self, state: State, stream: Option<u16>) -> Option<Key> {
        if stream.is_some() && self.streams.is_full() {
            return None;
        }
        let key = self.slab.insert(Channel::new(state, stream)).ok()?;
        if let Some(stream) = stream {
            self.map(stream, key);
        }
        Some(key)
    }

    /// The peer goes on counting the messages of this stream, so it is used no more. Where too many such streams lie apart
    /// from each other, those below them are used no more either.
    pub(crate) fn spend(&mut self, stream: u16) {
        if self.is_spent(stream) {
            return;
        }
        if let Some(place) = self.spent.get_mut(self.spent_len) {
            *place = stream;
            self.spent_len = self.spent_len.saturating_add(1);
        } else {
            for stream in self.spent.into_iter().chain([stream]) {
                self.spend_below(stream.saturating_add(2));
            }
        }
        // Those in a row above the mark move it, and take no place.
        while let Some(stream) = self.spent_list().iter().copied().find(|s| self.fresh_of(*s) >= *s) {
            self.spend_below(stream.saturating_add(2));
            self.spent_len = self.spent_len.saturating_sub(1);
            let last = self.spent.get(self.spent_len).copied().unwrap_or(stream);
            self.spent.iter_mut().filter(|s| **s == stream).for_each(|s| *s = last);
        }
    }

    fn spend_below(&mut self, stream: u16) {
        if let Some(fresh) = self.fresh.get_mut(usize::from(stream & 1)) {
            *fresh = (*fresh).max(stream);
        }
    }

    fn fresh_of(&self, stream: u16) -> u16 {
        self.fresh.get(usize::from(stream & 1)).copied().unwrap_or(0)
    }

    fn spent_list(&self) -> &[u16] {
        self.spent.get(..self.spent_len).unwrap_or_default()
    }

    /// Whether this stream was closed without being reset, or is used no more for others that were.
    pub(crate) fn is_spent(&self, stream: u16) -> bool {
        stream < self.fresh_of(stream) || self.spent_list().contains(&stream)
    }

    /// The lowest free stream id of the parity of `first`, below `most`.
    pub(crate) fn free_stream(&self, first: u16, most: u16) -> Option<u16> {
        let mut id = first.max(self.fresh_of(first));
        while self.by_stream(id).is_some() || self.is_spent(id) {
            id = id.checked_add(2)?;
        }
        (id < most).then_some(id)
    }

    /// The association has ended: every channel is closed. Those that nobody has opened are not told of.
    pub(crate) fn close_all(&mut self) {
        for (key, channel) in self.slab.iter_mut() {
            let known = channel.state != State::Unopened;
            channel.state = State::Closed;
            channel.out_reset = OutReset::Done;
            channel.in_reset = true;
            channel.in_deferred = false;
            (channel.writing, channel.open_due, channel.ack_due) = (false, false, false);
            channel.wants = 0;
            // A message that has come in part will not be completed; the reader of one is told so.
            channel.cut |= channel.reading.is_some();
            if known && channel.is_read() {
                channel.pending |= pending::CLOSED;
            } else if known {
                channel.pending |= pending::READABLE;
            }
            if known && !channel.in_events {
                channel.in_events = self.events.push_back(key).is_ok();
            }
        }
        self.streams.clear();
        self.dcep_due = false;
        self.reset_due = false;
    }

    // Texts.

    /// Where label and protocol of a channel are kept, behind [`OPEN_HEADER`] bytes for the rest of OPEN.
    pub(crate) fn text_mut(&mut self, key: Key) -> &mut [u8] {
        let at = key.index().saturating_mul(self.text_room);
        self.texts.get_mut(at..at.saturating_add(self.text_room)).unwrap_or_default()
    }

    /// A channel with the first `len` bytes of what is kept for it: OPEN.
    pub(crate) fn with_text(&mut self, key: Key, len: usize) -> Option<(&mut Channel, &[u8])> {
        let at = key.index().saturating_mul(self.text_room);
        let text = self.texts.get(at..at.saturating_add(len))?;
        Some((self.slab.get_mut(key)?, text))
    }

    /// Label and protocol of a channel, as bytes.
    pub(crate) fn label_and_protocol(&self, key: Key) -> (&[u8], &[u8]) {
        let Some(channel) = self.slab.get(key) else { return (&[], &[]) };
        let at = key.index().saturating_mul(self.text_room).saturating_add(OPEN_HEADER);
        let texts = self.texts.get(at..).unwrap_or_default();
        let (label, rest) = texts.split_at_checked(usize::from(channel.label_len)).unwrap_or_default();
        (label, rest.get(..usize::from(channel.protocol_len)).unwrap_or_default())
    }
}
