//! The estimator against a simulated bottleneck: it finds the rate, keeps the queue short, and is not fooled by loss
//! that isn't congestion.

use barertc_arena::Global;
use barertc_congestion::{Arrivals, Gcc, GccConfig, SentPackets};
use barertc_rtp::rtcp::{CompoundWriter, Rtcp, packets};
use barertc_wire::Instant;
use std::collections::VecDeque;
use std::time::Duration;

const PACKET: usize = 1_200;

/// A bottleneck with a queue in front, and the same delay both ways.
struct Path {
    bits_per_second: u64,
    delay: Duration,
    /// Bytes that the queue holds.
    queue: usize,
    /// One packet in this many is lost at random; 0 for none.
    loss: u32,
    busy_until: Instant,
    random: u32,
}

impl Path {
    fn new(bits_per_second: u64) -> Self {
        let delay = Duration::from_millis(25);
        Self { bits_per_second, delay, queue: 100_000, loss: 0, busy_until: Instant::ZERO, random: 1 }
    }

    fn queued(&self, now: Instant) -> Duration {
        self.busy_until.saturating_since(now)
    }

    /// When the packet arrives.
    fn send(&mut self, now: Instant) -> Option<Instant> {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if self.loss > 0 && (self.random >> 8).is_multiple_of(self.loss) {
            return None;
        }
        let waiting = self.queued(now).as_micros() as u64 * self.bits_per_second / 8_000_000;
        if waiting as usize + PACKET > self.queue {
            return None;
        }
        let duration = Duration::from_micros(PACKET as u64 * 8_000_000 / self.bits_per_second);
        self.busy_until = self.busy_until.max(now) + duration;
        Some(self.busy_until + self.delay)
    }
}

struct Outcome {
    /// Mean of the estimate over the last half.
    mean: u64,
    /// Mean of the queueing delay over the last half.
    queued: Duration,
    worst_queued: Duration,
}

/// Sends at the estimate for `seconds`; `change` may alter the path each millisecond.
fn run(mut path: Path, start: u64, seconds: u64, mut change: impl FnMut(u64, &mut Path)) -> Outcome {
    let mut estimator = Gcc::new(GccConfig { start, min: 50_000, max: 10_000_000 });
    let mut sent = SentPackets::new(2_048, Global).unwrap();
    let mut arrivals = Arrivals::new(1_024, Global).unwrap();
    let mut on_the_way = VecDeque::new();
    let mut reports: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    let (mut credit, mut sum, mut queued, mut worst, mut samples) = (0u64, 0u64, Duration::ZERO, Duration::ZERO, 0u32);
    for millis in 0..seconds * 1_000 {
        let now = Instant::from_millis(millis);
        change(millis, &mut path);
        estimator.set_round_trip_time(Instant::ZERO, path.delay * 2);
        credit += estimator.bitrate();
        while credit >= PACKET as u64 * 8_000 {
            credit -= PACKET as u64 * 8_000;
            let number = sent.next_sequence();
            sent.record(now, PACKET);
            if let Some(at) = path.send(now) {
                on_the_way.push_back((at, number));
            }
        }
        while on_the_way.front().is_some_and(|(at, _)| *at <= now) {
            let (at, number) = on_the_way.pop_front().unwrap();
            arrivals.record(at, number, 1);
        }
        let mut out = [0; 1_200];
        let mut w = CompoundWriter::new(&mut out);
        assert!(arrivals.write(now, 2, &mut w));
        let len = w.len();
        if len > 0 {
            reports.push_back((now + path.delay, out[..len].to_vec()));
        }
        while reports.front().is_some_and(|(at, _)| *at <= now) {
            let (_, report) = reports.pop_front().unwrap();
            for packet in packets(&report) {
                let Ok(Rtcp::Transport(feedback)) = packet else { panic!() };
                sent.feedback(now, &feedback, &mut estimator);
            }
        }
        if millis >= seconds * 500 {
            sum += estimator.bitrate();
            queued += path.queued(now);
            worst = worst.max(path.queued(now));
            samples += 1;
        }
    }
    let outcome = Outcome { mean: sum / u64::from(samples), queued: queued / samples, worst_queued: worst };
    println!("mean {} kbit/s, queue {:?}, worst {:?}", outcome.mean / 1_000, outcome.queued, outcome.worst_queued);
    outcome
}

