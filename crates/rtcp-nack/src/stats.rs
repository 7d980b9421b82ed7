//! Statistics, named as in W3C webrtc-stats, in snake case.

use core::time::Duration;

use barertc_rtp::rtcp::{NtpTime, ReportBlock};
use barertc_rtp::{PlayoutDelay, ReceivedFrame};
use barertc_wire::{Count, Instant};

/// `RTCOutboundRtpStreamStats`: what one stream sent.
// More than fifteen fields: the members of the W3C's `RTCOutboundRtpStreamStats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct OutboundStats {
    /// RTP packets. Retransmissions without RTX are counted as well.
    pub packets_sent: Count,
    /// Payload bytes. Retransmissions are counted as well.
    pub bytes_sent: Count,
    /// Bytes of RTP headers with their extensions.
    pub header_bytes_sent: Count,
    /// Packets that were sent again.
    pub retransmitted_packets_sent: Count,
    /// Payload bytes of the packets that were sent again.
    pub retransmitted_bytes_sent: Count,
    /// Repair packets (FlexFEC). They have their own SSRC and are not counted in `packets_sent`.
    pub fec_packets_sent: Count,
    /// Payload bytes of repair packets.
    pub fec_bytes_sent: Count,
    /// Audio packets that also carried earlier frames (RFC 2198).
    pub redundant_packets_sent: Count,
    /// Payload bytes of the earlier frames in them.
    pub redundant_bytes_sent: Count,
    /// Frames sent in full.
    pub frames_sent: Count,
    /// Key frames among the frames that were sent.
    pub key_frames_sent: Count,
    /// Frames dropped before they were sent.
    pub frames_dropped: Count,
    /// The sum of the times between `enqueue` and sending, over all packets.
    pub total_packet_send_delay: Duration,
    /// NACK messages received.
    pub nack_count: Count,
    /// PLI messages received.
    pub pli_count: Count,
    /// FIR messages received, without repetitions.
    pub fir_count: Count,
    /// How long the receiver is asked to hold pictures back, where that is said: no member of the W3C's.
    pub playout_delay: Option<PlayoutDelay>,
}

impl OutboundStats {
    pub(crate) fn packet_sent(&mut self, header: usize, payload: usize, waited: Duration) {
        self.packets_sent += 1;
        self.bytes_sent += payload as u64;
        self.header_bytes_sent += header as u64;
        self.total_packet_send_delay = self.total_packet_send_delay.saturating_add(waited);
    }

    pub(crate) fn packet_sent_again(&mut self, header: usize, payload: usize) {
        self.packet_sent(header, payload, Duration::ZERO);
        self.retransmitted_packets_sent += 1;
        self.retransmitted_bytes_sent += payload as u64;
    }

    pub(crate) fn fec_sent(&mut self, payload: usize) {
        self.fec_packets_sent += 1;
        self.fec_bytes_sent += payload as u64;
    }

    pub(crate) fn redundant_sent(&mut self, bytes: usize) {
        self.redundant_packets_sent += 1;
        self.redundant_bytes_sent += bytes as u64;
    }

    pub(crate) fn frame_sent(&mut self, key: bool) {
        self.frames_sent += 1;
        self.key_frames_sent += u64::from(key);
    }
}

/// `RTCRemoteInboundRtpStreamStats`: how the peer receives the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RemoteInboundStats {
    /// Report blocks received.
    pub reports_received: Count,
    /// Packets lost since the beginning.
    pub packets_lost: i32,
    /// The fraction of packets lost between the last two reports, in 1/256.
    pub fraction_lost: u8,
    /// The highest sequence number received. The upper half counts its wraps.
    pub highest_sequence: u32,
    /// Interarrival jitter.
    pub jitter: Duration,
    /// The last measured round trip.
    pub round_trip_time: Option<Duration>,
    /// The sum of all measured round-trip times.
    pub total_round_trip_time: Duration,
    /// How many round-trip times were measured.
    pub round_trip_time_measurements: Count,
}

