//! Whether the path has become much narrower, by the gaps between the packets that arrived last.

use crate::feedback::PacketResult;

/// Packets that are looked at.
const PACKETS: usize = 24;
/// They arrived within this time, in µs: at the rate of one report or two.
const WITHIN: i64 = 200_000;
/// So many are needed, without the one behind the longest pause.
const LEAST: usize = 4;
/// They took so much longer to arrive than to leave, in µs: a queue grows.
const GROWN: i64 = 40_000;

/// Times are the low 32 bits of microseconds: only packets close to each other are compared.
#[derive(Clone, Copy, Debug)]
struct Packet {
    sent: u32,
    arrived: u32,
    /// Zero where no packet is kept.
    bytes: u16,
}

const NONE: Packet = Packet { sent: 0, arrived: 0, bytes: 0 };

/// Microseconds from `earlier` to `later`.
fn between(later: u32, earlier: u32) -> i64 {
    later.wrapping_sub(earlier).cast_signed().into()
}

/// The low 32 bits.
const fn low(micros: u64) -> u32 {
    let [a, b, c, d, ..] = micros.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// Tells at once that the path carries much less than it did.
///
/// While a queue grows, packets arrive at the rate that the path carries. The trend of delays needs many packets to be sure
/// of a queue, and when a path becomes several times narrower, few arrive. The mean rate needs half a second to forget
/// what arrived before.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Narrowed {
    packets: [Packet; PACKETS],
    next: usize,
    /// It was seen that the path carries much less than before, and nobody has been told.
    untold: bool,
}

impl Narrowed {
    pub(crate) const fn new() -> Self {
        Self { packets: [NONE; PACKETS], next: 0, untold: false }
    }

    pub(crate) fn packet(&mut self, result: &PacketResult) {
        let Some(arrived) = result.arrived else { return };
        let (sent, arrived) = (low(result.sent.as_micros()), low(arrived.cast_unsigned()));
        let bytes = u16::try_from(result.bytes).unwrap_or(u16::MAX);
        if let Some(slot) = self.packets.get_mut(self.next) {
            *slot = Packet { sent, arrived, bytes };
        }
        self.next = self.next.saturating_add(1).checked_rem(PACKETS).unwrap_or(0);
    }

    /// Bits a second that the path carries, if the last packets fill a queue.
    ///
    /// One pause does not count: a radio that pauses holds up what then comes at once. Of what came before the path became
    /// narrow as little is counted as the packets allow.
    pub(crate) fn carries(&self) -> Option<f32> {
        let mut newest: Option<Packet> = None;
        let (mut pause, mut arriving, mut leaving, mut bytes, mut count) = (None, 0_i64, 0_i64, 0_u64, 0_usize);
        let mut least: Option<f32> = None;
        // From the newest back: each with the gap to the one behind it.
        for back in 1..=PACKETS {
            let at = self.next.saturating_add(PACKETS).saturating_sub(back).checked_rem(PACKETS).unwrap_or(0);
            let Some(packet) = self.packets.get(at).copied().filter(|packet| packet.bytes > 0) else { break };
            let Some(behind) = newest.replace(packet) else { continue };
            let gap = (between(behind.arrived, packet.arrived), between(behind.sent, packet.sent));
            if gap.0 < 0 || gap.1 < 0 || arriving.saturating_add(gap.0) > WITHIN {
                break;
            }
            arriving = arriving.saturating_add(gap.0);
            leaving = leaving.saturating_add(gap.1);
            bytes = bytes.saturating_add(behind.bytes.into());
            count = count.saturating_add(1);
            if pause.is_none_or(|((longest, _), _)| gap.0 > longest) {
                pause = Some((gap, behind.bytes));
            }
            let Some(((longest, left), counted)) = pause.filter(|_| count > LEAST) else { continue };
            let (arriving, leaving) = (arriving.saturating_sub(longest), leaving.saturating_sub(left));
            if arriving.saturating_sub(leaving) >= GROWN {
                let rate = bytes.saturating_sub(counted.into()) as f32 * 8e6 / arriving as f32;
                least = Some(least.map_or(rate, |least| least.min(rate)));
            }
        }
        least
    }

    /// The estimate follows what was seen so far.
    pub(crate) const fn answered(&mut self) {
        *self = Self { untold: true, ..Self::new() };
    }

    /// Whether that has happened since this was asked last.
    pub(crate) const fn take(&mut self) -> bool {
        core::mem::replace(&mut self.untold, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_wire::Instant;

    /// Packets of 1,200 bytes that leave 4 ms apart; each arrives so many µs after the one before.
    fn run(gaps: impl Iterator<Item = i64>) -> Option<f32> {
        let (mut narrowed, mut arrived) = (Narrowed::new(), 7_000_000);
        for (n, gap) in (0..).zip(gaps) {
            arrived += gap;
            let sent = Instant::from_millis(n * 4);
            let result = PacketResult { sequence: n as u16, sent, bytes: 1_200, arrived: Some(arrived) };
            narrowed.packet(&result);
        }
        narrowed.carries()
    }

    #[test]
    fn a_path_that_became_narrow_is_known_after_five_packets() {
        let narrow = |packets| run(core::iter::repeat_n(4_000, 50).chain(core::iter::repeat_n(19_200, packets)));
        assert!(narrow(3).is_none());
        for packets in [5, 6, 9] {
            let carries = narrow(packets).expect("a queue grows");
            assert!((490_000.0..510_000.0).contains(&carries), "{carries} after {packets}");
        }
        let carries = narrow(30).expect("a queue grows");
        assert!((490_000.0..510_000.0).contains(&carries), "{carries}");
    }

    #[test]
    fn a_pause_and_jitter_are_no_queue() {
        assert!(run(core::iter::repeat_n(4_000, 50)).is_none());
        let pause = (0..50).map(|n| {
            if n == 40 {
                120_000
            } else if n > 40 {
                300
            } else {
                4_000
            }
        });
        assert!(run(pause).is_none());
        let jitter = (0..50).map(|n| if n % 2 == 0 { 7_900 } else { 100 });
        assert!(run(jitter).is_none());
    }
}
