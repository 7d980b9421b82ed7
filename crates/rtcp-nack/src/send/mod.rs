//! One stream being sent.

mod again;
mod headers;
mod key_frames;
mod late;
mod renegotiated;
mod retransmissions;

use barertc_arena::{Allocator, Box, Ring};
use barertc_congestion::TokenBucket;
use barertc_rtp::rtcp::{NtpTime, ReportBlock, Rtcp, SenderInfo};
use barertc_rtp::{Cursor, Extension, Frame, abs_send_time};
use barertc_wire::{Instant, Writer};
use core::time::Duration;

use crate::clock::MediaClock;
use crate::config::SendConfig;
use crate::error::Error;
use crate::history::History;
use crate::loss::LossEstimate;
use crate::playout::PlayoutDelayTarget;
use crate::redundancy::Redundancy;
use crate::repair::Repair;
use crate::stats::{OutboundStats, RemoteInboundStats, SendDiscard, SendDiscards};

use key_frames::KeyFrames;
use retransmissions::Retransmissions;

/// A frame that waits to be sent, or is being sent.
#[derive(Debug)]
struct Queued<A: Allocator + Clone> {
    frame: Frame<A>,
    since: Instant,
    cursor: Cursor,
    /// Number of the next piece.
    index: u16,
    /// Room for payload in its packets.
    budget: u16,
    /// Repair packets go with it.
    repaired: bool,
}

/// Of which sources RTCP of the receiver has told that it knows them.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    media: bool,
    rtx: bool,
}

/// Before a round trip is known.
const ASSUMED_RTT: Duration = Duration::from_millis(100);

/// An event of a stream that is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SendEvent {
    /// A key frame is needed. The receiver has asked for one, or this stream has dropped frames.
    KeyFrameNeeded,
}

/// What a stream is told of the path that it shares with others.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PathShare {
    /// Share of packets that the path loses though it is not full. Repair packets help against these; against those that a
    /// full queue drops they make it worse. `None` where that is not known: then every loss counts.
    pub random_loss: Option<f32>,
    /// What the path carries beside the media and what goes again, as a share of the media. Repair packets take no more, and
    /// where it is nothing no second copies go.
    pub spare: f32,
}

impl PathShare {
    /// Nothing is known: no bound.
    #[must_use]
    pub const fn new() -> Self {
        Self { random_loss: None, spare: 1.0 }
    }
}

impl Default for PathShare {
    fn default() -> Self {
        Self::new()
    }
}

/// A stream of one source: frames in, packets out, and packets again.
///
/// Frames go in with [`enqueue`](Self::enqueue); packets come out of [`poll_packet`](Self::poll_packet) and, after
/// [`handle_rtcp`](Self::handle_rtcp) saw a NACK, out of [`poll_retransmit`](Self::poll_retransmit). Both write one RTP
/// packet into the caller's buffer, leaving [`SendConfig::protection`] bytes of the datagram to SRTP.
///
/// ```
/// use barertc_arena::{Global, Shared};
/// use barertc_rtcp_nack::{SendConfig, SendStream};
/// use barertc_rtp::{PayloadFormat, Frame, FrameInfo, Framing, Packet};
/// use barertc_wire::Instant;
///
/// let mut stream = SendStream::new(SendConfig::audio(1, 111, PayloadFormat::Opus), Global)?;
/// let bytes = Shared::<[u8], _>::try_from_slice(&[0xfc; 160], Global).map_err(barertc_rtp::Error::from)?;
/// let frame = Frame::new(bytes, PayloadFormat::Opus, Framing::Whole, FrameInfo::default(), Global)?;
/// stream.enqueue(Instant::ZERO, frame)?;
///
/// let mut datagram = [0; 1200];
/// let len = stream.poll_packet(Instant::ZERO, 0, &mut datagram).ok_or("nothing to send")?;
/// assert_eq!(Packet::parse(&datagram[..len])?.payload, [0xfc; 160]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// More than fifteen fields: most are the parts that own the state; three are statistics.
#[derive(Debug)]
pub struct SendStream<A: Allocator + Clone> {
    config: SendConfig,
    queue: Ring<Queued<A>, A>,
    history: History<A>,
    again: Retransmissions<A>,
    retransmit_budget: TokenBucket,
    next_sequence: u16,
    /// The next numbers of packets that go again and of repair packets. They go on where both sides agree on such packets once
    /// more, since SRTP sends no number twice.
    next_rtx: Option<u16>,
    next_repair: Option<u16>,
    clock: MediaClock,
    key_frames: KeyFrames,
    round_trip_time: Option<Duration>,
    loss: LossEstimate,
    playout: PlayoutDelayTarget,
    redundancy: Redundancy<A>,
    path: PathShare,
    /// The largest datagram that the path carries.
    mtu: usize,
    repair: Option<Box<Repair<A>, A>>,
    /// Until when a key frame replaces what came before it: the path has become narrow.
    superseding: Option<Instant>,
    /// Of which of our sources the receiver has spoken.
    known: Known,
    /// Counts the packets that filled the path.
    padding: u16,
    stats: OutboundStats,
    remote: RemoteInboundStats,
    discards: SendDiscards,
}

