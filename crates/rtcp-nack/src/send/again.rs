//! What goes again: on request, where feedback misses it, and to fill the path.

use core::time::Duration;

use barertc_arena::Allocator;
use barertc_rtp::rtcp::Nack;
use barertc_rtp::{Header, abs_send_time};
use barertc_wire::{Instant, Writer};

use super::SendStream;
use crate::history::{Again, Refusal};
use crate::stats::SendDiscard;

/// Packets of late that fill the path in a probe, one after the other.
const PADDING: u16 = 32;

impl<A: Allocator + Clone> SendStream<A> {
    /// Writes the next retransmission. With RTX it is a new packet of the RTX stream that carries `transport_sequence`.
    /// Without RTX it has the same bytes as the first transmission.
    ///
    /// `None` when no retransmission waits, or when the limit of [`RetransmitConfig`](crate::RetransmitConfig) is
    /// reached. In the second case [`timeout`](Self::timeout) tells when to go on.
    pub fn poll_retransmit(&mut self, now: Instant, transport_sequence: u16, out: &mut [u8]) -> Option<usize> {
        loop {
            if !self.retransmit_budget.ready(now) {
                return None;
            }
            let (sequence, is_copy) = self.again.next(now)?;
            match self.write_again(now, sequence, transport_sequence, out) {
                Some((header_len, len)) => {
                    self.sent_again(now, sequence, transport_sequence, is_copy);
                    self.retransmit_budget.take(len);
                    self.stats.packet_sent_again(header_len, len.saturating_sub(header_len));
                    return Some(len);
                }
                None => self.discards.count(SendDiscard::NackGone),
            }
        }
    }

    /// Remembers a retransmission, and that a second copy of the first one follows.
    fn sent_again(&mut self, now: Instant, sequence: u16, transport: u16, is_copy: bool) {
        if self.config.rtx.is_none() {
            return;
        }
        let first = !is_copy && self.history.repeats(sequence) == 1 && self.has_room_for_copies();
        self.again.sent(now, sequence, transport, first);
    }

    /// Says that transport-wide feedback has reported the arrival of this packet. A packet that it repeats is not sent
    /// again.
    pub fn handle_transport_arrival(&mut self, _now: Instant, transport_sequence: u16) {
        if let Some(sequence) = self.again.arrived(transport_sequence) {
            self.history.arrived(sequence);
        }
    }

    /// Writes a packet that fills the path for a bandwidth probe. It is a retransmission of a recent packet, which may
    /// even replace one that is lost. `None` without RTX: only an RTX stream may send packets that nobody has asked
    /// for.
    pub fn poll_padding(&mut self, now: Instant, transport_sequence: u16, out: &mut [u8]) -> Option<usize> {
        self.config.rtx?;
        self.padding = self.padding.wrapping_add(1);
        let sequence =
            self.history.newest((self.padding % PADDING).saturating_add(1)).or_else(|| self.history.newest(1))?;
        let again = self.history.look(sequence)?;
        let again = Again { frame: &again.frame.clone(), ..again };
        let (header_len, len) = self.write(now, sequence, &again, transport_sequence, out)?;
        self.stats.packet_sent_again(header_len, len.saturating_sub(header_len));
        Some(len)
    }

    fn write_again(
        &mut self,
        now: Instant,
        sequence: u16,
        transport_sequence: u16,
        out: &mut [u8],
    ) -> Option<(usize, usize)> {
        let renumbered = self.config.rtx.map(|_| transport_sequence);
        let again = self.history.again(now, sequence, renumbered)?;
        let again = Again { frame: &again.frame.clone(), ..again };
        self.write(now, sequence, &again, transport_sequence, out)
    }

