//! What the application calls: channels and messages.

use barertc_arena::{Allocator, Key};
use barertc_wire::Instant;

use super::{Association, Phase, Role};
use crate::channel::{Channel, ChannelConfig, ChannelId, ChannelInfo, MessageKind, State, pending};
use crate::config::OPEN_HEADER;
use crate::dcep::{ACK_MESSAGE, Open, ppid};
use crate::error::Error;
use crate::recv::Read;

impl Role {
    /// Whether this side opens channels on `stream`.
    pub(super) const fn owns(self, stream: u16) -> bool {
        (stream & 1 == 0) == matches!(self, Self::Client)
    }
}

impl<A: Allocator> Association<A> {
    /// Says which side of the DTLS connection this is; before that no channel opened here gets its stream id.
    pub fn set_role(&mut self, now: Instant, role: Role) {
        self.role = Some(role);
        self.dcep_due = true;
        self.open_due(now);
    }

    /// The largest message the peer takes, from its session description (`a=max-message-size`; zero there means any size,
    /// [`u32::MAX`] here).
    pub const fn set_remote_max_message_size(&mut self, bytes: u32) {
        self.config.remote_max_message_size = bytes;
    }

    /// The peer's port, from its session description (`a=sctp-port`); to be told before the first packet.
    pub const fn set_remote_port(&mut self, port: u16) {
        self.config.remote_port = port;
    }

    // Channels.

