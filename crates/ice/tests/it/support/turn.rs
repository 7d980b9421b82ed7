//! A TURN server that a test plays by hand.
use std::time::Duration;

use barertc_crypto::{HmacSha1Key, HmacSha256Key, Provider, RustCrypto};
use barertc_ice::stun::{Builder, Class, Message, Method, attr};
use barertc_ice::{Agent, Candidate, CandidateType, Config, Event, Handled, Protocol, Route, ServerError, TurnServer};
use barertc_wire::Instant;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use super::{TestAgent, addr, heap};

pub const SERVER: &str = "198.51.100.1:3478";
pub const A: &str = "192.0.2.1:1000";

/// The feature bits of a nonce: PASSWORD-ALGORITHMS (bit 23) and USERNAME anonymity (bit 22), RFC 8489 §18.1.
pub const WITH_ALGORITHMS: &[u8] = b"obMatJos2gAAArest";
pub const PLAIN: &[u8] = b"first nonce";
pub const SHA256: [u8; 4] = [0, 2, 0, 0];
pub const MD5: [u8; 4] = [0, 1, 0, 0];
pub const UNKNOWN: [u8; 4] = [0, 9, 0, 0];

pub struct Client {
    pub agent: TestAgent<'static>,
    pub now: Instant,
}

pub struct Request {
    pub bytes: Vec<u8>,
    pub route: Route,
}

pub enum Key {
    Sha1(HmacSha1Key),
    Sha256(HmacSha256Key),
}

impl Request {
    pub fn message(&self) -> Message<'_> {
        Message::parse(&self.bytes).unwrap()
    }
}

pub fn config() -> Config {
    Config { max_local: 12, ..Config::default() }
}

pub fn turn_server<'a>(username: &'a str, password: &'a str, protocol: Protocol) -> TurnServer<'a> {
    TurnServer { addr: addr(SERVER), protocol, username, password, ipv6: false }
}

impl Client {
    pub fn with(username: &str, password: &str, sockets: &[&str], protocol: Protocol) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut agent = Agent::new(config(), true, heap(256 * 1024), RustCrypto, &mut rng).unwrap();
        for socket in sockets {
            agent.add_local(Instant::ZERO, Candidate::host(addr(socket))).unwrap();
        }
        agent.add_turn_server(Instant::ZERO, &turn_server(username, password, protocol)).unwrap();
        agent.gather(Instant::ZERO).unwrap();
        Self { agent, now: Instant::ZERO }
    }

    pub fn new() -> Self {
        Self::with("user", "secret", &[A], Protocol::Udp)
    }

    /// The datagram that is due now.
    pub fn poll(&mut self) -> Option<Request> {
        let mut out = [0; 4000];
        let t = self.agent.poll_transmit(self.now, &mut out)?;
        Some(Request { bytes: out[..t.len].to_vec(), route: t.route })
    }

    pub fn expect(&mut self, method: Method) -> Request {
        let request = self.poll().expect("a request is due");
        assert_eq!((request.message().class(), request.message().method()), (Class::Request, method));
        request
    }

    /// Lets time pass, and collects what is sent.
    pub fn wait(&mut self, time: Duration) -> Vec<Request> {
        let (end, mut sent) = (self.now + time, vec![]);
        while let Some(at) = self.agent.timeout().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.agent.handle_timeout(self.now);
            sent.extend(std::iter::from_fn(|| self.poll()));
        }
        self.now = end;
        sent
    }

    pub fn respond(
        &mut self,
        to: &Request,
        class: Class,
        key: Option<&Key>,
        fill: impl FnOnce(&mut Builder<'_>),
    ) -> Handled {
        let mut out = [0; 4000];
        let m = to.message();
        let mut b = Builder::new(&mut out, class, m.method(), m.id()).unwrap();
        fill(&mut b);
        match key {
            Some(Key::Sha1(key)) => b.integrity(&RustCrypto, key).unwrap(),
            Some(Key::Sha256(key)) => b.integrity_sha256(&RustCrypto, key).unwrap(),
            None => {}
        }
        let len = b.fingerprint().unwrap();
        self.agent.handle(self.now, to.route, &mut out[..len])
    }

    pub fn challenge(&mut self, to: &Request, code: u16, realm: &str, nonce: &[u8], algorithms: &[u8]) {
        self.respond(to, Class::Error, None, |b| {
            b.error(code, "").unwrap();
            b.bytes(attr::REALM, realm.as_bytes()).unwrap();
            b.bytes(attr::NONCE, nonce).unwrap();
            if !algorithms.is_empty() {
                b.bytes(attr::PASSWORD_ALGORITHMS, algorithms).unwrap();
            }
        });
    }

    pub fn refuse(&mut self, to: &Request, code: u16, key: Option<&Key>) -> Handled {
        self.respond(to, Class::Error, key, |b| b.error(code, "").unwrap())
    }

    pub fn grant(&mut self, to: &Request, relayed: &str, key: Option<&Key>) -> Handled {
        self.respond(to, Class::Success, key, |b| {
            b.xor_address(attr::XOR_RELAYED_ADDRESS, addr(relayed)).unwrap();
            b.xor_address(attr::XOR_MAPPED_ADDRESS, addr(A)).unwrap();
            b.u32(attr::LIFETIME, 600).unwrap();
        })
    }

    /// Goes through the challenge of a server as most are.
    pub fn authenticate(&mut self) -> (Request, Key) {
        let first = self.expect(Method::ALLOCATE);
        self.challenge(&first, 401, "realm", PLAIN, &[]);
        (self.expect(Method::ALLOCATE), md5_sha1("user", "realm", "secret"))
    }

    pub fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.agent.poll_event()).collect()
    }

    pub fn server_errors(&mut self) -> Vec<ServerError> {
        let error = |e| match e {
            Event::ServerFailed { server, error } => {
                assert_eq!(server, addr(SERVER));
                Some(error)
            }
            _ => None,
        };
        self.events().into_iter().filter_map(error).collect()
    }

    pub fn relayed(&self) -> Option<Candidate> {
        self.agent.local_candidates().find(|c| c.kind == CandidateType::Relayed).cloned()
    }
}

pub fn md5_sha1(user: &str, realm: &str, password: &str) -> Key {
    Key::Sha1(HmacSha1Key::new(&RustCrypto.md5(&[format!("{user}:{realm}:{password}").as_bytes()])))
}

pub fn verifies(request: &Request, key: &Key) -> bool {
    match key {
        Key::Sha1(key) => request.message().verify(&RustCrypto, key),
        Key::Sha256(key) => request.message().verify_sha256(&RustCrypto, key),
    }
}