impl RemoteInboundStats {
    /// Takes a block in; the round trip if it tells one.
    pub(crate) fn report(&mut self, ntp: NtpTime, block: &ReportBlock, clock_rate: u32) -> Option<Duration> {
        self.reports_received += 1;
        self.packets_lost = block.cumulative_lost;
        self.fraction_lost = block.fraction_lost;
        self.highest_sequence = block.highest_sequence;
        let micros = u64::from(block.jitter).saturating_mul(1_000_000).checked_div(u64::from(clock_rate));
        self.jitter = Duration::from_micros(micros.unwrap_or(0));
        if block.last_sr == 0 {
            return None;
        }
        // RFC 3550 §6.4.1: A − LSR − DLSR, in 1/65536 s; negative is a clock that was set, or a lie.
        let ticks = ntp.middle().wrapping_sub(block.last_sr).wrapping_sub(block.delay_since_last_sr) as i32;
        let ticks = u64::try_from(ticks).ok()?;
        let rtt = Duration::from_micros(ticks.saturating_mul(1_000_000) >> 16);
        self.round_trip_time = Some(rtt);
        self.total_round_trip_time = self.total_round_trip_time.saturating_add(rtt);
        self.round_trip_time_measurements += 1;
        Some(rtt)
    }
}

barertc_wire::reasons! {
    /// Why something was not sent.
    pub enum SendDiscard: SendDiscards {
        /// A frame has waited longer than the configured age.
        FrameLate,
        /// A frame depends on one that was dropped.
        FrameUndecodable,
        /// The path became narrow, and a key frame behind it makes it needless.
        FrameSuperseded,
        /// The caller's buffer was too small for the packet.
        NoRoom,
        /// A NACK asked for a packet that is not in the history: evicted, too old, or never sent.
        NackGone,
        /// A NACK was repeated within a round trip.
        NackTooSoon,
        /// A NACK asked for a packet whose retransmission has arrived, as feedback tells.
        NackArrived,
        /// A NACK asked for a redundant audio packet (RFC 2198), which is not sent again.
        NackRedundant,
        /// A NACK asked for a packet that was sent again as often as is allowed.
        NackTooOften,
        /// The queue of retransmissions is full.
        NackQueueFull,
    }
}

/// `RTCInboundRtpStreamStats`: what one stream received.
// More than fifteen fields: the members of the W3C's `RTCInboundRtpStreamStats`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct InboundStats {
    /// RTP packets.
    pub packets_received: Count,
    /// Payload bytes.
    pub bytes_received: Count,
    /// Bytes of RTP headers with their extensions.
    pub header_bytes_received: Count,
    /// Packets of the RTX stream.
    pub retransmitted_packets_received: Count,
    /// Payload bytes of the packets of the RTX stream.
    pub retransmitted_bytes_received: Count,
    /// Repair packets (FlexFEC). They are not counted in `packets_received`.
    pub fec_packets_received: Count,
    /// Payload bytes of repair packets.
    pub fec_bytes_received: Count,
    /// Lost packets that repair packets have restored.
    pub packets_restored: Count,
    /// Lost audio frames that a later packet has carried again (RFC 2198).
    pub redundant_packets_used: Count,
    /// Packets expected less packets received. It is negative when duplicates arrived.
    pub packets_lost: i32,
    /// Packets that are missing and asked for at present.
    pub packets_missing: usize,
    /// Interarrival jitter.
    pub jitter: Duration,
    /// When the last packet arrived.
    pub last_packet_received: Option<Instant>,
    /// Frames that were read complete.
    pub frames_received: Count,
    /// Frames that were read damaged.
    pub frames_incomplete: Count,
    /// Packets that are no longer waited for.
    pub packets_given_up: Count,
    /// NACK messages sent.
    pub nack_count: Count,
    /// PLI messages sent.
    pub pli_count: Count,
}

impl InboundStats {
    pub(crate) fn packet(&mut self, header: usize, payload: usize, now: Instant) {
        self.packets_received += 1;
        self.bytes_received += payload as u64;
        self.header_bytes_received += header as u64;
        self.last_packet_received = Some(now);
    }

    pub(crate) fn frame(&mut self, frame: &ReceivedFrame) {
        let counter = if frame.complete { &mut self.frames_received } else { &mut self.frames_incomplete };
        *counter += 1;
        self.packets_given_up += u64::from(frame.lost);
    }
}

barertc_wire::reasons! {
    /// Why a received packet was not used.
    pub enum RecvDiscard: RecvDiscards {
        /// The SSRC or the payload type is not that of the stream.
        WrongSource,
        /// The sequence number is far from those before. It is an old packet, or the first one after a restart of the
        /// source.
        FarOff,
        /// The source has restarted its sequence numbers. Packets that were held are dropped.
        Restarted,
        /// The packet was received before.
        Duplicate,
        /// Its frame was read or given up.
        Late,
        /// The payload is malformed for its payload type.
        Malformed,
        /// The payload is larger than configured.
        TooLarge,
        /// Too many packets are missing. A key frame is asked for instead.
        TooManyMissing,
        /// The packet was held, and the stream has another codec or another source now.
        Superseded,
    }
}
