//! Flows that share a bottleneck: ours beside a TCP (CUBIC, RFC 9438, with SACK), and each beside its like.
//!
//! `cargo test --release -p barertc-sctp --test it fairness -- --nocapture` prints the shares; `SCTP_SECONDS=n` runs them
//! for longer.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::support::{Assoc, Peer, Rng, association};
use barertc_sctp::{ChannelConfig, ChannelId, Config, Congestion, Event, MessageKind, Role};
use barertc_wire::Instant;

/// A flow: a sender with endless data, and what counts what arrives.
trait Flow {
    fn sender(&mut self) -> &mut dyn Peer;
    fn receiver(&mut self) -> &mut dyn Peer;
    /// Keeps the sender's queue full and the receiver's empty; bytes that arrived since the last call.
    fn work(&mut self, now: Instant) -> usize;
}

/// Ours.
struct Sctp {
    ends: [Assoc; 2],
    id: ChannelId,
    message: Vec<u8>,
}

impl Sctp {
    fn new(congestion: Congestion, seed: u64) -> Self {
        let mut config = Config::with_buffers(2 << 20, 2 << 20);
        config.congestion = congestion;
        let now = Instant::from_millis(1);
        let mut ends = [association(config.clone(), seed).0, association(config, seed + 1).0];
        ends[0].set_role(now, Role::Client);
        ends[1].set_role(now, Role::Server);
        ends[0].connect(now);
        let id = ends[0].open(now, &ChannelConfig::default()).expect("a channel");
        Self { ends, id, message: vec![7; 16 << 10] }
    }
}

impl Flow for Sctp {
    fn sender(&mut self) -> &mut dyn Peer {
        &mut self.ends[0]
    }
    fn receiver(&mut self) -> &mut dyn Peer {
        &mut self.ends[1]
    }
    fn work(&mut self, now: Instant) -> usize {
        let mut bytes = 0;
        while self.ends[0].poll_event().is_some() {}
        while self.ends[0].write(now, self.id, MessageKind::Binary, &self.message).is_ok() {}
        while let Some(event) = self.ends[1].poll_event() {
            let Event::Readable(id) = event else { continue };
            while let Ok(read) = self.ends[1].read_with(now, id, <[u8]>::len) {
                bytes += read.len;
            }
        }
        bytes
    }
}

const SEGMENT: usize = 1_240;

/// The sending half of a TCP: CUBIC with the beta and C of RFC 9438, loss told by three later segments, one reduction a
/// window, time-outs after RFC 6298 with 200 ms at least.
struct Cubic {
    next: u64,
    /// Sent and not acknowledged: when, and how many later ones have been acknowledged.
    flying: BTreeMap<u64, (Instant, u8)>,
    lost: BTreeSet<u64>,
    window: f64,
    threshold: f64,
    most: f64,
    epoch: Option<Instant>,
    /// What Reno would have by now.
    reno: f64,
    recover: u64,
    srtt: Option<Duration>,
    timer: Option<Instant>,
}

impl Cubic {
    fn new() -> Self {
        Self {
            next: 0,
            flying: BTreeMap::new(),
            lost: BTreeSet::new(),
            window: 10.0,
            threshold: f64::INFINITY,
            most: 0.0,
            epoch: None,
            reno: 0.0,
            recover: 0,
            srtt: None,
            timer: None,
        }
    }

    fn rto(&self) -> Duration {
        self.srtt.map_or(Duration::from_secs(1), |s| (s * 2).max(Duration::from_millis(200)))
    }

    fn grow(&mut self, now: Instant) {
        if self.window < self.threshold {
            self.window += 1.0;
            return;
        }
        let rtt = self.srtt.unwrap_or_default().as_secs_f64();
        let epoch = *self.epoch.get_or_insert(now);
        let t = now.saturating_since(epoch).as_secs_f64() + rtt;
        let k = (self.most * 0.3 / 0.4).cbrt();
        let target = 0.4 * (t - k).powi(3) + self.most;
        self.reno += 3.0 * 0.3 / 1.7 / self.window;
        let target = target.max(self.reno).min(self.window * 1.5);
        self.window += ((target - self.window) / self.window).max(0.01 / self.window);
    }

    fn reduce(&mut self) {
        // Fast convergence (RFC 9438 §4.7).
        self.most = if self.window < self.most { self.window * 0.85 } else { self.window };
        self.window = (self.window * 0.7).max(2.0);
        self.threshold = self.window;
        self.reno = self.window;
        self.epoch = None;
        self.recover = self.next;
    }
}

