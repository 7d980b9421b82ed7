//! One stream being sent.

use barertc_arena::{Allocator, Ring};
use barertc_congestion::TokenBucket;
use barertc_rtp::rtcp::{Nack, NtpTime, ReportBlock, Rtcp, SenderInfo};
use barertc_rtp::{Cursor, Extension, Extensions, Frame, Header, MIN_BUDGET, Piece, PlayoutDelay, abs_send_time};
use barertc_wire::{Instant, Writer};
use core::time::Duration;

use crate::clock::MediaClock;
use crate::config::SendConfig;
use crate::error::Error;
use crate::history::{Again, History, Refusal};
use crate::playout::PlayoutDelayTarget;
use crate::stats::{OutboundStats, RemoteInboundStats, SendDiscard, SendDiscards};

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
}

/// The second copy of a retransmission follows the first after this time, so that one burst of loss does not take both.
const COPY_SPACING: Duration = Duration::from_millis(12);

/// A second copy that is to be sent.
#[derive(Clone, Copy, Debug)]
struct Copy {
    sequence: u16,
    at: Instant,
}

/// A retransmission that is on its way.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    sequence: u16,
    /// Transport-wide number.
    transport: u16,
}

/// Packets of late that fill the path in a probe, one after the other.
const PADDING: u16 = 32;

/// A stream that dropped frames asks its source for a key frame at most this often: a key frame is larger than what was
/// too late, and would be later still. A receiver that asks is always heard.
const OWN_KEY_FRAMES: Duration = Duration::from_secs(5);

/// What the application should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendEvent {
    /// The receiver, or this stream after it dropped frames, can go on with a key frame only.
    KeyFrameNeeded,
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
#[derive(Debug)]
pub struct SendStream<A: Allocator + Clone> {
    config: SendConfig,
    queue: Ring<Queued<A>, A>,
    history: History<A>,
    requested: Ring<u16, A>,
    /// In order of time.
    copies: Ring<Copy, A>,
    /// The newest retransmissions: feedback tells which of them came.
    in_flight: Ring<InFlight, A>,
    retransmit_budget: TokenBucket,
    next_sequence: u16,
    next_rtx: u16,
    clock: MediaClock,
    /// Frames are dropped up to the next key frame.
    skipping: bool,
    event: Option<SendEvent>,
    /// A key frame is needed since frames were dropped here, and when one was asked for last for that reason.
    wants_key: bool,
    own_request: Option<Instant>,
    last_fir: Option<u8>,
    round_trip_time: Option<Duration>,
    playout: PlayoutDelayTarget,
    /// Counts the packets that filled the path.
    padding: u16,
    stats: OutboundStats,
    remote: RemoteInboundStats,
    discards: SendDiscards,
}

impl<A: Allocator + Clone> SendStream<A> {
    /// Bytes that the stream takes from its allocator when it is made; it takes none later. Frames in the queue and
    /// in the history belong to whoever made them.
    #[must_use]
    pub const fn worst_case_bytes(config: &SendConfig) -> usize {
        History::<A>::worst_case_bytes(&config.history)
            .saturating_add(Ring::<Queued<A>, A>::bytes(config.queue_frames))
            .saturating_add(Ring::<u16, A>::bytes(config.retransmit.queue))
            .saturating_add(Ring::<Copy, A>::bytes(config.copies()))
            .saturating_add(Ring::<InFlight, A>::bytes(config.copies()))
    }

