//! What was sent, so that it can be sent again: references to frames, and eight bytes a packet.
//!
//! Packets of one stream have consecutive sequence numbers, and a frame is always cut in the same way, so neither
//! sequence number nor place in the frame is kept: a packet is the n-th piece of the frame in whose range its number
//! falls. What can't be computed again is kept, because a retransmission must be the same bytes (SRTP would encrypt two
//! different packets with one key stream otherwise).

use core::time::Duration;

use barertc_arena::{Allocator, Ring};
use barertc_rtp::{Frame, Piece, abs_send_time};
use barertc_wire::Instant;

use crate::config::HistoryConfig;
use crate::error::Error;

/// One packet that was sent.
#[derive(Clone, Copy, Debug)]
struct Sent {
    /// Send time as abs-send-time in the upper 24 bits, flag and number of repeats in the lower 8.
    when: u32,
    /// Transport-wide sequence number.
    transport: u16,
    /// When it was sent again last, in ms, wrapping.
    again: u16,
}

/// Bit of `Sent::when`: a retransmission is queued.
const PENDING: u32 = 0x80;
/// Bit of `Sent::when`: a retransmission arrived. With all bits of `REPEATS`: the packet cannot be made again.
const ARRIVED: u32 = 0x40;
/// Bits of `Sent::when`: number of retransmissions.
const REPEATS: u32 = 0x3f;

/// One frame that packets were made of.
#[derive(Debug)]
struct Entry<A: Allocator + Clone> {
    frame: Frame<A>,
    /// Sequence number of its first piece.
    first: u16,
    /// Payload budget it was cut with.
    budget: u16,
}

/// Why a packet can't be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Not in the history: never sent, evicted or too old.
    Gone,
    /// Sent again moments ago, or queued for it.
    TooSoon,
    /// Sent again as often as is allowed.
    TooOften,
    /// A retransmission came.
    Arrived,
    /// It carried earlier frames too: what it carried goes again with the packets behind it. Told once.
    Redundant,
}

/// A packet to be made again.
pub(crate) struct Again<'a, A: Allocator + Clone> {
    pub(crate) frame: &'a Frame<A>,
    pub(crate) piece: Piece,
    /// As in the packet's extension.
    pub(crate) abs_send_time: u32,
    pub(crate) transport_sequence: u16,
}

/// The retransmission history of a stream: the packets that were sent last.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct History<A: Allocator + Clone> {
    config: HistoryConfig,
    packets: Ring<Sent, A>,
    frames: Ring<Entry<A>, A>,
    /// Sequence number behind the newest packet.
    next: u16,
    bytes: usize,
    /// `config.age` in units of abs-send-time.
    max_age: u32,
}

impl<A: Allocator + Clone> History<A> {
    /// The bytes of bookkeeping for one packet. Each frame takes [`BYTES_PER_FRAME`](Self::BYTES_PER_FRAME) more.
    pub const BYTES_PER_PACKET: usize = size_of::<Sent>();
    /// The bytes of bookkeeping for one frame.
    pub const BYTES_PER_FRAME: usize = size_of::<Entry<A>>();

    /// The bytes that the history takes from its allocator. It takes all of them when it is made.
    #[must_use]
    pub const fn worst_case_bytes(config: &HistoryConfig) -> usize {
        Ring::<Sent, A>::bytes(config.packets).saturating_add(Ring::<Entry<A>, A>::bytes(config.frames))
    }

    /// Makes an empty history and allocates all its memory.
    ///
    /// # Errors
    /// [`Error::Config`] for capacities out of range, [`Error::NoMemory`].
    pub fn new(config: HistoryConfig, first_sequence: u16, alloc: A) -> Result<Self, Error> {
        config.check()?;
        Ok(Self {
            packets: Ring::with_capacity(config.packets, alloc.clone())?,
            frames: Ring::with_capacity(config.frames, alloc)?,
            max_age: abs_send_time(u64::try_from(config.age.as_micros()).unwrap_or(0)),
            config,
            next: first_sequence,
            bytes: 0,
        })
    }

