//! What is left behind when a session ends: nothing at a TURN server, and nobody who listens.
use crate::support;

use std::time::Duration;

use barertc_ice::{Candidate, CandidateType, Config, Discard, Discards, Event, Handled, Route, State};
use support::{Peer, SERVER, World, addr};

const A: &str = "203.0.113.1:1000";
const B: &str = "203.0.113.2:1000";

/// Two peers that only reach the server, each with a relay.
fn relayed() -> World {
    let peer = |controlling, at| {
        let mut peer = Peer::new(Config::default(), controlling, u64::from(controlling) + 1).at(at).with_turn();
        peer.only_server = true;
        peer
    };
    World::new(peer(true, A), peer(false, B))
}

fn connected() -> World {
    let mut world = relayed();
    world.start();
    assert!(world.run(Duration::from_secs(60), |w| w.both(|s| s == State::Completed)));
    assert_eq!((world.server.allocations(), world.server.released), (2, 0));
    world
}

/// Runs until there is nothing more to wait for; how long that was.
fn fall_silent(world: &mut World) -> Duration {
    let start = world.now;
    assert!(world.run(Duration::from_secs(60), |w| w.peers.iter().all(|p| p.agent.timeout().is_none())));
    world.now - start
}

#[test]
fn allocations_are_given_back_in_one_round_trip() {
    let mut world = connected();
    let sent = world.peers.each_ref().map(|p| p.sent);
    let now = world.now;
    for p in &mut world.peers {
        p.agent.close(now);
        p.agent.close(now);
        assert_eq!((p.agent.state(), p.agent.selected()), (State::Closed, None));
    }
    let took = fall_silent(&mut world);
    assert_eq!(took, 2 * world.delay);
    assert_eq!((world.server.allocations(), world.server.released), (0, 2));
    for (p, before) in world.peers.iter().zip(sent) {
        assert_eq!(p.sent - before, 1, "a Refresh, and nothing to the peer");
        assert!(p.saw(|e| *e == Event::State(State::Closed)).is_some());
    }
    // For good.
    world.run(Duration::from_secs(3600), |_| false);
    assert!(world.peers.iter().zip(sent).all(|(p, before)| p.sent - before == 1));
}

#[test]
fn a_nonce_that_has_become_stale_costs_another_round_trip() {
    let mut world = connected();
    world.server.nonce = "second";
    world.close();
    assert_eq!(fall_silent(&mut world), 4 * world.delay);
    assert_eq!((world.server.allocations(), world.server.released), (0, 2));
}

#[test]
fn a_lost_request_is_repeated() {
    let mut world = connected();
    world.cut = true;
    world.close();
    world.run(Duration::from_millis(400), |_| false);
    world.cut = false;
    assert!(fall_silent(&mut world) < Duration::from_millis(200));
    assert_eq!((world.server.allocations(), world.server.released), (0, 2));
}

#[test]
fn a_silent_server_is_not_waited_for_longer_than_ten_seconds() {
    let mut world = connected();
    let sent = world.peers[0].sent;
    world.cut = true;
    world.close();
    let took = fall_silent(&mut world);
    println!("gave up {} ms after closing", took.as_millis());
    assert_eq!(took, Duration::from_millis(9_500));
    assert_eq!(world.peers[0].sent - sent, 3);
}

#[test]
fn an_allocation_that_is_being_made_is_given_back_when_the_answer_comes() {
    let mut world = relayed();
    world.start();
    // The server has made them, and its answers are on their way.
    assert!(world.run(Duration::from_secs(1), |w| w.server.allocations() == 2));
    world.close();
    fall_silent(&mut world);
    assert_eq!((world.server.allocations(), world.server.released), (0, 2));
    assert!(world.peers.iter().all(|p| p.agent.local_candidates().count() == 1), "it is no candidate any more");
}

