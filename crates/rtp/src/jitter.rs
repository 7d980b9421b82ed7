//! From packets in any order to frames in order.

use core::time::Duration;

use barertc_arena::{Allocator, Box, Vec};
use barertc_wire::Instant;

use crate::seq::Unwrapper;
use crate::{Assembly, Error, Framing, Packet, PayloadFormat, starts_frame};

/// How much a [`JitterBuffer`] holds and how long it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JitterConfig {
    /// What arrives.
    pub format: PayloadFormat,
    /// How NAL units are set apart in the frames that come out.
    pub framing: Framing,
    /// Packets that are held: at least as many as the largest frame has.
    pub packets: usize,
    /// Largest payload that is taken.
    pub payload_bytes: usize,
    /// How long a missing packet is waited for, from when a later one arrived: time for a retransmission or two.
    pub wait: Duration,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is held until its frame is complete.
    Held,
    /// It has been there already.
    Duplicate,
    /// Its frame has been given out or given up.
    Late,
    /// Its payload is larger than configured.
    TooLarge,
}

/// A frame that came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceivedFrame {
    /// Bytes of it in the caller's buffer.
    pub len: usize,
    /// Its RTP timestamp.
    pub timestamp: u32,
    /// Whether a decoder can start here.
    pub key: bool,
    /// Whether nothing of it is missing. A frame that isn't holds its whole NAL units only.
    pub complete: bool,
    /// Packets that were given up between the frame before and the end of this one: where this is not zero, what
    /// depends on earlier frames may not decode.
    pub lost: u32,
    /// When its first packet arrived.
    pub arrived: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    sequence: u64,
    timestamp: u32,
    arrived: Instant,
    len: u16,
    marker: bool,
}

/// Holds a bounded number of packets and gives out whole frames in order, waiting a bounded time for what is missing.
///
/// ```
/// use barertc_arena::Global;
/// use barertc_rtp::{PayloadFormat, Framing, JitterBuffer, JitterConfig, Packet};
/// use barertc_wire::Instant;
/// use core::time::Duration;
///
/// let wait = Duration::from_millis(100);
/// let config = JitterConfig { format: PayloadFormat::Opus, framing: Framing::Whole, packets: 8, payload_bytes: 400, wait };
/// let mut buffer = JitterBuffer::new(config, Global)?;
/// for sequence in [7u8, 9, 8] {
///     let datagram = [0x80, 111, 0, sequence, 0, 0, 0, sequence, 0, 0, 0, 1, 0xfc, sequence];
///     buffer.insert(Instant::ZERO, &Packet::parse(&datagram)?);
/// }
/// let mut out = [0; 400];
/// for sequence in 7..=9 {
///     assert_eq!(buffer.poll_frame(Instant::ZERO, &mut out).map(|f| f.timestamp), Some(sequence));
/// }
/// # Ok::<(), barertc_rtp::Error>(())
/// ```
#[derive(Debug)]
pub struct JitterBuffer<A: Allocator + Clone> {
    config: JitterConfig,
    slots: Vec<Option<Slot>, A>,
    payloads: Box<[u8], A>,
    unwrapper: Unwrapper,
    /// First packet of the frame that comes out next, once one arrived.
    next: Option<u64>,
    highest: u64,
    /// A frame came out, so `next` can't move back any more.
    started: bool,
    /// The packet before `next` was given up, so `next` may be in the middle of a frame.
    torn: bool,
    /// Packets given up since the last frame.
    lost: u32,
}

/// What the packets from `next` on amount to.
enum Scan {
    /// Not all there yet, and nothing to give up.
    Wait,
    /// Ends with the packet of this number.
    Whole(u64),
    /// A packet is missing; the first one behind it arrived then.
    Gap(Instant),
}

impl<A: Allocator + Clone> JitterBuffer<A> {
    /// Bytes that the buffer takes from its allocator when it is made; it takes none later.
    #[must_use]
    pub const fn worst_case_bytes(config: &JitterConfig) -> usize {
        config
            .packets
            .saturating_mul(config.payload_bytes)
            .saturating_add(Vec::<Option<Slot>, A>::bytes(config.packets))
    }

