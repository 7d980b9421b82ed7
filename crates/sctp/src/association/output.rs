//! Packets out.

use barertc_arena::Allocator;
use barertc_wire::{Instant, NoRoom, Writer};

use super::Association;
use super::state::State;
use crate::chunk::{Abort, Sack, kind, write_bytes, write_empty};
use crate::packet::{self, HEADER};
use crate::timer::Timer;

/// The smallest room a packet is written into.
const LEAST: usize = 128;

/// Largest SACK when it travels with data.
const BUNDLED_SACK: usize = 16 + 4 * 16;

impl<A: Allocator> Association<A> {
    /// Writes the next packet into `out` and returns its length. `None` when there is nothing to send now.
    ///
    /// `out` is the payload of a DTLS record. It should have [`Config::mtu`](crate::Config::mtu) bytes, and no packet
    /// is longer than that. With less than 128 bytes nothing is written.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.progress(now);
        let limit = out.len().min(self.packet_limit());
        let out = out.get_mut(..limit).filter(|o| o.len() >= LEAST)?;
        let mut w = Writer::new(out);
        let omit = self.packet_out(now, &mut w).ok()??;
        let packet = w.into_written();
        if !omit {
            packet::seal(packet);
        }
        self.stats.packets_sent = self.stats.packets_sent.saturating_add(1);
        Some(packet.len())
    }

    /// The most bytes of the next packet. What cannot be cut may be longer than the path is known to carry: the handshake, and
    /// answers to the peer.
    fn packet_limit(&self) -> usize {
        let most = usize::from(self.config.mtu);
        let path = self.tx.packet_limit();
        let answers = self.outbox.answers.len().saturating_add(HEADER);
        if self.state.is_up() && answers <= path { path } else { most }
    }

    /// Writes a packet but for its checksum; whether that stays zero.
    fn packet_out(&mut self, now: Instant, w: &mut Writer<'_>) -> Result<Option<bool>, NoRoom> {
        let (local, remote) = (self.config.local_port, self.identity.remote.port);
        let peer_tag = self.state.peer().map(|p| p.tag);
        if let Some(code) = self.outbox.abort.take() {
            // A peer whose tag is not known yet is told with that of its own INIT.
            let tag = peer_tag.or(self.answered.map(|i| i.peer.tag)).unwrap_or(0);
            packet::begin(w, local, remote, tag)?;
            Abort::write(w, false, code)?;
            return Ok(Some(false));
        }
        if let Some(reflected) = self.outbox.shutdown_complete.take() {
            let tag = if reflected { self.identity.tag } else { peer_tag.unwrap_or(0) };
            packet::begin(w, local, remote, tag)?;
            write_empty(w, kind::SHUTDOWN_COMPLETE, u8::from(reflected))?;
            return Ok(Some(false));
        }
        if self.state.is_done() {
            return Ok(None);
        }
        if core::mem::take(&mut self.outbox.init_ack)
            && let Some((their_tag, our_tag)) = self.answered_tags()
        {
            packet::begin(w, local, remote, their_tag)?;
            self.write_init_ack(w, our_tag)?;
            return Ok(Some(false));
        }
        if core::mem::take(&mut self.outbox.init) {
            packet::begin(w, local, remote, 0)?;
            self.our_init(self.identity.tag).write(w, 0, |_| {})?;
            return Ok(Some(false));
        }
        packet::begin(w, local, remote, peer_tag.unwrap_or(0))?;
        let echoes_cookie = self.cookie_chunks(w)?;
        let mut more = true;
        if self.state.is_up() {
            more = self.control_chunks(now, w)?;
        }
        if more && ((self.state.is_up() && !matches!(self.state, State::ShutdownAckSent(..))) || echoes_cookie) {
            self.data_chunks(now, w)?;
        }
        if w.len() == HEADER {
            return Ok(None);
        }
        self.arm_heartbeat(now);
        // RFC 9653 §5.2: the packet with COOKIE ECHO carries a checksum.
        Ok(Some(self.omits_checksum() && !echoes_cookie))
    }

    /// COOKIE ECHO and COOKIE ACK go first in a packet.
    fn cookie_chunks(&mut self, w: &mut Writer<'_>) -> Result<bool, NoRoom> {
        let mut echoes = false;
        if let State::CookieEchoed(_, cookie, _) = &self.state
            && core::mem::take(&mut self.outbox.cookie_echo)
        {
            let at = w.len();
            write_bytes(w, kind::COOKIE_ECHO, &[])?;
            self.rx.copy_kept(cookie, w.reserve(cookie.len())?);
            crate::chunk::end(w, at)?;
            echoes = true;
        }
        if core::mem::take(&mut self.outbox.cookie_ack) {
            write_empty(w, kind::COOKIE_ACK, 0)?;
        }
        if echoes {
            self.answers(w)?;
        }
        Ok(echoes)
    }

    /// Answers that wait: all of them, if there is room.
    fn answers(&mut self, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        let answers = &mut self.outbox.answers;
        if answers.len() > 0 && answers.len() <= w.room() {
            self.rx.copy_kept(answers, w.reserve(answers.len())?);
            self.rx.release_kept(answers);
        }
        Ok(())
    }

    /// Whether data may follow in the same packet.
    fn control_chunks(&mut self, now: Instant, w: &mut Writer<'_>) -> Result<bool, NoRoom> {
        self.answers(w)?;
        if self.outbox.answers.len() > 0 && w.len() > HEADER {
            // They fit into a packet of their own.
            return Ok(false);
        }
        if self.outbox.heartbeat && w.room() >= 24 {
            self.outbox.heartbeat = false;
            self.path.sent = Some(now);
            write_bytes(w, kind::HEARTBEAT, &self.path.heartbeat())?;
            if self.path.searching {
                // Alone, for it shows that small packets arrive.
                return Ok(false);
            }
        }
        if self.acks.now {
            self.sack(w, usize::MAX)?;
        }
        self.write_resets(now, w)?;
        if self.outbox.shutdown && w.room() >= 8 && matches!(self.state, State::ShutdownSent(..)) {
            self.outbox.shutdown = false;
            write_bytes(w, kind::SHUTDOWN, &self.rx.tracker.cumulative().0.to_be_bytes())?;
        }
        if self.outbox.shutdown_ack && w.room() >= 8 {
            self.outbox.shutdown_ack = false;
            write_empty(w, kind::SHUTDOWN_ACK, 0)?;
        }
        Ok(true)
    }

    fn data_chunks(&mut self, now: Instant, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        match self.tx.is_paced_until(now).filter(|_| self.tx.waits_for_pace(&self.channels)) {
            Some(at) => self.timers.set(Timer::Pace, at),
            None => self.timers.stop(Timer::Pace),
        }
        if self.tx.may_send(now, &self.channels) && w.room() >= LEAST / 2 {
            if self.timers.runs(Timer::Sack) {
                self.sack(w, BUNDLED_SACK)?;
            }
            self.tx.write_forward(now, &mut self.timers, w)?;
            self.tx.write_data(now, &mut self.channels, &mut self.timers, w)?;
        }
        Ok(())
    }

    fn sack(&mut self, w: &mut Writer<'_>, room: usize) -> Result<(), NoRoom> {
        self.acks.now = false;
        self.acks.packets = 0;
        self.timers.stop(Timer::Sack);
        let window = self.rx.advertise();
        let tracker = &self.rx.tracker;
        Sack::write(w, room, tracker.cumulative(), window, tracker.gaps(), tracker.duplicates())?;
        self.rx.tracker.clear_duplicates();
        Ok(())
    }
}
