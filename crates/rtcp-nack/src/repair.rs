//! Repair packets of video (FlexFEC): when they are sent, how many, and what they protect.

use core::time::Duration;

use barertc_arena::{AllocError, Allocator, Box};
use barertc_rtp::{ExtensionMap, Extensions, HEADER_LEN, Header, Recovery, RepairHeader, abs_send_time};
use barertc_wire::{Instant, Writer};

use crate::config::{MAX_REPAIRS, RepairConfig};
use crate::loss::Hysteresis;

/// Media packets of a block at most.
const BLOCK: usize = 16;
/// Blocks that are interleaved, so that a burst takes something of each.
const BLOCKS: usize = 2;
/// From this share of loss on there are repair packets, until it has been below the other one for a while.
const ON: f32 = 0.007;
const OFF: f32 = 0.004;
/// A path that loses more needs them whatever the time: retransmissions are lost too.
const LOSSY: f32 = 0.08;
/// What a retransmission takes beside the round trip.
const TURN: Duration = Duration::from_millis(30);
/// Bytes of repair packets for each byte of media by the share of loss, and what is never exceeded.
const RATES: [(f32, f32); 5] = [(0.0, 0.06), (0.01, 0.12), (0.05, 0.36), (0.1, 0.48), (0.2, MOST)];
const MOST: f32 = 0.55;
/// Below this none are worth their header.
const LEAST: f32 = 0.03;
/// A key frame has so much more where little is lost: one packet of a hundred that is missing stops it.
const KEY: f32 = 1.4;
const LITTLE: f32 = 0.03;
/// From this rate on no group is without one.
const EACH: f32 = 0.25;
/// Repair packets that are sent ahead of time, or put off, at the most.
const CARRY: f32 = 4.0;
/// That much more where no retransmission can come in time, nearly.
const FAR: f32 = 1.7;

/// In which repair packets, a bit each, the packets of a block take part: a row for each number of repair packets. A shorter
/// block has the beginning of its row. Overlapping masks restore most losses of as many packets as there are repair packets;
/// these were searched for at 5 % of random loss.
const MASKS: [[u8; BLOCK]; 8] = [
    [1; BLOCK],
    [3, 3, 2, 1, 2, 1, 3, 2, 1, 3, 2, 3, 2, 3, 1, 1],
    [5, 6, 7, 3, 1, 4, 6, 2, 3, 5, 4, 7, 3, 1, 2, 6],
    [9, 10, 3, 7, 12, 11, 6, 13, 5, 2, 1, 14, 9, 4, 8, 6],
    [22, 13, 26, 25, 14, 21, 5, 6, 9, 18, 20, 10, 19, 24, 3, 12],
    [13, 7, 26, 49, 52, 41, 42, 19, 12, 22, 24, 35, 6, 56, 33, 36],
    [10, 21, 72, 41, 18, 67, 98, 12, 56, 65, 36, 11, 82, 88, 7, 20],
    [42, 208, 200, 25, 65, 129, 98, 146, 6, 145, 49, 9, 66, 140, 7, 11],
];

/// One repair packet in the making.
#[derive(Clone, Copy, Debug)]
struct Sum {
    recovery: Recovery,
    mask: u128,
}

impl Sum {
    const EMPTY: Self = Self { recovery: Recovery::new(), mask: 0 };
}

/// Packets that are protected together: one block, or some that are interleaved.
#[derive(Clone, Copy, Debug)]
struct Group {
    /// Sequence number of its first packet.
    first: u16,
    packets: usize,
    /// How many of them were added.
    added: usize,
    /// Repair packets of each block.
    repairs: [usize; BLOCKS],
}

impl Group {
    const fn blocks(&self) -> usize {
        if self.packets > BLOCK { BLOCKS } else { 1 }
    }
}

