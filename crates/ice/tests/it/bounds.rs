//! Whatever arrives, state stays within its bound; and failing allocations are errors.
use crate::support;

use std::net::SocketAddr;
use std::time::Duration;

use barertc_arena::{FailNth, Heap};
use barertc_crypto::{HmacSha1Key, RustCrypto};
use barertc_ice::stream::StreamEnd;
use barertc_ice::stun::{Builder, Class, Method, TransactionId, attr};
use barertc_ice::{Agent, Candidate, Config, Error, Protocol, Route};
use barertc_wire::Instant;
use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use support::{Peer, addr, heap};

/// One thing that the network or the application may do.
#[derive(Clone, Debug)]
enum Step {
    Noise(Vec<u8>),
    /// An authentic check of any content.
    Check {
        from: u16,
        priority: u32,
        controlling: bool,
        tie: u64,
        use_candidate: bool,
        unknown: bool,
    },
    /// An answer to the last message sent, authentic or not, success or error.
    Answer {
        authentic: bool,
        code: Option<u16>,
        mapped: u16,
    },
    Remote {
        port: u16,
        priority: u32,
    },
    Local(u16),
    RemoveLocal(u16),
    Wait(u32),
    Restart,
    Credentials,
    NetworkChanged,
    StreamEnded(u16),
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => proptest::collection::vec(any::<u8>(), 0..80).prop_map(Step::Noise),
        6 => (0u16..60, any::<u32>(), any::<bool>(), any::<u64>(), any::<bool>(), proptest::bool::weighted(0.1)).prop_map(
            |(from, priority, controlling, tie, use_candidate, unknown)| Step::Check { from, priority, controlling, tie, use_candidate, unknown }),
        6 => (proptest::bool::weighted(0.8), proptest::option::weighted(0.2, prop_oneof![Just(487u16), Just(400), Just(401), Just(300)]), 0u16..9)
            .prop_map(|(authentic, code, mapped)| Step::Answer { authentic, code, mapped }),
        3 => (0u16..60, any::<u32>()).prop_map(|(port, priority)| Step::Remote { port, priority }),
        1 => (0u16..12).prop_map(Step::Local),
        1 => (0u16..12).prop_map(Step::RemoveLocal),
        4 => (0u32..20_000).prop_map(Step::Wait),
        1 => Just(Step::Restart),
        1 => Just(Step::Credentials),
        1 => Just(Step::NetworkChanged),
        2 => (0u16..60).prop_map(Step::StreamEnded),
    ]
}

const PWD: &str = "passwordpasswordpassword";

fn local(n: u16) -> SocketAddr {
    SocketAddr::new([192, 0, 2, n as u8].into(), 1000)
}

fn remote(n: u16) -> SocketAddr {
    SocketAddr::new([198, 51, 100, n as u8].into(), 2000)
}

/// How checks of remote `n` come: some over UDP, some over TCP connections of the peer.
fn way(n: u16) -> Route {
    let protocol = if n.is_multiple_of(4) { Protocol::IceTcp } else { Protocol::Udp };
    Route { protocol, ..Route::udp(local(n % 3), remote(n)) }
}

struct Bench {
    peer: Peer,
    now: Instant,
    /// Whoever was sent a request last, and its id.
    asked: Option<(Route, TransactionId)>,
    worst: usize,
}

impl Bench {
    fn new(config: Config, controlling: bool) -> Self {
        let worst = Agent::<&Heap<'static>, RustCrypto>::worst_case_bytes(&config);
        let mut peer = Peer::new(config, controlling, 7).at("192.0.2.0:1000").with_stun();
        peer.agent.gather(Instant::ZERO).unwrap();
        Self { peer, now: Instant::ZERO, asked: None, worst }
    }

