//! Two peers, a virtual clock, and a network with a seed.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::time::Duration;

use barertc_arena::{Allocator, Global};
use barertc_crypto::RustCrypto;
use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
use barertc_dtls::{Config, Connection, Event, Identity, Role};
use barertc_wire::Instant;

/// A generator for tests: SplitMix64.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

impl TryRng for Rng {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.next() as u32)
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

impl TryCryptoRng for Rng {}

/// What the network does to datagrams, in percent.
#[derive(Clone, Copy, Default)]
pub struct Network {
    pub loss: u64,
    pub duplicate: u64,
    pub reorder: u64,
}

pub type Peer<A = Global> = Connection<A, RustCrypto>;

pub struct Pair<A: Allocator = Global> {
    pub client: Peer<A>,
    pub server: Peer<A>,
    pub now: Instant,
    pub network: Network,
    /// Longer datagrams are lost.
    pub path_mtu: usize,
    pub rng: Rng,
    /// By arrival time and a running number, so that equal times keep their order.
    wire: BTreeMap<(u64, u64), (Role, Vec<u8>)>,
    sent: u64,
    /// Every datagram, as it was sent.
    pub log: Vec<(Role, Vec<u8>)>,
    pub client_events: Vec<Event>,
    pub server_events: Vec<Event>,
    pub client_data: Vec<Vec<u8>>,
    pub server_data: Vec<Vec<u8>>,
}

pub const ONE_WAY: Duration = Duration::from_millis(20);

pub fn identities(seed: u64) -> (Identity, Identity) {
    let mut rng = Rng(seed);
    (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng))
}

impl Pair<Global> {
    pub fn new(client: Config, server: Config, seed: u64) -> Self {
        let (a, b) = identities(seed);
        Self::with(client, server, &a, &b, seed, Global, Global)
    }
}

impl<A: Allocator + Clone> Pair<A> {
    pub fn with(client: Config, server: Config, a: &Identity, b: &Identity, seed: u64, ca: A, sa: A) -> Self {
        let mut rng = Rng(seed ^ 0x1234_5678);
        let now = Instant::from_millis(1_000);
        let mut client = Connection::new(client, Role::Client, a, ca, RustCrypto, &mut rng).unwrap();
        let mut server = Connection::new(server, Role::Server, b, sa, RustCrypto, &mut rng).unwrap();
        client.set_peer_fingerprint(now, b.fingerprint(&RustCrypto)).unwrap();
        server.set_peer_fingerprint(now, a.fingerprint(&RustCrypto)).unwrap();
        Self::of(client, server, now, rng)
    }

    pub fn of(client: Peer<A>, server: Peer<A>, now: Instant, rng: Rng) -> Self {
        Self {
            client,
            server,
            now,
            network: Network::default(),
            path_mtu: usize::MAX,
            rng,
            wire: BTreeMap::new(),
            sent: 0,
            log: Vec::new(),
            client_events: Vec::new(),
            server_events: Vec::new(),
            client_data: Vec::new(),
            server_data: Vec::new(),
        }
    }

    fn send(&mut self, from: Role, datagram: Vec<u8>) {
        self.log.push((from, datagram.clone()));
        let copies = match () {
            () if datagram.len() > self.path_mtu => 0,
            () if self.rng.below(100) < self.network.loss => 0,
            () if self.rng.below(100) < self.network.duplicate => 2,
            () => 1,
        };
        for _ in 0..copies {
            let late = self.rng.below(100) < self.network.reorder;
            let extra = if late { Duration::from_millis(1 + self.rng.below(60)) } else { Duration::ZERO };
            self.sent += 1;
            let at = self.now + ONE_WAY + extra;
            self.wire.insert((at.as_micros(), self.sent), (from, datagram.clone()));
        }
    }

    /// Puts everything that both have to say on the wire, and takes their events.
    pub fn flush(&mut self) {
        let mut out = [0; 2_000];
        while let Some(n) = self.client.poll_transmit(self.now, &mut out) {
            self.send(Role::Client, out[..n].to_vec());
        }
        while let Some(n) = self.server.poll_transmit(self.now, &mut out) {
            self.send(Role::Server, out[..n].to_vec());
        }
        self.client_events.extend(std::iter::from_fn(|| self.client.poll_event()));
        self.server_events.extend(std::iter::from_fn(|| self.server.poll_event()));
    }

    /// One step of the simulation; false when nothing will ever happen again.
    pub fn step(&mut self) -> bool {
        self.flush();
        let arrival = self.wire.keys().next().map(|k| Instant::from_micros(k.0));
        let timer = Instant::earliest(self.client.timeout(), self.server.timeout());
        let Some(next) = Instant::earliest(arrival, timer) else { return false };
        self.now = self.now.max(next);
        if arrival == Some(next) {
            let ((_, _), (from, mut datagram)) = self.wire.pop_first().unwrap();
            let (to, data) = match from {
                Role::Client => (&mut self.server, &mut self.server_data),
                Role::Server => (&mut self.client, &mut self.client_data),
            };
            let _ = to.handle(self.now, &mut datagram, |d| data.push(d.to_vec()));
        }
        for peer in [&mut self.client, &mut self.server] {
            if peer.timeout().is_some_and(|t| t <= self.now) {
                peer.handle_timeout(self.now);
            }
        }
        true
    }

    /// Runs until nothing is on the wire and no timer is set, or `until` says so.
    pub fn run(&mut self, mut until: impl FnMut(&Self) -> bool) {
        for _ in 0..10_000 {
            if until(self) || !self.step() {
                self.flush();
                return;
            }
        }
        panic!("the simulation doesn't come to rest");
    }

    pub fn connect(&mut self) {
        self.run(|p| p.client.is_connected() && p.server.is_connected());
        assert!(self.client.is_connected(), "{:?} {:?}", self.client, self.client_events);
        assert!(self.server.is_connected(), "{:?} {:?}", self.server, self.server_events);
    }

    pub fn send_data(&mut self, from: Role, data: &[u8]) {
        let now = self.now;
        let peer = match from {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        };
        let (front, back) = peer.room();
        let mut out = vec![0; front + data.len() + back];
        out[front..front + data.len()].copy_from_slice(data);
        let n = peer.seal(now, &mut out, data.len()).unwrap();
        assert_eq!(n, out.len(), "room() is exact");
        self.send(from, out);
    }

    /// Datagrams still under way.
    pub fn clear_wire(&mut self) {
        self.wire.clear();
    }
}
