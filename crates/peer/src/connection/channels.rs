//! Data channels: SCTP's, under the connection's roof.

use barertc_arena::{Allocator, Box};
use barertc_crypto::Provider;
use barertc_dtls::Role;
use barertc_sctp::{Association, ChannelConfig, ChannelId, ChannelInfo, Event as Sctp, MessageKind, Read};
use barertc_sdp::NegotiatedData;
use rand_core::CryptoRng;

use super::PeerConnection;
use crate::{Error, Event, Name};

/// The m-line of data channels in offers of ours.
const DATA_MID: &str = "data";

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// Data channels shall be part of the next description, though we open none.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::Sctp`].
    #[inline(never)]
    pub fn add_data<R: CryptoRng + ?Sized>(&mut self, rng: &mut R) -> Result<(), Error> {
        if self.sctp.is_none() {
            let mut config = self.config.sctp.clone();
            config.mtu = self.config.sctp_mtu();
            let memory = &self.memory.sctp;
            let association =
                Box::try_init::<Error, _>(memory.clone(), || Association::new(config, memory.clone(), rng));
            self.sctp = Some(association?);
        }
        Ok(())
    }

    /// Opens a data channel; [`Event::ChannelOpen`] follows. May be called at any time; before the first description it
    /// makes data channels part of it.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`], [`Error::Sctp`].
    pub fn open_channel<R: CryptoRng + ?Sized>(
        &mut self,
        config: &ChannelConfig<'_>,
        rng: &mut R,
    ) -> Result<ChannelId, Error> {
        self.add_data(rng)?;
        let now = self.now;
        Ok(self.association()?.open(now, config)?)
    }

    /// Closes a data channel: what was written is still sent. [`Event::ChannelClosed`] follows.
    ///
    /// # Errors
    /// [`Error::Sctp`].
    pub fn close_channel(&mut self, id: ChannelId) -> Result<(), Error> {
        let now = self.now;
        self.association()?.close(now, id)?;
        self.update();
        Ok(())
    }

    /// Writes a whole message, or nothing.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is no room now; [`Event::ChannelWritable`] follows. [`Error::Sctp`].
    pub fn write_channel(&mut self, id: ChannelId, kind: MessageKind, message: &[u8]) -> Result<(), Error> {
        let now = self.now;
        self.association()?.write(now, id, kind, message).map_err(blocking)
    }

    /// Reads the next message, or the next part of one.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when there is nothing, [`Error::Sctp`].
    pub fn read_channel(&mut self, id: ChannelId, out: &mut [u8]) -> Result<Read, Error> {
        let now = self.now;
        self.association()?.read(now, id, out).map_err(blocking)
    }

    /// Label, protocol and properties of a data channel.
    #[must_use]
    pub fn channel(&self, id: ChannelId) -> Option<ChannelInfo<'_>> {
        self.sctp.as_ref()?.channel(id)
    }

    /// The association itself, for what is not wrapped here: messages in pieces, thresholds, statistics.
    ///
    /// # Errors
    /// [`Error::InvalidState`] when there are no data channels.
    pub fn association(&mut self) -> Result<&mut Association<A>, Error> {
        self.sctp.as_deref_mut().ok_or(Error::InvalidState)
    }

    /// Data channels were agreed on, under the m-line `mid`.
    pub(super) fn begin_sctp<R: CryptoRng + ?Sized>(
        &mut self,
        data: &NegotiatedData,
        mid: &Name,
        role: Role,
        rng: &mut R,
    ) -> Result<(), Error> {
        self.add_data(rng)?;
        self.data_mid.clone_from(mid);
        let now = self.now;
        let ready = self.srtp_or_data_ready();
        let sctp = self.association()?;
        let limit = u32::try_from(data.max_message_size).unwrap_or(u32::MAX);
        sctp.set_remote_max_message_size(limit);
        sctp.set_remote_port(data.remote_port);
        // RFC 8832 §6: the DTLS client has the even streams.
        sctp.set_role(now, if role == Role::Client { barertc_sctp::Role::Client } else { barertc_sctp::Role::Server });
        if ready {
            // Agreed on after DTLS was there; where the association stands already, this does nothing.
            sctp.connect(now);
        }
        Ok(())
    }

    /// The name of the m-line of data channels, when there shall be one.
    pub(super) fn data_mid(&self) -> Option<&str> {
        let mid = if self.data_mid.is_empty() { DATA_MID } else { &self.data_mid };
        self.sctp.as_ref().map(|_| mid)
    }

    pub(super) fn update_channels(&mut self) {
        while let Some(event) = self.sctp.as_mut().and_then(|sctp| sctp.poll_event()) {
            match event {
                Sctp::ChannelOpened { id, .. } => {
                    self.channels_opened = self.channels_opened.saturating_add(1);
                    self.push(Event::ChannelOpen(id));
                }
                Sctp::Readable(id) => self.push(Event::ChannelReadable(id)),
                Sctp::Writable(id) | Sctp::BufferedAmountLow(id) => self.push(Event::ChannelWritable(id)),
                Sctp::ChannelClosed(id) => {
                    self.channels_closed = self.channels_closed.saturating_add(1);
                    self.push(Event::ChannelClosed(id));
                }
                _ => {}
            }
        }
    }
}

fn blocking(error: barertc_sctp::Error) -> Error {
    match error {
        barertc_sctp::Error::WouldBlock => Error::WouldBlock,
        error => Error::Sctp(error),
    }
}
