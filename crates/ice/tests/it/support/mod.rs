//! A network to put agents into: virtual clock, NATs, loss, delay, reordering, a STUN and TURN server.
#![allow(dead_code, missing_docs, unreachable_pub)]

pub mod nat;
pub mod server;
pub mod turn;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use barertc_arena::Heap;
use barertc_crypto::RustCrypto;
use barertc_ice::{Agent, Candidate, Config, Event, Handled, Route, State, TurnServer};
use barertc_wire::Instant;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use nat::Nat;
use server::Server;

pub type TestAgent<'h> = Agent<&'h Heap<'static>, RustCrypto>;

pub const SERVER: &str = "198.51.100.1:3478";

pub fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// A heap that lives as long as the test program.
pub fn heap(bytes: usize) -> &'static Heap<'static> {
    let region = Box::leak(vec![std::mem::MaybeUninit::uninit(); bytes].into_boxed_slice());
    Box::leak(Box::new(Heap::new(region).unwrap()))
}

pub struct Peer {
    pub agent: TestAgent<'static>,
    pub heap: &'static Heap<'static>,
    pub locals: Vec<SocketAddr>,
    pub nat: Option<Nat>,
    /// Nothing gets through but what goes to the server's address.
    pub only_server: bool,
    pub events: Vec<(Instant, Event)>,
    pub data: Vec<(Route, Vec<u8>)>,
    /// What the first attribute of another protocol had in it.
    pub carried: Vec<Vec<u8>>,
    /// When a pair could first be sent on.
    pub usable: Option<Instant>,
    pub sent: usize,
    pub sent_bytes: usize,
}

impl Peer {
    pub fn new(config: Config, controlling: bool, seed: u64) -> Self {
        Self::on(heap(256 * 1024), config, controlling, seed)
    }

    pub fn on(heap: &'static Heap<'static>, config: Config, controlling: bool, seed: u64) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let agent = Agent::new(config, controlling, heap, RustCrypto, &mut rng).unwrap();
        Self {
            agent,
            heap,
            locals: vec![],
            nat: None,
            only_server: false,
            events: vec![],
            data: vec![],
            carried: vec![],
            usable: None,
            sent: 0,
            sent_bytes: 0,
        }
    }

    pub fn at(mut self, local: &str) -> Self {
        self.bind(Instant::ZERO, addr(local));
        self
    }

    pub fn behind(mut self, nat: Nat) -> Self {
        self.nat = Some(nat);
        self
    }

    pub fn with_stun(mut self) -> Self {
        self.agent.add_stun_server(Instant::ZERO, addr(SERVER)).unwrap();
        self
    }

    pub fn with_turn(mut self) -> Self {
        let server = TurnServer {
            addr: addr(SERVER),
            protocol: Default::default(),
            username: "user",
            password: "secret",
            ipv6: false,
        };
        self.agent.add_turn_server(Instant::ZERO, &server).unwrap();
        self
    }

    pub fn bind(&mut self, now: Instant, local: SocketAddr) {
        self.locals.push(local);
        self.agent.add_local(now, Candidate::host(local)).unwrap();
    }

    pub fn unbind(&mut self, now: Instant, local: SocketAddr) {
        self.locals.retain(|l| *l != local);
        self.agent.remove_local(now, local).unwrap();
    }

    fn receive(&mut self, now: Instant, route: Route, bytes: &mut [u8]) {
        match self.agent.handle(now, route, bytes) {
            Handled::Data { range, route } => self.data.push((route, bytes[range].to_vec())),
            Handled::Carried(c) => self.carried.extend(c.values[0].clone().map(|range| bytes[range].to_vec())),
            _ => {}
        }
    }

    pub fn restart(&mut self, now: Instant) {
        self.agent.restart(now).unwrap();
    }

    pub fn credentials(&self) -> (String, String) {
        let (ufrag, pwd) = self.agent.local_credentials();
        (ufrag.into(), pwd.into())
    }

    pub fn saw(&self, wanted: impl Fn(&Event) -> bool) -> Option<Instant> {
        self.events.iter().find(|(_, e)| wanted(e)).map(|(t, _)| *t)
    }
}

enum Item {
    Packet {
        src: SocketAddr,
        dst: SocketAddr,
        bytes: Vec<u8>,
    },
    /// Within one site.
    Local {
        src: SocketAddr,
        dst: SocketAddr,
        bytes: Vec<u8>,
    },
    Candidate {
        to: usize,
        candidate: Candidate,
    },
    Credentials {
        to: usize,
        ufrag: String,
        pwd: String,
    },
}

