//! Every way in which the first datagrams between two agents may be lost, doubled or delayed, to a depth of
//! [`DEPTH`]; `ICE_DEPTH` sets another one. In each:
//!
//! - both agents complete within 60 s, on the same pair, and exactly one of them is controlling;
//! - nobody selects a path before an authentic message of the peer has arrived;
//! - consent is not lost, no failure is told, and that nobody answers is told only while nobody has;
//! - what the events have told last is what the agent says when asked;
//! - a timeout that is served is not due again at once, and the number of datagrams stays below [`MOST`];
//! - memory stays within `worst_case_bytes`, and all of it is given back.
use crate::support;

use std::collections::BTreeMap;
use std::time::Duration;

use barertc_arena::Heap;
use barertc_ice::{Candidate, Config, Event, Handled, Route, State};
use barertc_wire::Instant;
use support::{Peer, TestAgent, addr, heap};

const DEPTH: usize = 6;
const MOST: usize = 80;
const A: [&str; 2] = ["192.0.2.1:1000", "192.0.2.11:1000"];
const B: &str = "192.0.2.2:2000";
/// One way.
const DELAY: Duration = Duration::from_millis(20);

/// What happens to a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Arrives,
    Lost,
    Doubled,
    /// It arrives after what was sent up to a second later.
    Late,
}

const FATES: [Fate; 4] = [Fate::Arrives, Fate::Lost, Fate::Doubled, Fate::Late];

/// Two agents: the roles that they believe in, whether the second one is lite, and how many sockets the first one has.
#[derive(Clone, Copy, Debug)]
struct Setup {
    roles: [bool; 2],
    lite: bool,
    sockets: usize,
}

struct Run {
    peers: [Peer; 2],
    now: Instant,
    /// Datagrams on their way, by the time at which they arrive.
    flying: BTreeMap<(Instant, usize), (usize, Route, Vec<u8>)>,
    sent: usize,
    /// Whether anything has arrived at each side.
    heard: [bool; 2],
    selected: [Option<Route>; 2],
    states: [State; 2],
    fates: Vec<Fate>,
}

impl Run {
    fn new(setup: Setup, heaps: [&'static Heap<'static>; 2], fates: Vec<Fate>) -> Self {
        let now = Instant::ZERO;
        let config = |lite| Config { lite, ..Config::default() };
        let mut a = Peer::on(heaps[0], config(false), setup.roles[0], 1);
        for socket in &A[..setup.sockets] {
            a.bind(now, addr(socket));
        }
        let mut b = Peer::on(heaps[1], config(setup.lite), setup.roles[1], 2).at(B);
        let ((a_ufrag, a_pwd), (b_ufrag, b_pwd)) = (a.credentials(), b.credentials());
        a.agent.set_remote_credentials(now, &b_ufrag, &b_pwd).unwrap();
        b.agent.set_remote_credentials(now, &a_ufrag, &a_pwd).unwrap();
        a.agent.set_remote_lite(now, setup.lite);
        a.agent.add_remote(now, Candidate::host(addr(B))).unwrap();
        for socket in &A[..setup.sockets] {
            b.agent.add_remote(now, Candidate::host(addr(socket))).unwrap();
        }
        Self {
            peers: [a, b],
            now,
            flying: BTreeMap::new(),
            sent: 0,
            heard: [false; 2],
            selected: [None; 2],
            states: [State::New; 2],
            fates,
        }
    }

    fn fly(&mut self, to: usize, route: Route, bytes: Vec<u8>) {
        let fate = self.fates.get(self.sent).copied().unwrap_or(Fate::Arrives);
        self.sent += 1;
        let at = self.now + DELAY;
        let arrivals = match fate {
            Fate::Arrives => vec![at],
            Fate::Lost => vec![],
            Fate::Doubled => vec![at, at + DELAY],
            Fate::Late => vec![at + Duration::from_secs(1)],
        };
        for (copy, at) in arrivals.into_iter().enumerate() {
            self.flying.insert((at, 2 * self.sent + copy), (to, route, bytes.clone()));
        }
    }

