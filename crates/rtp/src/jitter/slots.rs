//! The packets that a jitter buffer holds.

use barertc_arena::{AllocError, Allocator, Box, Vec};
use barertc_wire::Instant;

use crate::depacketize::Parts;

/// What is known of a packet beside its payload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    /// The low half: the window is far smaller.
    pub(super) sequence: u32,
    pub(super) timestamp: u32,
    pub(super) arrived: Instant,
    pub(super) len: u16,
    pub(super) marker: bool,
    pub(super) parts: Parts,
    /// The value of the extension for rotation (video) or loudness (audio), if `parts` has [`Parts::CARRIES`].
    pub(super) carried: u8,
}

/// Packets by their number, each at its remainder by how many there are.
#[derive(Debug)]
pub(super) struct Slots<A: Allocator + Clone> {
    slots: Vec<Option<Slot>, A>,
    payloads: Box<[u8], A>,
    payload_bytes: usize,
}

impl<A: Allocator + Clone> Slots<A> {
    pub(super) const fn worst_case_bytes(packets: usize, payload_bytes: usize) -> usize {
        packets.saturating_mul(payload_bytes).saturating_add(Vec::<Option<Slot>, A>::bytes(packets))
    }

    pub(super) fn new(packets: usize, payload_bytes: usize, alloc: A) -> Result<Self, AllocError> {
        let mut slots = Vec::with_capacity(packets, alloc.clone())?;
        slots.try_resize(packets, None).map_err(|_| AllocError)?;
        Ok(Self { slots, payloads: Box::try_zeroed(packets.saturating_mul(payload_bytes), alloc)?, payload_bytes })
    }

    /// Takes a packet in; whether there is room for its payload.
    pub(super) fn put(&mut self, sequence: u64, slot: Slot, payload: &[u8]) -> bool {
        let Some(place) = self.place(sequence) else { return false };
        let start = place.saturating_mul(self.payload_bytes);
        let room = self.payloads.get_mut(start..start.saturating_add(self.payload_bytes)).unwrap_or_default();
        let Some((room, _)) = room.split_at_mut_checked(payload.len()) else { return false };
        room.copy_from_slice(payload);
        if let Some(held) = self.slots.get_mut(place) {
            *held = Some(slot);
        }
        true
    }

    pub(super) fn get(&self, sequence: u64) -> Option<&Slot> {
        self.slots.get(self.place(sequence)?)?.as_ref().filter(|s| s.sequence == sequence as u32)
    }

    pub(super) fn payload(&self, sequence: u64) -> &[u8] {
        let Some((place, slot)) = self.place(sequence).zip(self.get(sequence)) else { return &[] };
        let start = place.saturating_mul(self.payload_bytes);
        self.payloads.get(start..start.saturating_add(usize::from(slot.len))).unwrap_or_default()
    }

    pub(super) fn clear(&mut self, sequence: u64) {
        if self.get(sequence).is_some()
            && let Some(slot) = self.place(sequence).and_then(|p| self.slots.get_mut(p))
        {
            *slot = None;
        }
    }

    pub(super) fn forget(&mut self) {
        self.slots.iter_mut().for_each(|slot| *slot = None);
    }

    pub(super) fn held(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    fn place(&self, sequence: u64) -> Option<usize> {
        sequence.checked_rem(self.slots.len() as u64).map(|p| p as usize)
    }
}
