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
    /// Writes the next packet that was asked for again: with RTX a new packet of the RTX stream, stamped with
    /// `transport_sequence`; otherwise the same bytes as the first time. `None` when nothing waits or the limit of
    /// [`RetransmitConfig`](crate::RetransmitConfig) is reached; then [`timeout`](Self::timeout) tells when to go on.
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
        let first = !is_copy && self.history.repeats(sequence) == 1;
        self.again.sent(now, sequence, transport, first);
    }

    /// Transport-wide feedback tells that the packet with this number arrived. What it repeats is not sent again.
    pub fn handle_transport_arrival(&mut self, _now: Instant, transport_sequence: u16) {
        if let Some(sequence) = self.again.arrived(transport_sequence) {
            self.history.arrived(sequence);
        }
    }

    /// Writes something that fills the path for a probe: a packet of late once more, which costs a receiver nothing and
    /// may even be one that it misses. `None` without RTX, whose packets alone may be sent without being asked for.
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
            // RFC 4588 section 4: own source, type and numbers; timestamp and marker of the original.
            header = Header { ssrc: rtx.ssrc, payload_type: rtx.payload_type, sequence: self.next_rtx, ..header };
            (time, transport) = (abs_send_time(now.as_micros()), transport_sequence);
        }
        let mut w = Writer::new(out);
        header.write(&self.config.extensions, &self.extensions(frame, time, transport), &mut w).ok()?;
        let header_len = w.len();
        if self.config.rtx.is_some() {
            w.u16(sequence).ok()?;
            self.next_rtx = self.next_rtx.wrapping_add(1);
        }
        frame.write_piece(&piece, &mut w).ok()?;
        Some((header_len, w.len()))
    }

    /// Queues what a NACK asks for; what can't be served is counted by reason.
    pub fn handle_nack(&mut self, now: Instant, nack: &Nack<'_>) {
        if nack.media != self.config.ssrc {
            return;
        }
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

    /// Transport-wide feedback misses the packet with this number. If it was ours, it is sent again without being asked
    /// for: the request may be lost too, and a receiver that waits for a retransmission which was lost asks late. Video
    /// only with RTX, where each transmission has a number of its own. Sound, which browsers don't ask for again, goes as it
    /// was and, being small, twice.
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
            if sound && asked.is_ok() {
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
        } else if repeats > 0 && self.config.rtx.is_some() {
            // Twice is cheaper than a picture that waits for a third time; plain ones would be the same packet twice.
            let _ = self.again.request(sequence);
        }
        Ok(())
    }
}