    /// How many packets the history has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether the history has no packet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// The payload bytes of the frames that are kept.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets all packets. The next packet has the number `next_sequence`. This is needed after a change that would
    /// make a retransmission differ from the first transmission.
    pub fn clear(&mut self, next_sequence: u16) {
        self.packets.clear();
        self.frames.clear();
        self.bytes = 0;
        self.next = next_sequence;
    }

    /// Forgets packets that are too old. Packets beyond the other capacities are forgotten whenever a packet is
    /// recorded.
    pub fn expire(&mut self, now: Instant) {
        self.expire_at(abs_send_time(now.as_micros()));
    }

    fn expire_at(&mut self, time: u32) {
        while self.packets.front().is_some_and(|p| age(p, time) > self.max_age) {
            self.evict();
        }
    }

    /// The next `sequence` was sent at `time` (as abs-send-time): piece number `index` of `frame`, cut to `budget`.
    pub(crate) fn record(
        &mut self,
        time: u32,
        sequence: u16,
        frame: &Frame<A>,
        (index, budget): (u16, u16),
        transport: u16,
    ) {
        if self.packets.capacity() == 0 || self.frames.capacity() == 0 {
            self.next = sequence.wrapping_add(1);
            return;
        }
        if sequence != self.next {
            self.clear(sequence); // can't be; but a gap would shift every number
        }
        self.expire_at(time);
        while self.packets.is_full() || (index == 0 && self.frames.is_full()) {
            self.evict();
        }
        if index == 0 || self.frames.is_empty() {
            let size = frame.bytes().len();
            while !self.packets.is_empty() && self.bytes.saturating_add(size) > self.config.bytes {
                self.evict();
            }
            let first = sequence.wrapping_sub(index);
            if self.frames.push_back(Entry { frame: frame.clone(), first, budget }).is_ok() {
                self.bytes = self.bytes.saturating_add(size);
            }
        }
        let _ = self.packets.push_back(Sent { when: time << 8, transport, again: 0 });
        self.next = sequence.wrapping_add(1);
    }

    /// The packet whose last transmission had this transport-wide number.
    pub(crate) fn by_transport(&self, transport: u16) -> Option<u16> {
        let behind = self.packets.iter().rev().position(|p| p.transport == transport)?;
        Some(self.next.wrapping_sub(behind as u16).wrapping_sub(1))
    }

    /// Marks `sequence` as to be sent again, if it may be: not within `quiet` of the last time, not more than
    /// `max_repeats` times. Tells how often it was sent again before.
    pub(crate) fn request(
        &mut self,
        now: Instant,
        sequence: u16,
        quiet: Duration,
        max_repeats: u8,
    ) -> Result<u32, Refusal> {
        let max_age = self.max_age;
        let index = self.index(sequence).ok_or(Refusal::Gone)?;
        let packet = self.packets.get_mut(index).ok_or(Refusal::Gone)?;
        if age(packet, abs_send_time(now.as_micros())) > max_age {
            return Err(Refusal::Gone);
        }
        let repeats = packet.when & REPEATS;
        let since = (now.as_millis() as u16).wrapping_sub(packet.again);
        if packet.when & PENDING != 0 || (repeats > 0 && u128::from(since) < quiet.as_millis()) {
            return Err(Refusal::TooSoon);
        }
        if packet.when & (ARRIVED | REPEATS) == ARRIVED | REPEATS {
            packet.when |= PENDING;
            return Err(Refusal::Redundant);
        }
        if packet.when & ARRIVED != 0 {
            return Err(Refusal::Arrived);
        }
        if repeats >= u32::from(max_repeats).min(REPEATS) {
            return Err(Refusal::TooOften);
        }
        packet.when |= PENDING;
        Ok(repeats)
    }

    /// How often the packet was sent again.
    pub(crate) fn repeats(&self, sequence: u16) -> u32 {
        self.index(sequence).and_then(|i| self.packets.get(i)).map_or(0, |packet| packet.when & REPEATS)
    }

