//! Senders that share a simulated bottleneck, for pictures and for tests.

use std::collections::VecDeque;
use std::time::Duration;

use barertc_arena::Global;
use barertc_congestion::{Arrivals, Gcc, GccConfig, SentPackets};
use barertc_rtp::rtcp::{CompoundWriter, Rtcp, packets};
use barertc_wire::Instant;

const PACKET: usize = 1_200;
const DELAY: Duration = Duration::from_millis(25);

/// A bottleneck with a queue in front, the same for all.
pub struct Path {
    pub bits_per_second: u64,
    pub queue: usize,
    /// One packet in this many is lost at random; 0 for none.
    pub loss: u32,
    pub busy_until: Instant,
    pub random: u32,
}

impl Path {
    fn send(&mut self, now: Instant) -> Option<Instant> {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if self.loss > 0 && (self.random >> 8).is_multiple_of(self.loss) {
            return None;
        }
        let waits = self.busy_until.saturating_since(now);
        if waits.as_micros() as u64 * self.bits_per_second / 8_000_000 + PACKET as u64 > self.queue as u64 {
            return None;
        }
        let takes = Duration::from_micros(PACKET as u64 * 8_000_000 / self.bits_per_second);
        self.busy_until = self.busy_until.max(now) + takes;
        Some(self.busy_until + DELAY)
    }
}

/// Who sends over the path.
pub trait Sender {
    /// One millisecond: sends what it may, takes what has come back.
    fn step(&mut self, now: Instant, path: &mut Path);
    /// Bits a second, as it sees it.
    fn rate(&self) -> f64;
}

/// A sender that follows the estimate.
pub struct Media {
    from: Instant,
    estimator: Gcc,
    sent: SentPackets<Global>,
    arrivals: Arrivals<Global>,
    on_the_way: VecDeque<(Instant, u16)>,
    reports: VecDeque<(Instant, Vec<u8>)>,
    credit: u64,
}

impl Media {
    pub fn boxed(from: u64, start: u64) -> Box<dyn Sender> {
        let config = GccConfig { start, min: 50_000, max: 10_000_000 };
        Box::new(Self {
            from: Instant::from_millis(from * 1_000),
            estimator: Gcc::new(config),
            sent: SentPackets::new(2_048, Global).expect("memory"),
            arrivals: Arrivals::new(1_024, Global).expect("memory"),
            on_the_way: VecDeque::new(),
            reports: VecDeque::new(),
            credit: 0,
        })
    }
}

impl Sender for Media {
    fn step(&mut self, now: Instant, path: &mut Path) {
        if now < self.from {
            return;
        }
        self.estimator.set_round_trip_time(Instant::ZERO, DELAY * 2);
        self.credit += self.estimator.bitrate();
        while self.credit >= PACKET as u64 * 8_000 {
            self.credit -= PACKET as u64 * 8_000;
            let number = self.sent.next_sequence();
            self.sent.record(now, PACKET);
            if let Some(at) = path.send(now) {
                self.on_the_way.push_back((at, number));
            }
        }
        while let Some((at, number)) = self.on_the_way.pop_front_if(|(at, _)| *at <= now) {
            self.arrivals.record(at, number, 1);
        }
        let mut out = [0; 1_200];
        let mut w = CompoundWriter::new(&mut out);
        let _ = self.arrivals.write(now, 2, &mut w);
        let len = w.len();
        if len > 0 {
            self.reports.push_back((now + DELAY, out[..len].to_vec()));
        }
        while let Some((_, report)) = self.reports.pop_front_if(|(at, _)| *at <= now) {
            for packet in packets(&report) {
                if let Ok(Rtcp::Transport(feedback)) = packet {
                    self.sent.feedback(now, &feedback, &mut self.estimator);
                }
            }
        }
    }

    fn rate(&self) -> f64 {
        self.estimator.bitrate() as f64
    }
}

/// A bulk transfer after TCP's old rule: a packet more each round trip, half after a loss.
pub struct Bulk {
    from: Instant,
    window: f64,
    in_flight: u32,
    acks: VecDeque<Instant>,
    losses: VecDeque<Instant>,
    halved: Instant,
    acked: VecDeque<Instant>,
}

impl Bulk {
    pub fn boxed(from: u64) -> Box<dyn Sender> {
        let from = Instant::from_millis(from * 1_000);
        let (acks, losses, acked) = (VecDeque::new(), VecDeque::new(), VecDeque::new());
        Box::new(Self { from, window: 4.0, in_flight: 0, acks, losses, halved: Instant::ZERO, acked })
    }
}

impl Sender for Bulk {
    fn step(&mut self, now: Instant, path: &mut Path) {
        if now < self.from {
            return;
        }
        while let Some(at) = self.acks.pop_front_if(|at| *at <= now) {
            self.in_flight -= 1;
            self.window += 1.0 / self.window;
            self.acked.push_back(at);
        }
        while self.losses.pop_front_if(|at| *at <= now).is_some() {
            self.in_flight -= 1;
            if now.saturating_since(self.halved) > DELAY * 8 {
                (self.window, self.halved) = ((self.window / 2.0).max(2.0), now);
            }
        }
        while self.acked.pop_front_if(|at| *at + Duration::from_secs(1) < now).is_some() {}
        while f64::from(self.in_flight) < self.window {
            self.in_flight += 1;
            match path.send(now) {
                Some(at) => self.acks.push_back(at + DELAY),
                None => self.losses.push_back(path.busy_until.max(now) + DELAY * 2),
            }
        }
    }

    fn rate(&self) -> f64 {
        self.acked.len() as f64 * PACKET as f64 * 8.0
    }
}
