//! Data channels: SCTP's, under the connection's roof.

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_sctp::{ChannelConfig, ChannelInfo, MessageKind, Read};
use barertc_wire::Instant;

use super::PeerConnection;
use crate::channel::ChannelId;
use crate::error::Error;

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// Data channels shall be part of the next description, though we open none.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Sctp`], [`Error::Closed`].
    pub fn add_data(&mut self, now: Instant) -> Result<(), Error> {
        if self.told.is_closed() {
            return Err(Error::Closed);
        }
        let up = self.transport.security().is_up();
        let data = self.transport.data_mut();
        data.ensure(now, &self.config, &self.memory.sctp, &mut self.random, up)?;
        self.update(now);
        Ok(())
    }

    /// Opens a data channel; [`Event::ChannelOpen`](crate::Event::ChannelOpen) follows. May be called at any time; before
    /// the first description it makes data channels part of it.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Sctp`], [`Error::Closed`].
    pub fn open_channel(&mut self, now: Instant, config: &ChannelConfig<'_>) -> Result<ChannelId, Error> {
        self.add_data(now)?;
        let data = self.transport.data_mut();
        let id = data.association_mut()?.open(now, config)?;
        Ok(data.id(id))
    }

    /// Closes a data channel: what was written is still sent.
    /// [`Event::ChannelClosed`](crate::Event::ChannelClosed) follows.
    ///
    /// # Errors
    /// [`Error::NoSuchChannel`].
    pub fn close_channel(&mut self, now: Instant, id: ChannelId) -> Result<(), Error> {
        let (association, id) = self.transport.data_mut().channel_mut(id)?;
        association.close(now, id).map_err(refused)
    }

    /// Writes a whole message, or nothing.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is no room now; [`Event::ChannelWritable`](crate::Event::ChannelWritable) follows.
    /// [`Error::NoSuchChannel`], [`Error::Sctp`], [`Error::Closed`].
    pub fn write_channel(
        &mut self,
        now: Instant,
        id: ChannelId,
        kind: MessageKind,
        message: &[u8],
    ) -> Result<(), Error> {
        let (association, id) = self.open_association(id)?;
        association.write(now, id, kind, message).map_err(refused)
    }

    /// Begins a message that is written in pieces, and so may be longer than the send buffer.
    ///
    /// # Errors
    /// As [`write_channel`](Self::write_channel).
    pub fn begin_message(&mut self, now: Instant, id: ChannelId, kind: MessageKind) -> Result<(), Error> {
        let (association, id) = self.open_association(id)?;
        association.begin(now, id, kind).map_err(refused)
    }

    /// Adds to the message under way, and says how much was taken. The rest is to be offered again after
    /// [`Event::ChannelWritable`](crate::Event::ChannelWritable).
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when nothing was taken; else as [`write_channel`](Self::write_channel).
    pub fn append_message(&mut self, now: Instant, id: ChannelId, bytes: &[u8]) -> Result<usize, Error> {
        let (association, id) = self.open_association(id)?;
        association.append(now, id, bytes).map_err(refused)
    }

    /// Adds to the message under way without a copy: `fill` gets one room of the send buffer after the other, `want` bytes
    /// in all, and says how much of each it used.
    ///
    /// # Errors
    /// As [`append_message`](Self::append_message).
    pub fn append_message_with(
        &mut self,
        now: Instant,
        id: ChannelId,
        want: usize,
        fill: impl FnMut(&mut [u8]) -> usize,
    ) -> Result<usize, Error> {
        let (association, id) = self.open_association(id)?;
        association.append_with(now, id, want, fill).map_err(refused)
    }

    /// Ends the message under way.
    ///
    /// # Errors
    /// As [`append_message`](Self::append_message).
    pub fn finish_message(&mut self, now: Instant, id: ChannelId) -> Result<(), Error> {
        let (association, id) = self.open_association(id)?;
        association.finish(now, id).map_err(refused)
    }

    /// Reads the next message, or the next part of one.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is nothing; [`Error::NoSuchChannel`], [`Error::Sctp`].
    pub fn read_channel(&mut self, now: Instant, id: ChannelId, out: &mut [u8]) -> Result<Read, Error> {
        let (association, id) = self.transport.data_mut().channel_mut(id)?;
        association.read(now, id, out).map_err(refused)
    }

    /// Reads without a copy: lends a run of the message's bytes to `take`, which says how many it used.
    ///
    /// # Errors
    /// As [`read_channel`](Self::read_channel).
    pub fn read_channel_with(
        &mut self,
        now: Instant,
        id: ChannelId,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Result<Read, Error> {
        let (association, id) = self.transport.data_mut().channel_mut(id)?;
        association.read_with(now, id, take).map_err(refused)
    }

    /// Label, protocol and properties of a data channel.
    #[must_use]
    pub fn channel(&self, id: ChannelId) -> Option<ChannelInfo<'_>> {
        let (association, id) = self.transport.data().channel(id)?;
        association.channel(id)
    }

    /// Bytes that wait on a data channel: the W3C's `bufferedAmount`.
    #[must_use]
    pub fn buffered_amount(&self, id: ChannelId) -> usize {
        self.transport.data().channel(id).map_or(0, |(association, id)| association.buffered_amount(id))
    }

    /// Where [`Event::ChannelBufferedAmountLow`](crate::Event::ChannelBufferedAmountLow) is due: the W3C's
    /// `bufferedAmountLowThreshold`.
    ///
    /// # Errors
    /// [`Error::NoSuchChannel`].
    pub fn set_buffered_amount_low_threshold(&mut self, id: ChannelId, bytes: usize) -> Result<(), Error> {
        let (association, id) = self.transport.data_mut().channel_mut(id)?;
        association.set_buffered_amount_low_threshold(id, bytes);
        Ok(())
    }

    /// The longest message in bytes that [`write_channel`](Self::write_channel) takes; `None` without data channels.
    #[must_use]
    pub fn max_message_size(&self) -> Option<usize> {
        self.transport.data().association().map(|association| association.max_message_size())
    }

    /// The association of a channel that is to be written to.
    fn open_association(
        &mut self,
        id: ChannelId,
    ) -> Result<(&mut barertc_sctp::Association<A>, barertc_sctp::ChannelId), Error> {
        if self.told.is_closed() {
            return Err(Error::Closed);
        }
        self.transport.data_mut().channel_mut(id)
    }
}

fn refused(error: barertc_sctp::Error) -> Error {
    match error {
        barertc_sctp::Error::WouldBlock => Error::WouldBlock,
        barertc_sctp::Error::NoSuchChannel => Error::NoSuchChannel,
        error => Error::Sctp(error),
    }
}
