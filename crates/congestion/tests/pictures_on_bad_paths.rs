//! The estimate for a sender that has less to send than the path carries, in pictures of unequal size, as a file or a
//! camera gives them: it must not fall below what is sent for no reason, and must where there is one.

use std::collections::VecDeque;
use std::time::Duration;

use barertc_arena::Global;
use barertc_congestion::{Arrivals, Class, Gcc, GccConfig, Pacer, SentPackets};
use barertc_impair::{Link, Loss, Profile};
use barertc_rtp::rtcp::{CompoundWriter, Rtcp, packets};
use barertc_wire::Instant;

/// Bits a second of all that is sent.
const MEDIA: u64 = 1_660_000;
const PACKET: usize = 1_150;
/// Thirty pictures a second, one in sixty of them large.
const KEY: usize = 100_000;
const OTHER: usize = 4_900;
const EVERY: u64 = 60;

struct Sender {
    estimator: Gcc,
    sent: SentPackets<Global>,
    pacer: Pacer,
    /// Sizes of packets that wait.
    queue: VecDeque<usize>,
    pictures: u64,
}

impl Sender {
    fn new() -> Self {
        let estimator = Gcc::new(GccConfig::default());
        let pacer = Pacer::new(estimator.bitrate());
        let sent = SentPackets::new(2_048, Global).unwrap();
        Self { estimator, sent, pacer, queue: VecDeque::new(), pictures: 0 }
    }

    fn step(&mut self, millis: u64, link: &mut Link) {
        let now = Instant::from_millis(millis);
        if millis.is_multiple_of(20) {
            self.send(now, Class::Audio, 200, link);
        }
        if millis * 30 / 1_000 >= self.pictures {
            let mut left = if self.pictures.is_multiple_of(EVERY) { KEY } else { OTHER };
            while left > 0 {
                let size = left.min(PACKET);
                self.queue.push_back(size);
                left -= size;
            }
            self.pictures += 1;
        }
        while let Some(size) = self.queue.front().copied().filter(|_| self.pacer.may_send(now, Class::Video)) {
            self.queue.pop_front();
            self.send(now, Class::Video, size, link);
        }
    }

    fn send(&mut self, now: Instant, class: Class, size: usize, link: &mut Link) {
        let mut packet = vec![0; size];
        packet[..2].copy_from_slice(&self.sent.next_sequence().to_be_bytes());
        self.sent.record(now, size);
        self.pacer.sent(now, class, size);
        link.send(Duration::from_micros(now.as_micros()), packet);
    }

    fn feedback(&mut self, now: Instant, report: &[u8]) {
        for packet in packets(report) {
            let Ok(Rtcp::Transport(feedback)) = packet else { panic!() };
            self.sent.feedback(now, &feedback, &mut self.estimator);
        }
        self.pacer.set_bitrate(now, self.estimator.bitrate());
    }
}

/// The estimate each 100 ms, after five seconds that are left to the start.
fn run(profile: &Profile, seconds: u64, seed: u64) -> Vec<u64> {
    let mut sender = Sender::new();
    let mut arrivals = Arrivals::new(1_024, Global).unwrap();
    let (mut down, mut up) = (Link::new(profile.clone(), seed), Link::new(profile.clone(), seed + 1));
    let mut estimates = Vec::new();
    for millis in 0..seconds * 1_000 {
        let now = Instant::from_millis(millis);
        let time = Duration::from_millis(millis);
        sender.estimator.set_round_trip_time(Instant::ZERO, profile.delay * 2 + Duration::from_millis(10));
        sender.step(millis, &mut down);
        while let Some(due) = down.next_due().filter(|due| *due <= time) {
            let packet = down.receive(time).unwrap();
            let number = u16::from_be_bytes([packet[0], packet[1]]);
            arrivals.record(Instant::from_micros(due.as_micros() as u64), number, 1);
        }
        let mut out = [0; 1_200];
        let mut w = CompoundWriter::new(&mut out);
        let _ = arrivals.write(now, 2, &mut w);
        let len = w.len();
        if len > 0 {
            up.send(time, out[..len].to_vec());
        }
        while let Some(report) = up.receive(time) {
            sender.feedback(now, &report);
        }
        if millis >= 5_000 && millis % 100 == 0 {
            estimates.push(sender.estimator.bitrate());
        }
    }
    let mut sorted = estimates.clone();
    sorted.sort_unstable();
    println!("lowest {}, median {} kbit/s", sorted[0] / 1_000, sorted[sorted.len() / 2] / 1_000);
    estimates
}

fn part_below(estimates: &[u64], bitrate: u64) -> f64 {
    estimates.iter().filter(|e| **e < bitrate).count() as f64 / estimates.len() as f64
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn a_path_with_room_is_seen_to_have_room() {
    for seed in 0..5 {
        for loss in [0.0, 0.05, 0.1] {
            let profile = Profile { delay: ms(25), loss: Loss::Independent(loss), ..Profile::default() };
            assert_eq!(part_below(&run(&profile, 60, seed), MEDIA * 5 / 4), 0.0, "loss {loss}, seed {seed}");
        }
    }
}

#[test]
fn jitter_is_no_queue() {
    for seed in 0..5 {
        for jitter in [5, 10, 20, 30] {
            let profile = Profile { delay: ms(25), jitter: ms(jitter), ..Profile::default() };
            assert_eq!(part_below(&run(&profile, 60, seed), MEDIA * 5 / 4), 0.0, "jitter {jitter}, seed {seed}");
        }
    }
}

#[test]
fn a_narrow_path_is_seen_to_be_narrow_whether_it_jitters_or_not() {
    for rate in [2_000_000, 1_000_000] {
        for jitter in [0, 10, 30] {
            let profile =
                Profile { delay: ms(25), jitter: ms(jitter), rate: Some(rate), queue: ms(300), ..Profile::default() };
            let estimates = run(&profile, 60, 1);
            let (below, far) = (part_below(&estimates, rate * 11 / 10), part_below(&estimates, rate / 3));
            assert!(below > 0.95 && far < 0.05, "{rate}, jitter {jitter}: {below}, {far}");
        }
    }
}
