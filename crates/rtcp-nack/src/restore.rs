//! Packets that are restored from repair packets (FlexFEC).

use barertc_arena::{AllocError, Allocator, Box, Vec};
use barertc_rtp::{ExtensionMap, Packet, Recovery, RepairHeader};

/// Repair packets that are kept while more than one of what they protect is missing.
const REPAIRS: usize = 12;
/// Two packets in the making.
const SCRATCH: usize = 2;
/// Bytes of a packet beside its payload: header, extensions, and what repair packets have in front.
const HEADERS: usize = 96;

/// A packet that came or was restored.
#[derive(Clone, Copy, Debug)]
struct Kept {
    sequence: u16,
    len: usize,
}

/// A repair packet that may still be of use.
#[derive(Clone, Copy, Debug)]
struct Held {
    header: RepairHeader,
    recovery: Recovery,
}

/// The last packets of a stream, and the repair packets that protect them.
#[derive(Debug)]
pub(crate) struct Restorer<A: Allocator + Clone> {
    kept: Vec<Option<Kept>, A>,
    held: [Option<Held>; REPAIRS],
    /// Where the next repair packet goes.
    next: usize,
    /// Media, repair packets and scratch, one behind the other.
    bytes: Box<[u8], A>,
    packet_bytes: usize,
    /// There was one: packets are kept from then on.
    used: bool,
}

impl<A: Allocator + Clone> Restorer<A> {
    pub(crate) const fn worst_case_bytes(window: usize, payload_bytes: usize) -> usize {
        let packets = window.saturating_add(REPAIRS).saturating_add(SCRATCH);
        payload_bytes
            .saturating_add(HEADERS)
            .saturating_mul(packets)
            .saturating_add(Vec::<Option<Kept>, A>::bytes(window))
            .saturating_add(size_of::<Self>())
    }

    pub(crate) fn new(window: usize, payload_bytes: usize, alloc: A) -> Result<Box<Self, A>, AllocError> {
        let packet_bytes = payload_bytes.saturating_add(HEADERS);
        let packets = window.saturating_add(REPAIRS).saturating_add(SCRATCH);
        let mut kept = Vec::with_capacity(window, alloc.clone())?;
        kept.try_resize(window, None).map_err(|_| AllocError)?;
        let bytes = Box::try_zeroed(packet_bytes.saturating_mul(packets), alloc.clone())?;
        Box::try_new(Self { kept, held: [None; REPAIRS], next: 0, bytes, packet_bytes, used: false }, alloc)
    }

    /// What came before is of another source.
    pub(crate) fn reset(&mut self) {
        for kept in self.kept.iter_mut() {
            *kept = None;
        }
        self.held = [None; REPAIRS];
    }

    /// A packet of media came.
    pub(crate) fn keep(&mut self, sequence: u16, datagram: &[u8]) {
        let Some(place) = usize::from(sequence).checked_rem(self.kept.len()).filter(|_| self.used) else { return };
        let start = place.saturating_mul(self.packet_bytes);
        let room = self.bytes.get_mut(start..start.saturating_add(self.packet_bytes)).unwrap_or_default();
        let fits = room.get_mut(..datagram.len()).map(|room| room.copy_from_slice(datagram)).is_some();
        if let Some(kept) = self.kept.get_mut(place) {
            *kept = fits.then_some(Kept { sequence, len: datagram.len() });
        }
    }

    /// A repair packet for packets of `media` came. False when it is of no use.
    pub(crate) fn hold(&mut self, media: u32, payload: &[u8]) -> bool {
        self.used = true;
        let Ok((header, recovery, body)) = Recovery::read(payload) else { return false };
        let start = self.kept.len().saturating_add(self.next).saturating_mul(self.packet_bytes);
        let room = self.bytes.get_mut(start..start.saturating_add(self.packet_bytes)).unwrap_or_default();
        let Some(room) = room.get_mut(..body.len()).filter(|_| header.ssrc == media) else { return false };
        room.copy_from_slice(body);
        if let Some(held) = self.held.get_mut(self.next) {
            *held = Some(Held { header, recovery });
        }
        self.next = self.next.saturating_add(1).checked_rem(REPAIRS).unwrap_or(0);
        true
    }

    /// The next packet that can be restored. Each may make others possible.
    pub(crate) fn restore(&mut self, map: &ExtensionMap) -> Option<Packet<'_>> {
        let (index, lost) = self.find()?;
        let held = (*self.held.get(index)?)?;
        if let Some(place) = self.held.get_mut(index) {
            *place = None;
        }
        let scratch = self.kept.len().saturating_add(REPAIRS).saturating_mul(self.packet_bytes);
        let (packets, scratch) = self.bytes.split_at_mut_checked(scratch)?;
        let (body, out) = scratch.split_at_mut_checked(self.packet_bytes)?;
        let start = self.kept.len().saturating_add(index).saturating_mul(self.packet_bytes);
        let (first, rest) = body.split_at_mut_checked(held.recovery.len())?;
        first.copy_from_slice(packets.get(start..)?.get(..held.recovery.len())?);
        rest.fill(0);
        let mut recovery = held.recovery;
        for sequence in protected(&held.header).filter(|sequence| *sequence != lost) {
            let place = usize::from(sequence).checked_rem(self.kept.len())?;
            let kept = (*self.kept.get(place)?)?;
            let start = place.saturating_mul(self.packet_bytes);
            recovery.add(packets.get(start..start.saturating_add(kept.len))?, map, body).ok()?;
        }
        let len = recovery.rebuild(held.header.ssrc, lost, body, out).ok()?;
        let restored = out.get(..len)?;
        let place = usize::from(lost).checked_rem(self.kept.len())?;
        let start = place.saturating_mul(self.packet_bytes);
        packets.get_mut(start..)?.get_mut(..restored.len())?.copy_from_slice(restored);
        *self.kept.get_mut(place)? = Some(Kept { sequence: lost, len });
        Packet::parse(restored).ok()
    }

    /// A repair packet of which a single protected packet is missing, and that one. Those of no use any more are let go.
    fn find(&mut self) -> Option<(usize, u16)> {
        let kept = &self.kept;
        let is_there = |sequence: u16| {
            let place = usize::from(sequence).checked_rem(kept.len());
            place.and_then(|place| *kept.get(place)?).is_some_and(|kept| kept.sequence == sequence)
        };
        for (index, place) in self.held.iter_mut().enumerate() {
            let Some(held) = place else { continue };
            let mut missing = protected(&held.header).filter(|sequence| !is_there(*sequence));
            match (missing.next(), missing.next()) {
                (None, _) => *place = None,
                (Some(lost), None) => return Some((index, lost)),
                _ => {}
            }
        }
        None
    }
}

/// The sequence numbers that a repair packet protects.
fn protected(header: &RepairHeader) -> impl Iterator<Item = u16> + use<> {
    let (base, mut mask) = (header.base, header.mask);
    core::iter::from_fn(move || {
        let bit = mask.trailing_zeros();
        mask &= mask.wrapping_sub(1);
        (bit < 128).then(|| base.wrapping_add(bit as u16))
    })
}