    /// Opens a channel; [`Event::ChannelOpened`](super::Event::ChannelOpened) follows. May be called at any time.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::LabelTooLong`], [`Error::Closed`], [`Error::Failed`]; for a negotiated id
    /// [`Error::StreamInUse`] and [`Error::StreamOutOfRange`].
    pub fn open(&mut self, now: Instant, config: &ChannelConfig<'_>) -> Result<ChannelId, Error> {
        if !matches!(self.phase, Phase::Closed | Phase::CookieWait | Phase::CookieEchoed | Phase::Established) {
            return Err(Error::Closed);
        }
        let text = config.label.len().saturating_add(config.protocol.len());
        let limit = usize::from(self.config.label_room);
        if text > limit {
            return Err(Error::LabelTooLong { limit, value: text });
        }
        let key = match config.negotiated {
            Some(stream) => self.negotiated(stream)?,
            None => self.channels.insert(Channel::new(State::Opening, None)).map_err(|_| self.too_many_channels())?,
        };
        let room = self.text_mut(key).get_mut(OPEN_HEADER..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(config.label.bytes().chain(config.protocol.bytes())) {
            *to = from;
        }
        if let Some(channel) = self.channels.get_mut(key) {
            channel.negotiated = config.negotiated.is_some();
            channel.ordered = config.ordered;
            channel.reliability = config.reliability;
            channel.priority = config.priority.max(1);
            channel.label_len = u16::try_from(config.label.len()).unwrap_or(0);
            channel.protocol_len = u16::try_from(config.protocol.len()).unwrap_or(0);
            channel.open_due = true;
        }
        self.dcep_due = true;
        self.open_due(now);
        Ok(ChannelId(key))
    }

    const fn too_many_channels(&self) -> Error {
        Error::TooMany { what: "channels", limit: self.config.max_channels as usize }
    }

    /// A channel on an agreed stream: a new one, or one on which data has come already.
    fn negotiated(&mut self, stream: u16) -> Result<Key, Error> {
        if stream == u16::MAX {
            // RFC 8831 section 6.4.
            return Err(Error::StreamOutOfRange { limit: u16::MAX - 1, value: stream });
        }
        if let Some(key) = self.stream(stream) {
            let unopened = self.channels.get(key).is_some_and(|c| c.state == State::Unopened);
            return if unopened { Ok(key) } else { Err(Error::StreamInUse(stream)) };
        }
        if self.streams.is_full() {
            return Err(self.too_many_channels());
        }
        let channel = Channel::new(State::Opening, Some(stream));
        let key = self.channels.insert(channel).map_err(|_| self.too_many_channels())?;
        self.map_stream(stream, key);
        Ok(key)
    }

    /// Queues OPEN and ACK where they are due and possible.
    pub(super) fn open_due(&mut self, now: Instant) {
        if !self.dcep_due || !matches!(self.phase, Phase::Established | Phase::CookieEchoed) {
            return;
        }
        let mut left = false;
        // Channels opened here that have no stream yet are not in the stream table: go through all.
        while let Some(key) = self.channels.iter().find(|(_, c)| c.open_due && self.can_open(c)).map(|(k, _)| k) {
            if !self.open_one(now, key) {
                left = true;
                break;
            }
        }
        while let Some(key) = self.channels.iter().find(|(_, c)| c.ack_due).map(|(k, _)| k) {
            if !self.tx.fits(ACK_MESSAGE.len()) {
                left = true;
                break;
            }
            let Some(channel) = self.channels.get_mut(key) else { break };
            channel.ack_due = false;
            if self.tx.begin(now, key, channel, ppid::DCEP).is_ok() {
                self.tx.append(channel, &ACK_MESSAGE);
                self.tx.finish(channel);
            }
        }
        self.dcep_due = left || self.channels.iter().any(|(_, c)| c.open_due);
    }

    fn can_open(&self, channel: &Channel) -> bool {
        let established = self.phase == Phase::Established;
        if channel.negotiated { established } else { self.role.is_some() }
    }

    /// Gives the channel its stream and queues OPEN; false when that has to wait.
    fn open_one(&mut self, now: Instant, key: Key) -> bool {
        let Some(channel) = self.channels.get(key) else { return false };
        if channel.negotiated {
            let Some(channel) = self.channels.get_mut(key) else { return false };
            channel.open_due = false;
            channel.state = State::Open;
            // Both sides know its kind: nothing has to go in order first (RFC 8832 is not in use on it).
            channel.heard = true;
            self.events.raise(key, channel, pending::OPENED);
            if channel.ready.head.is_some() {
                self.events.raise(key, channel, pending::READABLE);
            }
            return true;
        }
        let text = usize::from(channel.label_len).saturating_add(usize::from(channel.protocol_len));
        if !self.tx.fits(text.saturating_add(OPEN_HEADER)) {
            return false;
        }
        let Some(stream) = self.free_stream() else { return false };
        if !self.map_stream(stream, key) {
            return false;
        }
        let Some(channel) = self.channels.get_mut(key) else { return false };
        channel.stream = Some(stream);
        channel.open_due = false;
        let at = key.index().saturating_mul(self.config.text_room());
        let texts = self.texts.get(at.saturating_add(OPEN_HEADER)..).unwrap_or_default();
        let (label, rest) = texts.split_at_checked(usize::from(channel.label_len)).unwrap_or_default();
        let protocol = rest.get(..usize::from(channel.protocol_len)).unwrap_or_default();
        let open = Open {
            ordered: channel.ordered,
            reliability: channel.reliability,
            priority: channel.priority,
            label: core::str::from_utf8(label).unwrap_or_default(),
            protocol: core::str::from_utf8(protocol).unwrap_or_default(),
        };
        if let Ok(header) = open.header()
            && self.tx.begin(now, key, channel, ppid::DCEP).is_ok()
        {
            self.tx.append(channel, &header);
            self.tx.append(channel, label);
            self.tx.append(channel, protocol);
            self.tx.finish(channel);
        }
        self.events.raise(key, channel, pending::OPENED);
        true
    }

    /// The lowest free stream id of our parity that the peer allows.
    fn free_stream(&self) -> Option<u16> {
        let most = self.peer?.inbound;
        let mut id = if self.role? == Role::Client { 0u16 } else { 1 };
        for (taken, _) in &self.streams {
            if *taken == id {
                id = id.checked_add(2)?;
            }
        }
        (id < most).then_some(id)
    }

    /// What is known of a channel.
    #[must_use]
    pub fn channel(&self, id: ChannelId) -> Option<ChannelInfo<'_>> {
        let channel = self.channels.get(id.0)?;
        let texts = self.text(id.0).get(OPEN_HEADER..).unwrap_or_default();
        let (label, rest) = texts.split_at_checked(usize::from(channel.label_len)).unwrap_or_default();
        let protocol = rest.get(..usize::from(channel.protocol_len)).unwrap_or_default();
        Some(ChannelInfo {
            label: core::str::from_utf8(label).unwrap_or_default(),
            protocol: core::str::from_utf8(protocol).unwrap_or_default(),
            ordered: channel.ordered,
            reliability: channel.reliability,
            priority: channel.priority,
            negotiated: channel.negotiated,
            stream: channel.stream,
        })
    }

