//! Checks with padding find the largest datagram that the path carries (RFC 8899).
use crate::support;

use std::time::Duration;

use barertc_ice::{Config, PathMtuBounds, State};
use support::nat::{By, Nat};
use support::{Peer, World};

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn searching(controlling: bool) -> Peer {
    let config = Config { path_mtu: Some(PathMtuBounds { min: 548, max: 1_472 }), ..Config::default() };
    Peer::new(config, controlling, if controlling { 1 } else { 2 })
}

/// The other side is any agent: it searches nothing.
fn world(a: Peer, largest: usize) -> World {
    let mut world = World::new(a.at("203.0.113.1:1000"), Peer::new(Config::default(), false, 2).at("203.0.113.2:1000"));
    world.largest = largest;
    world.start();
    assert!(world.run(secs(60), |w| w.both(|s| s == State::Completed)));
    world
}

fn size(world: &World) -> Option<u16> {
    world.peers[0].agent.path_mtu()
}

#[test]
fn a_path_is_searched_by_one_side_and_answered_by_any() {
    for (largest, least) in [(548, 548), (572, 548), (972, 940), (1_232, 1_200), (1_472, 1_472), (9_000, 1_472)] {
        let mut world = world(searching(true), largest);
        world.run(secs(30), |_| false);
        let found = size(&world).unwrap_or(0);
        assert!((least..=largest.min(1_472)).contains(&found.into()), "{largest}: {found}");
        assert_eq!(world.peers[1].agent.path_mtu(), None);
        assert!(world.both(|s| s == State::Completed));
    }
}

#[test]
fn a_usual_path_is_known_within_two_round_trips() {
    let mut world = world(searching(true), 1_472);
    assert!(world.run(Duration::from_millis(101), |w| size(w) == Some(1_472)), "{:?}", size(&world));
    assert!(world.peers[0].agent.is_path_mtu_settled());
}

/// The size is confirmed while large datagrams flow. An idle pair only looks for a larger one, once a minute.
#[test]
fn a_path_that_shrinks_is_found_while_data_flow() {
    let mut world = world(searching(true), 1_472);
    world.run(secs(5), |_| false);
    world.largest = 972;
    for _ in 0..30 {
        world.send(0, &[0x80; 1_200]);
        world.run(secs(1), |_| false);
    }
    assert!((940..=972).contains(&size(&world).unwrap_or(0)), "{:?}", size(&world));
    let before = world.peers[0].sent_bytes;
    world.run(secs(60), |_| false);
    world.run(secs(60), |_| false);
    assert!(world.peers[0].sent_bytes - before < 40_000, "{} bytes", world.peers[0].sent_bytes - before);
    assert!(world.both(|s| s == State::Completed));
}

#[test]
fn what_turn_adds_counts() {
    let nat = |ip| Nat::new(ip, By::AddressAndPort, By::AddressAndPort);
    let a = searching(true).at("10.0.0.1:1000").behind(nat("192.0.2.1")).with_turn();
    let b = Peer::new(Config::default(), false, 2).at("10.0.1.1:1000").behind(nat("192.0.2.2")).with_turn();
    let mut world = World::new(a, b);
    world.largest = 1_000;
    world.start();
    assert!(world.run(secs(60), |w| w.both(|s| s == State::Completed)));
    world.run(secs(30), |_| false);
    assert!((968..=1_000).contains(&size(&world).unwrap_or(0)), "{:?}", size(&world));
}

/// Losses look like a small path for a while only.
#[test]
fn losses_alone_do_not_keep_the_size_small() {
    for seed in 0..10 {
        let mut world = world(searching(true), 1_472).seed(seed);
        world.loss = 200;
        let (mut seconds, mut small) = (0, 0);
        for _ in 0..300 {
            world.send(0, &[0x80; 1_200]);
            world.run(secs(1), |_| false);
            (seconds, small) = (seconds + 1, small + i32::from(size(&world).is_some_and(|size| size < 1_200)));
        }
        assert!(small * 4 < seconds, "{small} of {seconds}");
    }
}

/// Probes are consent checks, in the statistics too: an answer to one has its request there.
#[test]
fn each_response_has_a_request() {
    let mut world = world(searching(true), 1_472);
    world.run(Duration::from_millis(500), |_| false);
    assert_eq!(size(&world), Some(1_472), "probes were answered");
    let stats = world.peers[0].agent.pair_stats().find(|pair| pair.selected).unwrap();
    assert!(stats.consent_requests_sent > 0, "probes, as no consent check was due yet");
    assert_eq!(stats.retransmissions_sent, 0);
    assert_eq!(stats.responses_received, stats.requests_sent + stats.consent_requests_sent);
}
