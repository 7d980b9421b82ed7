//! All handshakes in which each of the first datagrams is delivered, lost, doubled, or delayed behind those after it.
//!
//! The properties, of every run:
//! - both sides connect, within a time that the number of losses bounds;
//! - no side fails, and none says `Connected` twice;
//! - both export the same keys;
//! - what is sent afterwards arrives once, on both sides;
//! - it comes to rest: no timer is left, and the number of datagrams is bounded;
//! - the allocator gave no more than `worst_case_bytes`.

use crate::support::{ONE_WAY, Peer, Rng, identities};

use barertc_arena::{Counting, Global};
use barertc_crypto::RustCrypto;
use barertc_dtls::{Config, Connection, Event, Group, Identity, Preference, Role, Version};
use barertc_wire::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many datagrams have a fate of their own; `BARERTC_DEPTH` asks for more or fewer.
const DEPTH: u32 = 4;

/// Longer than a round trip and shorter than the timeout, and longer than the timeout.
const DELAYS: [Duration; 2] = [Duration::from_millis(70), Duration::from_millis(900)];

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
    Doubled,
    Late(Duration),
}

const FATES: [Fate; 5] = [Fate::Arrives, Fate::Lost, Fate::Doubled, Fate::Late(DELAYS[0]), Fate::Late(DELAYS[1])];

struct Run<'m> {
    peers: [Peer<&'m Counting<Global>>; 2],
    now: Instant,
    fates: Vec<Fate>,
    sent: usize,
    wire: BTreeMap<(u64, usize), (usize, Vec<u8>)>,
    events: [Vec<Event>; 2],
    data: [Vec<Vec<u8>>; 2],
}

impl<'m> Run<'m> {
    fn new(config: &Config, ids: &[Identity; 2], memory: &'m [Counting<Global>; 2], fates: Vec<Fate>) -> Self {
        let mut rng = Rng(9);
        let mut peer = |role, at: usize| {
            let mut peer = Connection::new(config.clone(), role, &ids[at], &memory[at], RustCrypto, &mut rng).unwrap();
            peer.set_peer_fingerprint(Instant::ZERO, ids[1 - at].fingerprint(&RustCrypto)).unwrap();
            peer
        };
        let peers = [peer(Role::Client, 0), peer(Role::Server, 1)];
        let (wire, events, data) = (BTreeMap::new(), [vec![], vec![]], [vec![], vec![]]);
        Self { peers, now: Instant::ZERO, fates, sent: 0, wire, events, data }
    }

    fn send(&mut self, from: usize, datagram: &[u8]) {
        let fate = self.fates.get(self.sent).copied().unwrap_or(Fate::Arrives);
        let at = self.now + ONE_WAY;
        let arrivals = match fate {
            Fate::Arrives => vec![at],
            Fate::Lost => vec![],
            Fate::Doubled => vec![at, at + Duration::from_millis(1)],
            Fate::Late(more) => vec![at + more],
        };
        for (copy, at) in arrivals.into_iter().enumerate() {
            self.wire.insert((at.as_micros(), 2 * self.sent + copy), (from, datagram.to_vec()));
        }
        self.sent += 1;
    }

    fn flush(&mut self) {
        let mut out = [0; 2_000];
        for at in 0..2 {
            while let Some(n) = self.peers[at].poll_transmit(self.now, &mut out) {
                self.send(at, &out[..n]);
            }
            while let Some(event) = self.peers[at].poll_event() {
                self.events[at].push(event);
            }
        }
        assert!(self.sent < 60, "{:?}: {} datagrams", self.fates, self.sent);
    }

    /// Until nothing is under way and no timer runs.
    fn rest(&mut self) {
        loop {
            self.flush();
            let arrival = self.wire.keys().next().map(|k| Instant::from_micros(k.0));
            let timer = Instant::earliest(self.peers[0].timeout(), self.peers[1].timeout());
            let Some(next) = Instant::earliest(arrival, timer) else { return };
            self.now = self.now.max(next);
            if arrival == Some(next) {
                let (_, (from, mut datagram)) = self.wire.pop_first().unwrap();
                let data = &mut self.data[1 - from];
                let handled = self.peers[1 - from].handle(self.now, &mut datagram, |d| data.push(d.to_vec()));
                assert_eq!(handled, Ok(()), "{:?}", self.fates);
            }
            for peer in &mut self.peers {
                if peer.timeout().is_some_and(|t| t <= self.now) {
                    peer.handle_timeout(self.now);
                }
            }
        }
    }

    fn check(&mut self, config: &Config, memory: &[Counting<Global>; 2]) {
        let fates = self.fates.clone();
        self.rest();
        for (events, memory) in self.events.iter().zip(memory) {
            assert!(matches!(events[..], [Event::Connected { .. }]), "{fates:?}: {events:?}");
            assert!(memory.stats().peak <= Peer::<Global>::worst_case_bytes(config));
        }
        // Each loss costs a timeout at most, and each is twice the one before: 0.4, 0.8, 1.6 s, ...
        let losses = fates.iter().filter(|f| !matches!(f, Fate::Arrives | Fate::Doubled)).count() as u32;
        let bound = Duration::from_millis(400) * (1 << (losses + 1)) + Duration::from_secs(2);
        assert!(self.now.saturating_since(Instant::ZERO) < bound, "{fates:?}: {:?}", self.now);
        let keys = self.peers.each_ref().map(|p| {
            let mut out = [0; 60];
            p.export("EXTRACTOR-dtls_srtp", None, &mut out).unwrap();
            out
        });
        assert_eq!(keys[0], keys[1], "{fates:?}");
        for at in 0..2 {
            let (front, back) = self.peers[at].room();
            let mut record = vec![at as u8; front + 5 + back];
            self.peers[at].seal(self.now, &mut record, 5).unwrap();
            self.send(at, &record);
        }
        self.rest();
        assert_eq!(self.data, [vec![vec![1; 5]], vec![vec![0; 5]]], "{fates:?}");
    }
}

fn explore(version: Version) {
    let depth = std::env::var("BARERTC_DEPTH").ok().map_or(DEPTH, |d| d.parse().expect("a number"));
    let (a, b) = identities(5);
    let ids = [a, b];
    let groups = Preference::only(&[Group::X25519, Group::P256]);
    let config = Config { min_version: version, max_version: version, groups, ..Config::default() };
    for n in 0..FATES.len().pow(depth) {
        let fates = (0..depth).map(|i| FATES[n / FATES.len().pow(i) % FATES.len()]).collect();
        let memory = [Counting::new(Global), Counting::new(Global)];
        Run::new(&config, &ids, &memory, fates).check(&config, &memory);
        assert!(memory.iter().all(|m| m.stats().live == 0));
    }
}

#[test]
fn of_12() {
    explore(Version::Dtls12);
}

#[test]
fn of_13() {
    explore(Version::Dtls13);
}