    /// Allocates everything the stream will need: see [`worst_case_bytes`](Self::worst_case_bytes).
    ///
    /// # Errors
    /// As [`SendConfig::check`]; [`Error::NoMemory`].
    pub fn new(config: SendConfig, alloc: A) -> Result<Self, Error> {
        config.check()?;
        Ok(Self {
            queue: Ring::with_capacity(config.queue_frames, alloc.clone())?,
            history: History::new(config.history, config.first_sequence, alloc.clone())?,
            requested: Ring::with_capacity(config.retransmit.queue, alloc.clone())?,
            copies: Ring::with_capacity(config.copies(), alloc.clone())?,
            in_flight: Ring::with_capacity(config.copies(), alloc)?,
            retransmit_budget: TokenBucket::new(config.retransmit.bytes_per_second, config.retransmit.burst_bytes),
            next_sequence: config.first_sequence,
            next_rtx: config.rtx.map_or(0, |r| r.first_sequence),
            clock: MediaClock::new(config.format.clock_rate()),
            skipping: false,
            event: None,
            wants_key: false,
            own_request: None,
            last_fir: None,
            round_trip_time: None,
            playout: PlayoutDelayTarget::new(config.latency),
            padding: 0,
            stats: OutboundStats::default(),
            remote: RemoteInboundStats::default(),
            discards: SendDiscards::default(),
            config,
        })
    }

    /// Queues a frame. Its bytes are shared, not copied.
    ///
    /// # Errors
    /// [`Error::WouldBlock`] when the queue is full, [`Error::WrongFormat`], [`Error::FrameTooLarge`] when an audio
    /// frame doesn't fit one packet.
    pub fn enqueue(&mut self, now: Instant, frame: Frame<A>) -> Result<(), Error> {
        if frame.format() != self.config.format {
            return Err(Error::WrongFormat);
        }
        let budget = self.budget(&frame);
        if frame.next_piece(usize::from(budget), &mut Cursor::default()).is_none() {
            return Err(Error::FrameTooLarge { bytes: frame.bytes().len(), limit: budget.into() });
        }
        let (timestamp, key) = (frame.timestamp(), frame.is_key());
        let queued = Queued { frame, since: now, cursor: Cursor::default(), index: 0, budget };
        self.queue.push_back(queued).map_err(|_| Error::WouldBlock)?;
        if key {
            self.wants_key = false; // here it is
        }
        self.clock.observe(now, timestamp);
        Ok(())
    }

    /// Writes the next packet, stamped with `transport_sequence` where that extension is negotiated
    /// ([`uses_transport_sequence`](Self::uses_transport_sequence)). `None` when nothing waits.
    ///
    /// `out` should have [`SendConfig::mtu`] bytes; the packet leaves room for the protection.
    pub fn poll_packet(&mut self, now: Instant, transport_sequence: u16, out: &mut [u8]) -> Option<usize> {
        self.drop_late(now);
        self.ask_for_key_frame(now);
        let front = self.queue.front()?;
        let (frame, mut cursor, index, since) = (front.frame.clone(), front.cursor, front.index, front.since);
        let budget = front.budget;
        let Some(piece) = frame.next_piece(usize::from(budget), &mut cursor) else {
            self.queue.pop_front(); // enqueue() looked, so this can't be
            return None;
        };
        let time = abs_send_time(now.as_micros());
        let header = self.header(&frame, &piece, self.next_sequence);
        let mut w = Writer::new(out);
        if header.write(&self.config.extensions, &self.extensions(&frame, time, transport_sequence), &mut w).is_err() {
            self.discards.count(SendDiscard::NoRoom);
            return None;
        }
        let header_len = w.len();
        if frame.write_piece(&piece, &mut w).is_err() {
            self.discards.count(SendDiscard::NoRoom);
            return None;
        }
        let len = w.len();
        self.history.record(time, self.next_sequence, &frame, (index, budget), transport_sequence);
        self.next_sequence = self.next_sequence.wrapping_add(1);
        if piece.is_last() {
            self.queue.pop_front();
            self.stats.frame_sent(frame.is_key());
        } else if let Some(front) = self.queue.front_mut() {
            front.cursor = cursor;
            front.index = index.saturating_add(1);
        }
        self.stats.packet_sent(header_len, len.saturating_sub(header_len), now.saturating_since(since));
        self.playout.sent(now, self.round_trip_time);
        Some(len)
    }