barertc_wire::opaque_format! { [A: Allocator + Clone] SendStream<A> }

impl<A: Allocator + Clone> SendStream<A> {
    /// The bytes that the stream takes from its allocator. It takes all of them when it is made, except those that
    /// [`reserve`](Self::reserve) takes for later terms. Frames in the queue and in the history are not counted.
    #[must_use]
    pub const fn worst_case_bytes(config: &SendConfig) -> usize {
        History::<A>::worst_case_bytes(&config.history)
            .saturating_add(Ring::<Queued<A>, A>::bytes(config.queue_frames))
            .saturating_add(Retransmissions::<A>::worst_case_bytes(config.retransmit.queue, config.copies()))
            .saturating_add(Self::repair_bytes(config))
    }

    const fn repair_bytes(config: &SendConfig) -> usize {
        if config.repairs() { Repair::<A>::worst_case_bytes(config.repair_packets, config.mtu) } else { 0 }
    }

    /// Makes a stream and allocates its memory: [`worst_case_bytes`](Self::worst_case_bytes).
    ///
    /// # Errors
    /// As [`SendConfig::check`]; [`Error::NoMemory`].
    pub fn new(config: SendConfig, alloc: A) -> Result<Self, Error> {
        config.check()?;
        Ok(Self {
            queue: Ring::with_capacity(config.queue_frames, alloc.clone())?,
            history: History::new(config.history, config.first_sequence, alloc.clone())?,
            again: Retransmissions::new(config.retransmit.queue, config.copies(), alloc.clone())?,
            repair: match config.repair.filter(|_| config.repairs()) {
                Some(repair) => Some(Repair::new(repair, config.repair_packets, config.mtu, alloc)?),
                None => None,
            },
            retransmit_budget: TokenBucket::new(config.retransmit.bytes_per_second, config.retransmit.burst_bytes),
            next_sequence: config.first_sequence,
            next_rtx: config.rtx.map(|rtx| rtx.first_sequence),
            next_repair: None,
            clock: MediaClock::new(config.format.clock_rate()),
            key_frames: KeyFrames::new(),
            round_trip_time: None,
            loss: LossEstimate::new(),
            playout: PlayoutDelayTarget::new(config.latency),
            redundancy: Redundancy::new(),
            path: PathShare::new(),
            mtu: config.mtu,
            superseding: None,
            known: Known::default(),
            padding: 0,
            stats: OutboundStats::default(),
            remote: RemoteInboundStats::default(),
            discards: SendDiscards::default(),
            config,
        })
    }