    /// A retransmission of the packet arrived.
    pub(crate) fn arrived(&mut self, sequence: u16) {
        if let Some(packet) = self.index(sequence).and_then(|i| self.packets.get_mut(i)) {
            packet.when |= ARRIVED;
        }
    }

    /// The newest packet has a payload that is not a piece of its frame: it cannot be made again as it was.
    pub(crate) fn newest_is_redundant(&mut self) {
        if let Some(packet) = self.packets.len().checked_sub(1).and_then(|last| self.packets.get_mut(last)) {
            packet.when |= ARRIVED | REPEATS;
        }
    }

    /// Takes a request back that could not be queued.
    pub(crate) fn unrequest(&mut self, sequence: u16) {
        if let Some(packet) = self.index(sequence).and_then(|i| self.packets.get_mut(i)) {
            packet.when &= !PENDING;
        }
    }

    /// The packet to make again, now counted as repeated and, where it gets a new one, known by its new transport-wide
    /// number; `None` when it has been evicted meanwhile.
    pub(crate) fn again(&mut self, now: Instant, sequence: u16, transport: Option<u16>) -> Option<Again<'_, A>> {
        let index = self.index(sequence)?;
        let packet = self.packets.get_mut(index)?;
        let repeats = (packet.when & REPEATS).saturating_add(1).min(REPEATS);
        packet.when = (packet.when & !(PENDING | REPEATS)) | repeats;
        packet.again = now.as_millis() as u16;
        packet.transport = transport.unwrap_or(packet.transport);
        self.look(sequence)
    }

    /// The number of the packet that was sent as the `n`-th before the next.
    pub(crate) fn newest(&self, n: u16) -> Option<u16> {
        (n > 0 && usize::from(n) <= self.packets.len()).then(|| self.next.wrapping_sub(n))
    }

    /// The packet, without counting it as repeated.
    pub(crate) fn look(&self, sequence: u16) -> Option<Again<'_, A>> {
        let packet = self.packets.get(self.index(sequence)?)?;
        let (when, transport_sequence) = (packet.when, packet.transport);
        let entry = self.entry(sequence)?;
        let piece = entry.frame.piece(usize::from(entry.budget), usize::from(sequence.wrapping_sub(entry.first)))?;
        Some(Again { frame: &entry.frame, piece, abs_send_time: when >> 8, transport_sequence })
    }

    /// Place of `sequence` in `packets`.
    fn index(&self, sequence: u16) -> Option<usize> {
        let behind = usize::from(self.next.wrapping_sub(sequence));
        self.packets.len().checked_sub(behind).filter(|_| behind > 0)
    }

    /// The frame in whose range `sequence` falls: frames are in order of their first numbers.
    fn entry(&self, sequence: u16) -> Option<&Entry<A>> {
        let behind = self.next.wrapping_sub(sequence);
        let (mut low, mut high) = (0usize, self.frames.len());
        while low < high {
            let middle = low.midpoint(high);
            if self.next.wrapping_sub(self.frames.get(middle)?.first) >= behind {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        self.frames.get(low.checked_sub(1)?)
    }

    /// Lets the oldest packet go, and its frame with the last packet of it.
    fn evict(&mut self) {
        self.packets.pop_front();
        if self.packets.is_empty() {
            self.frames.clear();
            self.bytes = 0;
            return;
        }
        let oldest = self.next.wrapping_sub(self.packets.len() as u16);
        // The first frame is needed as long as the second starts behind the oldest packet.
        let gone = match self.frames.get(1) {
            Some(second) => self.next.wrapping_sub(second.first) >= self.next.wrapping_sub(oldest),
            None => false,
        };
        if gone && let Some(entry) = self.frames.pop_front() {
            self.bytes = self.bytes.saturating_sub(entry.frame.bytes().len());
        }
    }
}

/// Age of a packet in units of abs-send-time: the difference goes round as they do.
const fn age(packet: &Sent, time: u32) -> u32 {
    (time << 8).wrapping_sub(packet.when & !0xff) >> 8
}
