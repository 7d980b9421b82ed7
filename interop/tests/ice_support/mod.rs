//! An agent over a real loopback socket, on a clock that may run faster than the machine's.
#![allow(dead_code)] // each test uses its part

use std::cell::Cell;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant as Wall};

use barertc_arena::Heap;
use barertc_crypto::RustCrypto;
use barertc_ice::{Agent, Candidate, Config, Event, Handled, Route};
use barertc_wire::Instant;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

/// The clock stands still when the machine does not let us run for longer. Half a second of such a pause would be half a
/// minute of silence at sixty times the speed, and consent would be lost.
const LONGEST_STEP: Duration = Duration::from_millis(50);

pub struct Endpoint {
    pub agent: Agent<&'static Heap<'static>, RustCrypto>,
    pub addr: SocketAddr,
    pub data: Vec<Vec<u8>>,
    pub events: Vec<Event>,
    /// Datagrams of the agent itself.
    pub sent: usize,
    socket: UdpSocket,
    clock: Cell<(Wall, Instant)>,
    speed: u32,
    /// Where packets may go to and come from; everywhere when none.
    only: Option<SocketAddr>,
}

impl Endpoint {
    pub fn new(controlling: bool, seed: u64) -> Self {
        let region = Box::leak(vec![std::mem::MaybeUninit::uninit(); 128 * 1024].into_boxed_slice());
        let heap: &'static Heap<'static> = Box::leak(Box::new(Heap::new(region).expect("a region that large")));
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let addr = socket.local_addr().unwrap();
        let mut agent = Agent::new(Config::default(), controlling, heap, RustCrypto, &mut rng).unwrap();
        agent.add_local(Instant::ZERO, Candidate::host(addr)).unwrap();
        let (data, events) = (vec![], vec![]);
        let clock = Cell::new((Wall::now(), Instant::ZERO));
        Self { agent, addr, data, events, sent: 0, socket, clock, speed: 1, only: None }
    }

    /// A clock that runs `speed` times as fast.
    pub fn at_speed(mut self, speed: u32) -> Self {
        self.speed = speed;
        self
    }

    pub fn only_with(mut self, server: SocketAddr) -> Self {
        self.only = Some(server);
        self
    }

    pub fn now(&self) -> Instant {
        let (seen, before) = self.clock.get();
        let wall = Wall::now();
        let now = before + wall.duration_since(seen).min(LONGEST_STEP) * self.speed;
        self.clock.set((wall, now));
        now
    }

    pub fn send(&mut self, bytes: &[u8]) {
        let (now, mut out) = (self.now(), [0; 1500]);
        let (front, _) = self.agent.room();
        out[front..front + bytes.len()].copy_from_slice(bytes);
        let t = self.agent.wrap(now, &mut out, bytes.len()).unwrap();
        self.socket.send_to(&out[..t.len], t.route.remote).unwrap();
    }

    /// Sends what is due, takes in one datagram at most.
    pub fn step(&mut self) {
        let mut buf = [0; 1500];
        let now = self.now();
        if self.agent.timeout().is_some_and(|t| t <= now) {
            self.agent.handle_timeout(now);
        }
        while let Some(t) = self.agent.poll_transmit(now, &mut buf) {
            if self.only.is_none_or(|only| only == t.route.remote) {
                self.sent += 1;
                self.socket.send_to(&buf[..t.len], t.route.remote).unwrap();
            }
        }
        while let Some(e) = self.agent.poll_event() {
            self.events.push(e);
        }
        let Ok((len, remote)) = self.socket.recv_from(&mut buf) else { return };
        if self.only.is_some_and(|only| only != remote) {
            return;
        }
        let route = Route::udp(self.addr, remote);
        if let Handled::Data { range, .. } = self.agent.handle(self.now(), route, &mut buf[..len]) {
            self.data.push(buf[range].to_vec());
        }
    }
}

/// Steps all of them until `done`, for `limit` of wall time at most.
pub fn run(endpoints: &mut [&mut Endpoint], limit: Duration, done: impl Fn(&[&mut Endpoint]) -> bool) -> bool {
    let end = Wall::now() + limit;
    while !done(endpoints) {
        if Wall::now() > end {
            return false;
        }
        endpoints.iter_mut().for_each(|e| e.step());
    }
    true
}