    /// Queues a frame. The queue shares the bytes of the frame and does not copy them.
    ///
    /// A picture that is refused because the queue is full, with none taken within 100 ms, counts as dropped: a key frame is
    /// asked for, at most every five seconds.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when the queue is full, [`Error::WrongFormat`], [`Error::FrameTooLarge`] when an audio
    /// frame does not fit into one packet.
    pub fn enqueue(&mut self, now: Instant, frame: Frame<A>) -> Result<(), Error> {
        if frame.format() != self.config.format {
            return Err(Error::WrongFormat);
        }
        let repaired = self.has_repair();
        let budget = self.budget(&frame, repaired);
        if frame.next_piece(usize::from(budget), &mut Cursor::default()).is_none() {
            return Err(Error::FrameTooLarge { bytes: frame.bytes().len(), limit: budget.into() });
        }
        let (timestamp, key) = (frame.timestamp(), frame.is_key());
        if key {
            self.supersede(now);
        }
        let queued = Queued { frame, since: now, cursor: Cursor::default(), index: 0, budget, repaired };
        if self.queue.push_back(queued).is_err() {
            if self.config.format.is_video() {
                self.key_frames.refused(now);
            }
            return Err(Error::WouldBlock);
        }
        self.key_frames.queued(key);
        self.clock.observe(now, timestamp);
        Ok(())
    }

    /// Writes the next packet into `out`: media, or a repair packet. `None` when nothing waits.
    ///
    /// The packet carries `transport_sequence` where that extension was negotiated
    /// ([`uses_transport_sequence`](Self::uses_transport_sequence)). `out` should have [`SendConfig::mtu`] bytes. The
    /// packet leaves room for the protection.
    pub fn poll_packet(&mut self, now: Instant, transport_sequence: u16, out: &mut [u8]) -> Option<usize> {
        if let Some(len) = self.poll_repair(now, transport_sequence, out) {
            return Some(len);
        }
        self.drop_late(now);
        self.key_frames.ask(now);
        let front = self.queue.front()?;
        let (frame, mut cursor, index, since) = (front.frame.clone(), front.cursor, front.index, front.since);
        let (budget, repaired) = (front.budget, front.repaired);
        let Some(piece) = frame.next_piece(usize::from(budget), &mut cursor) else {
            self.queue.pop_front(); // enqueue() looked, so this can't be
            return None;
        };
        let time = abs_send_time(now.as_micros());
        let red = self.config.red.filter(|_| !self.config.format.is_video());
        let back = if red.is_some() { self.redundancy.fitting(&frame, budget.into()) } else { 0 };
        let mut header = self.header(&frame, &piece, self.next_sequence);
        header.payload_type = red.filter(|_| back > 0).unwrap_or(header.payload_type);
        let mut w = Writer::new(out);
        if header
            .write(&self.config.extensions, &self.first_extensions(&frame, time, transport_sequence), &mut w)
            .is_err()
        {
            self.discards.count(SendDiscard::NoRoom);
            return None;
        }
        let header_len = w.len();
        let written = match back {
            0 => frame.write_piece(&piece, &mut w),
            back => self.redundancy.write(&frame, back, self.config.payload_type, &mut w),
        };
        if written.is_err() {
            self.discards.count(SendDiscard::NoRoom);
            return None;
        }
        let len = w.len();
        self.history.record(time, self.next_sequence, &frame, (index, budget), transport_sequence);
        if let Some(repair) = self.repair.as_mut().filter(|_| repaired) {
            if index == 0 {
                let timestamp = frame.timestamp().wrapping_add(self.config.timestamp_offset);
                let (packets, bytes) = (frame.piece_count(budget.into()), frame.bytes().len());
                repair.begin_frame(packets, bytes, budget.into(), frame.is_key(), timestamp);
            }
            repair.add(header.sequence, w.written(), &self.config.extensions);
        }
        if back > 0 {
            self.stats.redundant_sent(len.saturating_sub(header_len).saturating_sub(frame.bytes().len()));
            if self.config.rtx.is_none() {
                self.history.newest_is_redundant();
            }
        }
        self.next_sequence = self.next_sequence.wrapping_add(1);
        if piece.is_last() {
            self.queue.pop_front();
            self.stats.frame_sent(frame.is_key());
        } else if let Some(front) = self.queue.front_mut() {
            front.cursor = cursor;
            front.index = index.saturating_add(1);
        }
        self.stats.packet_sent(header_len, len.saturating_sub(header_len), now.saturating_since(since));
        self.loss.sent(now);
        let (loss, latency) = (self.loss.fraction(), self.config.latency);
        let random = self.path.random_loss.unwrap_or(loss);
        if let Some(repair) = &mut self.repair {
            repair.follow(now, random, self.round_trip_time.unwrap_or(ASSUMED_RTT), latency, self.path.spare);
        }
        let repaired = self.has_repair();
        self.playout.sent(now, loss, random, self.round_trip_time, repaired);
        self.stats.playout_delay = self.playout_delay();
        if red.is_some() {
            self.redundancy.follow(now, loss);
            self.redundancy.sent(&frame);
        }
        Some(len)
    }

