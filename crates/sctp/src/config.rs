//! Sizes, limits and timing of an association.

use core::time::Duration;

use barertc_wire::{ConfigError, Rule};

/// Bytes of DATA_CHANNEL_OPEN before the label (RFC 8832 §5.1).
pub(crate) const OPEN_HEADER: usize = 12;

/// Chunks that the gap blocks of a SACK can name: their distances have 16 bits (RFC 9260 §3.3.4).
const MOST_IN_FLIGHT: u32 = 32_768;

/// The largest packet that may come: the peer's MTU need not be ours.
const LARGEST: u32 = 1500;

/// The smallest [`Config::mtu`].
pub(crate) const LEAST_MTU: u16 = 128;

/// The smallest window that an association may begin with: peers discard an INIT with less (RFC 9260 §3.3.2).
const LEAST_WINDOW: u64 = 1_500;

/// Fragments kept back for the chunk that closes the first gap.
pub(crate) const RESERVED_FRAGMENTS: usize = 2;

/// The algorithm of congestion control.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Congestion {
    /// Slow start, congestion avoidance and fast recovery of RFC 9260 §7. Every loss halves the window.
    #[default]
    Rfc9260,
    /// CUBIC (RFC 9438) with pacing, for bulk data over lossy paths. A loss counts as congestion when the round-trip
    /// time shows a queue, or when a tenth of the data was lost. Beside TCP, it takes the share of a TCP connection.
    Paced,
}

/// Sizes, limits and timing of an [`Association`](crate::Association).
///
/// The association takes all its memory when it is made. How much follows from these numbers:
/// [`Association::worst_case_bytes`](crate::Association::worst_case_bytes).
// More than fifteen fields: each is a bound or a time that is set on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// Our port, which the session description announces as `a=sctp-port`. Not 0.
    pub local_port: u16,
    /// The size of the largest SCTP packet in bytes: the payload of one DTLS record in one datagram. It should be a
    /// multiple of four.
    pub mtu: u16,
    /// The most bytes of a message in one chunk, of 64 or more. A packet holds several chunks. A chunk cannot be divided again
    /// once it was sent (RFC 9260 §6.9), so chunks that fit the smallest path survive every change of the path. They cost 16
    /// to 20 bytes each, and may leave a part of a packet empty. [`u16::MAX`] lets a chunk fill its packet.
    pub max_chunk: u16,
    /// The size of the send buffer in bytes. It keeps payload until the peer has acknowledged it. It may be smaller than
    /// four packets. One message then takes at most half of it, and longer messages are written in pieces.
    pub send_buffer: u32,
    /// The size of the receive buffer in bytes. It keeps payload until the application has read it, and is the receive
    /// window. The first window that the peer is told must have 1,500 bytes (RFC 9260 §3.3.2). With packets of up to 1,500
    /// bytes, that takes 3,507 bytes.
    pub receive_buffer: u32,
    /// The size in bytes of the blocks of both buffers. A message takes whole blocks.
    pub block: u16,
    /// How many data channels may be open at the same time. Either side may have opened them.
    pub max_channels: u16,
    /// How many messages may wait to be sent or acknowledged.
    pub max_messages: u32,
    /// How many chunks may be sent and not yet acknowledged.
    pub max_in_flight: u32,
    /// How many received fragments may wait to be read.
    pub max_fragments: u32,
    /// How many bytes the label and the protocol of a channel may have together.
    pub label_room: u16,
    /// How many bytes of a message must have arrived before the application can read the first part of it.
    pub partial_delivery_point: u32,
    /// Whether to offer I-DATA (RFC 8260). With it a long message does not delay those of other channels.
    pub interleaving: bool,
    /// Whether to accept packets without a checksum, and to send such packets when the peer accepts them (RFC 9653).
    pub zero_checksum: bool,
    /// The algorithm of congestion control.
    pub congestion: Congestion,
    /// The initial congestion window, in packets.
    pub initial_window: u16,
    /// The retransmission timeout (RTO) before the first measurement. RFC 9260 §16 recommends one second.
    pub rto_initial: Duration,
    /// The smallest RTO. A peer that ignores the I bit delays its acknowledgements: then the RTO must be longer than
    /// that delay. All known peers honour the I bit.
    pub rto_min: Duration,
    /// The largest RTO. RFC 9260 §16 recommends 60 seconds, for paths that nothing else watches. ICE ends a dead path here,
    /// so a short timeout costs little. A message that was lost several times arrives seconds earlier.
    pub rto_max: Duration,
    /// How long an acknowledgement may be delayed.
    pub sack_delay: Duration,
    /// The time between two heartbeats of an idle association. Zero sends none.
    pub heartbeat_interval: Duration,
    /// How many timeouts in a row may pass before the association fails (Association.Max.Retrans): 64 seconds and more with
    /// the timeouts of [`Config::new`].
    pub max_retransmits: u16,
    /// How often INIT and COOKIE ECHO are transmitted (Max.Init.Retransmits).
    pub max_init_retransmits: u16,
}

