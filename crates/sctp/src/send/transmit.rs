//! Writing chunks into packets (RFC 9260 §6.1).

use barertc_arena::{Allocator, Key};
use barertc_wire::{Instant, NoRoom, Writer};

use super::{Fate, Sender, Sent};
use crate::channels::Channels;
use crate::chunk::{Data, ForwardTsn, Skipped, padding};
use crate::packet::HEADER;
use crate::serial::{Tsn, serial_after};
use crate::timer::{Timer, Timers};

/// Streams that one FORWARD-TSN names at most; what lies beyond goes into the next.
const SKIPPED: usize = 32;

/// Where the flags of the last chunk written are, to ask for a SACK at once.
const IMMEDIATE: u8 = 8;

impl<A: Allocator> Sender<A> {
    /// Writes FORWARD-TSN if one is due (RFC 3758 §3.5, rules C1 to C4).
    pub(crate) fn write_forward(
        &mut self,
        now: Instant,
        timers: &mut Timers,
        w: &mut Writer<'_>,
    ) -> Result<(), NoRoom> {
        if !self.forward_due {
            return Ok(());
        }
        let entry = if self.interleaving { 8 } else { 4 };
        let most = w.room().saturating_sub(8).checked_div(entry).unwrap_or(0).min(SKIPPED);
        let mut list = [Skipped::default(); SKIPPED];
        let (mut count, mut upto) = (0usize, self.cumulative);
        'chunks: for sent in &self.in_flight {
            if sent.fate != Fate::Abandoned {
                break;
            }
            let Some(message) = self.messages.get(sent.message) else { break };
            if !message.unordered || self.interleaving {
                let new = Skipped { stream: message.stream, unordered: message.unordered, message: message.number };
                let known = list.get_mut(..count).unwrap_or_default();
                match known.iter_mut().find(|s| s.stream == new.stream && s.unordered == new.unordered) {
                    Some(s) if !serial_after(s.message, new.message) => *s = new,
                    Some(_) => {}
                    None if count < most => {
                        if let Some(slot) = list.get_mut(count) {
                            *slot = new;
                        }
                        count = count.saturating_add(1);
                    }
                    None => break 'chunks,
                }
            }
            upto = upto.add(1);
        }
        self.forward_due = false;
        if upto == self.cumulative {
            return Ok(());
        }
        self.advanced = upto;
        self.start_t3(now, timers);
        ForwardTsn::write(w, self.interleaving, upto, list.get(..count).unwrap_or_default())
    }

    /// Whether a chunk that was lost or is new may go now.
    pub(crate) fn may_send(&self, now: Instant, channels: &Channels<A>) -> bool {
        if self.forward_due || (self.fast_retransmit && self.lost > 0) {
            return true;
        }
        if self.flying_wire >= self.control.window() || self.is_paced_until(now).is_some() {
            return false;
        }
        self.lost > 0 || (self.may_send_new() && self.has_new(channels))
    }

    /// When pacing allows the next packet, if it does not now.
    pub(crate) fn is_paced_until(&self, now: Instant) -> Option<Instant> {
        (self.next_send > now && self.burst == 0 && self.control.pacing().is_some()).then_some(self.next_send)
    }

    /// Whether only pacing holds something back.
    pub(crate) fn waits_for_pace(&self, channels: &Channels<A>) -> bool {
        self.flying_wire < self.control.window() && (self.lost > 0 || (self.may_send_new() && self.has_new(channels)))
    }

    fn may_send_new(&self) -> bool {
        // With nothing in flight one chunk goes into a closed window, as a probe (RFC 9260 §6.1 rule A).
        self.in_flight.len() < self.most_in_flight
            && (self.flying < self.window || (self.flying == 0 && self.lost == 0))
    }

    /// Fills the packet with chunks, lost ones first; `begun` is the writer's length where chunks start. Returns whether
    /// there was one.
    pub(crate) fn write_data(
        &mut self,
        now: Instant,
        channels: &mut Channels<A>,
        timers: &mut Timers,
        w: &mut Writer<'_>,
    ) -> Result<bool, NoRoom> {
        if !self.in_flight.is_empty() || now.saturating_since(self.last_sent) < self.rto.get() {
        } else if self.last_sent != Instant::ZERO {
            self.control.idle();
            self.last_sent = now;
        }
        let start = w.len();
        let first = self.flying == 0;
        let (mut last, mut again) = (None, false);
        if self.is_paced_until(now).is_none() || self.fast_retransmit {
            self.write_lost(now, channels, timers, w, &mut last)?;
            again = last.is_some();
            if self.is_paced_until(now).is_none() {
                self.write_new(now, channels, w, &mut last)?;
            }
        }
        self.fast_retransmit = false;
        let Some(flags) = last else { return Ok(false) };
        // Where the sender pauses, a delayed acknowledgement would only cost time (RFC 9260 §6.1, I bit): when a window is
        // full, and when all is sent that there is. But where something was on its way before, the application writes one
        // message after the other: the peer acknowledges every second packet, and the probe asks at the end.
        let blocked = self.flying_wire >= self.control.window() || !self.may_send_new();
        if blocked || ((first || again) && self.lost == 0 && !self.has_new(channels)) {
            if let Some(f) = w.written_mut().get_mut(flags) {
                *f |= IMMEDIATE;
            }
            if let Some(sent) = self.in_flight.back_mut() {
                sent.immediate = true;
            }
        }
        self.last_sent = now;
        self.start_t3(now, timers);
        self.arm_probe(now, timers);
        if let Some(rate) = self.control.pacing() {
            let bytes = w.len().saturating_sub(start).saturating_add(HEADER);
            self.pace(now, bytes, rate);
        }
        Ok(true)
    }

    /// Packets leave in short bursts with pauses between them, for each wait costs a timer, and each packet that arrives
    /// alone half an acknowledgement: as much as the rate allows in a millisecond, but two packets at least and ten at
    /// most (RFC 9002 §7.7).
    fn pace(&mut self, now: Instant, bytes: usize, rate: u64) {
        if self.next_send <= now {
            let most = self.mtu.saturating_mul(10);
            let least = self.mtu.saturating_mul(2);
            self.burst = usize::try_from(rate / 1_000).unwrap_or(usize::MAX).max(least).min(most);
        }
        self.burst = self.burst.saturating_sub(bytes);
        // Coarse timers wake late; two milliseconds are made up for.
        let from = self.next_send.max(now - core::time::Duration::from_millis(2));
        let micros = (bytes as u64).saturating_mul(1_000_000).checked_div(rate).unwrap_or(0);
        self.next_send = from + core::time::Duration::from_micros(micros);
    }

    fn write_lost(
        &mut self,
        now: Instant,
        channels: &mut Channels<A>,
        timers: &mut Timers,
        w: &mut Writer<'_>,
        last: &mut Option<usize>,
    ) -> Result<(), NoRoom> {
        let mut i = 0usize;
        while self.lost > 0 && i < self.in_flight.len() {
            let Some(sent) = self.in_flight.get(i) else { break };
            if sent.fate != Fate::Lost {
                i = i.saturating_add(1);
                continue;
            }
            let (name, transmissions) = (sent.message, sent.transmissions);
            if self.is_over(name, transmissions, now) {
                self.abandon(channels, name);
                continue;
            }
            let sent_wire = wire_len(sent, self.interleaving);
            let window_full = self.flying_wire >= self.control.window();
            // After two time-outs in a row the packet may be too large for the path: one chunk a packet.
            let beyond = w.len().saturating_add(sent_wire) > self.path;
            let alone = (self.errors >= 2 || beyond) && last.is_some();
            if sent_wire > w.room() || alone || (window_full && !self.fast_retransmit) {
                break;
            }
            let tsn = self.tsn_of(i);
            *last = Some(w.len().saturating_add(1));
            self.write_chunk(w, i, tsn)?;
            if let Some(sent) = self.in_flight.get_mut(i) {
                sent.fate = Fate::Flying;
                sent.misses = 0;
                sent.transmissions = sent.transmissions.saturating_add(1);
                sent.sent_at = now;
                self.flying = self.flying.saturating_add(usize::from(sent.len));
                self.flying_wire = self.flying_wire.saturating_add(sent_wire);
            }
            if i == 0 {
                // RFC 9260 §7.2.4 rule 4: the first chunk gets its whole time anew.
                timers.set(Timer::Retransmit, now + self.rto.get());
            }
            self.lost = self.lost.saturating_sub(1);
            self.retransmitted = self.retransmitted.saturating_add(1);
            i = i.saturating_add(1);
        }
        Ok(())
    }

    /// Whether a chunk of this message must not be sent again (RFC 3758 §3.5; RFC 8832 §5.1).
    pub(super) fn is_over(&self, message: Key, transmissions: u16, now: Instant) -> bool {
        self.partial_reliability
            && self
                .messages
                .get(message)
                .is_some_and(|m| m.expires <= now || (m.retransmits != u16::MAX && transmissions > m.retransmits))
    }

    fn write_new(
        &mut self,
        now: Instant,
        channels: &mut Channels<A>,
        w: &mut Writer<'_>,
        last: &mut Option<usize>,
    ) -> Result<(), NoRoom> {
        let header = Data::header_len(self.interleaving);
        while self.lost == 0 && self.flying_wire < self.control.window() && self.may_send_new() {
            let Some(name) = self.pick(channels, now) else { break };
            let Some(message) = self.messages.get(name) else { break };
            // Whole words, so that no padding is ever cut off.
            let space = w.room().min(self.path.saturating_sub(w.len())).saturating_sub(header);
            let room = space.min(self.max_chunk) & !3;
            let unsent = if message.finished { message.unsent } else { message.unsent.saturating_sub(1) };
            let mut len = unsent.min(room);
            let fits = unsent <= room;
            // A small message waits for a packet of its own rather than being cut; a large one fills the packet up.
            if last.is_some() && !fits && (unsent <= self.largest_payload() || space < self.path / 4) {
                break;
            }
            let window = self.window.saturating_sub(self.flying);
            if len > window && self.flying > 0 {
                // Rather wait than cut crumbs off (silly window, RFC 9260 §6.1 rule D).
                if window < self.path / 4 {
                    break;
                }
                len = window & !3;
            }
            if len == 0 {
                break;
            }
            let Some(channel) = channels.get_mut(message.channel) else { break };
            if !message.started {
                let counter = if message.unordered { &mut channel.next_unordered } else { &mut channel.next_ordered };
                let number = *counter;
                if !message.unordered || self.interleaving {
                    *counter = number.wrapping_add(1);
                }
                if let Some(m) = self.messages.get_mut(name) {
                    m.started = true;
                    m.number = number;
                    m.stream = channel.stream.unwrap_or(0);
                }
            }
            *last = Some(w.len().saturating_add(1));
            self.send_chunk(now, name, len, w)?;
            self.sent_new(channels, name, len);
        }
        Ok(())
    }

    /// Sends the next `len` bytes of a message as a chunk of their own.
    fn send_chunk(&mut self, now: Instant, name: Key, len: usize, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        let tsn = self.next_tsn();
        let Some(message) = self.messages.get_mut(name) else { return Ok(()) };
        let cursor = self.pool.resolve(&message.chain, message.cursor);
        let sent = Sent {
            message: name,
            cursor,
            len: u16::try_from(len).unwrap_or(u16::MAX),
            fate: Fate::Flying,
            begin: message.next_fragment == 0,
            end: message.finished && message.unsent == len,
            misses: 0,
            transmissions: 1,
            immediate: false,
            fragment: message.next_fragment,
            sent_at: now,
        };
        message.cursor = self.pool.advance(&message.chain, cursor, len);
        message.next_fragment = message.next_fragment.wrapping_add(1);
        message.chunks = message.chunks.saturating_add(1);
        let wire = wire_len(&sent, self.interleaving);
        if self.in_flight.push_back(sent).is_err() {
            return Err(NoRoom);
        }
        self.flying = self.flying.saturating_add(len);
        self.flying_wire = self.flying_wire.saturating_add(wire);
        self.write_chunk(w, self.in_flight.len().saturating_sub(1), tsn)
    }

    /// Gives the missing end of a message that is being given up a TSN. There is room: each channel has at most one such
    /// message.
    pub(super) fn push_end(&mut self, name: Key) {
        let Some(message) = self.messages.get_mut(name) else { return };
        let end = Sent {
            message: name,
            cursor: message.cursor,
            len: 0,
            fate: Fate::Abandoned,
            begin: false,
            end: true,
            misses: 0,
            transmissions: 0,
            immediate: false,
            fragment: message.next_fragment,
            sent_at: Instant::ZERO,
        };
        if self.in_flight.push_back(end).is_ok() {
            message.chunks = message.chunks.saturating_add(1);
        }
    }

    /// Writes chunk `i` of those in flight.
    fn write_chunk(&self, w: &mut Writer<'_>, i: usize, tsn: Tsn) -> Result<(), NoRoom> {
        let Some(sent) = self.in_flight.get(i) else { return Ok(()) };
        let Some(message) = self.messages.get(sent.message) else { return Ok(()) };
        let data = Data {
            interleaved: self.interleaving,
            begin: sent.begin,
            end: sent.end,
            unordered: message.unordered,
            immediate: false,
            tsn,
            stream: message.stream,
            message: message.number,
            fragment: sent.fragment,
            protocol: message.protocol,
            payload: &[],
        };
        let len = usize::from(sent.len);
        data.write_header(w, len)?;
        self.pool.copy(&message.chain, sent.cursor, w.reserve(len)?);
        w.zeros(padding(len))
    }

    /// The TSN of chunk `i` of those in flight.
    pub(super) fn tsn_of(&self, i: usize) -> Tsn {
        self.cumulative.add(1).add(u32::try_from(i).unwrap_or(u32::MAX))
    }

    fn start_t3(&self, now: Instant, timers: &mut Timers) {
        if !timers.runs(Timer::Retransmit) {
            timers.set(Timer::Retransmit, now + self.rto.get());
        }
    }
}

/// What a chunk takes in a packet.
pub(super) fn wire_len(sent: &Sent, interleaving: bool) -> usize {
    let len = usize::from(sent.len);
    len.saturating_add(padding(len)).saturating_add(Data::header_len(interleaving))
}