    fn apply(&mut self, step: &Step) {
        let agent = &mut self.peer.agent;
        match step {
            Step::Noise(bytes) => {
                agent.handle(self.now, Route::udp(local(0), remote(1)), &mut bytes.clone());
            }
            Step::Check { from, priority, controlling, tie, use_candidate, unknown } => {
                let mut out = [0; 300];
                let (ufrag, pwd) = agent.local_credentials();
                let mut b = Builder::new(&mut out, Class::Request, Method::BINDING, TransactionId([3; 12])).unwrap();
                b.parts(attr::USERNAME, &[ufrag.as_bytes(), b":", b"peer"]).unwrap();
                b.u32(attr::PRIORITY, *priority).unwrap();
                b.u64(if *controlling { attr::ICE_CONTROLLING } else { attr::ICE_CONTROLLED }, *tie).unwrap();
                if *use_candidate {
                    b.bytes(attr::USE_CANDIDATE, &[]).unwrap();
                }
                if *unknown {
                    b.bytes(0x7FFF, &[]).unwrap();
                }
                b.integrity(&RustCrypto, &HmacSha1Key::new(pwd.as_bytes())).unwrap();
                let len = b.fingerprint().unwrap();
                agent.handle(self.now, way(*from), &mut out[..len]);
            }
            Step::Answer { authentic, code, mapped } => {
                let Some((route, id)) = self.asked else { return };
                let mut out = [0; 300];
                let class = if code.is_some() { Class::Error } else { Class::Success };
                let mut b = Builder::new(&mut out, class, Method::BINDING, id).unwrap();
                b.xor_address(attr::XOR_MAPPED_ADDRESS, local(*mapped)).unwrap();
                if let Some(code) = code {
                    b.error(*code, "").unwrap();
                }
                let key = if *authentic { PWD.as_bytes() } else { b"guess" };
                b.integrity(&RustCrypto, &HmacSha1Key::new(key)).unwrap();
                let len = b.fingerprint().unwrap();
                agent.handle(self.now, route, &mut out[..len]);
            }
            Step::Remote { port, priority } => {
                let tcp = port.is_multiple_of(5);
                let candidate =
                    if tcp { Candidate::tcp_passive(remote(*port)) } else { Candidate::host(remote(*port)) };
                let candidate = Candidate { priority: *priority, ..candidate };
                let _ = agent.add_remote(self.now, candidate);
            }
            Step::Local(n) => {
                let _ = agent.add_local(
                    self.now,
                    match n % 4 {
                        0 => Candidate::tcp_passive(local(n % 3)),
                        1 => Candidate::tcp_active(local(n % 3).ip()),
                        _ => Candidate::host(local(*n)),
                    },
                );
            }
            Step::RemoveLocal(n) => {
                let _ = agent.remove_local(self.now, local(*n));
            }
            Step::Wait(ms) => {
                self.now += Duration::from_millis((*ms).into());
                agent.handle_timeout(self.now);
            }
            Step::Restart => self.peer.restart(self.now),
            Step::Credentials => agent.set_remote_credentials(self.now, "peer", PWD).unwrap(),
            Step::NetworkChanged => agent.network_changed(self.now),
            Step::StreamEnded(n) => {
                let used = self.asked.map(|(route, _)| route).filter(|route| n % 2 == 0 && route.protocol.is_stream());
                agent.stream_ended(self.now, used.unwrap_or_else(|| way(*n)), StreamEnd::Failed);
            }
            Step::Close => agent.close(self.now),
        }
        self.settle();
    }

