//! Packets out.

use barertc_arena::Allocator;
use barertc_wire::{Instant, NoRoom, Writer};

use super::{Association, Phase};
use crate::chunk::{self, cause, kind, write_abort, write_empty, write_error, write_heartbeat, write_init};
use crate::chunk::{write_sack, write_shutdown};
use crate::packet::{self, HEADER};

/// The smallest room a packet is written into.
const LEAST: usize = 128;

/// Largest SACK when it travels with data.
const BUNDLED_SACK: usize = 16 + 4 * 16;

impl<A: Allocator> Association<A> {
    /// Writes the next packet into `out` and says how long it is; `None` when there is nothing to send now.
    ///
    /// `out` is the room inside a DTLS record; the packet is no longer than [`Config::mtu`](crate::Config::mtu) and the
    /// room, which should be as large: with less than 128 bytes nothing is written.
    pub fn poll_transmit(&mut self, now: Instant, out: &mut [u8]) -> Option<usize> {
        self.progress(now);
        let limit = out.len().min(usize::from(self.config.mtu));
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

    /// Writes a packet but for its checksum; whether that stays zero.
    fn packet_out(&mut self, now: Instant, w: &mut Writer<'_>) -> Result<Option<bool>, NoRoom> {
        let (local, remote) = (self.config.local_port, self.config.remote_port);
        let peer_tag = self.peer.map_or(0, |p| p.tag);
        if let Some(code) = self.due.abort.take() {
            // A peer whose tag is not known yet is told with its own invitation's.
            let tag = self.peer.or(self.invitation.map(|i| i.peer)).map_or(0, |p| p.tag);
            packet::begin(w, local, remote, tag)?;
            write_abort(w, false, code)?;
            return Ok(Some(false));
        }
        if let Some(reflected) = self.due.shutdown_complete.take() {
            packet::begin(w, local, remote, if reflected { self.tag } else { peer_tag })?;
            write_empty(w, kind::SHUTDOWN_COMPLETE, u8::from(reflected))?;
            return Ok(Some(false));
        }
        if self.phase == Phase::Done {
            return Ok(None);
        }
        if core::mem::take(&mut self.due.init_ack)
            && let Some((init, tag)) = self.init_ack()
        {
            packet::begin(w, local, remote, tag)?;
            write_init(w, &init)?;
            return Ok(Some(false));
        }
        if core::mem::take(&mut self.due.init) {
            packet::begin(w, local, remote, 0)?;
            let mut value = [0; 64];
            let len = self.local_init(&mut value).unwrap_or(0);
            w.put(value.get(..len).unwrap_or_default())?;
            return Ok(Some(false));
        }
        packet::begin(w, local, remote, peer_tag)?;
        let echoes_cookie = self.cookie_chunks(w)?;
        if self.is_up() {
            self.control_chunks(now, w)?;
        }
        if self.is_up() && self.phase != Phase::ShutdownAckSent || echoes_cookie {
            self.tx.pace_at = self.tx.is_paced_until(now).filter(|_| self.tx.waits_for_pace(&self.channels));
            if self.tx.may_send(now, &self.channels) && w.room() >= LEAST / 2 {
                if self.sack_at.is_some() {
                    self.sack(w, BUNDLED_SACK)?;
                }
                self.tx.write_forward(now, w)?;
                self.tx.write_data(now, &mut self.channels, &mut self.events, w)?;
            }
        }
        if w.len() == HEADER {
            return Ok(None);
        }
        self.arm_heartbeat(now);
        // RFC 9653 section 5.2: the packet with COOKIE ECHO carries a checksum.
        Ok(Some(self.omit_checksum && !echoes_cookie))
    }

    /// COOKIE ECHO and COOKIE ACK go first in a packet.
    fn cookie_chunks(&mut self, w: &mut Writer<'_>) -> Result<bool, NoRoom> {
        let echoes = self.phase == Phase::CookieEchoed && core::mem::take(&mut self.due.cookie_echo);
        if echoes {
            let at = chunk::begin(w, kind::COOKIE_ECHO, 0)?;
            let chain = self.peer_cookie;
            self.rx.copy_kept(&chain, w.reserve(chain.len())?);
            chunk::end(w, at)?;
        }
        if core::mem::take(&mut self.due.cookie_ack) {
            write_empty(w, kind::COOKIE_ACK, 0)?;
        }
        Ok(echoes)
    }

    fn control_chunks(&mut self, now: Instant, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        if self.sack_now {
            self.sack(w, usize::MAX)?;
        }
        if self.due.echo > 0 && w.room() >= self.due.echo.saturating_add(8) {
            let len = core::mem::take(&mut self.due.echo);
            write_heartbeat(w, kind::HEARTBEAT_ACK, self.echo.get(..len).unwrap_or_default())?;
        }
        if self.due.heartbeat && w.room() >= 24 {
            self.due.heartbeat = false;
            self.heartbeat_sent = Some(now);
            write_heartbeat(w, kind::HEARTBEAT, &self.heartbeat_info())?;
        }
        if w.room() >= 16
            && let Some(code) = self.due.error.take()
        {
            write_error(w, code, &[])?;
        }
        self.write_resets(now, w)?;
        if self.due.shutdown && w.room() >= 8 && self.phase == Phase::ShutdownSent {
            self.due.shutdown = false;
            write_shutdown(w, self.rx.tracker.cumulative().0)?;
        }
        if self.due.shutdown_ack && w.room() >= 8 {
            self.due.shutdown_ack = false;
            write_empty(w, kind::SHUTDOWN_ACK, 0)?;
        }
        Ok(())
    }

    fn sack(&mut self, w: &mut Writer<'_>, room: usize) -> Result<(), NoRoom> {
        self.sack_now = false;
        self.sack_at = None;
        self.unacked_packets = 0;
        let window = self.rx.advertise();
        let tracker = &self.rx.tracker;
        write_sack(w, room, tracker.cumulative(), window, tracker.gaps(), tracker.duplicates())?;
        self.rx.tracker.clear_duplicates();
        Ok(())
    }

    /// Gives up the association at once and tells the peer (section 9.1).
    pub fn abort(&mut self, _now: Instant) {
        if self.phase != Phase::Done {
            if self.peer.is_some() {
                self.due.abort = Some(cause::USER_INITIATED);
            }
            self.end(super::Event::Closed);
        }
    }

    /// Sends everything that was written, and then ends the association (section 9.2). Nothing more can be written.
    pub fn shutdown(&mut self, now: Instant) {
        match self.phase {
            Phase::Established => self.phase = Phase::ShutdownPending,
            Phase::Closed | Phase::CookieWait | Phase::CookieEchoed => self.abort(now),
            _ => {}
        }
    }
}