    fn settle(&mut self) {
        let mut out = [0; 1500];
        for i in 0..2 {
            while let Some(t) = self.peers[i].agent.poll_transmit(self.now, &mut out) {
                self.fly(1 - i, Route::udp(t.route.remote, t.route.local), out[..t.len].to_vec());
            }
            while let Some(event) = self.peers[i].agent.poll_event() {
                match event {
                    Event::Selected(route) => self.selected[i] = Some(route),
                    Event::State(State::Failed(_)) | Event::ConsentLost(_) => panic!("{event:?}"),
                    Event::State(state) => self.states[i] = state,
                    Event::NoAnswer(_) => assert_eq!(self.peers[i].agent.selected(), None),
                    _ => {}
                }
            }
            let agent = &self.peers[i].agent;
            assert_eq!(agent.selected(), self.selected[i], "events and agent disagree");
            assert_eq!(agent.state(), self.states[i], "events and agent disagree");
            assert!(agent.selected().is_none() || self.heard[i], "selected before anything was heard");
            assert!(agent.timeout().is_none_or(|t| t > self.now), "a timeout that is never served");
            assert!(self.peers[i].heap.stats().peak <= TestAgent::worst_case_bytes(agent.config()));
        }
        assert!(self.sent <= MOST, "sends without end");
    }

    /// Until both have completed and nothing is on its way.
    fn run(&mut self) {
        self.settle();
        loop {
            let completed = self.peers.iter().all(|p| p.agent.state() == State::Completed);
            if completed && self.flying.is_empty() && self.sent >= self.fates.len() {
                break;
            }
            let arrival = self.flying.keys().next().map(|k| k.0);
            let timeouts = self.peers.iter().filter_map(|p| p.agent.timeout());
            let next = timeouts.chain(arrival).min().expect("something to wait for");
            assert!(next <= Instant::from_millis(60_000), "no connection in a minute");
            self.now = self.now.max(next);
            while let Some(entry) = self.flying.first_entry().filter(|e| e.key().0 <= self.now) {
                let (to, route, mut bytes) = entry.remove();
                let handled = self.peers[to].agent.handle(self.now, route, &mut bytes);
                self.heard[to] |= handled == Handled::Consumed;
            }
            for p in &mut self.peers {
                p.agent.handle_timeout(self.now);
            }
            self.settle();
        }
        let [a, b] = self.selected.map(|r| r.expect("selected"));
        assert_eq!((a.local, a.remote), (b.remote, b.local), "two paths");
        let controlling = self.peers.each_ref().map(|p| p.agent.is_controlling());
        assert_ne!(controlling[0], controlling[1], "two of one role");
        for p in &self.peers {
            assert_eq!(p.agent.pair_stats().filter(|p| p.selected && p.nominated).count(), 1);
        }
    }
}

fn explore(setup: Setup) {
    let depth = std::env::var("ICE_DEPTH").ok().and_then(|d| d.parse().ok()).unwrap_or(DEPTH);
    let heaps = [heap(64 * 1024), heap(64 * 1024)];
    let runs = FATES.len().pow(u32::try_from(depth).unwrap());
    for run in 0..runs {
        let digit = |n: usize| FATES[run / FATES.len().pow(u32::try_from(n).unwrap()) % FATES.len()];
        let fates: Vec<_> = (0..depth).map(digit).collect();
        let outcome =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| Run::new(setup, heaps, fates.clone()).run()));
        assert!(outcome.is_ok(), "{setup:?}, {fates:?}");
        assert_eq!(heaps.map(|h| h.stats().live), [0, 0]);
    }
    println!("{setup:?}: {runs} runs");
}

const FULL: Setup = Setup { roles: [true, false], lite: false, sockets: 1 };

#[test]
fn two_full_agents() {
    explore(FULL);
}

#[test]
fn two_full_agents_of_which_one_has_two_sockets() {
    explore(Setup { sockets: 2, ..FULL });
}

#[test]
fn two_agents_that_both_control_or_both_do_not() {
    explore(Setup { roles: [true, true], ..FULL });
    explore(Setup { roles: [false, false], ..FULL });
}

#[test]
fn a_full_agent_and_a_lite_one() {
    explore(Setup { lite: true, ..FULL });
}
