//! Groups of packets that were sent together, and the variation of their delay.

use crate::feedback::PacketResult;

/// Packets sent within this time count as one group (section 5.2 of the draft: a burst of the pacer).
const BURST_MICROS: i64 = 5_000;

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: i64,
    last_sent: i64,
    first_arrived: i64,
    last_arrived: i64,
}

/// How two groups of packets lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Variation {
    /// Inter-departure time, in ms.
    pub(crate) sent: f32,
    /// Inter-arrival time less inter-departure time, in ms: positive when a queue grows (section 5.1).
    pub(crate) delay: f32,
    /// Arrival of the later group, in µs.
    pub(crate) arrived: i64,
}

/// Puts packets into groups, since packets that leave in one burst tell about the burst and not about the path.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Groups {
    current: Option<Group>,
    previous: Option<Group>,
}

impl Groups {
    /// Takes an arrived packet; a variation when it begins a group and two are complete.
    pub(crate) fn packet(&mut self, result: &PacketResult) -> Option<Variation> {
        let arrived = result.arrived?;
        let sent = i64::try_from(result.sent.as_micros()).ok()?;
        let fresh = Group { first_sent: sent, last_sent: sent, first_arrived: arrived, last_arrived: arrived };
        let Some(current) = &mut self.current else {
            self.current = Some(fresh);
            return None;
        };
        if sent < current.first_sent {
            return None; // reordered: it says nothing about the queue now
        }
        if belongs(current, sent, arrived) {
            current.last_sent = current.last_sent.max(sent);
            current.last_arrived = current.last_arrived.max(arrived);
            return None;
        }
        let done = *current;
        let before = self.previous.replace(done);
        self.current = Some(fresh);
        let before = before?;
        let sent = done.last_sent.saturating_sub(before.last_sent);
        let arrived = done.last_arrived.saturating_sub(before.last_arrived);
        Some(Variation {
            sent: sent as f32 / 1_000.0,
            delay: arrived.saturating_sub(sent) as f32 / 1_000.0,
            arrived: done.last_arrived,
        })
    }
}

fn belongs(group: &Group, sent: i64, arrived: i64) -> bool {
    if sent.saturating_sub(group.first_sent) <= BURST_MICROS {
        return true;
    }
    // Section 5.2: what was held back somewhere and then arrives in one burst, faster than it was sent.
    let arrival_gap = arrived.saturating_sub(group.last_arrived);
    let sent_gap = sent.saturating_sub(group.last_sent);
    arrival_gap < sent_gap
        && arrival_gap <= BURST_MICROS
        && arrived.saturating_sub(group.first_arrived) < BURST_MICROS.saturating_mul(20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_wire::Instant;

    fn packet(sent: u64, arrived: i64) -> PacketResult {
        PacketResult { sequence: 0, sent: Instant::from_micros(sent), bytes: 1_200, arrived: Some(arrived) }
    }

    #[test]
    fn bursts_are_one_group() {
        let mut groups = Groups::default();
        for (sent, arrived) in [(0, 10_000), (1_000, 11_000), (20_000, 30_000), (21_000, 34_000)] {
            assert_eq!(groups.packet(&packet(sent, arrived)), None);
        }
        // Departures at 1 and 21 ms, arrivals at 11 and 34.
        let v = groups.packet(&packet(40_000, 50_000)).unwrap();
        assert_eq!((v.sent, v.delay, v.arrived), (20.0, 3.0, 34_000));
    }

    #[test]
    fn lost_and_reordered_packets_tell_nothing() {
        let mut groups = Groups::default();
        groups.packet(&packet(50_000, 60_000));
        assert_eq!(groups.packet(&packet(10_000, 61_000)), None);
        assert_eq!(groups.packet(&PacketResult { arrived: None, ..packet(90_000, 0) }), None);
    }
}