    /// Allocates all that it will ever need.
    ///
    /// # Errors
    /// [`Error::Config`] for no packets or payloads above 65,535 bytes, [`Error::OutOfMemory`].
    pub fn new(config: JitterConfig, alloc: A) -> Result<Self, Error> {
        let framing_fits = config.framing != Framing::Whole || !config.format.has_nals();
        if config.packets == 0
            || config.packets > 16_384
            || config.payload_bytes > usize::from(u16::MAX)
            || !framing_fits
        {
            return Err(Error::Config);
        }
        let mut slots = Vec::with_capacity(config.packets, alloc.clone())?;
        slots.try_resize(config.packets, None).map_err(|_| Error::OutOfMemory)?;
        let bytes = config.packets.checked_mul(config.payload_bytes).ok_or(Error::Config)?;
        Ok(Self {
            slots,
            payloads: Box::try_zeroed(bytes, alloc)?,
            unwrapper: Unwrapper::new(),
            next: None,
            highest: 0,
            started: false,
            torn: false,
            lost: 0,
            config,
        })
    }

    /// Takes a packet's payload in: one copy.
    pub fn insert(&mut self, now: Instant, packet: &Packet<'_>) -> Inserted {
        let len = packet.payload.len();
        if len > self.config.payload_bytes {
            return Inserted::TooLarge;
        }
        let sequence = self.unwrapper.unwrap(packet.header.sequence);
        match self.next {
            None => (self.next, self.highest) = (Some(sequence), sequence),
            Some(next) if sequence < next => {
                // The very first packets may have overtaken one another.
                let fits = self.highest.saturating_sub(sequence) < self.config.packets as u64;
                if self.started || self.torn || !fits {
                    return Inserted::Late;
                }
                self.next = Some(sequence);
            }
            Some(_) => {}
        }
        self.make_room(sequence);
        let Some(place) = self.place(sequence) else { return Inserted::Late };
        if self.slot(sequence).is_some() {
            return Inserted::Duplicate;
        }
        let start = place.saturating_mul(self.config.payload_bytes);
        let Some(room) = self.payloads.get_mut(start..start.saturating_add(len)) else { return Inserted::TooLarge };
        room.copy_from_slice(packet.payload);
        let header = packet.header;
        if let Some(slot) = self.slots.get_mut(place) {
            *slot = Some(Slot {
                sequence,
                timestamp: header.timestamp,
                arrived: now,
                len: len as u16,
                marker: header.marker,
            });
        }
        self.highest = self.highest.max(sequence);
        Inserted::Held
    }

    /// Writes the next frame into `out`: a complete one, or a damaged one when its missing packets have been waited
    /// for long enough. A frame larger than `out` comes out damaged.
    pub fn poll_frame(&mut self, now: Instant, out: &mut [u8]) -> Option<ReceivedFrame> {
        loop {
            let next = self.next?;
            match self.scan(next) {
                Scan::Wait => return None,
                Scan::Whole(end) => {
                    // Nothing comes of padding that probes the path.
                    if let Some(frame) = self.take(next, end, true, out) {
                        return Some(frame);
                    }
                }
                Scan::Gap(since) if now < since + self.config.wait => return None,
                Scan::Gap(_) => {
                    let first = self.first_present(next)?;
                    if first == next {
                        // The frame began, and misses something: it ends where the next one can be seen to begin.
                        return self.take(next, self.damaged_end(next), false, out);
                    }
                    self.give_up(first.saturating_sub(next));
                    self.next = Some(first);
                    self.torn = true;
                }
            }
        }
    }

    /// Forgets everything: the source has restarted.
    pub fn reset(&mut self) {
        self.slots.iter_mut().for_each(|slot| *slot = None);
        (self.unwrapper, self.next, self.highest) = (Unwrapper::new(), None, 0);
        (self.started, self.torn, self.lost) = (false, false, 0);
    }