impl Peer for Cubic {
    fn input(&mut self, now: Instant, packet: &mut [u8]) {
        let seq = u64::from_be_bytes(*packet.first_chunk().expect("a number"));
        self.lost.remove(&seq);
        if let Some((sent, _)) = self.flying.remove(&seq) {
            let rtt = now.saturating_since(sent);
            self.srtt = Some(self.srtt.map_or(rtt, |s| (s * 7 + rtt) / 8));
            if seq >= self.recover {
                self.grow(now);
            }
        }
        let mut gone = vec![];
        for (n, (_, later)) in self.flying.range_mut(..seq) {
            *later += 1;
            if *later == 3 {
                gone.push(*n);
            }
        }
        for n in gone {
            self.flying.remove(&n);
            self.lost.insert(n);
            if n >= self.recover {
                self.reduce();
            }
        }
        self.timer = Some(now + self.rto());
    }

    fn output(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.flying.len() as f64 >= self.window {
            return None;
        }
        let seq = self.lost.pop_first().unwrap_or_else(|| {
            self.next += 1;
            self.next - 1
        });
        self.flying.insert(seq, (now, 0));
        self.timer.get_or_insert(now + self.rto());
        let mut packet = vec![0; SEGMENT];
        packet[..8].copy_from_slice(&seq.to_be_bytes());
        Some(packet)
    }

    fn deadline(&self) -> Option<Instant> {
        self.timer
    }

    fn expire(&mut self, now: Instant) {
        let gone = std::mem::take(&mut self.flying);
        self.lost.extend(gone.keys());
        self.reduce();
        self.window = 1.0;
        self.timer = Some(now + self.rto() * 2);
    }
}

/// The receiving half: acknowledges each segment by its number.
#[derive(Default)]
struct Sink {
    acks: VecDeque<Vec<u8>>,
    seen: BTreeSet<u64>,
    bytes: usize,
}

impl Peer for Sink {
    fn input(&mut self, _: Instant, packet: &mut [u8]) {
        let seq = u64::from_be_bytes(*packet.first_chunk().expect("a number"));
        if self.seen.insert(seq) {
            self.bytes += packet.len() - 40;
        }
        if self.seen.len() > 20_000 {
            self.seen.pop_first();
        }
        self.acks.push_back(seq.to_be_bytes().to_vec());
    }
    fn output(&mut self, _: Instant) -> Option<Vec<u8>> {
        self.acks.pop_front()
    }
    fn deadline(&self) -> Option<Instant> {
        None
    }
    fn expire(&mut self, _: Instant) {}
}

struct Tcp(Cubic, Sink);

impl Flow for Tcp {
    fn sender(&mut self) -> &mut dyn Peer {
        &mut self.0
    }
    fn receiver(&mut self) -> &mut dyn Peer {
        &mut self.1
    }
    fn work(&mut self, _: Instant) -> usize {
        std::mem::take(&mut self.1.bytes)
    }
}

/// One queue that drops what doesn't fit, shared by all flows; the way back is free.
struct Bottleneck {
    rate: u64,
    queue: usize,
    delay: Duration,
    /// Of a thousand packets, at random behind the queue.
    loss: u64,
}

/// Packets on their way, by arrival and number: the flow, whether it is for the receiver, and the bytes.
type Flying = BTreeMap<(Instant, u64), (usize, bool, Vec<u8>)>;

struct Shared {
    now: Instant,
    rng: Rng,
    free_at: Instant,
    count: u64,
    flying: Flying,
    link: Bottleneck,
}

impl Shared {
    fn send(&mut self, flow: usize, there: bool, packet: Vec<u8>) {
        let mut at = self.now;
        if there {
            let start = self.free_at.max(self.now);
            let waiting = start.saturating_since(self.now).as_micros() as u64 * self.link.rate / 1_000_000;
            if waiting as usize + packet.len() > self.link.queue {
                return;
            }
            at = start + Duration::from_nanos(packet.len() as u64 * 1_000_000_000 / self.link.rate);
            self.free_at = at;
            if self.rng.permille(self.link.loss) {
                return;
            }
        }
        self.count += 1;
        self.flying.insert((at + self.link.delay, self.count), (flow, there, packet));
    }

    fn flush(&mut self, n: usize, flow: &mut dyn Flow) {
        while let Some(packet) = flow.sender().output(self.now) {
            self.send(n, true, packet);
        }
        while let Some(packet) = flow.receiver().output(self.now) {
            self.send(n, false, packet);
        }
    }
}

