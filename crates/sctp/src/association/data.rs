//! Data in: what becomes of it, and when it is acknowledged.

use barertc_arena::{Allocator, Key};
use barertc_wire::Instant;

use super::Association;
use super::state::State;
use crate::channel::{State as ChannelState, pending};
use crate::chunk::{Data, ForwardTsn, cause};
use crate::config::OPEN_HEADER;
use crate::dcep::{Dcep, OPEN, Open, ppid};
use crate::error::{Discard, Failure};
use crate::recv::{Arrival, Delivered};
use crate::timer::Timer;

/// What a packet has brought.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) data: bool,
    /// It is to be acknowledged at once.
    pub(super) at_once: bool,
    pub(super) sack: bool,
}

impl<A: Allocator> Association<A> {
    pub(super) fn on_data(&mut self, now: Instant, data: &Data<'_>, seen: &mut Seen) -> Result<(), Discard> {
        if !self.takes_data() {
            return Err(Discard::Unexpected);
        }
        if data.payload.is_empty() || data.interleaved != self.tx.interleaving {
            // RFC 9260 §3.3.10.9, §6.2; RFC 8260 §2.2.3.
            self.outbox.abort =
                Some(if data.payload.is_empty() { cause::NO_USER_DATA } else { cause::PROTOCOL_VIOLATION });
            self.fail(Failure::ProtocolViolation);
            return Err(Discard::BadData);
        }
        seen.data = true;
        seen.at_once |= data.immediate;
        let arrival = self.rx.tracker.look(data.tsn);
        match arrival {
            Arrival::Duplicate => {
                self.rx.tracker.duplicate(data.tsn);
                seen.at_once = true;
                return Err(Discard::Duplicate);
            }
            Arrival::Beyond => {
                seen.at_once = true;
                return Err(Discard::BeyondWindow);
            }
            Arrival::Ahead => seen.at_once = true,
            Arrival::Next => seen.at_once |= self.rx.tracker.has_gaps(),
        }
        let closes_gap = arrival == Arrival::Next;
        while !self.rx.has_room(data.payload.len(), closes_gap) {
            seen.at_once = true;
            if closes_gap && self.rx.renege(&mut self.channels.slab) {
                // What made room comes again.
                self.discards.count(Discard::NoMemory);
            } else {
                // Not acknowledged, so it comes again; until then what is there must become readable.
                self.relieve(now);
                return Err(Discard::NoMemory);
            }
        }
        let known = self.channels.by_stream(data.stream);
        let opens = data.begin && data.protocol == ppid::DCEP && data.payload.first() == Some(&OPEN);
        if known.is_none() && self.channels.is_spent(data.stream) {
            if opens {
                // The channel is another one. Its messages cannot be told from those of the last one, so the peer is told that it
                // does not open.
                return self.refuse(data);
            }
            // The peer goes on with a channel that is closed here, and would not reset its stream.
            self.rx.tracker.receive(data.tsn);
            return Err(Discard::ClosedChannel);
        }
        let Some(key) = known.or_else(|| self.unopened(data.stream)) else {
            return self.refuse(data);
        };
        self.rx.tracker.receive(data.tsn);
        let Some(channel) = self.channels.get_mut(key) else { return Ok(()) };
        self.rx.insert(channel, data)?;
        self.deliver(now, key);
        Ok(())
    }

    /// Data of a stream for which there is no channel and no room for one: acknowledged and dropped, or everything
    /// behind it would wait; the peer learns it by a reset. Where too many wait for that already, it is to come again.
    fn refuse(&mut self, data: &Data<'_>) -> Result<(), Discard> {
        let can_reset = self.state.peer().is_some_and(|p| p.capabilities.reconfig);
        if can_reset && !self.resets.refuse(data.stream) {
            return Err(Discard::NoMemory);
        }
        self.rx.tracker.receive(data.tsn);
        Err(Discard::NoChannel)
    }

    /// A place for data of a stream that nobody has opened (yet).
    fn unopened(&mut self, stream: u16) -> Option<Key> {
        self.channels.insert(ChannelState::Unopened, Some(stream))
    }

    /// Moves what is complete to where it can be read.
    fn deliver(&mut self, now: Instant, key: Key) {
        loop {
            let Some(channel) = self.channels.get_mut(key) else { return };
            match self.rx.deliver(channel) {
                Delivered::Readable => {
                    if channel.state == ChannelState::Opening {
                        channel.state = ChannelState::Open;
                    }
                    channel.heard = true;
                    if channel.state != ChannelState::Unopened {
                        self.channels.raise(key, pending::READABLE);
                    }
                }
                Delivered::Dcep(first) => self.on_dcep(now, key, first),
                Delivered::LongDcep => self.refuse_dcep(key, Discard::LabelTooLong),
                Delivered::Unknown => {
                    self.discards.count(Discard::UnknownProtocol);
                }
                Delivered::Deaf => {
                    self.discards.count(Discard::ClosedChannel);
                }
                Delivered::Rest => {}
                Delivered::Nothing => return,
            }
        }
    }

