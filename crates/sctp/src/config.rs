use core::mem::size_of;
use core::time::Duration;

use barertc_arena::{Allocator, Box, Ring, Slab, Vec};

use crate::channel::Channel;
use crate::dcep::OPEN_HEADER;
use crate::recv::{Fragment, LARGEST};
use crate::send::{Message, Sent};

/// The way the congestion window follows what the network does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Congestion {
    /// Slow start, congestion avoidance and fast recovery of RFC 9260 section 7: every loss halves the window.
    #[default]
    Rfc9260,
    /// CUBIC (RFC 9438), paced. A loss counts as congestion only where the round trip shows a queue, or when a tenth of the
    /// data is gone. For bulk data, over lossy paths above all; beside TCP it takes what a TCP would.
    Paced,
}

/// Sizes, limits and timing of an [`Association`](crate::Association).
///
/// Every byte the association can ever use follows from these numbers and is taken when it is made:
/// [`worst_case_bytes`](Self::worst_case_bytes).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Our port; 5000 unless the session description says otherwise.
    pub local_port: u16,
    /// The peer's port (`a=sctp-port`).
    pub remote_port: u16,
    /// Largest SCTP packet in bytes: what fits into one DTLS record in one datagram. A multiple of four is best.
    pub mtu: u16,
    /// Bytes of payload kept until the peer has acknowledged them.
    pub send_buffer: u32,
    /// Bytes of payload kept until the application has read them: the receive window.
    pub receive_buffer: u32,
    /// Unit in which both buffers are handed out, in bytes. A message takes whole blocks.
    pub block: u16,
    /// Data channels at the same time, opened by either side.
    pub max_channels: u16,
    /// Messages waiting for transmission or acknowledgement.
    pub max_messages: u32,
    /// Chunks sent and not yet acknowledged.
    pub max_in_flight: u32,
    /// Fragments received and not yet read.
    pub max_fragments: u32,
    /// Bytes of label and protocol together that a channel may have.
    pub label_room: u16,
    /// Largest message the peer takes in bytes (`a=max-message-size`); [`u32::MAX`] when there is no limit.
    pub remote_max_message_size: u32,
    /// Once this many bytes of a message wait, they can be read though its end has not arrived.
    pub partial_delivery_point: u32,
    /// Offer I-DATA (RFC 8260), so that a long message doesn't hold up the others.
    pub interleaving: bool,
    /// Accept packets without a checksum, and send such when the peer accepts them (RFC 9653).
    pub zero_checksum: bool,
    /// Congestion control.
    pub congestion: Congestion,
    /// Initial congestion window in packets.
    pub initial_window: u16,
    /// RTO before the first measurement (RFC 9260 section 16 says one second).
    pub rto_initial: Duration,
    /// Smallest RTO; above the peer's delay of acknowledgements unless it honours the I bit, as all known ones do.
    pub rto_min: Duration,
    /// Largest RTO.
    pub rto_max: Duration,
    /// Longest delay of an acknowledgement.
    pub sack_delay: Duration,
    /// Pause between heartbeats on an idle association; zero for none.
    pub heartbeat_interval: Duration,
    /// Time-outs in a row after which the peer counts as gone (Association.Max.Retrans).
    pub max_retransmits: u16,
    /// Transmissions of INIT and of COOKIE ECHO (Max.Init.Retransmits).
    pub max_init_retransmits: u16,
}

impl Default for Config {
    /// 64 KiB each way and 16 channels.
    fn default() -> Self {
        Self {
            local_port: 5000,
            remote_port: 5000,
            mtu: 1188,
            send_buffer: 64 << 10,
            receive_buffer: 64 << 10,
            block: 256,
            max_channels: 16,
            max_messages: 128,
            max_in_flight: 128,
            max_fragments: 256,
            label_room: 128,
            remote_max_message_size: 256 << 10,
            partial_delivery_point: 32 << 10,
            interleaving: true,
            zero_checksum: true,
            congestion: Congestion::Rfc9260,
            initial_window: 10,
            rto_initial: Duration::from_millis(500),
            rto_min: Duration::from_millis(220),
            rto_max: Duration::from_secs(10),
            sack_delay: Duration::from_millis(20),
            heartbeat_interval: Duration::from_secs(30),
            max_retransmits: 10,
            max_init_retransmits: 8,
        }
    }
}