    /// Closes a channel: what was written is still sent, what arrives is dropped;
    /// [`Event::ChannelClosed`](super::Event::ChannelClosed) follows when the peer has closed its side, too.
    ///
    /// # Errors
    /// [`Error::NoSuchChannel`].
    pub fn close(&mut self, now: Instant, id: ChannelId) -> Result<(), Error> {
        let _ = self.channels.get(id.0).ok_or(Error::NoSuchChannel)?;
        self.start_closing(id.0, true);
        self.close_if_done(id.0);
        self.progress(now);
        Ok(())
    }

    // Writing.

    fn writable(&mut self, id: ChannelId) -> Result<&mut Channel, Error> {
        if self.phase == Phase::Done {
            return Err(Error::Closed);
        }
        let established = matches!(self.phase, Phase::Established | Phase::CookieEchoed);
        let channel = self.channels.get_mut(id.0).ok_or(Error::NoSuchChannel)?;
        if !channel.is_writable() {
            return Err(Error::ChannelClosing);
        }
        if !established || channel.open_due {
            return Err(if matches!(self.phase, Phase::Closed | Phase::CookieWait) || channel.open_due {
                Error::WouldBlock
            } else {
                Error::Closed
            });
        }
        Ok(channel)
    }

    /// Writes a whole message, by one copy into the send buffer; either all of it is taken or nothing.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] before the channel is open and when there is no room; then
    /// [`Event::Writable`](super::Event::Writable) follows when there is. [`Error::MessageTooLarge`], [`Error::ChannelClosing`],
    /// [`Error::NoSuchChannel`], [`Error::Closed`]; [`Error::MessageOpen`] while a message is written in pieces.
    pub fn write(&mut self, now: Instant, id: ChannelId, kind: MessageKind, message: &[u8]) -> Result<(), Error> {
        let (fits, capacity) = (self.tx.fits(message.len().max(1)), self.tx.capacity());
        let most = self.config.remote_max_message_size as usize;
        let channel = self.writable(id)?;
        if channel.writing {
            return Err(Error::MessageOpen);
        }
        let limit = capacity.min(most);
        if message.len() > limit {
            return Err(Error::MessageTooLarge { limit, value: message.len() });
        }
        if !fits {
            channel.wants = message.len().max(1);
            return Err(Error::WouldBlock);
        }
        self.begin(now, id, kind)?;
        self.append(now, id, message)?;
        self.finish(now, id)
    }

