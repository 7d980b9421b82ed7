//! Channels: opening, closing, and what is known of them (RFC 8832).

use barertc_arena::{Allocator, Key};
use barertc_wire::Instant;

use super::Association;
use super::state::{Role, State};
use crate::channel::{Channel, ChannelConfig, ChannelId, ChannelInfo, State as ChannelState, pending};
use crate::config::{LEAST_MTU, OPEN_HEADER};
use crate::dcep::{ACK_MESSAGE, Open, ppid};
use crate::error::Error;

/// Whether a channel got its stream.
enum Opening {
    Opened,
    /// Not now: there is no room for OPEN, or a stream id is about to become free.
    Waits,
    /// No stream id is left, or the peer does not allow the one that was agreed on.
    Impossible,
}

impl<A: Allocator> Association<A> {
    /// Sets the DTLS role of this side. A channel that is opened here gets its stream id only after that (RFC 8832 §6).
    pub fn set_role(&mut self, now: Instant, role: Role) {
        self.identity.role = Some(role);
        self.channels.dcep_due = true;
        self.open_due(now);
    }

    /// Sets the largest message in bytes that the peer takes, from its session description (`a=max-message-size`).
    /// Zero there means any size: [`u32::MAX`] here. Before this call it is 256 KiB.
    pub const fn set_remote_max_message_size(&mut self, bytes: u32) {
        self.identity.remote.max_message_size = bytes;
    }

    /// Sets the peer's port, from its session description (`a=sctp-port`). Before this call it is 5000. The port belongs
    /// to the association: with another one a new association begins (RFC 8841 §9.3), and the owner makes it.
    ///
    /// # Errors
    /// [`Error::ZeroPort`]; [`Error::PortInUse`] when the association has begun with another port. Nothing changes then.
    pub const fn set_remote_port(&mut self, port: u16) -> Result<(), Error> {
        match (port, self.identity.remote.port) {
            (0, _) => Err(Error::ZeroPort),
            (value, current) if value == current || self.is_new() => {
                self.identity.remote.port = value;
                Ok(())
            }
            (value, current) => Err(Error::PortInUse { current, value }),
        }
    }

    /// Says what the path carries: new packets have at most so many bytes, and never more than [`Config::mtu`]. Before this
    /// call it is that. The association searches for nothing itself. Less than 128 bytes count as 128.
    ///
    /// A chunk that was sent keeps its length (RFC 9260 §6.9). One that is longer than the path carries is sent again in a
    /// packet of its own. If it never arrives, [`Event::PathMtuExceeded`](super::Event::PathMtuExceeded) and
    /// [`Failure::PathMtu`](crate::Failure::PathMtu) tell.
    /// With [`Config::max_chunk`] there is none.
    ///
    /// [`Config::mtu`]: crate::Config::mtu
    /// [`Config::max_chunk`]: crate::Config::max_chunk
    pub fn set_path_mtu(&mut self, _now: Instant, bytes: u16) {
        self.tx.set_path_mtu(bytes.max(LEAST_MTU).into());
    }

    /// The peer's port.
    #[must_use]
    pub const fn remote_port(&self) -> u16 {
        self.identity.remote.port
    }

    /// Opens a channel. The call may come at any time. [`Event::ChannelOpened`](super::Event::ChannelOpened) tells when
    /// the channel is open. [`Event::ChannelClosed`](super::Event::ChannelClosed) comes in its place when no stream id
    /// is left.
    ///
    /// # Errors
    /// [`Error::TooMany`] channels, or streams when no id is left; [`Error::LabelTooLong`], [`Error::Closed`],
    /// [`Error::Failed`]. For a negotiated id [`Error::StreamInUse`] and [`Error::StreamOutOfRange`].
    pub fn open(&mut self, now: Instant, config: &ChannelConfig<'_>) -> Result<ChannelId, Error> {
        if !self.state.takes_channels() {
            return Err(self.over());
        }
        let (limit, value) =
            (usize::from(self.config.label_room), config.label.len().saturating_add(config.protocol.len()));
        if value > limit {
            return Err(Error::LabelTooLong { limit, value });
        }
        let key = match config.negotiated {
            Some(stream) => self.negotiated(stream)?,
            None => {
                if self.free_stream().is_none() && !self.stream_comes_free() {
                    let streams = self.state.peer().map_or(0, |p| p.inbound.into());
                    return Err(Error::TooMany { what: "streams", limit: streams });
                }
                self.channels.insert(ChannelState::Opening, None).ok_or_else(|| self.too_many_channels())?
            }
        };
        let room = self.channels.text_mut(key).get_mut(OPEN_HEADER..).unwrap_or_default();
        for (to, from) in room.iter_mut().zip(config.label.bytes().chain(config.protocol.bytes())) {
            *to = from;
        }
        if let Some(channel) = self.channels.get_mut(key) {
            channel.state = ChannelState::Opening;
            channel.negotiated = config.negotiated.is_some();
            channel.ordered = config.ordered;
            channel.reliability = config.reliability;
            channel.priority = config.priority.max(1);
            channel.label_len = u16::try_from(config.label.len()).unwrap_or(0);
            channel.protocol_len = u16::try_from(config.protocol.len()).unwrap_or(0);
            channel.open_due = true;
        }
        self.channels.dcep_due = true;
        self.open_due(now);
        Ok(ChannelId(key))
    }

    const fn too_many_channels(&self) -> Error {
        Error::TooMany { what: "channels", limit: self.config.max_channels as usize }
    }

