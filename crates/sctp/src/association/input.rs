//! Packets in.

use barertc_arena::Allocator;
use barertc_wire::Instant;

use super::Association;
use super::data::Seen;
use super::handshake::pad;
use super::state::State;
use crate::chunk::{Abort, Chunk, Chunks, ErrorCause, Sack, Unknown, cause, kind};
use crate::error::{Discard, Failure};
use crate::packet::{Checksum, Packet};

impl<A: Allocator> Association<A> {
    /// Takes one packet, as it came out of a DTLS record.
    ///
    /// # Errors
    /// Why the packet, or the rest of it, was dropped. It is counted as well, and the caller need not act on it.
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
        if (packet.source, packet.destination) != (self.identity.remote.port, self.config.local_port) {
            return Err(Discard::WrongPort);
        }
        match Packet::checksum(bytes, self.config.zero_checksum) {
            Checksum::Right => {}
            Checksum::Zero if self.config.zero_checksum => {}
            _ => return Err(Discard::BadChecksum),
        }
        let mut chunks = Chunks::new(packet.chunks);
        let first = chunks.clone().next().ok_or(Discard::Malformed)?.map_err(|_| Discard::Malformed)?;
        if let Chunk::Init(init) = first {
            // RFC 9260 §3.3.2: alone, and with a tag of zero.
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
        if matches!(first, Chunk::InitAck(_)) && chunks.clone().count() > 1 {
            // RFC 9260 §6.10: alone, too.
            return Err(Discard::BadInit);
        }
        self.stats.packets_received = self.stats.packets_received.saturating_add(1);
        let mut seen = Seen::default();
        let mut result = Ok(());
        for chunk in chunks {
            let mut ends = false;
            let step = match chunk {
                Ok(Chunk::Unknown(unknown)) => {
                    ends = unknown.ends_packet();
                    self.on_unknown(&unknown)
                }
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
            if ends || self.state.is_done() {
                break;
            }
        }
        self.schedule_sack(now, &seen);
        result
    }

    /// RFC 9260 §8.5 and 8.5.1.
    fn has_right_tag(&self, tag: u32, first: &Chunk<'_>) -> bool {
        let ours = tag == self.identity.tag;
        match first {
            Chunk::Abort(Abort { reflected: true, .. }) | Chunk::ShutdownComplete { reflected: true } => {
                self.state.peer().is_some_and(|p| p.tag == tag)
            }
            // A peer that starts anew was given another tag.
            Chunk::CookieEcho(_) => ours || self.answered.is_some_and(|i| i.tag == tag),
            _ => ours,
        }
    }

    fn chunk(&mut self, now: Instant, tag: u32, chunk: Chunk<'_>, seen: &mut Seen) -> Result<(), Discard> {
        if matches!(chunk, Chunk::Data(_) | Chunk::Sack(_)) {
            self.on_sign_of_life(now);
        }
        match chunk {
            Chunk::Data(data) => self.on_data(now, &data, seen),
            Chunk::Sack(sack) if self.state.is_up() => self.on_sack(now, &sack, seen),
            Chunk::InitAck(init) => self.on_init_ack(now, &init),
            Chunk::CookieEcho(cookie) => self.on_cookie_echo(now, tag, cookie),
            Chunk::CookieAck => self.on_cookie_ack(now),
            Chunk::Heartbeat(info) if self.state.is_up() => self.on_heartbeat(info),
            Chunk::HeartbeatAck(info) if self.state.is_up() => self.on_heartbeat_ack(now, info),
            Chunk::Abort(abort) => {
                if self.state.is_done() {
                    return Err(Discard::Unexpected);
                }
                let code = ErrorCause::first(abort.causes).map_or(0, |c| c.code);
                self.fail(Failure::AbortedByPeer(code));
                Ok(())
            }
            Chunk::Error(causes) => {
                let mut others = false;
                for cause in ErrorCause::all(causes) {
                    match cause.ok_or(Discard::Malformed)?.code {
                        cause::STALE_COOKIE => self.on_stale_cookie(now),
                        _ => others = true,
                    }
                }
                if others || causes.is_empty() { Err(Discard::PeerError) } else { Ok(()) }
            }
            Chunk::ForwardTsn(forward) if self.state.is_up() => self.on_forward(now, &forward, seen),
            Chunk::Reconfig(value) if self.state.is_up() => self.on_reconfig(value),
            Chunk::Shutdown(cumulative) => self.on_shutdown(now, cumulative),
            Chunk::ShutdownAck => self.on_shutdown_ack(),
            Chunk::ShutdownComplete { .. } => self.on_shutdown_complete(),
            _ => Err(Discard::Unexpected),
        }
    }

    /// RFC 9260 §3.2: the type says whether the sender is told.
    fn on_unknown(&mut self, unknown: &Unknown<'_>) -> Result<(), Discard> {
        if unknown.is_reported() && self.state.is_up() {
            self.report(cause::UNRECOGNIZED_CHUNK, [unknown.bytes, &[]]);
        }
        Err(Discard::UnknownChunk)
    }

    fn on_heartbeat(&mut self, info: &[u8]) -> Result<(), Discard> {
        let [a, b] = u16::try_from(info.len()).unwrap_or(u16::MAX).saturating_add(4).to_be_bytes();
        self.keep_answer(&[&[kind::HEARTBEAT_ACK, 0, a, b], info, pad(info.len())]);
        Ok(())
    }

    fn on_sack(&mut self, now: Instant, sack: &Sack<'_>, seen: &mut Seen) -> Result<(), Discard> {
        // A packet has one: each costs a pass over what is in flight.
        if core::mem::replace(&mut seen.sack, true) {
            return Err(Discard::Unexpected);
        }
        self.tx.sack(now, sack, &mut self.channels, &mut self.timers)?;
        self.path.is_well();
        Ok(())
    }

    /// Whether nothing but the association's end is awaited.
    pub(super) const fn takes_data(&self) -> bool {
        matches!(self.state, State::Established(_) | State::ShutdownPending(_) | State::ShutdownSent(..))
    }
}