#[test]
fn it_finds_the_bottleneck_from_above_and_below() {
    for (rate, start) in [(1_000_000, 3_000_000), (2_000_000, 2_500_000), (2_000_000, 300_000), (500_000, 2_500_000)] {
        let o = run(Path::new(rate), start, 60, |_, _| {});
        assert!(o.mean > rate * 7 / 10 && o.mean < rate * 21 / 20, "{rate} from {start}: {}", o.mean);
        assert!(o.queued < Duration::from_millis(60), "{:?}", o.queued);
        assert!(o.worst_queued < Duration::from_millis(300), "{:?}", o.worst_queued);
    }
}

#[test]
fn it_follows_a_path_that_gets_narrower_and_wider() {
    let o = run(Path::new(3_000_000), 1_000_000, 60, |millis, path| {
        path.bits_per_second = if (10_000..20_000).contains(&millis) { 700_000 } else { 3_000_000 };
    });
    assert!(o.mean > 1_500_000, "{}", o.mean);
    let o = run(Path::new(3_000_000), 1_000_000, 60, |millis, path| {
        path.bits_per_second = if millis > 20_000 { 700_000 } else { 3_000_000 };
    });
    assert!((450_000..750_000).contains(&o.mean), "{}", o.mean);
}

#[test]
fn loss_that_is_not_congestion_is_tolerated() {
    // 5 % on a path with room: the rate neither collapses nor explodes.
    let o = run(Path { loss: 20, ..Path::new(8_000_000) }, 2_000_000, 60, |_, _| {});
    assert!(o.mean > 1_500_000, "{}", o.mean);
    // 25 % is too much (section 6 of the draft).
    let o = run(Path { loss: 4, ..Path::new(8_000_000) }, 2_000_000, 30, |_, _| {});
    assert!(o.mean < 500_000, "{}", o.mean);
}

#[test]
fn a_short_queue_that_drops_is_not_overrun() {
    let o = run(Path { queue: 12_000, ..Path::new(1_000_000) }, 3_000_000, 60, |_, _| {});
    assert!((600_000..1_100_000).contains(&o.mean), "{}", o.mean);
}

#[test]
fn the_receivers_own_estimate_and_its_reports_count() {
    let mut gcc = Gcc::new(GccConfig::default());
    gcc.remb(Instant::ZERO, 700_000);
    assert_eq!(gcc.bitrate(), 700_000);
    gcc.remb(Instant::ZERO, 50_000_000);
    assert_eq!(gcc.bitrate(), 2_500_000);
    for second in 0..10 {
        gcc.loss_report(Instant::from_millis(second * 1_000), 64, 200);
    }
    assert!(gcc.bitrate() < 1_500_000, "{}", gcc.bitrate());
}

#[test]
fn what_is_in_flight_is_bounded_by_what_is_remembered() {
    let mut sent = SentPackets::new(4, Global).unwrap();
    for i in 0..10 {
        assert_eq!(sent.next_sequence(), i);
        sent.record(Instant::from_millis(u64::from(i)), 1_000);
    }
    assert_eq!(sent.in_flight(), 4_000);
    let mut arrivals = Arrivals::new(8, Global).unwrap();
    for number in [0, 7, 9] {
        arrivals.record(Instant::from_millis(20), number, 1);
    }
    let mut out = [0; 200];
    let mut w = CompoundWriter::new(&mut out);
    assert!(arrivals.write(Instant::from_millis(200), 1, &mut w));
    let len = w.len();
    let Some(Ok(Rtcp::Transport(f))) = packets(&out[..len]).next() else { panic!() };
    sent.feedback(Instant::from_millis(200), &f, &mut Gcc::new(GccConfig::default()));
    assert_eq!(sent.in_flight(), 2_000);
    // The same report again changes nothing.
    sent.feedback(Instant::from_millis(201), &f, &mut Gcc::new(GccConfig::default()));
    assert_eq!(sent.in_flight(), 2_000);
}
