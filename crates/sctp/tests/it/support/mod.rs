//! A deterministic network of two end points with a virtual clock; also used by the tests against other
//! implementations.
#![allow(dead_code)]

pub mod raw;
pub mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use barertc_arena::{Allocator, Counting, Global};
use barertc_sctp::{Association, Config, Event, Role};
use barertc_wire::Instant;

/// Xorshift with a mixed seed: the same sequence everywhere.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        let mut z = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self((z ^ (z >> 31)) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { (self.next() >> 11) % n }
    }

    /// True in `n` of a thousand cases.
    pub fn permille(&mut self, n: u64) -> bool {
        self.below(1000) < n
    }
}

impl rand_core::TryRng for Rng {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.next() >> 32) as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.next())
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for b in out {
            *b = self.next() as u8;
        }
        Ok(())
    }
}
impl rand_core::TryCryptoRng for Rng {}

/// One direction of a path.
#[derive(Clone, Debug)]
pub struct Link {
    /// Of a thousand packets.
    pub loss: u64,
    pub duplicate: u64,
    pub corrupt: u64,
    pub delay: Duration,
    /// Up to this much more, at random: reordering.
    pub jitter: Duration,
    /// Bytes a second, with room for `queue` bytes.
    pub rate: Option<u64>,
    pub queue: u64,
    /// Packets with more bytes vanish.
    pub largest: usize,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            loss: 0,
            duplicate: 0,
            corrupt: 0,
            delay: Duration::from_millis(10),
            jitter: Duration::ZERO,
            rate: None,
            queue: 64_000,
            largest: usize::MAX,
        }
    }
}

/// Something with SCTP in it.
pub trait Peer {
    fn input(&mut self, now: Instant, packet: &mut [u8]);
    fn output(&mut self, now: Instant) -> Option<Vec<u8>>;
    fn deadline(&self) -> Option<Instant>;
    fn expire(&mut self, now: Instant);
}

impl<A: Allocator> Peer for Association<A> {
    fn input(&mut self, now: Instant, packet: &mut [u8]) {
        let _ = self.handle(now, packet);
    }

    fn output(&mut self, now: Instant) -> Option<Vec<u8>> {
        let before = self.stats();
        let mut room = vec![0; 1500];
        let len = self.poll_transmit(now, &mut room)?;
        let after = self.stats();
        // Never more on its way than the window allows, but for the packet that passes it.
        let most = before.in_flight.max(before.congestion_window) + 1500;
        assert!(after.in_flight <= most, "{} bytes in flight of {}", after.in_flight, before.congestion_window);
        room.truncate(len);
        Some(room)
    }

    fn deadline(&self) -> Option<Instant> {
        self.timeout()
    }

    fn expire(&mut self, now: Instant) {
        self.handle_timeout(now);
    }
}

/// Both ends, both directions, and what is on its way.
pub struct Net<L, R> {
    pub now: Instant,
    pub left: L,
    pub right: R,
    /// From left to right, and back.
    pub links: [Link; 2],
    pub rng: Rng,
    /// By arrival and number: equal times keep their order.
    flying: BTreeMap<(Instant, u64), (usize, Vec<u8>)>,
    count: u64,
    /// When each direction's bottleneck is free again.
    free_at: [Instant; 2],
    pub dropped: u64,
    pub carried: [u64; 2],
    /// When the test itself has something to do next.
    pub wake_at: Option<Instant>,
    /// Packets of the direction that were handed to the network, if they are wanted.
    pub log: Option<Vec<(usize, Vec<u8>)>>,
}

impl<L: Peer, R: Peer> Net<L, R> {
    pub fn new(left: L, right: R, link: Link, seed: u64) -> Self {
        Self {
            now: Instant::from_millis(1),
            left,
            right,
            links: [link.clone(), link],
            rng: Rng::new(seed),
            flying: BTreeMap::new(),
            count: 0,
            free_at: [Instant::ZERO; 2],
            dropped: 0,
            carried: [0; 2],
            wake_at: None,
            log: None,
        }
    }

    /// Everything that the ends want to send now goes onto the links.
    pub fn flush(&mut self) {
        for dir in 0..2 {
            let mut burst = 0;
            while let Some(p) = if dir == 0 { self.left.output(self.now) } else { self.right.output(self.now) } {
                self.send(dir, p);
                burst += 1;
                assert!(burst < 100_000, "no end of packets");
            }
        }
    }