    fn poll_repair(&mut self, now: Instant, transport_sequence: u16, out: &mut [u8]) -> Option<usize> {
        let repair = self.repair.as_mut().filter(|repair| repair.has_packets())?;
        let written = repair.write(now, transport_sequence, self.config.ssrc, &self.config.extensions, out);
        let Some((header_len, len)) = written else {
            if repair.has_packets() {
                self.discards.count(SendDiscard::NoRoom);
            }
            return None;
        };
        self.stats.fec_sent(len.saturating_sub(header_len));
        Some(len)
    }

    /// Takes one RTCP packet. The stream uses NACK, PLI, FIR and report blocks that are about it, and ignores the rest.
    pub fn handle_rtcp(&mut self, now: Instant, ntp: NtpTime, packet: &Rtcp<'_>) {
        match packet {
            Rtcp::Nack(nack) => self.handle_nack(now, nack),
            Rtcp::Pli(pli) if pli.media == self.config.ssrc => {
                self.known.media = true;
                self.stats.pli_count += 1;
                self.key_frames.pli();
            }
            Rtcp::Fir(fir) => {
                for (_, number) in fir.requests().filter(|(ssrc, _)| *ssrc == self.config.ssrc) {
                    self.stats.fir_count += u64::from(self.key_frames.fir(number));
                }
            }
            Rtcp::SenderReport(sr) => sr.blocks.for_each(|b| self.handle_report_block(now, ntp, &b)),
            Rtcp::ReceiverReport(rr) => rr.blocks.for_each(|b| self.handle_report_block(now, ntp, &b)),
            _ => {}
        }
    }

    /// Takes a report block, and ignores it when it is about another stream. The block tells loss and jitter. The time
    /// since the last sender report tells the round-trip time (RFC 3550 §6.4.1). `ntp` is the present time on the clock
    /// of the sender reports.
    pub fn handle_report_block(&mut self, now: Instant, ntp: NtpTime, block: &ReportBlock) {
        self.known.rtx |= self.config.rtx.is_some_and(|rtx| rtx.ssrc == block.ssrc);
        if block.ssrc != self.config.ssrc {
            return;
        }
        self.known.media = true;
        let _ = now;
        if !self.config.format.is_video() && !self.uses_transport_sequence() {
            // Nothing else tells: sound is not asked for again.
            self.loss.reported(f32::from(block.fraction_lost) / 256.0);
        }
        if let Some(rtt) = self.remote.report(ntp, block, self.config.format.clock_rate()) {
            self.round_trip_time = Some(rtt);
        }
    }

    /// The sender's part of a sender report. `None` before a packet was sent.
    #[must_use]
    pub fn sender_report(&self, now: Instant, ntp: NtpTime) -> Option<SenderInfo> {
        if self.stats.packets_sent == 0 {
            return None;
        }
        // The report is about one source; with RTX, packets sent again are another's (RFC 4588 §4).
        let (packets, octets) = match self.config.rtx {
            Some(_) => (self.stats.retransmitted_packets_sent.get(), self.stats.retransmitted_bytes_sent.get()),
            None => (0, 0),
        };
        Some(SenderInfo {
            ssrc: self.config.ssrc,
            ntp,
            rtp_timestamp: self.clock.at(now)?.wrapping_add(self.config.timestamp_offset),
            packets: self.stats.packets_sent.get().saturating_sub(packets) as u32,
            octets: self.stats.bytes_sent.get().saturating_sub(octets) as u32,
        })
    }