    /// Starts a message that is written in pieces, and so may be larger than the send buffer.
    ///
    /// Between its pieces nothing of other channels is sent unless messages are interleaved
    /// ([`is_interleaving`](Self::is_interleaving)): DATA chunks of a message must follow each other.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn begin(&mut self, now: Instant, id: ChannelId, kind: MessageKind) -> Result<(), Error> {
        let fits = self.tx.fits(1);
        let channel = self.writable(id)?;
        if channel.writing {
            return Err(Error::MessageOpen);
        }
        if !fits {
            channel.wants = 1;
            return Err(Error::WouldBlock);
        }
        let protocol = if kind == MessageKind::Text { ppid::STRING } else { ppid::BINARY };
        let Some(channel) = self.channels.get_mut(id.0) else { return Err(Error::NoSuchChannel) };
        self.tx.begin(now, id.0, channel, protocol)?;
        channel.writing = true;
        Ok(())
    }

    /// Adds to the message under way, and says how much was taken; the rest is to be offered again after
    /// [`Event::Writable`](super::Event::Writable).
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when nothing was taken, [`Error::NoMessageOpen`] without [`begin`](Self::begin) or after the
    /// message was given up for its age.
    pub fn append(&mut self, _now: Instant, id: ChannelId, bytes: &[u8]) -> Result<usize, Error> {
        let channel = self.channels.get_mut(id.0).ok_or(Error::NoSuchChannel)?;
        if !channel.writing {
            return Err(Error::NoMessageOpen);
        }
        let n = self.tx.append(channel, bytes);
        Self::appended(channel, n, bytes.len(), self.config.mtu)
    }

    /// Like [`append`](Self::append), but the bytes are produced in the send buffer itself: `fill` gets one room after the
    /// other, `want` bytes in all, and says how much of each it used. So the only copy is the one into the packet.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub fn append_with(
        &mut self,
        _now: Instant,
        id: ChannelId,
        want: usize,
        fill: impl FnMut(&mut [u8]) -> usize,
    ) -> Result<usize, Error> {
        let channel = self.channels.get_mut(id.0).ok_or(Error::NoSuchChannel)?;
        if !channel.writing {
            return Err(Error::NoMessageOpen);
        }
        let n = self.tx.append_with(channel, want, fill);
        Self::appended(channel, n, want, self.config.mtu)
    }

    fn appended(channel: &mut Channel, n: usize, want: usize, mtu: u16) -> Result<usize, Error> {
        if n < want {
            channel.wants = want.saturating_sub(n).min(usize::from(mtu));
        }
        if n == 0 && want > 0 { Err(Error::WouldBlock) } else { Ok(n) }
    }

    /// Ends the message under way.
    ///
    /// # Errors
    /// [`Error::NoMessageOpen`]; [`Error::WouldBlock`] when it is empty and there is not even room to say so.
    pub fn finish(&mut self, _now: Instant, id: ChannelId) -> Result<(), Error> {
        let channel = self.channels.get_mut(id.0).ok_or(Error::NoSuchChannel)?;
        if !channel.writing {
            return Err(Error::NoMessageOpen);
        }
        if self.tx.last_is_empty(channel) && !self.tx.mark_empty(channel) {
            channel.wants = 1;
            return Err(Error::WouldBlock);
        }
        self.tx.finish(channel);
        channel.writing = false;
        Ok(())
    }

    /// Bytes written to the channel and not yet sent for the first time (`bufferedAmount`).
    #[must_use]
    pub fn buffered_amount(&self, id: ChannelId) -> usize {
        self.channels.get(id.0).map_or(0, |c| c.queued)
    }

    /// Where [`Event::BufferedAmountLow`](super::Event::BufferedAmountLow) is due (`bufferedAmountLowThreshold`).
    pub fn set_buffered_amount_low_threshold(&mut self, id: ChannelId, bytes: usize) {
        if let Some(channel) = self.channels.get_mut(id.0) {
            channel.low_threshold = bytes;
        }
    }

    /// Largest message in bytes that [`write`](Self::write) takes: what fits the send buffer and the peer takes
    /// (`RTCSctpTransport.maxMessageSize`).
    #[must_use]
    pub fn max_message_size(&self) -> usize {
        self.tx.capacity().min(self.config.remote_max_message_size as usize)
    }

    /// Bytes that a [`write`](Self::write) may have now.
    #[must_use]
    pub fn send_room(&self) -> usize {
        self.tx.room()
    }

    // Reading.

    /// Reads the next message, or the next part of one: as much as there is, or as fits into `out`.
    ///
    /// A message becomes readable as a whole when it is not larger than
    /// [`Config::partial_delivery_point`](crate::Config::partial_delivery_point) and memory is not short.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is nothing; [`Error::MessageAborted`] once, when the rest of a message that was
    /// read in part will not come; [`Error::NoSuchChannel`].
    pub fn read(&mut self, now: Instant, id: ChannelId, out: &mut [u8]) -> Result<Read, Error> {
        let channel = self.channels.get_mut(id.0).ok_or(Error::NoSuchChannel)?;
        let read = self.rx.read(channel, out);
        self.after_read(now, id.0);
        read
    }

    /// Like [`read`](Self::read), but lends a run of the message's bytes to `take`, which says how many it used: no copy.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_with(&mut self, now: Instant, id: ChannelId, take: impl FnOnce(&[u8]) -> usize) -> Result<Read, Error> {
        let channel = self.channels.get_mut(id.0).ok_or(Error::NoSuchChannel)?;
        let read = self.rx.read_with(channel, take);
        self.after_read(now, id.0);
        read
    }

    fn after_read(&mut self, now: Instant, key: Key) {
        if self.phase == Phase::Done {
            return;
        }
        if self.channels.get(key).is_some_and(|c| c.state == State::Closed) {
            self.close_if_done(key);
        }
        if self.rx.window_has_opened() {
            self.progress(now);
        }
    }
}
