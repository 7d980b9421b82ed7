//! From packets in any order to frames in order.

mod ahead;
mod config;
mod frame;
mod slots;
#[cfg(test)]
mod tests;

use core::time::Duration;

use barertc_arena::Allocator;
use barertc_wire::{Extension, ExtensionMap, Instant};

use crate::depacketize::{Assembly, Parts};
use crate::error::Error;
use crate::extension::AudioLevel;
use crate::header::Packet;
use crate::nal::Framing;
use crate::payload_format::PayloadFormat;
use crate::seq::Unwrapper;

pub use config::JitterConfig;
pub use frame::ReceivedFrame;
use slots::{Slot, Slots};

/// How long a marker is doubted before a stream has shown that it sets markers on the last packet of a frame only.
const DOUBT: Duration = Duration::from_millis(10);

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Inserted {
    /// The packet is held until its frame is complete.
    Held,
    /// The packet was received before.
    Duplicate,
    /// Its frame was read or given up.
    Late,
    /// Its payload is larger than configured.
    TooLarge,
}

/// The last packet that left the buffer in order.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
struct Taken {
    sequence: u64,
    timestamp: u32,
}

/// What a stream's markers have shown themselves to mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Markers {
    /// Nothing yet.
    Unknown,
    /// They stand on the last packet of a frame only.
    EndFrames,
    /// They stand on other packets too (RFC 6184 §5.1 warns of such senders): only another timestamp ends a frame.
    Repeat,
}

/// Holds a bounded number of packets and gives out whole frames in order, waiting a bounded time for what is missing.
///
/// ```
/// use barertc_arena::Global;
/// use barertc_rtp::{PayloadFormat, Framing, JitterBuffer, JitterConfig, Packet};
/// use barertc_wire::{ConfigError, Extension, ExtensionMap, Instant, Rule};
/// use core::time::Duration;
///
/// let (wait, extensions) = (Duration::from_millis(100), barertc_rtp::ExtensionMap::new());
/// let config = JitterConfig { format: PayloadFormat::Opus, framing: Framing::Whole, packets: 8, payload_bytes: 400, wait, extensions };
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
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct JitterBuffer<A: Allocator + Clone> {
    config: JitterConfig,
    slots: Slots<A>,
    unwrapper: Unwrapper,
    /// First packet of the frame that comes out next, once one arrived.
    next: Option<u64>,
    highest: u64,
    /// Where the first whole key frame begins behind `next`.
    key_ahead: Option<u64>,
    /// A frame came out, so `next` can't move back any more.
    started: bool,
    /// A packet was given up, so `next` can't move back any more, and the first frame needs proof of its beginning.
    torn: bool,
    /// What lay before `next` was given up for the key frame there, which proves its beginning as the first frame does.
    skipped: bool,
    taken: Option<Taken>,
    markers: Markers,
    /// The rotation that was told last.
    orientation: Option<u8>,
    /// Packets given up since the last frame.
    lost: u32,
}

/// What the packets from `next` on amount to.
enum Scan {
    /// Not all there yet, and nothing to give up.
    Wait,
    /// Ends with the packet of this number.
    Whole(u64),
    /// Ends with the packet of this number if no more comes until then.
    Until(u64, Instant),
    /// A packet is missing; the first one behind it arrived then.
    Gap(Instant),
}

impl<A: Allocator + Clone> JitterBuffer<A> {
    /// The bytes that the buffer takes from its allocator. It takes all of them when it is made.
    #[must_use]
    pub const fn worst_case_bytes(config: &JitterConfig) -> usize {
        Slots::<A>::worst_case_bytes(config.packets, config.payload_bytes)
    }