/// What protects a stream. More than fifteen fields: the rate, the frame, the group that is filled and the finished
/// packets change together with each packet of the stream.
#[derive(Debug)]
pub(crate) struct Repair<A: Allocator + Clone> {
    config: RepairConfig,
    next_sequence: u16,
    measure: Hysteresis,
    /// Bytes of repair packets for each byte of media, and for each of a key frame.
    rate: f32,
    key_rate: f32,
    /// What of that no whole packet has been sent for, or was sent ahead of time, in packets; within [`CARRY`] of zero.
    carry: f32,
    /// Bodies of the repair packets, one behind the other.
    bodies: Box<[u8], A>,
    body_bytes: usize,
    sums: [Sum; MAX_REPAIRS],
    /// As many as have a body.
    capacity: usize,
    /// Packets of the frame that are in no group yet, and the frame's time.
    left: usize,
    timestamp: u32,
    /// How many packets of the largest size the frame has for each that it has, and what goes with it.
    fill: f32,
    now_rate: f32,
    group: Option<Group>,
    /// The finished ones that wait, and the source's number of the first packet that they protect.
    ready: core::ops::Range<usize>,
    base: u16,
}

impl<A: Allocator + Clone> Repair<A> {
    pub(crate) const fn worst_case_bytes(packets: usize, mtu: usize) -> usize {
        Self::body_bytes(mtu).saturating_mul(packets).saturating_add(size_of::<Self>())
    }

    /// What is behind the fixed header of a packet.
    const fn body_bytes(mtu: usize) -> usize {
        mtu.saturating_sub(HEADER_LEN)
    }

    /// With room for `packets` at a time, at most [`MAX_REPAIRS`].
    pub(crate) fn new(config: RepairConfig, packets: usize, mtu: usize, alloc: A) -> Result<Box<Self, A>, AllocError> {
        let body_bytes = Self::body_bytes(mtu);
        let bodies = Box::try_zeroed(body_bytes.saturating_mul(packets), alloc.clone())?;
        let this = Self {
            config,
            next_sequence: config.first_sequence,
            measure: Hysteresis::new(),
            rate: 0.0,
            key_rate: 0.0,
            carry: 0.0,
            bodies,
            body_bytes,
            sums: [Sum::EMPTY; MAX_REPAIRS],
            capacity: packets.min(MAX_REPAIRS),
            left: 0,
            timestamp: 0,
            fill: 1.0,
            now_rate: 0.0,
            group: None,
            ready: 0..0,
            base: 0,
        };
        Box::try_new(this, alloc)
    }

    /// Another source or payload type from now on. What was begun is not finished; sequence numbers go on.
    pub(crate) fn rename(&mut self, config: RepairConfig) {
        self.abandon();
        self.config = config;
    }

    /// The number of the next repair packet.
    pub(crate) const fn next_sequence(&self) -> u16 {
        self.next_sequence
    }

    /// Whether the frames that come now are protected.
    pub(crate) const fn is_on(&self) -> bool {
        self.measure.is_on()
    }

    /// Bytes of repair packets for each byte of media, as a share.
    pub(crate) fn rate(&self) -> f32 {
        if self.is_on() && self.rate >= LEAST { self.rate } else { 0.0 }
    }

    /// Decides by the share of packets that the path loses, the round trip and the delay that the application can bear.
    /// `spare` is what the path carries beside the media, as a share of them: there are never more.
    pub(crate) fn follow(&mut self, now: Instant, loss: f32, round_trip: Duration, latency: Duration, spare: f32) {
        let again = round_trip.saturating_add(TURN);
        let needed = again > latency || loss > LOSSY;
        self.measure.follow(now, if needed { loss } else { 0.0 }, ON, OFF);
        let far = round_trip > latency.saturating_add(TURN);
        let wanted = rate(loss) * if far { FAR } else { 1.0 };
        let key = if loss < LITTLE { KEY } else { 1.0 };
        // A comparison with what is no number is false.
        let most = if spare < MOST { spare.max(0.0) } else { MOST };
        (self.rate, self.key_rate) = (wanted.min(most), (wanted * key).min(most));
    }