    pub fn send(&mut self, dir: usize, packet: Vec<u8>) {
        if let Some(log) = &mut self.log {
            log.push((dir, packet.clone()));
        }
        let link = self.links[dir].clone();
        if packet.len() > link.largest || self.rng.permille(link.loss) {
            self.dropped += 1;
            return;
        }
        let copies = 1 + u64::from(self.rng.permille(link.duplicate));
        for _ in 0..copies {
            let mut packet = packet.clone();
            if self.rng.permille(link.corrupt) {
                let bit = self.rng.below(packet.len() as u64 * 8) as usize;
                packet[bit / 8] ^= 1 << (bit % 8);
            }
            let mut at = self.now;
            if let Some(rate) = link.rate {
                let start = self.free_at[dir].max(self.now);
                let waiting = start.saturating_since(self.now).as_micros() as u64 * rate / 1_000_000;
                if waiting > link.queue {
                    self.dropped += 1;
                    continue;
                }
                at = start + Duration::from_micros(packet.len() as u64 * 1_000_000 / rate);
                self.free_at[dir] = at;
            }
            let jitter = self.rng.below(link.jitter.as_micros() as u64 + 1);
            let at = at + link.delay + Duration::from_micros(jitter);
            self.count += 1;
            self.flying.insert((at, self.count), (dir, packet));
        }
    }

    /// The next thing that happens; false when nothing ever will.
    pub fn step(&mut self) -> bool {
        self.flush();
        let packet = self.flying.keys().next().map(|k| k.0);
        let timer = Instant::earliest(self.left.deadline(), self.right.deadline());
        let wake = self.wake_at.take();
        let Some(next) = Instant::earliest(Instant::earliest(packet, timer), wake) else { return false };
        self.now = self.now.max(next);
        // One packet a step, so that invariants are looked at after each.
        if let Some(entry) = self.flying.first_entry()
            && entry.key().0 <= self.now
        {
            let (dir, mut packet) = entry.remove();
            self.carried[dir] += packet.len() as u64;
            match dir {
                0 => self.right.input(self.now, &mut packet),
                _ => self.left.input(self.now, &mut packet),
            }
            self.flush();
        }
        if self.left.deadline().is_some_and(|t| t <= self.now) {
            self.left.expire(self.now);
        }
        if self.right.deadline().is_some_and(|t| t <= self.now) {
            self.right.expire(self.now);
        }
        self.flush();
        true
    }

    /// Steps until `done`, for at most `limit` of virtual time; whether it was done.
    pub fn run_until(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> bool) -> bool {
        let end = self.now + limit;
        let (mut at, mut steps) = (self.now, 0u32);
        loop {
            if done(self) {
                return true;
            }
            if self.now > end || !self.step() {
                return done(self);
            }
            steps = if self.now == at { steps + 1 } else { 0 };
            assert!(steps < 100_000, "spins at {:?}", self.now);
            at = self.now;
        }
    }
}

pub type Heap = &'static Counting<Global>;
pub type Assoc = Association<Heap>;

/// An association on a heap of its own, which is checked against what the configuration said.
pub fn association(config: Config, seed: u64) -> (Assoc, Heap) {
    let heap: Heap = Box::leak(Box::new(Counting::new(Global)));
    let worst = Assoc::worst_case_bytes(&config);
    let a = Association::new(config, heap, &mut Rng::new(seed)).expect("memory");
    assert_eq!(heap.stats().live, worst, "the bound is exact, for all is taken at once");
    (a, heap)
}

/// Two associations, roles set and connecting, on a link.
pub fn pair(config: [Config; 2], link: Link, seed: u64) -> Net<Assoc, Assoc> {
    let [a, b] = config;
    let (left, _) = association(a, seed * 2 + 1);
    let (right, _) = association(b, seed * 2 + 2);
    let mut net = Net::new(left, right, link, seed);
    net.left.set_role(net.now, Role::Client);
    net.right.set_role(net.now, Role::Server);
    net.left.connect(net.now);
    net.right.connect(net.now);
    net
}

pub fn events(a: &mut Assoc) -> Vec<Event> {
    std::iter::from_fn(|| a.poll_event()).collect()
}

/// The bytes of message `n` of a channel: anybody can tell whether they are right.
pub fn message(channel: u64, n: u64, len: usize) -> Vec<u8> {
    let mut rng = Rng::new(channel << 32 | n);
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        out.extend_from_slice(&rng.next().to_be_bytes());
    }
    out.truncate(len);
    for (to, from) in out.iter_mut().zip((n as u32).to_be_bytes()) {
        *to = from;
    }
    out
}

/// Reads a whole message, which may come in pieces.
pub fn read_all(
    a: &mut Assoc,
    now: Instant,
    id: barertc_sctp::ChannelId,
) -> Option<(Vec<u8>, barertc_sctp::MessageKind)> {
    let mut whole = Vec::new();
    let mut piece = [0u8; 4096];
    loop {
        let read = a.read(now, id, &mut piece).ok()?;
        whole.extend_from_slice(&piece[..read.len]);
        if read.end_of_message {
            return Some((whole, read.kind));
        }
    }
}
