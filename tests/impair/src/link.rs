use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use fastrand::Rng;

use crate::{Loss, Profile};

/// One direction of an impaired path.
///
/// Time is the caller's: the [`Duration`] since an origin of its choice.
#[derive(Debug)]
pub struct Link {
    profile: Profile,
    rng: Rng,
    in_burst: bool,
    /// When the rate limiter has sent everything it has taken.
    free_at: Duration,
    /// Due time of the last packet that kept its order.
    last_due: Duration,
    /// Ordered by due time, then by arrival: equal times keep their order.
    on_the_way: BinaryHeap<Reverse<(Duration, u64, Vec<u8>)>>,
    taken: u64,
    counts: Counts,
}

/// What became of the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets sent into the link.
    pub sent: u64,
    /// Packets that came out, twins included.
    pub arrived: u64,
    /// Packets lost by chance or in an outage.
    pub lost: u64,
    /// Packets dropped since the queue before the rate limit was full.
    pub overflowed: u64,
    /// Packets doubled.
    pub duplicated: u64,
    /// Packets that overtook others.
    pub reordered: u64,
    /// Packets with a flipped bit.
    pub corrupted: u64,
}

impl Link {
    /// A link whose every decision follows from `seed`.
    #[must_use]
    pub fn new(profile: Profile, seed: u64) -> Self {
        Self {
            profile,
            rng: Rng::with_seed(seed),
            in_burst: false,
            free_at: Duration::ZERO,
            last_due: Duration::ZERO,
            on_the_way: BinaryHeap::new(),
            taken: 0,
            counts: Counts::default(),
        }
    }

    /// Changes what happens to packets from now on; those on the way keep their due times.
    pub fn set_profile(&mut self, profile: Profile) {
        self.profile = profile;
    }

    /// What became of the packets so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// A packet goes in.
    pub fn send(&mut self, now: Duration, mut packet: Vec<u8>) {
        self.counts.sent += 1;
        if self.is_lost(now) {
            self.counts.lost += 1;
            return;
        }
        let Some(leaves) = self.pass_rate(now, packet.len()) else {
            self.counts.overflowed += 1;
            return;
        };
        if self.chance(self.profile.corrupt) && !packet.is_empty() {
            self.counts.corrupted += 1;
            let bit = self.rng.usize(..packet.len() * 8);
            packet[bit / 8] ^= 1 << (bit % 8);
        }
        let due = self.due(leaves);
        if self.chance(self.profile.duplicate) {
            self.counts.duplicated += 1;
            self.put(due, packet.clone());
        }
        self.put(due, packet);
    }

    /// The next packet that is due at `now`.
    pub fn receive(&mut self, now: Duration) -> Option<Vec<u8>> {
        if self.next_due()? > now {
            return None;
        }
        self.counts.arrived += 1;
        self.on_the_way.pop().map(|Reverse((_, _, packet))| packet)
    }

    /// When the next packet is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.on_the_way.peek().map(|Reverse((due, _, _))| *due)
    }

    fn is_lost(&mut self, now: Duration) -> bool {
        let by_chance = match self.profile.loss {
            Loss::None => false,
            Loss::Independent(p) => self.chance(p),
            Loss::Bursts { start, end } => {
                self.in_burst = if self.in_burst { !self.chance(end) } else { self.chance(start) };
                self.in_burst
            }
        };
        by_chance || self.profile.outage.is_some_and(|outage| outage.contains(now))
    }

    /// When the rate limiter lets the packet go; `None` when its queue is full.
    fn pass_rate(&mut self, now: Duration, len: usize) -> Option<Duration> {
        let Some(rate) = self.profile.rate else { return Some(now) };
        let starts = self.free_at.max(now);
        if starts - now > self.profile.queue {
            return None;
        }
        // 28 bytes of IPv4 and UDP headers share the link.
        let bits = (len as u64 + 28) * 8;
        self.free_at = starts + Duration::from_nanos(bits * 1_000_000_000 / rate);
        Some(self.free_at)
    }

    fn due(&mut self, leaves: Duration) -> Duration {
        if self.chance(self.profile.reorder) {
            self.counts.reordered += 1;
            return leaves;
        }
        let due = leaves + self.profile.delay + self.profile.jitter.mul_f64(self.rng.f64());
        self.last_due = self.last_due.max(due);
        self.last_due
    }

    fn put(&mut self, due: Duration, packet: Vec<u8>) {
        self.taken += 1;
        self.on_the_way.push(Reverse((due, self.taken, packet)));
    }

    fn chance(&mut self, p: f64) -> bool {
        p > 0.0 && self.rng.f64() < p
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Outage;

    const MS: Duration = Duration::from_millis(1);

    fn fates(profile: &Profile, seed: u64) -> Vec<(Duration, Vec<u8>)> {
        let mut link = Link::new(profile.clone(), seed);
        for n in 0..2_000u32 {
            link.send(MS * n, n.to_be_bytes().to_vec());
        }
        let mut out = Vec::new();
        while let Some(due) = link.next_due() {
            out.push((due, link.receive(due).unwrap()));
        }
        out
    }

    #[test]
    fn the_same_seed_gives_the_same_fate() {
        let profile = Profile {
            loss: Loss::Independent(0.1),
            delay: MS * 20,
            jitter: MS * 9,
            reorder: 0.02,
            duplicate: 0.02,
            corrupt: 0.01,
            ..Profile::default()
        };
        assert_eq!(fates(&profile, 3), fates(&profile, 3));
        assert_ne!(fates(&profile, 3), fates(&profile, 4));
    }

    #[test]
    fn jitter_alone_keeps_the_order() {
        let arrived = fates(&Profile { delay: MS * 20, jitter: MS * 30, ..Profile::default() }, 1);
        assert_eq!(arrived.len(), 2_000);
        assert!(arrived.windows(2).all(|pair| pair[0].1 < pair[1].1));
    }

    #[test]
    fn losses_are_as_many_as_asked_for_and_bursts_are_bursts() {
        let lost = |loss| 2_000 - fates(&Profile { loss, ..Profile::default() }, 5).len();
        assert!((150..250).contains(&lost(Loss::Independent(0.1))));
        // Stationary loss is start / (start + end): here 1 in 11.
        assert!((100..280).contains(&lost(Loss::Bursts { start: 0.02, end: 0.2 })));
        let arrived = fates(&Profile { loss: Loss::Bursts { start: 0.01, end: 0.1 }, ..Profile::default() }, 5);
        let numbers: Vec<u32> = arrived.iter().map(|(_, p)| u32::from_be_bytes(p[..].try_into().unwrap())).collect();
        assert!(numbers.windows(2).any(|pair| pair[1] - pair[0] > 5));
    }

    #[test]
    fn the_rate_is_kept_and_the_queue_is_bounded() {
        let profile = Profile { rate: Some(1_000_000), queue: MS * 100, ..Profile::default() };
        let mut link = Link::new(profile, 1);
        for _ in 0..1_000 {
            link.send(Duration::ZERO, vec![0; 1_222]); // 10 ms each at 1 Mbit/s
        }
        assert_eq!(link.counts().overflowed, 1_000 - 11);
        assert_eq!(std::iter::from_fn(|| link.receive(MS * 50)).count(), 5);
    }

    #[test]
    fn nothing_passes_in_an_outage() {
        let outage = Some(Outage { start: MS * 500, length: MS * 1_000 });
        assert_eq!(fates(&Profile { outage, ..Profile::default() }, 1).len(), 1_000);
    }
}