    /// A frame of so many packets begins, which have room for `budget` bytes each.
    pub(crate) fn begin_frame(&mut self, packets: usize, bytes: usize, budget: usize, key: bool, timestamp: u32) {
        self.abandon();
        (self.left, self.timestamp) = (packets, timestamp);
        let largest = if packets > 1 { budget } else { bytes };
        // Each repair packet is as long as the longest that it protects.
        self.fill = (bytes as f32 / largest.max(1) as f32 / packets.max(1) as f32).min(1.0);
        self.now_rate = if key { self.key_rate } else { self.rate };
    }

    /// What was begun is not finished.
    pub(crate) fn abandon(&mut self) {
        (self.left, self.group, self.ready) = (0, None, 0..0);
    }

    /// The next packet of the frame was written.
    pub(crate) fn add(&mut self, sequence: u16, datagram: &[u8], map: &ExtensionMap) {
        if self.left == 0 {
            return;
        }
        let mut group = self.group.unwrap_or_else(|| self.begin_group(sequence));
        let place = group.added;
        let (block, within) = match group.blocks() {
            1 => (0, place),
            _ => (place & 1, place >> 1),
        };
        let repairs = group.repairs.get(block).copied().unwrap_or(0);
        let before = if block == 0 { 0 } else { group.repairs.first().copied().unwrap_or(0) };
        let columns = repairs.checked_sub(1).and_then(|row| MASKS.get(row)?.get(within)).copied().unwrap_or(0);
        for bit in 0..repairs {
            if columns & (1 << bit) == 0 {
                continue;
            }
            let index = before.saturating_add(bit);
            let start = index.saturating_mul(self.body_bytes);
            let body = self.bodies.get_mut(start..start.saturating_add(self.body_bytes));
            if let (Some(sum), Some(body)) = (self.sums.get_mut(index), body)
                && sum.recovery.add(datagram, map, body).is_ok()
            {
                sum.mask |= 1 << place;
            }
        }
        group.added = group.added.saturating_add(1);
        self.left = self.left.saturating_sub(1);
        self.group = Some(group);
        if group.added >= group.packets {
            self.ready = 0..group.repairs.iter().fold(0, |all, one| all.saturating_add(*one));
            (self.base, self.group) = (group.first, None);
        }
    }

    /// Packets of the frame, as many as their repair packets have room for, in groups of about the same size.
    fn begin_group(&mut self, first: u16) -> Group {
        let rate = self.now_rate;
        let room = (self.capacity as f32 / rate.max(0.01)) as usize;
        let most = room.clamp(1, BLOCK.saturating_mul(BLOCKS));
        let packets = self.left.div_ceil(self.left.div_ceil(most).max(1));
        let mut group = Group { first, packets, added: 0, repairs: [0; BLOCKS] };
        let wanted = packets as f32 * self.fill * rate + self.carry;
        let least = usize::from(rate >= EACH);
        let total = (wanted as usize).max(least).min(self.capacity).min(packets);
        self.carry = if rate < LEAST { 0.0 } else { (wanted - total as f32).clamp(-CARRY, CARRY) };
        let blocks = group.blocks();
        for (n, repairs) in group.repairs.iter_mut().take(blocks).enumerate() {
            let share =
                total.saturating_add(blocks.saturating_sub(1)).saturating_sub(n).checked_div(blocks).unwrap_or(0);
            *repairs = share.min(MASKS.len());
        }
        let used = total.saturating_mul(self.body_bytes);
        for sum in &mut self.sums {
            *sum = Sum::EMPTY;
        }
        if let Some(bodies) = self.bodies.get_mut(..used) {
            bodies.fill(0);
        }
        group
    }