    /// The next event, or `None` when there is none.
    pub fn poll_event(&mut self) -> Option<SendEvent> {
        self.key_frames.take().then_some(SendEvent::KeyFrameNeeded)
    }

    /// When to call [`poll_retransmit`](Self::poll_retransmit) again. `None` when no retransmission waits.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        self.again.timeout(self.retransmit_budget.ready_at())
    }

    /// Takes what is known of the path that the stream shares with others. Repair packets and second copies follow it.
    pub const fn set_path_share(&mut self, _now: Instant, share: PathShare) {
        self.path = share;
    }

    /// Releases frames of the history that are too old. Call it from time to time on a stream that pauses.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.history.expire(now);
        self.key_frames.ask(now);
    }

    /// Whether packets carry a transport-wide sequence number. The caller then counts one number for each packet.
    #[must_use]
    pub fn uses_transport_sequence(&self) -> bool {
        self.config.extensions.id(Extension::TransportSequence).is_some()
    }

    /// Whether packets of [`poll_retransmit`](Self::poll_retransmit) carry a new transport-wide sequence number.
    /// Without RTX they repeat the old one.
    #[must_use]
    pub fn retransmit_uses_transport_sequence(&self) -> bool {
        self.config.rtx.is_some() && self.uses_transport_sequence()
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &SendConfig {
        &self.config
    }

    /// How many frames wait.
    #[must_use]
    pub const fn queued_frames(&self) -> usize {
        self.queue.len()
    }

    /// Whether [`poll_packet`](Self::poll_packet) has a packet: of a frame, or a repair packet.
    #[must_use]
    pub fn has_packets(&self) -> bool {
        !self.queue.is_empty() || self.repair.as_ref().is_some_and(|repair| repair.has_packets())
    }

    /// The bytes of repair packets that are sent for each byte of media at present.
    #[must_use]
    pub fn repair_rate(&self) -> f32 {
        self.repair.as_ref().filter(|_| self.config.repairs()).map_or(0.0, |repair| repair.rate())
    }

    /// Whether the frames that come now get repair packets. Memory for them alone is no reason: see
    /// [`reserve`](Self::reserve).
    fn has_repair(&self) -> bool {
        self.config.repairs() && self.repair.as_ref().is_some_and(|repair| repair.is_on())
    }

    /// The bytes of the frames that wait. The first frame counts as a whole, even when a part of it was sent.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.iter().map(|q| q.frame.bytes().len()).fold(0, usize::saturating_add)
    }

    /// How many packets wait to be sent again. Second copies that are not due are not counted;
    /// [`timeout`](Self::timeout) counts them.
    #[must_use]
    pub const fn queued_retransmissions(&self) -> usize {
        self.again.len()
    }

    /// How long the first frame of the queue has waited.
    #[must_use]
    pub fn queue_delay(&self, now: Instant) -> Duration {
        self.queue.front().map_or(Duration::ZERO, |q| now.saturating_since(q.since))
    }

    /// The round-trip time that was measured last.
    #[must_use]
    pub const fn round_trip_time(&self) -> Option<Duration> {
        self.round_trip_time
    }

    /// The statistics of what was sent.
    #[must_use]
    pub const fn stats(&self) -> &OutboundStats {
        &self.stats
    }

    /// The statistics that the receiver has reported.
    #[must_use]
    pub const fn remote_stats(&self) -> &RemoteInboundStats {
        &self.remote
    }

    /// How many frames and requests were dropped or refused, by reason.
    #[must_use]
    pub const fn discards(&self) -> &SendDiscards {
        &self.discards
    }

    /// The retransmission history.
    #[must_use]
    pub const fn history(&self) -> &History<A> {
        &self.history
    }
}