    /// A channel on an agreed stream: a new one, or one on which data has come already.
    fn negotiated(&mut self, stream: u16) -> Result<Key, Error> {
        // 65,535 is no stream id (RFC 8831 §6.4).
        let limit = self.state.peer().map_or(u16::MAX, |p| p.inbound).saturating_sub(1).min(u16::MAX - 1);
        if stream > limit {
            return Err(Error::StreamOutOfRange { limit, value: stream });
        }
        if let Some(key) = self.channels.by_stream(stream) {
            let unopened = self.channels.get(key).is_some_and(|c| c.state == ChannelState::Unopened);
            return if unopened { Ok(key) } else { Err(Error::StreamInUse(stream)) };
        }
        if self.channels.is_spent(stream) {
            return Err(Error::StreamInUse(stream));
        }
        self.channels.insert(ChannelState::Opening, Some(stream)).ok_or_else(|| self.too_many_channels())
    }

    /// Queues OPEN and ACK where they are due and possible.
    pub(super) fn open_due(&mut self, now: Instant) {
        if !self.channels.dcep_due || !matches!(self.state, State::Established(_) | State::CookieEchoed(..)) {
            return;
        }
        let mut left = false;
        // Channels opened here that have no stream yet are not in the stream table: go through all.
        while let Some(key) =
            self.channels.slab.iter().find(|(_, c)| c.open_due && self.can_open(c)).map(|(key, _)| key)
        {
            match self.open_one(now, key) {
                Opening::Opened => {}
                Opening::Waits => {
                    left = true;
                    break;
                }
                Opening::Impossible => self.fail_channel(key),
            }
        }
        while let Some(key) = self.channels.slab.iter().find(|(_, c)| c.ack_due).map(|(key, _)| key) {
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
        self.channels.dcep_due = left || self.channels.slab.iter().any(|(_, c)| c.open_due);
    }

    fn can_open(&self, channel: &Channel) -> bool {
        if channel.negotiated { self.is_established() } else { self.identity.role.is_some() }
    }

    /// Gives the channel its stream and queues OPEN.
    fn open_one(&mut self, now: Instant, key: Key) -> Opening {
        let Some(channel) = self.channels.get(key) else { return Opening::Waits };
        if channel.negotiated {
            return self.open_negotiated(key);
        }
        let text = usize::from(channel.label_len).saturating_add(usize::from(channel.protocol_len));
        if !self.tx.fits(text.saturating_add(OPEN_HEADER)) {
            return Opening::Waits;
        }
        let Some(stream) = self.free_stream() else {
            return if self.stream_comes_free() { Opening::Waits } else { Opening::Impossible };
        };
        let (label, protocol) = self.channels.label_and_protocol(key);
        let open = Open {
            ordered: channel.ordered,
            reliability: channel.reliability,
            priority: channel.priority,
            label: core::str::from_utf8(label).unwrap_or_default(),
            protocol: core::str::from_utf8(protocol).unwrap_or_default(),
        };
        let header = open.header().unwrap_or_default();
        if !self.channels.map(stream, key) {
            return Opening::Waits;
        }
        if let Some(bytes) = self.channels.text_mut(key).get_mut(..OPEN_HEADER) {
            bytes.copy_from_slice(&header);
        }
        if let Some((channel, message)) = self.channels.with_text(key, OPEN_HEADER.saturating_add(text)) {
            channel.stream = Some(stream);
            channel.open_due = false;
            if self.tx.begin(now, key, channel, ppid::DCEP).is_ok() {
                self.tx.append(channel, message);
                self.tx.finish(channel);
            }
        }
        self.channels.raise(key, pending::OPENED);
        Opening::Opened
    }

    fn open_negotiated(&mut self, key: Key) -> Opening {
        let inbound = self.state.peer().map_or(0, |p| p.inbound);
        let Some(channel) = self.channels.get_mut(key) else { return Opening::Waits };
        if channel.stream.is_none_or(|stream| stream >= inbound) {
            return Opening::Impossible;
        }
        channel.open_due = false;
        channel.state = ChannelState::Open;
        // Both sides know its kind: nothing has to go in order first (RFC 8832 is not in use on it).
        channel.heard = true;
        let readable = channel.ready.head.is_some();
        self.channels.raise(key, if readable { pending::OPENED | pending::READABLE } else { pending::OPENED });
        Opening::Opened
    }

    /// A channel that cannot be opened is closed, and the application told.
    fn fail_channel(&mut self, key: Key) {
        self.start_closing(key, true);
        // There is no stream to reset that the peer would know.
        let Some(channel) = self.channels.get_mut(key) else { return };
        channel.out_reset = crate::channel::OutReset::Done;
        channel.in_reset = true;
        self.close_if_done(key);
    }

    /// The lowest free stream id of our parity that the peer allows; before both are known any will do.
    fn free_stream(&self) -> Option<u16> {
        let (Some(role), Some(peer)) = (self.identity.role, self.state.peer()) else { return Some(0) };
        self.channels.free_stream(role.first_stream(), peer.inbound)
    }

    /// Whether a stream id of ours is about to become free.
    fn stream_comes_free(&self) -> bool {
        let Some(role) = self.identity.role else { return true };
        self.channels.streams().any(|(stream, c)| role.owns(stream) && c.state == ChannelState::Closing)
    }

    /// The label, the protocol and the properties of a channel. `None` when no channel has this id.
    #[must_use]
    pub fn channel(&self, id: ChannelId) -> Option<ChannelInfo<'_>> {
        let channel = self.channels.get(id.0)?;
        let (label, protocol) = self.channels.label_and_protocol(id.0);
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

    /// Closes a channel. Messages that were written are still sent. Messages that arrive are dropped.
    /// [`Event::ChannelClosed`](super::Event::ChannelClosed) tells when the peer has closed its side, too.
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
}