    /// Whether repair packets wait.
    pub(crate) fn has_packets(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Writes the next repair packet; its length, and that of its header.
    pub(crate) fn write(
        &mut self,
        now: Instant,
        transport_sequence: u16,
        media: u32,
        map: &ExtensionMap,
        out: &mut [u8],
    ) -> Option<(usize, usize)> {
        loop {
            let index = self.ready.next()?;
            let sum = *self.sums.get(index)?;
            if sum.mask == 0 {
                continue; // a short block that this one has no packet of
            }
            let start = index.saturating_mul(self.body_bytes);
            let body = self.bodies.get(start..start.saturating_add(self.body_bytes))?;
            let header = Header {
                marker: false,
                payload_type: self.config.payload_type,
                sequence: self.next_sequence,
                timestamp: self.timestamp,
                ssrc: self.config.ssrc,
            };
            let extensions = Extensions {
                abs_send_time: Some(abs_send_time(now.as_micros())),
                transport_sequence: Some(transport_sequence),
                ..Extensions::default()
            };
            let mut w = Writer::new(out);
            header.write(map, &extensions, &mut w).ok()?;
            let header_len = w.len();
            let protects = RepairHeader { ssrc: media, base: self.base, mask: sum.mask };
            sum.recovery.write(&protects, body, &mut w).ok()?;
            self.next_sequence = self.next_sequence.wrapping_add(1);
            return Some((header_len, w.len()));
        }
    }
}

/// Bytes of repair packets for each byte of media, between the points of [`RATES`].
fn rate(loss: f32) -> f32 {
    let mut below = (0.0, 0.0);
    for point in RATES {
        if loss < point.0 {
            let part = (loss - below.0) / (point.0 - below.0);
            return below.1 + part * (point.1 - below.1);
        }
        below = point;
    }
    MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_loss_has_more_repair_packets_up_to_a_bound() {
        let mut before = 0.0;
        for percent in 0..100u8 {
            let now = rate(f32::from(percent) / 100.0);
            assert!(now >= before && now <= MOST, "{percent}: {now}");
            before = now;
        }
        assert!((0.11..0.13).contains(&rate(0.01)) && (0.35..0.37).contains(&rate(0.05)));
        assert!(rate(f32::NAN) <= MOST);
    }

    /// Whether a block is whole after these packets of it are lost: a repair packet with one packet missing restores it.
    fn peels(row: &[u8], repairs: usize, lost: u32) -> bool {
        let mut lost = lost;
        loop {
            let restored = (0..repairs).find_map(|bit| {
                let mask =
                    row.iter().zip(0..).filter(|(one, _)| **one >> bit & 1 != 0).fold(0u32, |m, (_, n)| m | 1 << n);
                ((mask & lost).count_ones() == 1).then_some(mask & lost)
            });
            match restored {
                Some(one) => lost &= !one,
                None => return lost == 0,
            }
        }
    }

    #[test]
    fn each_mask_restores_any_one_packet_and_most_of_as_many_as_it_can() {
        for (row, repairs) in MASKS.iter().zip(1usize..) {
            for packets in 1..=BLOCK {
                assert!((0..packets).all(|n| peels(&row[..packets], repairs, 1 << n)), "{repairs} of {packets}");
            }
            // Of a whole block: every pair but those of equal columns, and what of all triples.
            let all = |count: u32| (0u32..1 << BLOCK).filter(move |lost| lost.count_ones() == count);
            let share = |count: u32| {
                all(count).filter(|lost| peels(row, repairs, *lost)).count() as f32 / all(count).count() as f32
            };
            let (two, three) = (share(2), share(3));
            let least = [0.0, 0.6, 0.9, 0.9, 1.0, 1.0, 1.0, 1.0][repairs - 1];
            assert!(two >= least, "{repairs}: {two} of all pairs");
            assert!(repairs < 6 || three >= 0.85, "{repairs}: {three} of all triples");
        }
    }

    #[test]
    fn every_repair_packet_protects_something_and_every_packet_is_protected() {
        for (row, repairs) in MASKS.iter().zip(1u32..) {
            // The shortest block with as many.
            let least = (repairs as f32 / MOST) as usize;
            for packets in least.clamp(1, BLOCK)..=BLOCK {
                let some = row[..packets].iter().fold(0u32, |all, one| all | u32::from(*one));
                assert!(
                    some == (1 << repairs) - 1 || packets < 2 * repairs as usize,
                    "{repairs} of {packets}: {some:b}"
                );
            }
            assert!(row.iter().all(|one| *one != 0 && u32::from(*one) < 1 << repairs));
        }
    }
}