impl Config {
    /// The defaults with buffers of this many bytes and every table in proportion.
    #[must_use]
    pub fn with_buffers(send: u32, receive: u32) -> Self {
        Self {
            send_buffer: send,
            receive_buffer: receive,
            partial_delivery_point: receive / 2,
            max_messages: (send / 512).max(32),
            max_in_flight: (send / 512).max(32),
            max_fragments: (receive / 256).max(64),
            ..Self::default()
        }
    }

    /// For a device that shares its memory among several associations: less than 20 KB each, with four channels and 6 KiB
    /// each way. Larger messages are written and read in pieces; through a window of 4 KB a round trip of 50 ms carries
    /// about 80 KB a second.
    #[must_use]
    pub fn small() -> Self {
        Self {
            max_channels: 4,
            label_room: 64,
            partial_delivery_point: 2 << 10,
            max_messages: 16,
            max_in_flight: 16,
            max_fragments: 24,
            ..Self::with_buffers(6 << 10, 6 << 10)
        }
    }

    /// Bytes that an association with this configuration takes from its allocator, all of them when it is made.
    #[must_use]
    pub fn worst_case_bytes<A: Allocator>(&self) -> usize {
        let channels = usize::from(self.max_channels);
        [
            pool_bytes::<A>(self.send_blocks(), self.block),
            pool_bytes::<A>(self.receive_blocks(), self.block),
            Slab::<Channel, A>::bytes(channels),
            Vec::<barertc_arena::Key, A>::bytes(channels),
            Vec::<(u16, barertc_arena::Key), A>::bytes(channels),
            Ring::<barertc_arena::Key, A>::bytes(channels),
            Box::<[u8], A>::bytes(channels.saturating_mul(self.text_room())),
            Slab::<Message, A>::bytes(self.max_messages as usize),
            Ring::<Sent, A>::bytes(self.in_flight_room()),
            Slab::<Fragment, A>::bytes(self.max_fragments as usize),
            Vec::<u32, A>::bytes(self.window_words()),
        ]
        .into_iter()
        .fold(0, usize::saturating_add)
    }

    /// Whether an association can work with these numbers.
    pub(crate) fn is_usable(&self) -> bool {
        self.mtu >= 128
            && self.block >= 16
            && self.send_buffer >= u32::from(self.mtu).saturating_mul(4).saturating_add(u32::from(self.block))
            && self.receive_buffer >= u32::from(self.mtu.max(LARGEST)).saturating_mul(4)
            && self.max_channels >= 1
            && self.max_messages >= 2
            && self.max_in_flight >= 4
            && self.max_fragments >= 8
            && !self.rto_min.is_zero()
            && self.rto_min <= self.rto_initial
            && self.rto_initial <= self.rto_max
    }

    /// Bytes kept for the texts of a channel: a whole OPEN, so that it can be read in place.
    pub(crate) fn text_room(&self) -> usize {
        usize::from(self.label_room).saturating_add(OPEN_HEADER)
    }

    /// Chunks in flight, and for each channel the end of a message that was given up half-way.
    pub(crate) fn in_flight_room(&self) -> usize {
        (self.max_in_flight as usize).saturating_add(usize::from(self.max_channels))
    }

    pub(crate) fn send_blocks(&self) -> usize {
        self.send_buffer.div_ceil(u32::from(self.block).max(1)) as usize
    }

    pub(crate) fn receive_blocks(&self) -> usize {
        self.receive_buffer.div_ceil(u32::from(self.block).max(1)) as usize
    }

    /// Words of the bitmap of received TSNs: room for twice the fragments that fit, in powers of two.
    pub(crate) fn window_words(&self) -> usize {
        (self.max_fragments as usize).saturating_mul(2).clamp(256, 32_768).next_power_of_two() / 32
    }
}

fn pool_bytes<A: Allocator>(blocks: usize, block: u16) -> usize {
    Box::<[u8], A>::bytes(blocks.saturating_mul(usize::from(block)))
        .saturating_add(Vec::<u32, A>::bytes(blocks))
        .max(size_of::<u32>())
}