/// Two peers and a server between them.
pub struct World {
    pub now: Instant,
    pub peers: [Peer; 2],
    pub server: Server,
    /// One way.
    pub delay: Duration,
    /// Added at random, which reorders.
    pub jitter: Duration,
    /// Of a thousand.
    pub loss: u32,
    /// No longer datagram gets through.
    pub largest: usize,
    /// Nothing gets through.
    pub cut: bool,
    /// Addresses to which nothing gets through.
    pub blocked: fn(IpAddr) -> bool,
    pub signalling: Duration,
    pub trickle: bool,
    /// What every check and response carries.
    pub carried: Option<Vec<u8>>,
    rng: ChaCha20Rng,
    queue: BTreeMap<(Instant, u64), Item>,
    sequence: u64,
}

impl World {
    pub fn new(a: Peer, b: Peer) -> Self {
        Self {
            now: Instant::ZERO,
            peers: [a, b],
            server: Server::new(addr(SERVER)),
            delay: Duration::from_millis(25),
            jitter: Duration::ZERO,
            loss: 0,
            largest: usize::MAX,
            cut: false,
            blocked: |_| false,
            signalling: Duration::from_millis(25),
            trickle: true,
            carried: None,
            rng: ChaCha20Rng::seed_from_u64(1),
            queue: BTreeMap::new(),
            sequence: 0,
        }
    }

    pub fn seed(mut self, seed: u64) -> Self {
        self.rng = ChaCha20Rng::seed_from_u64(seed);
        self
    }

    /// Both sides gather; descriptions cross.
    pub fn start(&mut self) {
        for i in 0..2 {
            self.peers[i].agent.gather(self.now).unwrap();
            self.signal_credentials(i);
        }
    }

    pub fn close(&mut self) {
        self.peers.iter_mut().for_each(|p| p.agent.close(self.now));
    }

    pub fn signal_credentials(&mut self, from: usize) {
        let (ufrag, pwd) = self.peers[from].credentials();
        let at = self.now + self.signalling;
        self.push(at, Item::Credentials { to: 1 - from, ufrag, pwd });
    }

    pub fn signal_locals(&mut self, from: usize) {
        let all: Vec<_> = self.peers[from].agent.local_candidates().cloned().collect();
        for candidate in all {
            self.push(self.now + self.signalling, Item::Candidate { to: 1 - from, candidate });
        }
    }

    pub fn push_packet(&mut self, src: SocketAddr, dst: SocketAddr, bytes: Vec<u8>) {
        self.push(self.now, Item::Packet { src, dst, bytes });
    }

    fn push(&mut self, at: Instant, item: Item) {
        self.sequence += 1;
        self.queue.insert((at, self.sequence), item);
    }

    pub fn both(&self, state: impl Fn(State) -> bool) -> bool {
        self.peers.iter().all(|p| state(p.agent.state()))
    }

    pub fn connected(&self) -> bool {
        self.both(|s| matches!(s, State::Connected | State::Completed))
    }