    /// Makes an empty buffer and allocates all its memory.
    ///
    /// # Errors
    /// [`Error::Config`] as [`JitterConfig::check`] says, [`Error::Unframed`], [`Error::NoMemory`].
    pub fn new(config: JitterConfig, alloc: A) -> Result<Self, Error> {
        config.check()?;
        if config.format.has_nals() && config.framing == Framing::Whole {
            return Err(Error::Unframed);
        }
        Ok(Self {
            slots: Slots::new(config.packets, config.payload_bytes, alloc)?,
            unwrapper: Unwrapper::new(),
            next: None,
            highest: 0,
            key_ahead: None,
            started: false,
            torn: false,
            skipped: false,
            taken: None,
            markers: Markers::Unknown,
            orientation: None,
            lost: 0,
            config,
        })
    }

    /// Takes a packet and copies its payload.
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
                self.set_next(sequence);
            }
            Some(_) => {}
        }
        self.make_room(sequence);
        if self.slots.get(sequence).is_some() {
            return Inserted::Duplicate;
        }
        let header = packet.header;
        let carried = self.carried(packet);
        let parts = Parts::of(self.config.format, packet.payload).with_carried(carried.is_some());
        let slot = Slot {
            sequence: sequence as u32,
            timestamp: header.timestamp,
            arrived: now,
            len: len as u16,
            marker: header.marker,
            parts,
            carried: carried.unwrap_or(0),
        };
        if !self.slots.put(sequence, slot, packet.payload) {
            return Inserted::TooLarge;
        }
        self.highest = self.highest.max(sequence);
        self.learn_markers(sequence);
        self.note_key_frame(sequence);
        Inserted::Held
    }

    /// Compares the markers of neighbours: see [`Markers`].
    fn learn_markers(&mut self, sequence: u64) {
        if !self.config.format.has_nals() || self.markers == Markers::Repeat {
            return;
        }
        for at in [sequence.saturating_sub(1), sequence] {
            let Some(second) = self.slots.get(at.saturating_add(1)) else { continue };
            if let Some(first) = self.slots.get(at) {
                if first.timestamp == second.timestamp && first.marker {
                    self.markers = Markers::Repeat;
                    return;
                }
                // Within a unit no marker can be expected.
                let told = first.parts.contains(Parts::UNIT_END) && first.timestamp == second.timestamp;
                if told {
                    self.markers = Markers::EndFrames;
                }
            } else if self.taken.is_some_and(|t| t.sequence == at && t.timestamp == second.timestamp) {
                // The frame was given out at its marker, and this is more of it.
                self.markers = Markers::Repeat;
                return;
            }
        }
    }

    /// The rotation or the loudness that a packet carries, one byte in either case.
    fn carried(&self, packet: &Packet<'_>) -> Option<u8> {
        let video = self.config.format.is_video();
        let extension = if video { Extension::VideoOrientation } else { Extension::AudioLevel };
        let id = self.config.extensions.id(extension)?;
        packet.elements().find(|(i, _)| *i == id).and_then(|(_, value)| value.first().copied())
    }

    /// Writes the next frame into `out`. It is complete, or it is damaged and has waited long enough for its missing
    /// packets. A frame that is larger than `out` is damaged as well.
    pub fn poll_frame(&mut self, now: Instant, out: &mut [u8]) -> Option<ReceivedFrame> {
        loop {
            let next = self.next?;
            match self.scan(next) {
                Scan::Wait => return None,
                Scan::Until(_, at) if now < at => return None,
                scan @ (Scan::Whole(end) | Scan::Until(end, _)) => {
                    // Where markers say nothing, neither does silence: more of the frame may be lost.
                    let ended = matches!(scan, Scan::Whole(_)) || self.markers != Markers::Repeat;
                    // Nothing comes of padding that probes the path.
                    if let Some(frame) = self.take(next, end, ended, out) {
                        return Some(frame);
                    }
                }
                Scan::Gap(since) if now < self.gap_ends(since, next) => return None,
                Scan::Gap(since) if now < since + self.config.wait => self.skip_to_key_frame(next),
                Scan::Gap(_) => {
                    let first = self.first_present(next)?;
                    if first == next {
                        // The frame began, and misses something: it ends where the next one can be seen to begin.
                        return self.take(next, self.damaged_end(next), false, out);
                    }
                    self.give_up(first.saturating_sub(next));
                    self.set_next(first);
                    self.torn = true;
                }
            }
        }
    }

    /// Changes the format. Packets that are held are dropped.
    pub fn set_format(&mut self, format: PayloadFormat, framing: Framing) {
        (self.config.format, self.config.framing) = (format, framing);
        self.reset();
    }

    /// Changes the header extensions.
    pub const fn set_extensions(&mut self, extensions: ExtensionMap) {
        self.config.extensions = extensions;
    }

    /// Drops all packets, for example when the source has restarted.
    pub fn reset(&mut self) {
        self.slots.forget();
        (self.unwrapper, self.next, self.highest, self.key_ahead) = (Unwrapper::new(), None, 0, None);
        (self.started, self.torn, self.skipped, self.lost) = (false, false, false, 0);
        (self.taken, self.markers) = (None, Markers::Unknown);
        self.orientation = None;
    }

    /// The sequence number of the first packet that is still waited for. Earlier packets were read or given up.
    #[must_use]
    pub fn next_sequence(&self) -> Option<u16> {
        self.next.map(|next| next as u16)
    }

    /// When [`poll_frame`](Self::poll_frame) will stop waiting for a missing packet.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        match self.scan(self.next?) {
            Scan::Gap(since) => Some(self.gap_ends(since, self.next?)),
            Scan::Until(_, at) => Some(at),
            Scan::Wait | Scan::Whole(_) => None,
        }
    }

    /// Whether [`poll_frame`](Self::poll_frame) probably has a frame now.
    #[must_use]
    pub fn is_ready(&self, now: Instant) -> bool {
        self.next.is_some_and(|next| match self.scan(next) {
            Scan::Whole(_) => true,
            Scan::Until(_, at) => at <= now,
            Scan::Gap(since) => self.gap_ends(since, next) <= now,
            Scan::Wait => false,
        })
    }

    /// How many packets are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.slots.held()
    }

    fn scan(&self, next: u64) -> Scan {
        let Some(first) = self.slots.get(next) else {
            return self
                .first_present(next)
                .and_then(|s| self.slots.get(s))
                .map_or(Scan::Wait, |s| Scan::Gap(s.arrived));
        };
        let (mut at, mut parts, mut marked) = (next, Parts::default(), None);
        loop {
            let Some(slot) = self.slots.get(at) else {
                let later = self.first_present(at).and_then(|s| self.slots.get(s));
                return match (later, marked) {
                    (Some(later), _) => Scan::Gap(later.arrived),
                    (None, Some(until)) => Scan::Until(at.saturating_sub(1), until),
                    (None, None) => Scan::Wait,
                };
            };
            if slot.timestamp != first.timestamp {
                return Scan::Whole(at.saturating_sub(1));
            }
            if !self.config.format.is_video() {
                return Scan::Whole(at);
            }
            parts = parts.with(slot.parts);
            marked = slot.marker.then(|| slot.arrived + self.doubt(parts));
            let more = self.slots.get(at.saturating_add(1)).is_some();
            if slot.marker && !more && self.doubt(parts).is_zero() {
                return Scan::Whole(at);
            }
            at = at.saturating_add(1);
        }
    }

    /// How long a marker is doubted that ends a frame with these parts.
    fn doubt(&self, parts: Parts) -> Duration {
        match self.markers {
            // VP8's is set on the last packet only (RFC 7741 §4.1), and so are those of VP9 and AV1.
            _ if !self.config.format.has_nals() => Duration::ZERO,
            // Parameter sets are no frame, and what was repeated may be again.
            Markers::Repeat => self.config.wait,
            _ if !parts.contains(Parts::SLICE) => self.config.wait,
            Markers::Unknown => DOUBT,
            Markers::EndFrames => Duration::ZERO,
        }
    }

    /// The last packet, present or not, that belongs to the damaged frame which begins at `next`.
    fn damaged_end(&self, next: u64) -> u64 {
        let Some(first) = self.slots.get(next) else { return next };
        let mut end = next;
        for at in next..=self.highest {
            if let Some(slot) = self.slots.get(at) {
                if slot.timestamp != first.timestamp {
                    break;
                }
                end = at;
                if slot.marker && self.markers != Markers::Repeat {
                    break;
                }
            }
        }
        end
    }

    /// Gives out packets `first..=end`; `None` when they carry nothing.
    fn take(&mut self, first: u64, end: u64, complete: bool, out: &mut [u8]) -> Option<ReceivedFrame> {
        self.set_next(end.saturating_add(1));
        let head = *self.slots.get(first)?;
        let begins = self.begins(first, end, &head);
        self.taken = self.slots.get(end).map(|last| Taken { sequence: end, timestamp: last.timestamp });
        let mut assembly = Assembly::new(self.config.format, self.config.framing, out).ok()?;
        let (mut missing, mut empty) = (0u32, true);
        for at in first..=end {
            match self.slots.get(at) {
                Some(slot) => {
                    empty &= slot.len == 0;
                    // What a malformed payload does to the frame shows in `intact`.
                    let _ = assembly.push(self.slots.payload(at));
                }
                None => {
                    missing = missing.saturating_add(1);
                    assembly.gap();
                }
            }
        }
        let done = assembly.finish();
        let mut told = (first..=end).filter_map(|at| self.slots.get(at)).filter(|s| s.parts.contains(Parts::CARRIES));
        let told = told.next_back().map(|slot| slot.carried);
        if self.config.format.is_video() {
            self.orientation = told.or(self.orientation);
        }
        for at in first..=end {
            self.slots.clear(at);
        }
        self.lost = self.lost.saturating_add(missing);
        (self.started, self.skipped) = (true, false);
        if empty && complete {
            return None;
        }
        let lost = core::mem::take(&mut self.lost);
        // Behind a damaged frame that ended without its marker, its rest may follow.
        self.torn = !complete;
        let complete = complete && begins && done.intact;
        Some(ReceivedFrame {
            len: done.len,
            timestamp: head.timestamp,
            key: done.key,
            complete,
            lost,
            arrived: head.arrived,
            captured: None,
            video_orientation: self.orientation,
            audio_level: told.filter(|_| !self.config.format.is_video()).map(AudioLevel::from_byte),
        })
    }

    /// Whether it is proven that the frame of packets `first..=end` begins with `first`.
    fn begins(&self, first: u64, end: u64, head: &Slot) -> bool {
        let format = self.config.format;
        if !format.has_nals() {
            let marked = head.parts.contains(Parts::START);
            if marked || !matches!(format, PayloadFormat::Vp9 | PayloadFormat::Av1) {
                return marked;
            }
        }
        if let Some(before) = self.taken.filter(|t| t.sequence.saturating_add(1) == first) {
            return before.timestamp != head.timestamp;
        }
        let parts =
            (first..=end).filter_map(|at| self.slots.get(at)).fold(Parts::default(), |all, s| all.with(s.parts));
        let anew = self.skipped || !self.started && !self.torn;
        format.has_nals() && anew && parts.contains(Parts::beginning(format))
    }

    /// Moves the window so that `sequence` has a place; what falls out is given up.
    fn make_room(&mut self, sequence: u64) {
        let Some(next) = self.next else { return };
        let oldest = sequence.saturating_add(1).saturating_sub(self.config.packets as u64);
        if oldest <= next {
            return;
        }
        for at in next..oldest.min(next.saturating_add(self.config.packets as u64)) {
            self.slots.clear(at);
        }
        self.give_up(oldest.saturating_sub(next));
        self.set_next(oldest);
        self.torn = true;
    }

    fn give_up(&mut self, packets: u64) {
        self.lost = self.lost.saturating_add(u32::try_from(packets).unwrap_or(u32::MAX));
    }

    fn first_present(&self, from: u64) -> Option<u64> {
        (from..=self.highest).find(|at| self.slots.get(*at).is_some())
    }
}
