//! An authentic check may be captured and sent again, by anybody and from anywhere. It moves nobody and keeps nothing
//! alive.
use crate::support;

use std::time::Duration;

use barertc_ice::stun::{Class, Message};
use barertc_ice::{Candidate, Config, Event, Route, State};
use barertc_wire::Instant;
use support::{Peer, World, addr};

const LITE: &str = "203.0.113.1:1000";
const FULL: &str = "203.0.113.2:1000";
const THIEF: &str = "198.51.100.66:6666";

/// An agent that answers only, its peer, and the last check that the peer has sent.
struct Scene {
    lite: Peer,
    full: Peer,
    now: Instant,
    captured: Vec<u8>,
    /// The peer is there.
    present: bool,
    /// Checks that went to the thief.
    to_thief: usize,
}

impl Scene {
    fn new(lite: bool) -> Self {
        let config = Config { lite, ..Config::default() };
        let (mut lite, mut full) =
            (Peer::new(config, false, 1).at(LITE), Peer::new(Config::default(), true, 2).at(FULL));
        let now = Instant::ZERO;
        let (ufrag, pwd) = lite.credentials();
        full.agent.set_remote_credentials(now, &ufrag, &pwd).unwrap();
        full.agent.set_remote_lite(now, lite.agent.config().lite);
        full.agent.add_remote(now, Candidate::host(addr(LITE))).unwrap();
        let (ufrag, pwd) = full.credentials();
        lite.agent.set_remote_credentials(now, &ufrag, &pwd).unwrap();
        Self { lite, full, now, captured: vec![], present: true, to_thief: 0 }
    }

    fn carry(&mut self) {
        let mut out = [0; 1500];
        loop {
            let mut quiet = true;
            while let Some(t) = self.full.agent.poll_transmit(self.now, &mut out) {
                quiet = false;
                if Message::parse(&out[..t.len]).unwrap().class() == Class::Request {
                    self.captured = out[..t.len].to_vec();
                }
                if self.present {
                    self.lite.agent.handle(self.now, Route::udp(addr(LITE), addr(FULL)), &mut out[..t.len]);
                }
            }
            while let Some(t) = self.lite.agent.poll_transmit(self.now, &mut out) {
                quiet = false;
                if t.route.remote == addr(THIEF) {
                    self.to_thief += 1;
                } else if self.present {
                    self.full.agent.handle(self.now, Route::udp(addr(FULL), addr(LITE)), &mut out[..t.len]);
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.carry();
        loop {
            let timeouts = [self.full.agent.timeout(), self.lite.agent.timeout()];
            let Some(next) = timeouts.into_iter().flatten().min().filter(|t| *t <= end) else { break };
            self.now = self.now.max(next);
            self.full.agent.handle_timeout(self.now);
            self.lite.agent.handle_timeout(self.now);
            self.carry();
        }
        self.now = end;
    }

    fn replay(&mut self, from: &str) {
        let mut copy = self.captured.clone();
        self.lite.agent.handle(self.now, Route::udp(addr(LITE), addr(from)), &mut copy);
        self.carry();
    }

    fn selected(&self) -> Option<Route> {
        self.lite.agent.selected()
    }
}

#[test]
fn a_replayed_check_does_not_move_the_path() {
    for lite in [true, false] {
        let mut scene = Scene::new(lite);
        scene.run(Duration::from_secs(2));
        let route = Some(Route::udp(addr(LITE), addr(FULL)));
        assert_eq!(scene.selected(), route);
        assert!(Message::parse(&scene.captured).unwrap().get(barertc_ice::stun::attr::USE_CANDIDATE).is_some());
        for _ in 0..20 {
            scene.replay(THIEF);
            assert_eq!(scene.selected(), route, "lite {lite}");
            scene.run(Duration::from_secs(1));
            assert_eq!(scene.selected(), route, "lite {lite}");
        }
        assert!(scene.to_thief > 0, "who says that it has moved is asked back");
        scene.run(Duration::from_secs(60));
        assert_eq!(scene.selected(), route);
        assert_eq!(scene.lite.agent.state(), State::Completed);
    }
}

#[test]
fn replayed_checks_do_not_keep_a_path_alive() {
    for lite in [true, false] {
        let mut scene = Scene::new(lite);
        scene.run(Duration::from_secs(12));
        scene.present = false;
        for second in 0..40 {
            scene.replay(FULL);
            scene.run(Duration::from_secs(1));
            if second >= 36 {
                assert_eq!(scene.selected(), None, "lite {lite}, {second} s");
            }
        }
        let lost = |e: &Event| matches!(e, Event::ConsentLost(_));
        assert!(std::iter::from_fn(|| scene.lite.agent.poll_event()).any(|e| lost(&e)), "lite {lite}");
    }
}

#[test]
fn a_path_that_was_lost_does_not_come_back_by_a_replayed_check() {
    let mut scene = Scene::new(true);
    scene.run(Duration::from_secs(2));
    scene.present = false;
    scene.run(Duration::from_secs(40));
    assert_eq!(scene.selected(), None);
    for from in [FULL, THIEF] {
        for _ in 0..5 {
            scene.replay(from);
            scene.run(Duration::from_secs(1));
            assert_eq!(scene.selected(), None);
        }
    }
    // The peer itself is welcome.
    scene.present = true;
    scene.full.agent.network_changed(scene.now);
    scene.run(Duration::from_secs(20));
    let was_there = scene.selected().is_some() || scene.full.agent.selected().is_none();
    assert!(was_there);
}

#[test]
fn a_lite_agent_follows_a_peer_that_has_moved() {
    let config = |lite| Config { lite, ..Config::default() };
    let mut world = World::new(
        Peer::new(config(false), true, 1).at("203.0.113.1:1000"),
        Peer::new(config(true), false, 2).at("203.0.113.2:1000"),
    );
    world.peers[0].agent.set_remote_lite(Instant::ZERO, true);
    world.start();
    assert!(world.run(Duration::from_secs(20), |w| w.both(|s| s == State::Completed)));
    let (now, old, new) = (world.now, addr("203.0.113.1:1000"), addr("203.0.113.77:1000"));
    world.peers[0].unbind(now, old);
    world.peers[0].bind(now, new);
    let moved = |w: &World| w.peers[1].agent.selected().is_some_and(|r| r.remote == new);
    assert!(world.run(Duration::from_secs(5), moved));
    // A lite agent asks back, and begins nothing: one check to prove the path, and one every five seconds.
    let stats = world.peers[1].agent.pair_stats().find(|p| p.selected).unwrap();
    assert!(stats.requests_sent <= 2, "{}", stats.requests_sent);
}