    fn write(
        &mut self,
        now: Instant,
        sequence: u16,
        again: &Again<'_, A>,
        transport_sequence: u16,
        out: &mut [u8],
    ) -> Option<(usize, usize)> {
        let (frame, piece) = (again.frame, again.piece);
        let (mut time, mut transport) = (again.abs_send_time, again.transport_sequence);
        let mut header = self.header(frame, &piece, sequence);
        if let Some(rtx) = self.config.rtx {
            // RFC 4588 §4: own source, type and numbers; timestamp and marker of the original.
            let sequence = self.next_rtx.unwrap_or(rtx.first_sequence);
            header = Header { ssrc: rtx.ssrc, payload_type: rtx.payload_type, sequence, ..header };
            (time, transport) = (abs_send_time(now.as_micros()), transport_sequence);
        }
        let mut w = Writer::new(out);
        header.write(&self.config.extensions, &self.again_extensions(frame, time, transport), &mut w).ok()?;
        let header_len = w.len();
        if self.config.rtx.is_some() {
            w.u16(sequence).ok()?;
            self.next_rtx = Some(header.sequence.wrapping_add(1));
        }
        frame.write_piece(&piece, &mut w).ok()?;
        Some((header_len, w.len()))
    }

    /// Queues the packets that a NACK asks for. A packet that cannot be sent again is counted by reason.
    pub fn handle_nack(&mut self, now: Instant, nack: &Nack<'_>) {
        if nack.media != self.config.ssrc {
            return;
        }
        self.known.media = true;
        self.stats.nack_count += 1;
        // Asked again within a round trip, the answer is still on its way.
        let quiet = self.round_trip_time.unwrap_or(Duration::from_millis(20)).max(Duration::from_millis(5));
        for sequence in nack.lost() {
            match self.request(now, sequence, quiet) {
                Ok(()) => {}
                Err(Refusal::Gone) => self.discards.count(SendDiscard::NackGone),
                Err(Refusal::TooSoon) => self.discards.count(SendDiscard::NackTooSoon),
                Err(Refusal::TooOften) => self.discards.count(SendDiscard::NackTooOften),
                Err(Refusal::Arrived) => self.discards.count(SendDiscard::NackArrived),
                Err(Refusal::Redundant) => {
                    self.loss.lost();
                    self.discards.count(SendDiscard::NackRedundant);
                }
            }
        }
    }

    /// Says that transport-wide feedback lacks this packet. If the packet is of this stream, it is sent again without a
    /// NACK: the NACK may be lost too, and may come late.
    ///
    /// That is done for video with RTX, where each transmission has its own number. Audio is sent again unchanged, and
    /// twice, because browsers send no NACK for audio.
    pub fn handle_transport_loss(&mut self, now: Instant, transport_sequence: u16) {
        let sound = !self.config.format.is_video();
        if (self.retransmit_uses_transport_sequence() || sound && self.uses_transport_sequence())
            && let Some(sequence) = self.history.by_transport(transport_sequence)
        {
            // What is refused here was asked for already, or goes as often as it may.
            let asked = self.request(now, sequence, Duration::ZERO);
            if asked == Err(Refusal::Redundant) {
                self.loss.lost();
            }
            if sound && asked.is_ok() && self.has_room_for_copies() {
                // A full queue means that there is more to be sent again than twice makes sense for.
                let _ = self.again.request(sequence);
            }
        }
    }

    fn request(&mut self, now: Instant, sequence: u16, quiet: Duration) -> Result<(), Refusal> {
        let repeats = self.history.request(now, sequence, quiet, self.config.retransmit.max_repeats)?;
        if repeats == 0 {
            self.loss.lost();
        }
        if self.again.request(sequence).is_err() {
            self.history.unrequest(sequence);
            self.discards.count(SendDiscard::NackQueueFull);
        } else if repeats > 0 && self.config.rtx.is_some() && self.has_room_for_copies() {
            // Twice is cheaper than a picture that waits for a third time; plain ones would be the same packet twice.
            // Without room in the queue it goes once, as queued above.
            let _ = self.again.request(sequence);
        }
        Ok(())
    }

    /// Whether the path carries second copies beside the media.
    fn has_room_for_copies(&self) -> bool {
        self.path.spare > 0.0
    }
}