    /// When [`poll_frame`](Self::poll_frame) will stop waiting for a missing packet.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        match self.scan(self.next?) {
            Scan::Gap(since) => Some(since + self.config.wait),
            Scan::Wait | Scan::Whole(_) => None,
        }
    }

    /// Whether [`poll_frame`](Self::poll_frame) has something to do now: most likely a frame.
    #[must_use]
    pub fn is_ready(&self, now: Instant) -> bool {
        self.next.is_some_and(|next| match self.scan(next) {
            Scan::Whole(_) => true,
            Scan::Gap(since) => since + self.config.wait <= now,
            Scan::Wait => false,
        })
    }

    /// Packets held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    fn scan(&self, next: u64) -> Scan {
        let Some(first) = self.slot(next) else {
            return self.first_present(next).and_then(|s| self.slot(s)).map_or(Scan::Wait, |s| Scan::Gap(s.arrived));
        };
        let mut at = next;
        loop {
            let Some(slot) = self.slot(at) else {
                return self.first_present(at).and_then(|s| self.slot(s)).map_or(Scan::Wait, |s| Scan::Gap(s.arrived));
            };
            if slot.timestamp != first.timestamp {
                return Scan::Whole(at.saturating_sub(1));
            }
            if slot.marker || !self.config.format.is_video() {
                return Scan::Whole(at);
            }
            at = at.saturating_add(1);
        }
    }

    /// The last packet, present or not, that belongs to the damaged frame which begins at `next`.
    fn damaged_end(&self, next: u64) -> u64 {
        let Some(first) = self.slot(next) else { return next };
        let mut end = next;
        for at in next..=self.highest {
            if let Some(slot) = self.slot(at) {
                if slot.timestamp != first.timestamp {
                    break;
                }
                end = at;
                if slot.marker {
                    break;
                }
            }
        }
        end
    }

    /// Gives out packets `first..=end`; `None` when they carry nothing.
    fn take(&mut self, first: u64, end: u64, complete: bool, out: &mut [u8]) -> Option<ReceivedFrame> {
        self.next = Some(end.saturating_add(1));
        let head = *self.slot(first)?;
        let clean_start = !self.torn || starts_frame(self.config.format, self.payload(first));
        let mut assembly = Assembly::new(self.config.format, self.config.framing, out).ok()?;
        let (mut missing, mut empty) = (0u32, true);
        for at in first..=end {
            match self.slot(at) {
                Some(slot) => {
                    empty &= slot.len == 0;
                    // What a malformed payload does to the frame shows in `intact`.
                    let _ = assembly.push(self.payload(at));
                }
                None => {
                    missing = missing.saturating_add(1);
                    assembly.gap();
                }
            }
        }
        let done = assembly.finish();
        for at in first..=end {
            self.clear(at);
        }
        self.lost = self.lost.saturating_add(missing);
        self.started = true;
        if empty && complete {
            return None;
        }
        let lost = core::mem::take(&mut self.lost);
        // Behind a damaged frame that ended without its marker, its rest may follow.
        self.torn = !complete;
        let complete = complete && clean_start && done.intact;
        Some(ReceivedFrame {
            len: done.len,
            timestamp: head.timestamp,
            key: done.key,
            complete,
            lost,
            arrived: head.arrived,
        })
    }

    /// Moves the window so that `sequence` has a place; what falls out is given up.
    fn make_room(&mut self, sequence: u64) {
        let Some(next) = self.next else { return };
        let oldest = sequence.saturating_add(1).saturating_sub(self.config.packets as u64);
        if oldest <= next {
            return;
        }
        for at in next..oldest.min(next.saturating_add(self.config.packets as u64)) {
            self.clear(at);
        }
        self.give_up(oldest.saturating_sub(next));
        self.next = Some(oldest);
        self.torn = true;
    }

    fn give_up(&mut self, packets: u64) {
        self.lost = self.lost.saturating_add(u32::try_from(packets).unwrap_or(u32::MAX));
    }

    fn first_present(&self, from: u64) -> Option<u64> {
        (from..=self.highest).find(|at| self.slot(*at).is_some())
    }

    fn place(&self, sequence: u64) -> Option<usize> {
        sequence.checked_rem(self.config.packets as u64).map(|p| p as usize)
    }

    fn slot(&self, sequence: u64) -> Option<&Slot> {
        self.slots.get(self.place(sequence)?)?.as_ref().filter(|s| s.sequence == sequence)
    }

    fn clear(&mut self, sequence: u64) {
        if self.slot(sequence).is_some()
            && let Some(slot) = self.place(sequence).and_then(|p| self.slots.get_mut(p))
        {
            *slot = None;
        }
    }

    fn payload(&self, sequence: u64) -> &[u8] {
        let Some((place, slot)) = self.place(sequence).zip(self.slot(sequence)) else { return &[] };
        let start = place.saturating_mul(self.config.payload_bytes);
        self.payloads.get(start..start.saturating_add(usize::from(slot.len))).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
