//! One stream being received.

mod config;
mod key_frames;
mod renegotiated;

use core::time::Duration;

use barertc_arena::{Allocator, Box};
use barertc_rtp::rtcp::{CompoundWriter, ReportBlock, Rtcp};
use barertc_rtp::{Inserted, JitterBuffer, Packet, ReceivedFrame, read_red};
use barertc_wire::Instant;

use crate::error::Error;
use crate::missing::MissingList;
use crate::reception::{Accepted, Reception};
use crate::restore::Restorer;
use crate::stats::{InboundStats, RecvDiscard, RecvDiscards};

pub use config::RecvConfig;
use key_frames::KeyFrameRequests;

/// A retransmission is of a packet at most this far ahead of what has arrived.
const MAX_AHEAD: u16 = 100;
/// Round trip that is assumed before one is known.
const ASSUMED_RTT: Duration = Duration::from_millis(100);

/// A stream of one source: packets in, frames out, and requests for what is missing.
///
/// ```
/// use barertc_arena::Global;
/// use barertc_rtcp_nack::{RecvConfig, RecvStream};
/// use barertc_rtp::rtcp::CompoundWriter;
/// use barertc_rtp::{read_red, PayloadFormat, Packet};
/// use barertc_wire::{ConfigError, Instant, Rule};
///
/// let mut stream = RecvStream::new(RecvConfig::audio(1, 111, PayloadFormat::Opus), Global)?;
/// let datagram = [0x80, 111, 0, 7, 0, 0, 0, 7, 0, 0, 0, 1, 0xfc, 7];
/// stream.handle(Instant::ZERO, &Packet::parse(&datagram)?);
/// let mut out = [0; 1500];
/// assert!(stream.poll_frame(Instant::ZERO, &mut out).is_some_and(|f| f.complete && f.len == 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RecvStream<A: Allocator + Clone> {
    config: RecvConfig,
    jitter: JitterBuffer<A>,
    missing: MissingList<A>,
    reception: Reception,
    restorer: Option<Box<Restorer<A>, A>>,
    rtt: Duration,
    key_frames: KeyFrameRequests,
    stats: InboundStats,
    discards: RecvDiscards,
}

barertc_wire::opaque_format! { [A: Allocator + Clone] RecvStream<A> }

impl<A: Allocator + Clone> RecvStream<A> {
    /// The bytes that the stream takes from its allocator. It takes all of them when it is made, except those for
    /// repair packets that are negotiated later.
    #[must_use]
    pub const fn worst_case_bytes(config: &RecvConfig) -> usize {
        JitterBuffer::<A>::worst_case_bytes(&config.jitter())
            .saturating_add(MissingList::<A>::worst_case_bytes(config.missing))
            .saturating_add(Self::restorer_bytes(config))
    }

    const fn restorer_bytes(config: &RecvConfig) -> usize {
        match config.repair {
            Some(_) if config.repair_window > 0 => {
                Restorer::<A>::worst_case_bytes(config.repair_window, config.payload_bytes)
            }
            _ => 0,
        }
    }

    /// Makes a stream and allocates its memory: [`worst_case_bytes`](Self::worst_case_bytes).
    ///
    /// # Errors
    /// As [`RecvConfig::check`]; [`Error::NoMemory`].
    pub fn new(config: RecvConfig, alloc: A) -> Result<Self, Error> {
        config.check()?;
        Ok(Self {
            jitter: new_jitter(&config, alloc.clone())?,
            missing: MissingList::new(config.missing, alloc.clone())?,
            restorer: match config.repair.filter(|_| config.repair_window > 0) {
                Some(_) => Some(Restorer::new(config.repair_window, config.payload_bytes, alloc)?),
                None => None,
            },
            reception: Reception::new(config.format.clock_rate()),
            rtt: ASSUMED_RTT,
            key_frames: KeyFrameRequests::new(config.format.is_video()),
            stats: InboundStats::default(),
            discards: RecvDiscards::default(),
            config,
        })
    }

    /// Whether a packet belongs to this stream by SSRC and payload type. It can be media, a retransmission or a repair
    /// packet.
    #[must_use]
    pub fn accepts(&self, packet: &Packet<'_>) -> bool {
        self.is_media(packet) || self.is_rtx(packet) || self.is_repair(packet)
    }

    /// Takes one decrypted packet. A packet that cannot be used is counted by reason.
    pub fn handle(&mut self, now: Instant, packet: &Packet<'_>) {
        if self.is_media(packet) {
            self.handle_media(now, packet);
        } else if self.is_rtx(packet) {
            self.handle_rtx(now, packet);
        } else if self.is_repair(packet) {
            self.handle_repair(now, packet);
        } else {
            self.discards.count(RecvDiscard::WrongSource);
        }
    }

    fn is_media(&self, packet: &Packet<'_>) -> bool {
        let payload_type = packet.header.payload_type;
        packet.header.ssrc == self.config.ssrc
            && (payload_type == self.config.payload_type || self.config.red == Some(payload_type))
    }