/// Runs the flows beside each other, the second a second later; Mbit/s of each after the first fifth, and the mean time
/// that the queue adds in milliseconds.
fn share(link: Bottleneck, flows: &mut [Box<dyn Flow>], seconds: u64) -> (Vec<f64>, f64) {
    let start = Instant::from_millis(1);
    let mut net = Shared { now: start, rng: Rng::new(5), free_at: start, count: 0, flying: BTreeMap::new(), link };
    let (from, end) = (start + Duration::from_secs(seconds) / 5, start + Duration::from_secs(seconds));
    let mut bytes = vec![0usize; flows.len()];
    let (mut waits, mut samples) = (0f64, 0f64);
    for (n, flow) in flows.iter_mut().enumerate() {
        if n == 0 {
            flow.work(net.now);
            net.flush(n, flow.as_mut());
        }
    }
    let mut late = start + Duration::from_secs(1);
    while net.now < end {
        let timers = flows.iter_mut().flat_map(|f| [f.sender().deadline(), f.receiver().deadline()]);
        let packet = net.flying.keys().next().map(|k| k.0);
        let next = timers.chain([packet, Some(late)]).flatten().min().expect("something");
        net.now = net.now.max(next);
        let mut touched = vec![];
        while let Some(entry) = net.flying.first_entry()
            && entry.key().0 <= net.now
        {
            let (n, there, mut packet) = entry.remove();
            let flow = &mut flows[n];
            if there { flow.receiver() } else { flow.sender() }.input(net.now, &mut packet);
            touched.push(n);
            if there {
                break;
            }
        }
        for (n, flow) in flows.iter_mut().enumerate() {
            if flow.sender().deadline().is_some_and(|t| t <= net.now) {
                flow.sender().expire(net.now);
                touched.push(n);
            }
            if flow.receiver().deadline().is_some_and(|t| t <= net.now) {
                flow.receiver().expire(net.now);
                touched.push(n);
            }
        }
        if net.now >= late {
            late = end + Duration::from_secs(1);
            touched.extend(0..flows.len());
        }
        for n in touched {
            let got = flows[n].work(net.now);
            if net.now >= from {
                bytes[n] += got;
                waits += net.free_at.saturating_since(net.now).as_secs_f64();
                samples += 1.0;
            }
            net.flush(n, flows[n].as_mut());
        }
    }
    let took = (end - from).as_secs_f64();
    (bytes.iter().map(|b| *b as f64 * 8e-6 / took).collect(), waits / samples * 1e3)
}

fn flow(name: &str, seed: u64) -> Box<dyn Flow> {
    match name {
        "Rfc9260" => Box::new(Sctp::new(Congestion::Rfc9260, seed)),
        "Paced" => Box::new(Sctp::new(Congestion::Paced, seed)),
        _ => Box::new(Tcp(Cubic::new(), Sink::default())),
    }
}

#[test]
fn beside_a_tcp_flow() {
    let seconds = std::env::var("SCTP_SECONDS").map_or(20, |v| v.parse().expect("a number"));
    println!("Mbit/s through 20 Mbit/s at 50 ms round trip, {seconds} s; queue in round trips of data");
    println!("| queue | random loss | first | second | Mbit/s | | the queue adds |");
    let rate = 2_500_000;
    for (queue, loss) in [(0.1, 0), (0.5, 0), (1.0, 0), (2.0, 0), (4.0, 0), (1.0, 10)] {
        let mut tcp = [0.0; 2];
        for pair in [["TCP", "TCP"], ["Rfc9260", "TCP"], ["Paced", "TCP"], ["TCP", "Paced"], ["Paced", "Paced"]] {
            let bytes = (rate as f64 * 0.05 * queue) as usize;
            let link = Bottleneck { rate, queue: bytes, delay: Duration::from_millis(25), loss };
            let mut flows = [flow(pair[0], 1), flow(pair[1], 9)];
            let (shares, wait) = share(link, &mut flows, seconds);
            println!(
                "| {queue} | {} % | {} | {} | {:.1} | {:.1} | {wait:.0} ms |",
                loss / 10,
                pair[0],
                pair[1],
                shares[0],
                shares[1]
            );
            let sum = shares[0] + shares[1];
            assert!(sum > 15.0 || loss > 0 || queue < 0.5, "the bottleneck is used: {shares:?}");
            if pair == ["TCP", "TCP"] {
                tcp = [shares[0], shares[1]];
            }
            // What TCP gets beside us, next to what it gets beside its like. A queue that is shorter than an eighth of the
            // round trip shows in losses only, of which we take some more than a TCP before we give way.
            let least = if queue < 0.125 { 0.4 } else { 0.5 };
            if pair != ["TCP", "TCP"]
                && let Some(n) = pair.iter().position(|p| *p == "TCP")
            {
                assert!(shares[n] > tcp[n] * least, "{pair:?}: {shares:?}, {tcp:?} among TCPs");
            }
        }
    }
}