impl Default for Config {
    /// The same as [`Config::new`].
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// A configuration with 64 KiB in each direction and 16 channels.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            local_port: 5000,
            mtu: 1188,
            max_chunk: u16::MAX,
            send_buffer: 64 << 10,
            receive_buffer: 64 << 10,
            block: 256,
            max_channels: 16,
            max_messages: 128,
            max_in_flight: 128,
            max_fragments: 256,
            label_room: 128,
            partial_delivery_point: 32 << 10,
            interleaving: true,
            zero_checksum: true,
            congestion: Congestion::Rfc9260,
            initial_window: 10,
            rto_initial: Duration::from_millis(500),
            rto_min: Duration::from_millis(220),
            rto_max: Duration::from_secs(3),
            sack_delay: Duration::from_millis(20),
            heartbeat_interval: Duration::from_secs(30),
            max_retransmits: 26,
            max_init_retransmits: 16,
        }
    }

    /// The default configuration with buffers of `send` and `receive` bytes. All tables are scaled with them.
    #[must_use]
    pub const fn with_buffers(send: u32, receive: u32) -> Self {
        Self {
            send_buffer: send,
            receive_buffer: receive,
            partial_delivery_point: receive / 2,
            max_messages: larger(send / 512, 32),
            max_in_flight: smaller(larger(send / 512, 32), MOST_IN_FLIGHT),
            max_fragments: larger(receive / 256, 64),
            ..Self::new()
        }
    }

    /// A configuration for devices with little memory: four channels and 6 KiB in each direction. An association takes
    /// less than 20 KB. Larger messages are written and read in pieces. With a round-trip time of 50 ms it receives
    /// about 80 KB per second.
    #[must_use]
    pub const fn small() -> Self {
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

    /// Checks that an association can work with these numbers.
    ///
    /// # Errors
    /// [`ConfigError`] with the first field that breaks its rule, its value, and the limit. Durations are in
    /// milliseconds.
    pub fn check(&self) -> Result<(), ConfigError> {
        let (mtu, block) = (u64::from(self.mtu), u64::from(self.block));
        let least = |field, value: u64, limit: u64| ConfigError::check(field, value, Rule::AtLeast(limit));
        let millis = |d: Duration| u64::try_from(d.as_millis()).unwrap_or(u64::MAX);
        least("local_port", self.local_port.into(), 1)?;
        least("mtu", mtu, LEAST_MTU.into())?;
        least("max_chunk", self.max_chunk.into(), 64)?;
        least("block", block, 16)?;
        // Half of it may be kept for a message that is being sent; the text of a channel goes into the other half.
        let text = self.text_room() as u64;
        least("send_buffer", self.send_buffer.into(), larger_u64(text, block).saturating_mul(2).saturating_add(block))?;
        let packet = self.receive_reserve() as u64;
        least(
            "receive_buffer",
            self.receive_buffer.into(),
            packet.saturating_add(opened(larger_u64(text, LEAST_WINDOW))),
        )?;
        least("max_channels", self.max_channels.into(), 1)?;
        least("max_messages", self.max_messages.into(), 2)?;
        ConfigError::check_range("max_in_flight", self.max_in_flight.into(), 4, MOST_IN_FLIGHT.into())?;
        least("max_fragments", self.max_fragments.into(), 8)?;
        least("rto_min", millis(self.rto_min), 1)?;
        least("rto_initial", millis(self.rto_initial), millis(self.rto_min))?;
        least("rto_max", millis(self.rto_max), millis(self.rto_initial))
    }

    /// The size in bytes of the largest message that [`Association::write`](crate::Association::write) takes, if the
    /// peer takes it as well. Larger messages are written in pieces
    /// ([`Association::begin`](crate::Association::begin)).
    #[must_use]
    pub const fn max_send_message_size(&self) -> usize {
        self.send_blocks().saturating_mul(self.block as usize).saturating_sub(self.send_reserve())
    }

    /// The size in bytes of the largest message that arrives when the application reads nothing before its end. It is
    /// the value for `a=max-message-size` (RFC 8841 §6.1). A larger message arrives when the application reads it in
    /// pieces.
    #[must_use]
    pub const fn max_receive_message_size(&self) -> usize {
        let bytes = self.receive_blocks().saturating_mul(self.block as usize).saturating_sub(self.receive_reserve());
        let records = (self.max_fragments as usize).saturating_sub(RESERVED_FRAGMENTS);
        let records = records.saturating_mul(self.receive_blocks().saturating_mul(self.block as usize));
        let records = match records.checked_div(self.max_fragments as usize) {
            Some(records) => records,
            None => 0,
        };
        window(if bytes < records { bytes } else { records })
    }

    /// Bytes kept for the texts of a channel: a whole OPEN, so that it can be read in place.
    pub(crate) const fn text_room(&self) -> usize {
        (self.label_room as usize).saturating_add(OPEN_HEADER)
    }

    /// Chunks in flight, and for each channel the end of a message that was given up half-way.
    pub(crate) const fn in_flight_room(&self) -> usize {
        (self.max_in_flight as usize).saturating_add(self.max_channels as usize)
    }

    pub(crate) const fn send_blocks(&self) -> usize {
        self.send_buffer.div_ceil(larger(self.block as u32, 1)) as usize
    }

    pub(crate) const fn receive_blocks(&self) -> usize {
        self.receive_buffer.div_ceil(larger(self.block as u32, 1)) as usize
    }

    /// Bytes of the send buffer that only a message which is being sent while it is written may take.
    ///
    /// Two packets, so that the path is not idle while it is written; half of a buffer that is small beside them.
    pub(crate) const fn send_reserve(&self) -> usize {
        let packets = whole_blocks((self.mtu as u32).saturating_mul(2), self.block);
        let half = (self.send_blocks() / 2).saturating_mul(self.block as usize);
        if packets < half { packets } else { half }
    }

    /// Bytes of the receive buffer that are kept for the chunk that closes the first gap, and for answers to the peer.
    /// Without them a full buffer would never empty.
    pub(crate) const fn receive_reserve(&self) -> usize {
        whole_blocks(larger(self.mtu as u32, LARGEST), self.block).saturating_add(self.block as usize)
    }

    /// Words of the bitmap of received TSNs: room for twice the fragments that fit, in powers of two.
    pub(crate) const fn window_words(&self) -> usize {
        let bits = (self.max_fragments as usize).saturating_mul(2);
        let bits = if bits < 256 { 256 } else { bits };
        (if bits > 32_768 { 32_768 } else { bits }).next_power_of_two() / 32
    }
}

/// What is told the peer of `free` bytes: less an eighth, for blocks that are not filled up.
pub(crate) const fn window(free: usize) -> usize {
    free.saturating_sub(free / 8)
}

/// Bytes that must be free so that [`window`] tells `bytes`.
const fn opened(bytes: u64) -> u64 {
    bytes.saturating_add(bytes.div_ceil(7))
}

const fn larger_u64(a: u64, b: u64) -> u64 {
    if a > b { a } else { b }
}

const fn smaller(a: u32, b: u32) -> u32 {
    if a < b { a } else { b }
}

const fn larger(a: u32, b: u32) -> u32 {
    if a > b { a } else { b }
}

/// `bytes` in whole blocks.
const fn whole_blocks(bytes: u32, block: u16) -> usize {
    let block = larger(block as u32, 1);
    (bytes.div_ceil(block) as usize).saturating_mul(block as usize)
}
