//! Data channels: SCTP's, under the connection's roof.

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_sctp::{ChannelConfig, ChannelInfo, MessageKind, Read};
use barertc_wire::Instant;

use super::PeerConnection;
use crate::channel::ChannelId;
use crate::error::Error;

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// Makes data channels part of the next description, without opening one.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Sctp`], [`Error::Closed`].
    pub fn add_data(&mut self, now: Instant) -> Result<(), Error> {
        self.check_open()?;
        let up = self.transport.security().is_up();
        let data = self.transport.data_mut();
        data.ensure(now, &self.config, &self.memory.sctp, &mut self.random, up)?;
        self.update(now);
        Ok(())
    }

    /// Opens a data channel. [`Event::ChannelOpen`](crate::Event::ChannelOpen) tells when it is open. The call may come
    /// at any time. Before the first description, it makes data channels part of that description.
    ///
    /// # Errors
    /// [`Error::NoMemory`], [`Error::Sctp`], [`Error::Closed`].
    pub fn open_channel(&mut self, now: Instant, config: &ChannelConfig<'_>) -> Result<ChannelId, Error> {
        let is_first = !self.transport.data().is_wanted();
        self.add_data(now)?;
        let data = self.transport.data_mut();
        match data.association_mut()?.open(now, config) {
            Ok(id) => Ok(data.id(id)),
            Err(error) => {
                if is_first {
                    data.forget();
                }
                Err(error.into())
            }
        }
    }

    /// Closes a data channel. Messages that were written are still sent.
    /// [`Event::ChannelClosed`](crate::Event::ChannelClosed) tells when the channel is closed.
    ///
    /// # Errors
    /// [`Error::NoSuchChannel`].
    pub fn close_channel(&mut self, now: Instant, id: ChannelId) -> Result<(), Error> {
        let (association, id) = self.transport.data_mut().channel_mut(id)?;
        association.close(now, id).map_err(refused)
    }

    /// Writes a whole message. On an error, no part of it is written.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is no room. [`Event::ChannelWritable`](crate::Event::ChannelWritable) tells
    /// when there is room again. [`Error::NoSuchChannel`], [`Error::Sctp`], [`Error::Closed`].
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

    /// Begins a message that is written in pieces. Such a message may be longer than the send buffer.
    ///
    /// # Errors
    /// As [`write_channel`](Self::write_channel).
    pub fn begin_message(&mut self, now: Instant, id: ChannelId, kind: MessageKind) -> Result<(), Error> {
        let (association, id) = self.open_association(id)?;
        association.begin(now, id, kind).map_err(refused)
    }

    /// Appends bytes to the message that was begun, and returns how many bytes were taken. The caller appends the rest
    /// after [`Event::ChannelWritable`](crate::Event::ChannelWritable).
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when no byte was taken. Otherwise as [`write_channel`](Self::write_channel).
    pub fn append_message(&mut self, now: Instant, id: ChannelId, bytes: &[u8]) -> Result<usize, Error> {
        let (association, id) = self.open_association(id)?;
        association.append(now, id, bytes).map_err(refused)
    }

    /// Appends `want` bytes to the message that was begun, without a copy. The method calls `fill` with one free part
    /// of the send buffer after the other. `fill` writes into it and returns how many bytes it has written. The method
    /// returns the sum.
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

    /// Ends the message that was begun.
    ///
    /// # Errors
    /// As [`append_message`](Self::append_message).
    pub fn finish_message(&mut self, now: Instant, id: ChannelId) -> Result<(), Error> {
        let (association, id) = self.open_association(id)?;
        association.finish(now, id).map_err(refused)
    }

    /// Reads the next message, or the next part of it, into `out`.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is nothing to read; [`Error::NoSuchChannel`], [`Error::Sctp`].
    pub fn read_channel(&mut self, now: Instant, id: ChannelId, out: &mut [u8]) -> Result<Read, Error> {
        let (association, id) = self.transport.data_mut().channel_mut(id)?;
        association.read(now, id, out).map_err(refused)
    }

    /// Reads without a copy. The method calls `take` with the next bytes of the message. `take` returns how many of
    /// them it has used.
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

    /// The label, the protocol and the properties of a data channel. `None` when no channel has this id.
    #[must_use]
    pub fn channel(&self, id: ChannelId) -> Option<ChannelInfo<'_>> {
        let (association, id) = self.transport.data().channel(id)?;
        association.channel(id)
    }

    /// The bytes that wait to be sent on a data channel: the W3C's `bufferedAmount`. It is 0 when no channel has this
    /// id.
    #[must_use]
    pub fn buffered_amount(&self, id: ChannelId) -> usize {
        self.transport.data().channel(id).map_or(0, |(association, id)| association.buffered_amount(id))
    }

    /// Sets the W3C's `bufferedAmountLowThreshold` of a data channel, in bytes.
    /// [`Event::ChannelBufferedAmountLow`](crate::Event::ChannelBufferedAmountLow) is told when the buffered amount
    /// falls to it.
    ///
    /// # Errors
    /// [`Error::NoSuchChannel`].
    pub fn set_buffered_amount_low_threshold(&mut self, id: ChannelId, bytes: usize) -> Result<(), Error> {
        let (association, id) = self.transport.data_mut().channel_mut(id)?;
        association.set_buffered_amount_low_threshold(id, bytes);
        Ok(())
    }

    /// The longest message in bytes that [`write_channel`](Self::write_channel) takes. `None` without data channels.
    #[must_use]
    pub fn max_message_size(&self) -> Option<usize> {
        self.transport.data().association().map(|association| association.max_message_size())
    }

    /// The association of a channel that is to be written to.
    fn open_association(
        &mut self,
        id: ChannelId,
    ) -> Result<(&mut barertc_sctp::Association<A>, barertc_sctp::ChannelId), Error> {
        self.check_open()?;
        self.transport.data_mut().channel_mut(id)
    }
}

fn refused(error: barertc_sctp::Error) -> Error {
    match error {
        barertc_sctp::Error::WouldBlock => Error::WouldBlock,
        barertc_sctp::Error::NoSuchChannel => Error::NoSuchChannel,
        error => error.into(),
    }
}