    /// Runs until `done`; false when `limit` of virtual time passes before that.
    pub fn run(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> bool {
        let end = self.now + limit;
        self.settle();
        while !done(self) {
            let timeouts = self.peers.iter().filter_map(|p| p.agent.timeout());
            let next = timeouts.chain(self.queue.keys().next().map(|k| k.0)).min();
            let Some(next) = next.filter(|n| *n <= end) else {
                self.now = end;
                return false;
            };
            assert!(next >= self.now || self.sequence < 50_000_000);
            self.now = self.now.max(next);
            self.deliver();
            for p in &mut self.peers {
                if p.agent.timeout().is_some_and(|t| t <= self.now) {
                    p.agent.handle_timeout(self.now);
                }
            }
            self.settle();
            for p in &self.peers {
                // A timeout that is not served would spin for ever.
                assert!(p.agent.timeout().is_none_or(|t| t > self.now), "an agent wants to be called again at once");
            }
        }
        true
    }

    /// Sends `bytes` on the selected pair of peer `i`.
    pub fn send(&mut self, i: usize, bytes: &[u8]) -> bool {
        let mut out = [0; 1500];
        let agent = &mut self.peers[i].agent;
        let (front, _) = agent.room();
        out[front..front + bytes.len()].copy_from_slice(bytes);
        let Ok(t) = agent.wrap(self.now, &mut out, bytes.len()) else { return false };
        self.route(i, t.route, out[..t.len].to_vec());
        true
    }

    fn deliver(&mut self) {
        while let Some(entry) = self.queue.first_entry().filter(|e| e.key().0 <= self.now) {
            match entry.remove() {
                Item::Candidate { to, candidate } => {
                    let _ = self.peers[to].agent.add_remote(self.now, candidate);
                }
                Item::Credentials { to, ufrag, pwd } => {
                    self.peers[to].agent.set_remote_credentials(self.now, &ufrag, &pwd).unwrap();
                    if !self.trickle {
                        self.signal_locals(1 - to);
                    }
                }
                Item::Packet { src, dst, bytes } => self.arrive(src, dst, bytes),
                Item::Local { src, dst, mut bytes } => {
                    for p in self.peers.iter_mut().filter(|p| p.locals.contains(&dst)) {
                        p.receive(self.now, Route::udp(dst, src), &mut bytes);
                    }
                }
            }
            self.settle();
        }
    }

    fn arrive(&mut self, src: SocketAddr, dst: SocketAddr, mut bytes: Vec<u8>) {
        let now = self.now;
        if self.server.owns(dst) {
            for (src, dst, bytes) in self.server.handle(now, src, dst, &bytes) {
                self.forward(src, dst, bytes);
            }
            return;
        }
        for p in &mut self.peers {
            let inside = match &mut p.nat {
                _ if dst.is_ipv6() => Some(dst),
                Some(nat) if nat.public == dst.ip() => nat.inbound(src, dst),
                Some(_) => None,
                None => Some(dst),
            };
            let Some(local) = inside.filter(|l| p.locals.contains(l)) else { continue };
            if p.only_server && src.ip() != self.server.addr.ip() {
                return;
            }
            p.receive(now, Route::udp(local, src), &mut bytes);
            return;
        }
    }

    /// What the agents want sent and told.
    fn settle(&mut self) {
        let mut out = [0; 1500];
        for i in 0..2 {
            let carried = self.carried.clone();
            loop {
                let agent = &mut self.peers[i].agent;
                let next = match &carried {
                    Some(value) => agent.poll_transmit_carrying(self.now, &mut out, &mut |_, attributes| {
                        attributes.put(0xC070, value).unwrap();
                    }),
                    None => agent.poll_transmit(self.now, &mut out),
                };
                let Some(t) = next else { break };
                self.peers[i].sent += 1;
                self.peers[i].sent_bytes += t.len;
                self.route(i, t.route, out[..t.len].to_vec());
            }
            while let Some(e) = self.peers[i].agent.poll_event() {
                if let (Event::LocalCandidate(c), true) = (&e, self.trickle) {
                    self.push(self.now + self.signalling, Item::Candidate { to: 1 - i, candidate: c.clone() });
                }
                self.peers[i].events.push((self.now, e));
            }
            let p = &mut self.peers[i];
            if p.agent.selected().is_some() {
                p.usable = p.usable.or(Some(self.now));
            }
            let worst = TestAgent::worst_case_bytes(p.agent.config());
            assert!(p.heap.stats().peak <= worst, "{} bytes in use, {worst} promised", p.heap.stats().peak);
        }
    }

    fn route(&mut self, from: usize, route: Route, bytes: Vec<u8>) {
        let Route { local, remote, .. } = route;
        let p = &mut self.peers[from];
        assert!(p.locals.contains(&local), "sends from {local}");
        assert_eq!(local.is_ipv4(), remote.is_ipv4(), "sends from {local} to {remote}");
        if p.only_server && remote.ip() != self.server.addr.ip() {
            return;
        }
        let other = &self.peers[1 - from];
        if (self.blocked)(remote.ip()) {
            return;
        }
        if let (SocketAddr::V6(l), SocketAddr::V6(r)) = (local, remote)
            && r.ip().is_unicast_link_local()
        {
            // An operating system wants to know the interface; the receiver has a number of its own for it.
            assert_eq!(l.scope_id(), r.scope_id(), "sends from {local} to {remote}");
            let same = |a: &&SocketAddr| (a.ip(), a.port()) == (remote.ip(), remote.port());
            if let Some(&dst) = other.locals.iter().find(same) {
                let SocketAddr::V6(there) = dst else { unreachable!() };
                let src = SocketAddr::V6(SocketAddrV6::new(*l.ip(), l.port(), 0, there.scope_id()));
                self.push(self.now + Duration::from_millis(1), Item::Local { src, dst, bytes });
            }
            return;
        }
        let same_site = |ip: IpAddr| matches!(ip, IpAddr::V4(ip) if ip.is_private());
        if same_site(remote.ip()) {
            // A private address means something at the same site only.
            let (a, b) = (self.peers[from].nat.as_ref(), other.nat.as_ref());
            if a.map(|n| n.public) == b.map(|n| n.public) && other.locals.contains(&remote) {
                self.push(self.now + Duration::from_millis(1), Item::Local { src: local, dst: remote, bytes });
            }
            return;
        }
        let src = match &mut self.peers[from].nat {
            Some(nat) if local.is_ipv4() => nat.outbound(local, remote),
            _ => local,
        };
        self.forward(src, remote, bytes);
    }

    fn forward(&mut self, src: SocketAddr, dst: SocketAddr, bytes: Vec<u8>) {
        if self.cut || bytes.len() > self.largest || self.rng.next_u32() % 1000 < self.loss {
            return;
        }
        let jitter = self.jitter.as_micros() as u64;
        let extra = if jitter == 0 { 0 } else { self.rng.next_u64() % jitter };
        self.push(self.now + self.delay + Duration::from_micros(extra), Item::Packet { src, dst, bytes });
    }
}
