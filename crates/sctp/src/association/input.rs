//! Packets in.

use barertc_arena::{Allocator, Key};
use barertc_wire::Instant;

use super::{Association, ECHO, Event, Phase};
use crate::channel::{Channel, State, pending};
use crate::chunk::{Abort, Chunk, Chunks, Data, ErrorCause, ForwardTsn, cause};
use crate::dcep::{Dcep, Open};
use crate::error::{Discard, Failure};
use crate::packet::{Checksum, Packet};
use crate::recv::{Arrival, Delivered};
use crate::serial::Tsn;

/// What a packet's data asks of the acknowledgement.
#[derive(Default)]
struct Seen {
    data: bool,
    at_once: bool,
}

impl<A: Allocator> Association<A> {
    /// Takes one packet, as it came out of a DTLS record.
    ///
    /// # Errors
    /// Why the packet, or the rest of it, was dropped; it is counted as well, and nothing needs to be done about it.
    pub fn handle(&mut self, now: Instant, packet: &mut [u8]) -> Result<(), Discard> {
        let result = self.packet(now, packet);
        if let Err(reason) = result {
            self.discards.count(reason);
        }
        self.progress(now);
        result
    }

    fn packet(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Discard> {
        let packet = Packet::parse(bytes).ok_or(Discard::Malformed)?;
        if (packet.source, packet.destination) != (self.config.remote_port, self.config.local_port) {
            return Err(Discard::WrongPort);
        }
        if Packet::checksum(bytes, self.config.zero_checksum) == Checksum::Wrong
            || (!self.config.zero_checksum && Packet::checksum(bytes, false) != Checksum::Right)
        {
            return Err(Discard::BadChecksum);
        }
        let mut chunks = Chunks::new(packet.chunks);
        let first = chunks.clone().next().ok_or(Discard::Malformed)?.map_err(|_| Discard::Malformed)?;
        if let Chunk::Init(init) = first {
            // Section 3.3.2: alone, and with a tag of zero.
            chunks.next();
            if packet.tag != 0 || chunks.next().is_some() {
                return Err(Discard::BadInit);
            }
            self.on_init(&init)?;
            self.stats.packets_received = self.stats.packets_received.saturating_add(1);
            return Ok(());
        }
        if !self.has_right_tag(packet.tag, &first) {
            return Err(Discard::BadTag);
        }
        self.stats.packets_received = self.stats.packets_received.saturating_add(1);
        let mut seen = Seen::default();
        let mut result = Ok(());
        for chunk in chunks {
            let step = match chunk {
                Ok(chunk) => self.chunk(now, packet.tag, chunk, &mut seen),
                Err(_) => Err(Discard::Malformed),
            };
            if let Err(reason) = step {
                // What one chunk breaks need not break the next; only the first reason is told, all are counted.
                if result.is_ok() {
                    result = Err(reason);
                } else {
                    self.discards.count(reason);
                }
            }
            if self.phase == Phase::Done {
                break;
            }
        }
        self.schedule_sack(now, &seen);
        result
    }

    /// Section 8.5 and 8.5.1.
    fn has_right_tag(&self, tag: u32, first: &Chunk<'_>) -> bool {
        let ours = tag == self.tag;
        match first {
            Chunk::Abort(Abort { reflected: true, .. }) | Chunk::ShutdownComplete { reflected: true } => {
                self.peer.is_some_and(|p| p.tag == tag)
            }
            // A peer that starts anew was given another tag.
            Chunk::CookieEcho(_) => ours || self.invitation.is_some_and(|i| i.tag == tag),
            _ => ours,
        }
    }

    fn chunk(&mut self, now: Instant, tag: u32, chunk: Chunk<'_>, seen: &mut Seen) -> Result<(), Discard> {
        if matches!(chunk, Chunk::Data(_) | Chunk::Sack(_)) {
            self.on_sign_of_life(now);
        }
        match chunk {
            Chunk::Data(data) => self.on_data(now, &data, seen),
            Chunk::Sack(sack) if self.is_up() => self.tx.sack(now, &sack, &mut self.channels, &mut self.events),
            Chunk::InitAck(init) => self.on_init_ack(now, &init),
            Chunk::CookieEcho(cookie) => self.on_cookie_echo(now, tag, cookie),
            Chunk::CookieAck => self.on_cookie_ack(now),
            Chunk::Heartbeat(info) if self.is_up() => {
                let Some(room) = self.echo.get_mut(..info.len()) else { return Err(Discard::TooLong) };
                room.copy_from_slice(info);
                self.due.echo = info.len().min(ECHO);
                Ok(())
            }
            Chunk::HeartbeatAck(info) if self.is_up() => self.on_heartbeat_ack(now, info),
            Chunk::Abort(abort) => {
                let code = ErrorCause::first(abort.causes).map_or(0, |c| c.code);
                self.fail(Failure::AbortedByPeer(code));
                Ok(())
            }
            Chunk::Error(causes) => self.on_error(causes),
            Chunk::ForwardTsn(forward) if self.is_up() => self.on_forward(now, &forward, seen),
            Chunk::Reconfig(value) if self.is_up() => self.on_reconfig(value),
            Chunk::Shutdown(cumulative) => self.on_shutdown(now, cumulative),
            Chunk::ShutdownAck => self.on_shutdown_ack(),
            Chunk::ShutdownComplete { .. } => {
                if self.phase == Phase::ShutdownAckSent {
                    self.end(Event::Closed);
                    Ok(())
                } else {
                    Err(Discard::Unexpected)
                }
            }
            Chunk::Unknown(_) => Err(Discard::UnknownChunk),
            _ => Err(Discard::Unexpected),
        }
    }

    /// Whether the association carries data.
    pub(super) const fn is_up(&self) -> bool {
        matches!(
            self.phase,
            Phase::Established
                | Phase::ShutdownPending
                | Phase::ShutdownSent
                | Phase::ShutdownReceived
                | Phase::ShutdownAckSent
        )
    }

    fn on_error(&mut self, causes: &[u8]) -> Result<(), Discard> {
        let cause = ErrorCause::first(causes).ok_or(Discard::Malformed)?;
        // Section 5.2.6: our echo came too late; ask for a new cookie.
        if cause.code == cause::STALE_COOKIE && self.phase == Phase::CookieEchoed {
            self.rx.release_kept(&mut self.peer_cookie);
            self.phase = Phase::CookieWait;
            self.due.cookie_echo = false;
            self.due.init = true;
        }
        Ok(())
    }

    // Data.

    fn on_data(&mut self, now: Instant, data: &Data<'_>, seen: &mut Seen) -> Result<(), Discard> {
        if !matches!(self.phase, Phase::Established | Phase::ShutdownPending | Phase::ShutdownSent) {
            return Err(Discard::Unexpected);
        }
        if data.payload.is_empty() || data.interleaved != self.tx.interleaving {
            // Sections 3.3.10.9 and 6.2; RFC 8260 section 2.2.3.
            self.due.abort =
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
            if !(closes_gap && self.rx.renege(&mut self.channels)) {
                // Not acknowledged, so it comes again; until then what is there must become readable.
                self.relieve(now);
                return Err(Discard::NoMemory);
            }
        }
        let Some(key) = self.stream(data.stream).or_else(|| self.unopened(data.stream)) else {
            // Acknowledged and dropped, or everything behind it would wait; the peer learns it by a reset.
            self.rx.tracker.receive(data.tsn);
            self.resets.refuse(data.stream);
            return Err(Discard::NoChannel);
        };
        self.rx.tracker.receive(data.tsn);
        let Some(channel) = self.channels.get_mut(key) else { return Ok(()) };
        self.rx.insert(channel, data)?;
        self.deliver(now, key);
        Ok(())
    }

    /// A place for data of a stream that nobody has opened (yet).
    fn unopened(&mut self, stream: u16) -> Option<Key> {
        if self.streams.is_full() {
            return None;
        }
        let key = self.channels.insert(Channel::new(State::Unopened, Some(stream))).ok()?;
        self.map_stream(stream, key);
        Some(key)
    }

    /// Moves what is complete to where it can be read.
    pub(super) fn deliver(&mut self, now: Instant, key: Key) {
        loop {
            let Some(channel) = self.channels.get_mut(key) else { return };
            match self.rx.deliver(channel) {
                Delivered::Readable => {
                    if channel.state == State::Opening {
                        channel.state = State::Open;
                    }
                    channel.heard = true;
                    if channel.state != State::Unopened {
                        self.events.raise(key, channel, pending::READABLE);
                    }
                }
                Delivered::Dcep(first) => self.on_dcep(now, key, first),
                Delivered::Unknown => {
                    self.discards.count(Discard::UnknownProtocol);
                }
                Delivered::Nothing => return,
            }
        }
    }

    /// Memory is short: what can be delivered in part must be.
    fn relieve(&mut self, now: Instant) {
        for i in 0..self.streams.len() {
            if let Some((_, key)) = self.streams.get(i).copied() {
                self.deliver(now, key);
            }
        }
    }

    fn on_dcep(&mut self, now: Instant, key: Key, first: Key) {
        let Some(channel) = self.channels.get(key) else { return };
        let (state, stream) = (channel.state, channel.stream.unwrap_or(0));
        if state != State::Unopened {
            // Only ACK has a place here.
            let mut room = [0u8; 4];
            let len = self.rx.take_dcep(first, &mut room);
            let message = len.and_then(|n| room.get(..n)).and_then(Dcep::parse);
            let Some(channel) = self.channels.get_mut(key) else { return };
            match message {
                Some(Dcep::Ack) => {
                    channel.heard = true;
                    if channel.state == State::Opening {
                        channel.state = State::Open;
                    }
                }
                _ => self.refuse_dcep(key),
            }
            return;
        }
        let at = key.index().saturating_mul(self.config.text_room());
        let room = self.texts.get_mut(at..at.saturating_add(self.config.text_room())).unwrap_or_default();
        let len = self.rx.take_dcep(first, room);
        let message = len.and_then(|n| room.get(..n)).and_then(Dcep::parse);
        let Some(Dcep::Open(Open { ordered, reliability, priority, label, protocol })) = message else {
            return self.refuse_dcep(key);
        };
        let wrong_side = self.role.is_some_and(|r| r.owns(stream));
        let lengths = (u16::try_from(label.len()), u16::try_from(protocol.len()));
        let (false, (Ok(label_len), Ok(protocol_len))) = (wrong_side, lengths) else {
            return self.refuse_dcep(key);
        };
        let Some(channel) = self.channels.get_mut(key) else { return };
        channel.state = State::Open;
        channel.from_peer = true;
        channel.heard = true;
        channel.ordered = ordered;
        channel.reliability = reliability;
        channel.priority = priority.max(1);
        (channel.label_len, channel.protocol_len) = (label_len, protocol_len);
        channel.ack_due = true;
        self.dcep_due = true;
        self.events.raise(key, channel, pending::OPENED);
        if channel.ready.head.is_some() {
            self.events.raise(key, channel, pending::READABLE);
        }
        self.open_due(now);
    }

    /// RFC 8832 section 6: whatever is wrong with an OPEN closes the channel.
    fn refuse_dcep(&mut self, key: Key) {
        self.discards.count(Discard::BadDcep);
        self.start_closing(key, false);
    }

    // Partial reliability.

    fn on_forward(&mut self, now: Instant, forward: &ForwardTsn<'_>, seen: &mut Seen) -> Result<(), Discard> {
        if forward.interleaved != self.tx.interleaving {
            return Err(Discard::Unexpected);
        }
        seen.data = true;
        seen.at_once = true;
        if !forward.cumulative.is_after(self.rx.tracker.cumulative()) {
            // The SACK that follows tells the peer where we are (RFC 3758 section 3.6).
            return Ok(());
        }
        if !self.rx.tracker.forward(forward.cumulative) {
            return Err(Discard::BeyondWindow);
        }
        for skipped in forward.skipped() {
            if let Some(key) = self.stream(skipped.stream)
                && let Some(channel) = self.channels.get_mut(key)
            {
                let before = channel.ready.tail;
                self.rx.skip(channel, forward.interleaved, skipped.unordered, skipped.message);
                if (channel.ready.tail != before || channel.cut) && channel.state != State::Unopened {
                    self.events.raise(key, channel, pending::READABLE);
                }
                self.deliver(now, key);
            }
        }
        if !forward.interleaved {
            for i in 0..self.streams.len() {
                let Some((_, key)) = self.streams.get(i).copied() else { break };
                let Some(channel) = self.channels.get_mut(key) else { continue };
                if channel.unordered_in.head.is_some() || channel.partial.is_some() {
                    self.rx.skip_unordered_data(channel, forward.cumulative);
                    self.deliver(now, key);
                }
            }
        }
        Ok(())
    }

    // Acknowledging (section 6.2).

    fn schedule_sack(&mut self, now: Instant, seen: &Seen) {
        if !seen.data || self.phase == Phase::Done {
            return;
        }
        self.unacked_packets = self.unacked_packets.saturating_add(1);
        // The first data is acknowledged at once; then every second packet.
        if seen.at_once || self.unacked_packets >= 2 || core::mem::take(&mut self.first_data) {
            self.sack_now = true;
            self.sack_at = None;
        } else {
            self.sack_at = Some(now + self.config.sack_delay);
        }
        if self.phase == Phase::ShutdownSent {
            // Section 9.2: data after SHUTDOWN is acknowledged together with another one.
            self.sack_now = true;
            self.due.shutdown = true;
        }
    }

    // Tearing down (section 9).

    fn on_shutdown(&mut self, now: Instant, cumulative: u32) -> Result<(), Discard> {
        match self.phase {
            Phase::Established | Phase::ShutdownPending | Phase::ShutdownReceived => {
                self.cumulative(now, Tsn(cumulative));
                self.phase = Phase::ShutdownReceived;
                Ok(())
            }
            // Both sides at once.
            Phase::ShutdownSent => {
                self.cumulative(now, Tsn(cumulative));
                self.phase = Phase::ShutdownAckSent;
                self.due.shutdown_ack = true;
                self.due.shutdown = false;
                self.t2_count = 0;
                self.t2 = Some(now + self.tx.rto.get());
                Ok(())
            }
            Phase::ShutdownAckSent => {
                self.due.shutdown_ack = true;
                Ok(())
            }
            _ => Err(Discard::Unexpected),
        }
    }

    /// SHUTDOWN acknowledges up to a TSN. One that was never sent acknowledges nothing, and the peer is leaving all the
    /// same: pion and its kin put their own TSN here.
    fn cumulative(&mut self, now: Instant, cumulative: Tsn) {
        if let Err(reason) = self.tx.cumulative(now, cumulative, &mut self.channels, &mut self.events) {
            self.discards.count(reason);
        }
    }

    fn on_shutdown_ack(&mut self) -> Result<(), Discard> {
        match self.phase {
            Phase::ShutdownSent | Phase::ShutdownAckSent => {
                self.due.shutdown_complete = Some(false);
                self.completed = true;
                self.end(Event::Closed);
                Ok(())
            }
            // Our SHUTDOWN COMPLETE was lost.
            Phase::Done if self.completed => {
                self.due.shutdown_complete = Some(false);
                Ok(())
            }
            // Section 8.5.1 E: the peer has an association that we don't.
            Phase::CookieWait | Phase::CookieEchoed => {
                self.due.shutdown_complete = Some(true);
                Ok(())
            }
            _ => Err(Discard::Unexpected),
        }
    }
}