    /// Writes the next packet that was asked for again: with RTX a new packet of the RTX stream, stamped with
    /// `transport_sequence`; otherwise the same bytes as the first time. `None` when nothing waits or the limit of
    /// [`RetransmitConfig`](crate::RetransmitConfig) is reached; then [`timeout`](Self::timeout) tells when to go on.
    pub fn poll_retransmit(&mut self, now: Instant, transport_sequence: u16, out: &mut [u8]) -> Option<usize> {
        loop {
            if !self.retransmit_budget.ready(now) {
                return None;
            }
            let due = self.copies.front().is_some_and(|copy| copy.at <= now);
            let copy = if due { self.copies.pop_front() } else { None };
            let sequence = copy.map(|copy| copy.sequence).or_else(|| self.requested.pop_front())?;
            match self.write_again(now, sequence, transport_sequence, out) {
                Some((header_len, len)) => {
                    self.sent_again(now, sequence, transport_sequence, copy.is_some());
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
        if self.in_flight.is_full() {
            self.in_flight.pop_front();
        }
        let _ = self.in_flight.push_back(InFlight { sequence, transport });
        if !is_copy && self.history.repeats(sequence) == 1 {
            // Without room there is more to be sent again than twice makes sense for.
            let _ = self.copies.push_back(Copy { sequence, at: now + COPY_SPACING });
        }
    }

    /// Transport-wide feedback tells that the packet with this number arrived. What it repeats is not sent again.
    pub fn handle_transport_arrival(&mut self, _now: Instant, transport_sequence: u16) {
        let Some(index) = self.in_flight.iter().position(|again| again.transport == transport_sequence) else { return };
        let Some(InFlight { sequence, .. }) = self.in_flight.remove(index) else { return };
        self.history.arrived(sequence);
        self.copies.retain_mut(|copy| copy.sequence != sequence);
        self.requested.retain_mut(|requested| *requested != sequence);
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

    /// Takes what concerns this stream from one RTCP packet: NACK, PLI, FIR and report blocks.
    pub fn handle_rtcp(&mut self, now: Instant, ntp: NtpTime, packet: &Rtcp<'_>) {
        match packet {
            Rtcp::Nack(nack) => self.handle_nack(now, nack),
            Rtcp::Pli(pli) if pli.media == self.config.ssrc => {
                self.stats.pli_count += 1;
                self.event = Some(SendEvent::KeyFrameNeeded);
            }
            Rtcp::Fir(fir) => {
                for (_, number) in fir.requests().filter(|(ssrc, _)| *ssrc == self.config.ssrc) {
                    // A repetition keeps its number (RFC 5104 section 4.3.1.1).
                    if self.last_fir != Some(number) {
                        self.last_fir = Some(number);
                        self.stats.fir_count += 1;
                        self.event = Some(SendEvent::KeyFrameNeeded);
                    }
                }
            }
            Rtcp::SenderReport(sr) => sr.blocks.for_each(|b| self.handle_report_block(now, ntp, &b)),
            Rtcp::ReceiverReport(rr) => rr.blocks.for_each(|b| self.handle_report_block(now, ntp, &b)),
            _ => {}
        }
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
            if sound && asked.is_ok() {
                // A full queue means that there is more to be sent again than twice makes sense for.
                let _ = self.requested.push_back(sequence);
            }
        }
    }

    fn request(&mut self, now: Instant, sequence: u16, quiet: Duration) -> Result<(), Refusal> {
        let repeats = self.history.request(now, sequence, quiet, self.config.retransmit.max_repeats)?;
        if repeats == 0 {
            self.playout.lost();
        }
        if self.requested.push_back(sequence).is_err() {
            self.history.unrequest(sequence);
            self.discards.count(SendDiscard::NackQueueFull);
        } else if repeats > 0 && self.config.rtx.is_some() {
            // Twice is cheaper than a picture that waits for a third time; plain ones would be the same packet twice.
            let _ = self.requested.push_back(sequence);
        }
        Ok(())
    }

    /// Takes a report block about this stream (others are ignored): loss, jitter and, from the time since the last
    /// sender report, the round trip (RFC 3550 section 6.4.1). `ntp` is now on the clock of the sender reports.
    pub fn handle_report_block(&mut self, now: Instant, ntp: NtpTime, block: &ReportBlock) {
        if block.ssrc != self.config.ssrc {
            return;
        }
        let _ = now;
        if let Some(rtt) = self.remote.report(ntp, block, self.config.format.clock_rate()) {
            self.round_trip_time = Some(rtt);
        }
    }

    /// The sender's part of a sender report, once something was sent.
    #[must_use]
    pub fn sender_report(&self, now: Instant, ntp: NtpTime) -> Option<SenderInfo> {
        if self.stats.packets_sent == 0 {
            return None;
        }
        // The report is about one source; with RTX, packets sent again are another's (RFC 4588 section 4).
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

    /// What happened that the application should know.
    pub fn poll_event(&mut self) -> Option<SendEvent> {
        self.event.take()
    }

    /// When to call [`poll_retransmit`](Self::poll_retransmit) again, if retransmissions wait for their limit.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        let budget = self.retransmit_budget.ready_at();
        let copy = self.copies.front().map(|copy| copy.at.max(budget));
        if self.requested.is_empty() { copy } else { Some(budget) }
    }

    /// Lets the history release frames that are too old; worth calling now and then on a stream that pauses.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.history.expire(now);
        self.ask_for_key_frame(now);
    }

    /// Drops everything that waits; video goes on at the next key frame.
    pub fn clear_queue(&mut self, now: Instant) {
        while let Some(queued) = self.queue.pop_front() {
            self.dropped(&queued.frame);
        }
        self.ask_for_key_frame(now);
    }

    /// Uses other extensions from now on. The history is forgotten: its packets could not be made again byte for byte.
    ///
    /// # Errors
    /// [`Error::Config`]; nothing changes then.
    pub fn set_extensions(&mut self, now: Instant, extensions: barertc_rtp::ExtensionMap) -> Result<(), Error> {
        if extensions == self.config.extensions {
            return Ok(());
        }
        let before = core::mem::replace(&mut self.config.extensions, extensions);
        if let Err(error) = self.config.check() {
            self.config.extensions = before;
            return Err(error);
        }
        self.requested.clear();
        self.copies.clear();
        self.in_flight.clear();
        self.history.clear(self.next_sequence);
        self.drop_started();
        self.ask_for_key_frame(now);
        for index in 0..self.queue.len() {
            let Some(frame) = self.queue.get(index).map(|q| q.frame.clone()) else { break };
            let budget = self.budget(&frame);
            if let Some(queued) = self.queue.get_mut(index) {
                queued.budget = budget;
            }
        }
        Ok(())
    }

    /// Whether packets carry a transport-wide sequence number, so that the caller should count one for each.
    #[must_use]
    pub fn uses_transport_sequence(&self) -> bool {
        self.config.extensions.id(Extension::TransportSequence).is_some()
    }

    /// The same for what [`poll_retransmit`](Self::poll_retransmit) writes: plain retransmissions keep their number.
    #[must_use]
    pub fn retransmit_uses_transport_sequence(&self) -> bool {
        self.config.rtx.is_some() && self.uses_transport_sequence()
    }

    /// The configuration.
    #[must_use]
    pub const fn config(&self) -> &SendConfig {
        &self.config
    }

    /// Frames that wait.
    #[must_use]
    pub const fn queued_frames(&self) -> usize {
        self.queue.len()
    }

    /// Bytes of the frames that wait, those already sent of the first one counted too.
    #[must_use]
    pub fn queued_bytes(&self) -> usize {
        self.queue.iter().map(|q| q.frame.bytes().len()).fold(0, usize::saturating_add)
    }

    /// Packets that wait to be sent again. Second copies that are not due yet are not counted: [`timeout`](Self::timeout)
    /// knows of them.
    #[must_use]
    pub const fn queued_retransmissions(&self) -> usize {
        self.requested.len()
    }

    /// How long the first frame has waited.
    #[must_use]
    pub fn queue_delay(&self, now: Instant) -> Duration {
        self.queue.front().map_or(Duration::ZERO, |q| now.saturating_since(q.since))
    }

    /// The last measured round trip time.
    #[must_use]
    pub const fn round_trip_time(&self) -> Option<Duration> {
        self.round_trip_time
    }

    /// What was sent.
    #[must_use]
    pub const fn stats(&self) -> &OutboundStats {
        &self.stats
    }

    /// What the receiver reports.
    #[must_use]
    pub const fn remote_stats(&self) -> &RemoteInboundStats {
        &self.remote
    }

    /// What was dropped or refused, by reason.
    #[must_use]
    pub const fn discards(&self) -> &SendDiscards {
        &self.discards
    }

    /// The retransmission history.
    #[must_use]
    pub const fn history(&self) -> &History<A> {
        &self.history
    }

    /// Asks for the key frame that is needed since frames were dropped, unless one was asked for just now.
    fn ask_for_key_frame(&mut self, now: Instant) {
        if self.wants_key && self.own_request.is_none_or(|at| at + OWN_KEY_FRAMES <= now) {
            (self.wants_key, self.own_request) = (false, Some(now));
            self.event = Some(SendEvent::KeyFrameNeeded);
        }
    }

    /// Drops whole frames that have waited too long, and after them what can't be decoded without them. A frame of
    /// which packets have gone out is finished.
    fn drop_late(&mut self, now: Instant) {
        while let Some(front) = self.queue.front() {
            if front.index > 0 {
                return;
            }
            let late = now.saturating_since(front.since) > self.config.max_age;
            let undecodable = self.skipping && !front.frame.is_key();
            if !late && !undecodable {
                self.skipping = false;
                return;
            }
            if let Some(queued) = self.queue.pop_front() {
                self.discards.count(if late { SendDiscard::FrameLate } else { SendDiscard::FrameUndecodable });
                self.dropped(&queued.frame);
            }
        }
    }

    fn dropped(&mut self, frame: &Frame<A>) {
        self.stats.frames_dropped += 1;
        if frame.format().is_video() && !self.skipping {
            (self.skipping, self.wants_key) = (true, true);
        }
    }

    /// Gives up a frame that was started with another budget.
    fn drop_started(&mut self) {
        if self.queue.front().is_some_and(|f| f.index > 0)
            && let Some(queued) = self.queue.pop_front()
        {
            self.dropped(&queued.frame);
        }
    }

    fn header(&self, frame: &Frame<A>, piece: &Piece, sequence: u16) -> Header {
        Header {
            marker: piece.is_last() && self.config.format.is_video(),
            payload_type: self.config.payload_type,
            sequence,
            timestamp: frame.timestamp().wrapping_add(self.config.timestamp_offset),
            ssrc: self.config.ssrc,
        }
    }

    fn extensions<'a>(&'a self, frame: &Frame<A>, time: u32, transport_sequence: u16) -> Extensions<'a> {
        if self.config.extensions.is_empty() {
            return Extensions::default();
        }
        let info = frame.info();
        Extensions {
            abs_send_time: Some(time),
            transport_sequence: Some(transport_sequence),
            audio_level: info.audio_level,
            video_orientation: info.video_orientation,
            playout_delay: info.playout_delay.or(self.playout_delay()),
            ..self.config.stamped()
        }
    }

    /// What the receiver is told about holding pictures back, where that can change between a packet and its
    /// retransmission: a plain one has to be the same bytes. Once told it has to be told always, since budgets count it.
    fn playout_delay(&self) -> Option<PlayoutDelay> {
        let may = self.config.rtx.is_some() && self.config.format.is_video() && !self.config.latency.is_zero();
        may.then(|| self.playout.playout_delay())
    }

    fn budget(&self, frame: &Frame<A>) -> u16 {
        let overhead = self.config.overhead(&self.extensions(frame, 0, 0));
        u16::try_from(self.config.mtu.saturating_sub(overhead).max(MIN_BUDGET)).unwrap_or(u16::MAX)
    }
}