    fn is_rtx(&self, packet: &Packet<'_>) -> bool {
        self.config.rtx == Some((packet.header.ssrc, packet.header.payload_type))
    }

    fn is_repair(&self, packet: &Packet<'_>) -> bool {
        self.config.repair == Some((packet.header.ssrc, packet.header.payload_type))
    }

    fn handle_repair(&mut self, now: Instant, packet: &Packet<'_>) {
        self.stats.fec_packets_received += 1;
        self.stats.fec_bytes_received += packet.payload.len() as u64;
        let Some(restorer) = &mut self.restorer else { return };
        if restorer.hold(self.config.ssrc, packet.payload) {
            self.restore(now);
        } else {
            self.discards.count(RecvDiscard::Malformed);
        }
    }

    /// Takes what can be restored by now.
    fn restore(&mut self, now: Instant) {
        let Some(mut restorer) = self.restorer.take() else { return };
        let extensions = self.config.extensions;
        while let Some(packet) = restorer.restore(&extensions) {
            // A retransmission of it may have come.
            let far = self.reception.ahead(packet.header.sequence) > MAX_AHEAD;
            if self.is_media(&packet) && !far && self.hold(now, &packet) {
                self.stats.packets_restored += 1;
            }
        }
        self.restorer = Some(restorer);
    }

    fn handle_media(&mut self, now: Instant, packet: &Packet<'_>) {
        let sequence = packet.header.sequence;
        match self.reception.packet(now, sequence, packet.header.timestamp) {
            Accepted::Yes => {}
            Accepted::Restarted => self.restart(sequence),
            Accepted::No => return self.discards.count(RecvDiscard::FarOff),
        }
        self.stats.packet(packet.header_len, packet.payload.len(), now);
        let new = if self.config.red == Some(packet.header.payload_type) {
            self.hold_redundant(now, packet)
        } else {
            self.hold(now, packet)
        };
        if new {
            self.reception.new_packet();
        }
        if let Some(restorer) = &mut self.restorer {
            restorer.keep(sequence, packet.datagram());
            self.restore(now);
        }
    }

    /// RFC 2198: the blocks of a packet are the frames of the packets before it, and its own. Whether that was new.
    fn hold_redundant(&mut self, now: Instant, packet: &Packet<'_>) -> bool {
        let Ok(blocks) = read_red(packet.payload) else {
            self.discards.count(RecvDiscard::Malformed);
            return false;
        };
        let earlier = blocks.clone().count().saturating_sub(1) as u16;
        let mut new = false;
        for (back, block) in (0..=earlier).rev().zip(blocks) {
            let mut one = *packet;
            one.payload = block.data;
            one.header.payload_type = block.payload_type;
            one.header.sequence = packet.header.sequence.wrapping_sub(back);
            one.header.timestamp = packet.header.timestamp.wrapping_sub(block.offset);
            if block.payload_type != self.config.payload_type {
                self.discards.count(RecvDiscard::WrongSource);
            } else if back == 0 {
                new = self.hold(now, &one);
            } else if !block.data.is_empty() && self.jitter.insert(now, &one) == Inserted::Held {
                // Most are there already, which is no reason to count them.
                self.stats.redundant_packets_used += 1;
            }
        }
        new
    }

    /// RFC 4588 §4: the first two bytes of the payload are the original sequence number.
    fn handle_rtx(&mut self, now: Instant, packet: &Packet<'_>) {
        let Some((osn, payload)) = packet.payload.split_first_chunk::<2>() else {
            return; // padding that probes the path
        };
        let mut original = *packet;
        original.header.ssrc = self.config.ssrc;
        original.header.payload_type = self.config.payload_type;
        original.header.sequence = u16::from_be_bytes(*osn);
        original.payload = payload;
        // One from before a restart of the source would push out what is held.
        if self.reception.ahead(original.header.sequence) > MAX_AHEAD {
            return self.discards.count(RecvDiscard::FarOff);
        }
        self.stats.retransmitted_packets_received += 1;
        self.stats.retransmitted_bytes_received += payload.len() as u64;
        self.hold(now, &original);
    }

    /// Whether the packet was new.
    fn hold(&mut self, now: Instant, packet: &Packet<'_>) -> bool {
        if self.nacks() && !self.missing.arrived(now, packet.header.sequence) {
            self.key_frames.need();
            self.discards.count(RecvDiscard::TooManyMissing);
        }
        let reason = match self.jitter.insert(now, packet) {
            Inserted::Held => None,
            Inserted::Duplicate => Some(RecvDiscard::Duplicate),
            Inserted::Late => Some(RecvDiscard::Late),
            Inserted::TooLarge => Some(RecvDiscard::TooLarge),
        };
        self.give_up();
        if let Some(reason) = reason {
            self.discards.count(reason);
        }
        matches!(reason, None | Some(RecvDiscard::TooLarge))
    }

    /// Whether missing packets are asked for.
    const fn nacks(&self) -> bool {
        self.config.nack && self.config.missing > 0
    }

    /// What the jitter buffer waits for no longer is not asked for any more.
    fn give_up(&mut self) {
        if let Some(next) = self.jitter.next_sequence() {
            self.missing.give_up_before(next);
        }
    }