#[test]
fn before_the_server_knows_who_asks_nothing_is_waited_for() {
    // At 0 nothing was sent, at 30 the challenge is on its way, at 60 the answer to it.
    for ms in [0, 30, 60] {
        let mut world = relayed();
        if ms > 0 {
            world.start();
            world.run(Duration::from_millis(ms), |_| false);
        }
        assert_eq!(world.server.allocations(), 0);
        world.close();
        let took = fall_silent(&mut world);
        assert!(took <= Duration::from_millis(500), "{ms}: {took:?}");
        assert_eq!(world.server.allocations(), 0, "{ms}");
    }
}

#[test]
fn what_comes_after_closing_is_dropped_and_changes_nothing() {
    let mut world = World::new(
        Peer::new(Config::default(), true, 1).at(A),
        Peer::new(Config::default(), false, 2).at(B).with_stun().with_turn(),
    );
    world.start();
    assert!(world.run(Duration::from_secs(60), |w| w.both(|s| s == State::Completed)));
    world.peers[1].agent.close(world.now);
    fall_silent_one(&mut world);
    let sent = world.peers[1].sent;
    assert!(world.send(0, b"\x80 too late"));
    // Its consent checks go on until consent has expired.
    world.run(Duration::from_secs(60), |_| false);
    let closed = &mut world.peers[1];
    let reasons: &Discards = closed.agent.discards();
    assert!(reasons.get(Discard::Closed) > 5, "{reasons:?}");
    assert!(closed.data.is_empty());
    assert_eq!(closed.sent, sent);
    assert_eq!((closed.agent.pair_stats().count(), closed.agent.remote_candidates().count()), (0, 0));
    let route = Route::udp(addr(B), addr(SERVER));
    assert_eq!(closed.agent.handle(world.now, route, &mut [0x40, 0, 0, 0]), Handled::Dropped(Discard::UnknownChannel));
    // Nothing that the application still does wakes it up.
    let now = world.now;
    closed.bind(now, addr("203.0.113.9:1000"));
    closed.agent.gather(now).unwrap();
    closed.agent.set_remote_credentials(now, "else", "passwordpasswordpassword").unwrap();
    closed.agent.add_remote(now, Candidate::host(addr(A))).unwrap();
    closed.agent.network_changed(now);
    closed.restart(now);
    assert_eq!((closed.agent.state(), closed.agent.timeout()), (State::Closed, None));
    assert_eq!(closed.agent.poll_transmit(world.now, &mut [0; 1500]), None);
}

fn fall_silent_one(world: &mut World) {
    assert!(world.run(Duration::from_secs(10), |w| w.peers[1].agent.timeout().is_none()));
    assert_eq!((world.server.allocations(), world.server.released), (0, 1));
}

#[test]
fn a_policy_of_relay_tells_and_uses_nothing_else() {
    // Nothing stands between the two, but one of them does not want to be seen.
    let config = Config { relay_only: true, ..Config::default() };
    let mut world = World::new(
        Peer::new(config, true, 1).at(A).with_turn(),
        Peer::new(Config::default(), false, 2).at(B).with_stun(),
    );
    world.start();
    assert!(world.run(Duration::from_secs(60), |w| w.both(|s| s == State::Completed)));
    let told: Vec<_> = world.peers[0].agent.local_candidates().map(|c| c.kind).collect();
    assert_eq!(told, [CandidateType::Relayed]);
    assert!(
        world.peers[0].saw(|e| matches!(e, Event::LocalCandidate(c) if c.kind != CandidateType::Relayed)).is_none()
    );
    assert_eq!(world.peers[0].agent.pair_stats().filter(|p| p.local_kind != CandidateType::Relayed).count(), 0);
    assert!(world.send(0, b"hello"));
    assert!(world.run(Duration::from_secs(1), |w| !w.peers[1].data.is_empty()));
    let seen = world.peers[1].agent.selected().map(|route| route.remote);
    assert!(seen.is_some_and(|seen| world.server.owns(seen)), "{seen:?}");
}
