//! Messages: writing and reading them.

use barertc_arena::{Allocator, Key};
use barertc_wire::Instant;

use super::Association;
use super::state::State;
use crate::channel::{Channel, ChannelId, MessageKind, State as ChannelState};
use crate::dcep::ppid;
use crate::error::Error;
use crate::recv::Read;

impl<A: Allocator> Association<A> {
    // Writing.

    fn writable(&mut self, id: ChannelId) -> Result<&mut Channel, Error> {
        if !self.state.takes_channels() {
            return Err(self.channels.get(id.0).map_or(Error::NoSuchChannel, |_| self.over()));
        }
        let established = matches!(self.state, State::Established(_) | State::CookieEchoed(..));
        let channel = self.channels.get_mut(id.0).ok_or(Error::NoSuchChannel)?;
        if !channel.is_writable() {
            return Err(Error::ChannelClosing);
        }
        // Event::ChannelOpened comes then.
        if !established || channel.open_due { Err(Error::WouldBlock) } else { Ok(channel) }
    }

    /// Writes a whole message, with one copy into the send buffer. On an error, no part of it is written.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] before the channel is open and when there is no room.
    /// [`Event::Writable`](super::Event::Writable) tells when there is room again. [`Error::MessageTooLarge`],
    /// [`Error::ChannelClosing`], [`Error::NoSuchChannel`], [`Error::Closed`]; [`Error::MessageOpen`] while a message
    /// is written in pieces.
    pub fn write(&mut self, now: Instant, id: ChannelId, kind: MessageKind, message: &[u8]) -> Result<(), Error> {
        let (fits, limit) = (self.tx.fits(message.len().max(1)), self.max_message_size());
        let channel = self.writable(id)?;
        if channel.writing {
            return Err(Error::MessageOpen);
        }
        if message.len() > limit {
            return Err(Error::MessageTooLarge { limit, value: message.len() });
        }
        if !fits {
            channel.wants = message.len().max(1);
            return Err(Error::WouldBlock);
        }
        self.start(now, id, kind)?;
        self.append(now, id, message)?;
        self.finish(now, id)
    }

    /// Begins a message that is written in pieces. Such a message may be larger than the send buffer.
    ///
    /// DATA chunks of one message must follow each other. Without interleaving
    /// ([`is_interleaving`](Self::is_interleaving)), nothing of other channels is sent until the message has ended.
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
        self.start(now, id, kind)
    }

    /// Starts a message on a channel that can be written to.
    fn start(&mut self, now: Instant, id: ChannelId, kind: MessageKind) -> Result<(), Error> {
        let protocol = if kind == MessageKind::Text { ppid::STRING } else { ppid::BINARY };
        let Some(channel) = self.channels.get_mut(id.0) else { return Err(Error::NoSuchChannel) };
        self.tx.begin(now, id.0, channel, protocol)?;
        channel.writing = true;
        channel.written = 0;
        Ok(())
    }

    /// Appends bytes to the message that was begun, and returns how many bytes were taken. The caller appends the rest
    /// after [`Event::Writable`](super::Event::Writable).
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when no byte was taken. [`Error::MessageTooLarge`] when the message would become larger
    /// than the peer takes; no byte was taken then. [`Error::NoMessageOpen`] without [`begin`](Self::begin), after the
    /// message was given up for its age, or after the association has ended.
    pub fn append(&mut self, _now: Instant, id: ChannelId, bytes: &[u8]) -> Result<usize, Error> {
        let channel = self.channels.get_mut(id.0).ok_or(Error::NoSuchChannel)?;
        if !channel.writing {
            return Err(Error::NoMessageOpen);
        }
        Self::check_size(channel, bytes.len(), self.identity.remote.max_message_size)?;
        let n = self.tx.append(channel, bytes);
        Self::appended(channel, n, bytes.len(), self.config.mtu)
    }

    /// Appends `want` bytes to the message that was begun, without a copy into the send buffer. The method calls `fill`
    /// with one free part of the buffer after the other. `fill` writes into it and returns how many bytes it has
    /// written. The method returns the sum.
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
        Self::check_size(channel, want, self.identity.remote.max_message_size)?;
        let n = self.tx.append_with(channel, want, fill);
        Self::appended(channel, n, want, self.config.mtu)
    }

    /// RFC 8841 §6.1: no message is larger than the peer takes.
    fn check_size(channel: &Channel, more: usize, limit: u32) -> Result<(), Error> {
        let (limit, value) = (limit as usize, channel.written.saturating_add(more));
        if value > limit { Err(Error::MessageTooLarge { limit, value }) } else { Ok(()) }
    }

    fn appended(channel: &mut Channel, n: usize, want: usize, mtu: u16) -> Result<usize, Error> {
        channel.written = channel.written.saturating_add(n);
        if n < want {
            channel.wants = want.saturating_sub(n).min(usize::from(mtu));
        }
        if n == 0 && want > 0 { Err(Error::WouldBlock) } else { Ok(n) }
    }

    /// Ends the message that was begun.
    ///
    /// # Errors
    /// [`Error::NoMessageOpen`]; [`Error::WouldBlock`] when the message is empty and the buffer has no room for an
    /// empty message.
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

    /// The bytes that were written to the channel and not yet sent once (`bufferedAmount`). It is 0 when no channel has
    /// this id.
    #[must_use]
    pub fn buffered_amount(&self, id: ChannelId) -> usize {
        self.channels.get(id.0).map_or(0, |c| c.queued)
    }

    /// Sets `bufferedAmountLowThreshold` of the channel, in bytes.
    /// [`Event::BufferedAmountLow`](super::Event::BufferedAmountLow) is told when the buffered amount falls to it. It
    /// is 0 until it is set.
    pub fn set_buffered_amount_low_threshold(&mut self, id: ChannelId, bytes: usize) {
        if let Some(channel) = self.channels.get_mut(id.0) {
            channel.low_threshold = bytes;
        }
    }

    /// The largest message in bytes that [`write`](Self::write) takes: the smaller one of the send buffer and of what
    /// the peer takes (`RTCSctpTransport.maxMessageSize`).
    #[must_use]
    pub fn max_message_size(&self) -> usize {
        self.tx.capacity().min(self.identity.remote.max_message_size as usize)
    }

    /// The size in bytes of the largest message that [`write`](Self::write) takes now.
    #[must_use]
    pub fn send_room(&self) -> usize {
        self.tx.room()
    }

    // Reading.

    /// Reads the next message, or the next part of one, into `out`. It reads as much as there is, or as fits.
    ///
    /// A message is read as a whole when it is not larger than
    /// [`Config::partial_delivery_point`](crate::Config::partial_delivery_point) and memory is not short.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is nothing to read. [`Error::MessageAborted`], once, when the rest of a message
    /// that was read in part will not arrive. [`Error::NoSuchChannel`].
    pub fn read(&mut self, now: Instant, id: ChannelId, out: &mut [u8]) -> Result<Read, Error> {
        let channel = self.channels.get_mut(id.0).ok_or(Error::NoSuchChannel)?;
        let read = self.rx.read(channel, out);
        self.after_read(now, id.0);
        read
    }

    /// Reads without a copy. The method calls `take` with the next bytes of the message. `take` returns how many of
    /// them it has used.
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
        if self.channels.get(key).is_some_and(|c| c.state == ChannelState::Closed) {
            self.close_if_done(key);
        }
        if self.rx.window_has_opened() {
            self.progress(now);
        }
    }
}