    /// Writes the next frame into `out`; see [`JitterBuffer::poll_frame`]. After an unrepaired loss, the next
    /// [`write_feedback`](Self::write_feedback) asks for a key frame.
    pub fn poll_frame(&mut self, now: Instant, out: &mut [u8]) -> Option<ReceivedFrame> {
        let frame = self.jitter.poll_frame(now, out);
        self.give_up();
        let mut frame = frame?;
        frame.captured = self.reception.wall_clock(frame.timestamp);
        self.stats.frame(&frame);
        if self.config.format.is_video() {
            self.key_frames.frame(frame.key, frame.complete, frame.lost);
        }
        Some(frame)
    }

    /// Takes one RTCP packet. The stream uses the sender reports of its source and ignores the rest.
    pub fn handle_rtcp(&mut self, now: Instant, packet: &Rtcp<'_>) {
        if let Rtcp::SenderReport(sr) = packet
            && sr.info.ssrc == self.config.ssrc
        {
            self.reception.sender_report(now, sr.info.ntp, sr.info.rtp_timestamp);
        }
    }

    /// Whether [`write_feedback`](Self::write_feedback) has something to write.
    #[must_use]
    pub fn wants_feedback(&self, now: Instant) -> bool {
        self.missing.is_due(now) || self.key_frames.is_due(now)
    }

    /// Adds the NACK and the PLI that are due to a compound. What does not fit is tried again with the next compound.
    pub fn write_feedback(&mut self, now: Instant, w: &mut CompoundWriter<'_>) {
        let (local, media) = (self.config.local_ssrc, self.config.ssrc);
        while self.missing.is_due(now) {
            let mut batch = heapless::Vec::<u16, 64>::new();
            // 64 numbers take at most 64 pairs: 268 bytes.
            if w.room() < 300 {
                break;
            }
            self.missing.take_due(now, self.rtt, batch.capacity(), |sequence| {
                let _ = batch.push(sequence);
            });
            if batch.is_empty() {
                continue;
            }
            if w.nack(local, media, batch.iter().copied()).is_ok() {
                self.stats.nack_count += 1;
            }
        }
        if self.key_frames.is_due(now) && w.pli(local, media).is_ok() {
            self.key_frames.sent(now);
            self.stats.pli_count += 1;
        }
    }

    /// Asks for a key frame with the next [`write_feedback`](Self::write_feedback).
    pub const fn request_key_frame(&mut self, _now: Instant) {
        self.key_frames.need();
    }

    /// The report block about this stream for the next report. Each call starts a new interval of loss. `None` before
    /// the first packet.
    pub fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        self.reception.report(now, self.config.ssrc)
    }

    /// Whether [`poll_frame`](Self::poll_frame) probably has a frame.
    #[must_use]
    pub fn has_frame(&self, now: Instant) -> bool {
        self.jitter.is_ready(now)
    }

    /// When [`poll_frame`](Self::poll_frame) or [`write_feedback`](Self::write_feedback) will have something.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        Instant::earliest(self.frame_timeout(), self.feedback_timeout())
    }

    /// When [`poll_frame`](Self::poll_frame) will stop waiting for a missing packet.
    #[must_use]
    pub fn frame_timeout(&self) -> Option<Instant> {
        self.jitter.timeout()
    }

    /// When [`write_feedback`](Self::write_feedback) will have something.
    #[must_use]
    pub fn feedback_timeout(&self) -> Option<Instant> {
        Instant::earliest(self.missing.timeout(), self.key_frames.timeout())
    }

    /// Sets the round-trip time. It decides the time between repeated requests.
    pub const fn set_round_trip_time(&mut self, _now: Instant, round_trip_time: Duration) {
        self.rtt = round_trip_time;
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &RecvConfig {
        &self.config
    }

    /// The statistics as they are now.
    #[must_use]
    pub fn stats(&self) -> InboundStats {
        let rate = u64::from(self.config.format.clock_rate());
        let jitter = u64::from(self.reception.jitter()).saturating_mul(1_000_000).checked_div(rate).unwrap_or(0);
        InboundStats {
            packets_lost: self.reception.lost(),
            jitter: Duration::from_micros(jitter),
            packets_missing: self.missing.len(),
            ..self.stats
        }
    }

    /// How many packets could not be used, by reason.
    #[must_use]
    pub const fn discards(&self) -> &RecvDiscards {
        &self.discards
    }

    fn restart(&mut self, sequence: u16) {
        self.missing.restart(sequence);
        if let Some(restorer) = &mut self.restorer {
            restorer.reset();
        }
        self.count_held();
        self.jitter.reset();
        self.key_frames.join(self.config.format.is_video());
        if self.config.format.is_video() {
            self.key_frames.need();
        }
        self.discards.count(RecvDiscard::Restarted);
    }
}

fn new_jitter<A: Allocator + Clone>(config: &RecvConfig, alloc: A) -> Result<JitterBuffer<A>, Error> {
    Ok(JitterBuffer::new(config.jitter(), alloc)?)
}