    fn settle(&mut self) {
        let mut out = [0; 1500];
        let mut sent = 0;
        while let Some(t) = self.peer.agent.poll_transmit(self.now, &mut out) {
            sent += 1;
            assert!(sent < 100, "sends without end");
            let m = barertc_ice::stun::Message::parse(&out[..t.len]).unwrap();
            if m.class() == Class::Request {
                self.asked = Some((t.route, m.id()));
            }
        }
        while self.peer.agent.poll_event().is_some() {}
        let agent = &self.peer.agent;
        let config = agent.config();
        assert!(agent.pair_stats().count() <= config.max_pairs.into());
        assert!(agent.remote_candidates().count() <= config.max_remote.into());
        assert!(agent.local_candidates().count() <= config.max_local.into());
        assert!(self.peer.heap.stats().peak <= self.worst);
        // The selected way is one that has been proven.
        if let Some(route) = agent.selected()
            && let Some(pair) = agent.pair_stats().find(|p| p.selected)
        {
            assert_eq!(pair.route, route);
        }
        // Whoever serves the timeout is not called again at once, for ever.
        for _ in 0..200 {
            match self.peer.agent.timeout() {
                Some(t) if t <= self.now => {
                    self.peer.agent.handle_timeout(self.now);
                    while self.peer.agent.poll_transmit(self.now, &mut out).is_some() {}
                    while self.peer.agent.poll_event().is_some() {}
                }
                _ => return,
            }
        }
        panic!("a timeout that is never served");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn state_stays_within_its_bound(
        steps in proptest::collection::vec(step(), 1..150),
        controlling: bool,
        lite in proptest::bool::weighted(0.2),
        small: bool,
        close in proptest::option::weighted(0.2, 0usize..150),
    ) {
        let mut config = Config { lite, ..Config::default() };
        if small {
            (config.max_pairs, config.max_remote, config.max_local) = (3, 4, 3);
        }
        let mut bench = Bench::new(config, controlling);
        for (i, step) in steps.iter().enumerate() {
            if close == Some(i) {
                bench.apply(&Step::Close);
            }
            bench.apply(step);
            if close.is_some_and(|c| c <= i) {
                // Whatever happens afterwards, there is nothing to send to or to wait for.
                prop_assert_eq!((bench.peer.agent.selected(), bench.peer.agent.timeout()), (None, None));
            }
        }
    }
}

#[test]
fn better_candidates_take_the_place_of_worse_ones() {
    let config = Config { max_remote: 4, max_pairs: 4, ..Config::default() };
    let mut peer = Peer::new(config, true, 1).at("192.0.2.0:1000");
    let with = |n: u16| Candidate { priority: u32::from(n), ..Candidate::host(remote(n)) };
    for n in 10..14 {
        peer.agent.add_remote(Instant::ZERO, with(n)).unwrap();
    }
    assert_eq!(
        peer.agent.add_remote(Instant::ZERO, with(9)),
        Err(Error::TooMany { what: "remote candidates", limit: 4 })
    );
    peer.agent.add_remote(Instant::ZERO, with(20)).unwrap();
    let mut left: Vec<_> = peer.agent.remote_candidates().map(|c| c.priority).collect();
    left.sort_unstable();
    assert_eq!(left, [11, 12, 13, 20]);
    assert_eq!(peer.agent.pair_stats().count(), 4);
}

#[test]
fn every_failing_allocation_is_an_error() {
    let heap = heap(256 * 1024);
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut failures = 0;
    loop {
        let alloc = FailNth::new(heap, failures + 1);
        let made = Agent::new(Config::default(), true, &alloc, RustCrypto, &mut rng).and_then(|mut agent| {
            let server = barertc_ice::TurnServer {
                addr: addr(support::SERVER),
                protocol: Default::default(),
                username: "user",
                password: "secret",
                ipv6: false,
            };
            agent.add_turn_server(Instant::ZERO, &server)
        });
        assert_eq!(heap.stats().live, 0);
        match made {
            Err(e) => assert_eq!(e, Error::NoMemory),
            Ok(()) => break,
        }
        failures += 1;
    }
    assert_eq!(failures, 12, "allocations, each of which has failed once");
}

#[test]
fn the_worst_case_is_known_before() {
    let config = Config::default();
    println!(
        "default configuration: {} bytes at most, and {} in the agent itself",
        Agent::<&Heap<'static>, RustCrypto>::worst_case_bytes(&config),
        size_of::<Agent<&Heap<'static>, RustCrypto>>()
    );
    assert!(Agent::<&Heap<'static>, RustCrypto>::worst_case_bytes(&config) < 24 * 1024);
}