    /// Memory is short: what can be delivered in part must be.
    fn relieve(&mut self, now: Instant) {
        for i in 0..self.channels.with_stream() {
            if let Some((_, key)) = self.channels.nth(i) {
                self.deliver(now, key);
            }
        }
    }

    fn on_dcep(&mut self, now: Instant, key: Key, first: Key) {
        let Some(channel) = self.channels.get(key) else { return };
        let (state, stream) = (channel.state, channel.stream.unwrap_or(0));
        if state != ChannelState::Unopened {
            // Only ACK has a place here.
            let mut room = [0u8; 4];
            let len = self.rx.take_dcep(first, &mut room);
            let message = len.and_then(|n| room.get(..n)).and_then(Dcep::parse);
            let Some(channel) = self.channels.get_mut(key) else { return };
            match message {
                Some(Dcep::Ack) => {
                    channel.heard = true;
                    if channel.state == ChannelState::Opening {
                        channel.state = ChannelState::Open;
                    }
                }
                _ => self.refuse_dcep(key, Discard::BadDcep),
            }
            return;
        }
        let room = self.channels.text_mut(key);
        let Some(len) = self.rx.take_dcep(first, room) else {
            return self.refuse_dcep(key, Discard::LabelTooLong);
        };
        let message = room.get(..len).and_then(Dcep::parse);
        let Some(Dcep::Open(Open { ordered, reliability, priority, label, protocol })) = message else {
            return self.refuse_dcep(key, Discard::BadDcep);
        };
        let wrong_side = self.identity.role.is_some_and(|r| r.owns(stream));
        let lengths = (u16::try_from(label.len()), u16::try_from(protocol.len()));
        let (false, (Ok(label_len), Ok(protocol_len))) = (wrong_side, lengths) else {
            return self.refuse_dcep(key, Discard::BadDcep);
        };
        debug_assert!(len >= OPEN_HEADER);
        let Some(channel) = self.channels.get_mut(key) else { return };
        channel.state = ChannelState::Open;
        channel.from_peer = true;
        channel.heard = true;
        channel.ordered = ordered;
        channel.reliability = reliability;
        channel.priority = priority.max(1);
        (channel.label_len, channel.protocol_len) = (label_len, protocol_len);
        channel.ack_due = true;
        let readable = channel.ready.head.is_some();
        self.channels.dcep_due = true;
        self.channels.raise(key, if readable { pending::OPENED | pending::READABLE } else { pending::OPENED });
        self.open_due(now);
    }

    /// RFC 8832 §6: whatever is wrong with an OPEN closes the channel. Nobody reads a channel that was never told of.
    fn refuse_dcep(&mut self, key: Key, reason: Discard) {
        self.discards.count(reason);
        let unheard = self.channels.get(key).is_some_and(|c| c.state == ChannelState::Unopened);
        self.start_closing(key, unheard);
    }

    // Partial reliability.

    pub(super) fn on_forward(
        &mut self,
        now: Instant,
        forward: &ForwardTsn<'_>,
        seen: &mut Seen,
    ) -> Result<(), Discard> {
        if forward.interleaved != self.tx.interleaving {
            return Err(Discard::Unexpected);
        }
        seen.data = true;
        seen.at_once = true;
        if !forward.cumulative.is_after(self.rx.tracker.cumulative()) {
            // The SACK that follows tells the peer where we are (RFC 3758 §3.6).
            return Err(Discard::Duplicate);
        }
        if !self.rx.tracker.forward(forward.cumulative) {
            return Err(Discard::BeyondWindow);
        }
        for skipped in forward.skipped() {
            if let Some(key) = self.channels.by_stream(skipped.stream)
                && let Some(channel) = self.channels.get_mut(key)
            {
                self.rx.skip(channel, forward.interleaved, skipped.unordered, skipped.message);
                if channel.cut && channel.state != ChannelState::Unopened && !channel.deaf {
                    self.channels.raise(key, pending::READABLE);
                }
                self.deliver(now, key);
            }
        }
        if !forward.interleaved {
            for i in 0..self.channels.with_stream() {
                let Some((_, key)) = self.channels.nth(i) else { break };
                let Some(channel) = self.channels.get_mut(key) else { continue };
                if channel.unordered_in.head.is_some() || channel.partial.is_some() {
                    self.rx.skip_unordered_data(channel, forward.cumulative);
                    self.deliver(now, key);
                }
            }
        }
        Ok(())
    }

    // Acknowledging (RFC 9260 §6.2).

    pub(super) fn schedule_sack(&mut self, now: Instant, seen: &Seen) {
        if !seen.data || self.state.is_done() {
            return;
        }
        self.acks.packets = self.acks.packets.saturating_add(1);
        // The first data is acknowledged at once; then every second packet.
        if seen.at_once || self.acks.packets >= 2 || core::mem::take(&mut self.acks.first) {
            self.acks.now = true;
            self.timers.stop(Timer::Sack);
        } else {
            self.timers.set(Timer::Sack, now + self.config.sack_delay);
        }
        if matches!(self.state, State::ShutdownSent(..)) {
            // RFC 9260 §9.2: data after SHUTDOWN is acknowledged together with another one.
            self.acks.now = true;
            self.outbox.shutdown = true;
        }
    }
}
