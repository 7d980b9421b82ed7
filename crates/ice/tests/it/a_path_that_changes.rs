//! What happens to a connection afterwards: silence, moves, restarts, lost packets, and relays that must be kept.
use crate::support;

use std::time::Duration;

use barertc_ice::{CandidateType, Config, Event, Route, State};
use barertc_wire::Instant;
use support::nat::{By, Nat};
use support::{Peer, World, addr};

fn secs(s: u64) -> Duration {
    Duration::from_secs(s)
}

fn two() -> World {
    World::new(
        Peer::new(Config::default(), true, 1).at("203.0.113.1:1000"),
        Peer::new(Config::default(), false, 2).at("203.0.113.2:1000"),
    )
}

fn connect(world: &mut World) {
    world.start();
    assert!(world.run(secs(60), |w| w.both(|s| s == State::Completed)));
}

#[test]
fn consent_is_asked_for_every_four_to_six_seconds_and_keeps_the_connection() {
    let mut world = two();
    connect(&mut world);
    world.run(secs(600), |_| false);
    assert!(world.both(|s| s == State::Completed));
    let stats = world.peers[0].agent.pair_stats().find(|p| p.selected).unwrap();
    assert!((99..=151).contains(&stats.consent_requests_sent), "{}", stats.consent_requests_sent);
    assert_eq!(stats.current_round_trip_time, Some(Duration::from_millis(50)));
    assert!(stats.nominated);
}

#[test]
fn silence_is_reported_and_after_30_seconds_ends_the_right_to_send() {
    let mut world = two();
    connect(&mut world);
    world.cut = true;
    let start = world.now;
    assert!(world.run(secs(20), |w| w.both(|s| s == State::Disconnected)));
    println!("disconnected {} ms after the cut", (world.now - start).as_millis());
    assert!(world.now - start <= secs(10));
    assert!(world.run(secs(40), |w| w.peers.iter().all(|p| p.agent.selected().is_none())));
    let after = world.now - start;
    assert!((secs(20)..=secs(36)).contains(&after), "{after:?}");
    assert!(!world.send(0, b"\x80"));
    assert!(world.peers[0].saw(|e| matches!(e, Event::ConsentLost(_))).is_some());
    assert!(world.run(secs(60), |w| w.both(|s| matches!(s, State::Failed(_)))));
}

#[test]
fn a_short_silence_is_survived() {
    let mut world = two();
    connect(&mut world);
    for _ in 0..5 {
        world.cut = true;
        world.run(secs(15), |_| false);
        world.cut = false;
        assert!(world.run(secs(10), |w| w.both(|s| s == State::Completed)), "{:?}", world.peers[0].agent.state());
        world.run(secs(30), |_| false);
    }
    assert!(world.peers.iter().all(|p| p.saw(|e| matches!(e, Event::ConsentLost(_))).is_none()));
}

#[test]
fn a_nat_that_gives_another_address_is_followed() {
    for controlling in [true, false] {
        let nat = Nat::new("203.0.113.9", By::Nothing, By::AddressAndPort);
        let mut world = World::new(
            Peer::new(Config::default(), controlling, 1).at("10.0.0.5:1000").behind(nat).with_stun(),
            Peer::new(Config::default(), !controlling, 2).at("203.0.113.2:1000"),
        );
        connect(&mut world);
        let before = world.peers[1].agent.selected().unwrap();
        world.peers[0].nat.as_mut().unwrap().forget();
        let start = world.now;
        assert!(world.run(secs(30), |w| w.peers[1].agent.selected().is_some_and(|r| r != before)));
        println!("controlling {controlling}: followed after {} ms", (world.now - start).as_millis());
        assert!(world.now - start < secs(9));
        assert!(world.send(1, b"\x80 new way"));
        assert!(world.run(secs(2), |w| w.peers[0].data.len() == 1));
        world.run(secs(60), |_| false);
        assert!(world.both(|s| s == State::Completed));
    }
}

#[test]
fn a_few_lost_packets_are_no_reason_to_change_the_path() {
    let mut world = World::new(
        Peer::new(Config::default(), true, 1).at("203.0.113.1:1000").at("203.0.113.3:1000"),
        Peer::new(Config::default(), false, 2).at("203.0.113.2:1000").at("203.0.113.4:1000"),
    );
    connect(&mut world);
    world.loss = 50;
    world.run(secs(1800), |_| false);
    for p in &world.peers {
        let changes = p.events.iter().filter(|(_, e)| matches!(e, Event::Selected(_))).count();
        println!("{changes} paths in half an hour at 5 % loss");
        assert!(changes < 10);
        assert!(p.saw(|e| matches!(e, Event::ConsentLost(_))).is_none());
    }
}

#[test]
fn another_interface_takes_over() {
    for controlling in [true, false] {
        let mut world = World::new(
            Peer::new(Config::default(), controlling, 1).at("203.0.113.1:1000"),
            Peer::new(Config::default(), !controlling, 2).at("203.0.113.2:1000"),
        );
        connect(&mut world);
        let start = world.now;
        world.peers[0].unbind(world.now, addr("203.0.113.1:1000"));
        world.peers[0].bind(world.now, addr("203.0.113.77:1000"));
        let moved = |w: &World| {
            w.peers[0].agent.selected().is_some_and(|r| r.local == addr("203.0.113.77:1000"))
                && w.peers[1].agent.selected().is_some_and(|r| r.remote == addr("203.0.113.77:1000"))
        };
        assert!(world.run(secs(20), moved), "controlling {controlling}");
        println!("controlling {controlling}: moved after {} ms", (world.now - start).as_millis());
    }
}

#[test]
fn a_restart_keeps_the_old_way_until_there_is_a_new_one() {
    let mut world = two();
    connect(&mut world);
    let (old, _) = world.peers[0].credentials();
    world.peers[0].restart(world.now);
    let (new, _) = world.peers[0].credentials();
    assert_ne!(new, old);
    assert!(world.peers[0].agent.selected().is_some());
    // A socket that several agents share has to know whose the peer's checks are, which name the old one still; and its
    // data, though its address is no candidate any more.
    let is_ours = |w: &World, ufrag: &str| w.peers[0].agent.is_local_ufrag(ufrag);
    assert!(is_ours(&world, &old) && is_ours(&world, &new) && !is_ours(&world, "somebody"));
    let from = |remote| Route::udp(addr("203.0.113.1:1000"), addr(remote));
    assert!(world.peers[0].agent.is_expected(from("203.0.113.2:1000"), &[]));
    assert!(!world.peers[0].agent.is_expected(from("203.0.113.3:1000"), &[]));
    // The other side does not know yet, for a long time: consent goes on with the old credentials, and the state is as it was.
    world.run(secs(120), |_| false);
    assert!(world.peers.iter().all(|p| p.agent.selected().is_some()));
    assert!(world.both(|s| s == State::Completed));
    world.peers[1].restart(world.now);
    world.signal_credentials(0);
    world.signal_credentials(1);
    world.signal_locals(0);
    world.signal_locals(1);
    assert!(world.run(secs(5), |w| !is_ours(w, &old) && w.both(|s| s == State::Completed)));
    assert!(is_ours(&world, &new));
    world.run(secs(120), |_| false);
    assert!(world.both(|s| s == State::Completed));
    assert!(world.peers.iter().all(|p| p.saw(|e| matches!(e, Event::ConsentLost(_))).is_none()));
}

/// Nothing has changed by a restart that nobody answers: when the path dies behind it, that is told as ever.
#[test]
fn a_path_that_dies_behind_a_restart_without_an_answer_is_a_failure() {
    let mut world = two();
    connect(&mut world);
    world.peers[0].restart(world.now);
    world.run(secs(20), |_| false);
    world.cut = true;
    assert!(world.run(secs(90), |w| matches!(w.peers[0].agent.state(), State::Failed(_))));
    let saw = |wanted: fn(&Event) -> bool| world.peers[0].saw(wanted).expect("it was told");
    assert!(
        saw(|e| matches!(e, Event::State(State::Disconnected))) < saw(|e| matches!(e, Event::State(State::Failed(_))))
    );
    assert!(world.peers[0].saw(|e| matches!(e, Event::ConsentLost(_))).is_some());
}

#[test]
fn both_in_the_same_role_agree_on_different_ones() {
    for (role, seed) in [(true, 1), (true, 11), (false, 1), (false, 11)] {
        let mut world = World::new(
            Peer::new(Config::default(), role, seed).at("203.0.113.1:1000"),
            Peer::new(Config::default(), role, 2).at("203.0.113.2:1000"),
        );
        connect(&mut world);
        let [a, b] = &world.peers;
        assert_ne!(a.agent.is_controlling(), b.agent.is_controlling());
    }
}

#[test]
fn lite_on_either_side() {
    for lite_side in 0..2 {
        let config = |i| Config { lite: i == lite_side, ..Config::default() };
        let mut world = World::new(
            Peer::new(config(0), lite_side != 0, 1).at("203.0.113.1:1000"),
            Peer::new(config(1), lite_side != 1, 2).at("203.0.113.2:1000"),
        );
        world.peers[1 - lite_side].agent.set_remote_lite(Instant::ZERO, true);
        connect(&mut world);
        assert!(world.send(lite_side, b"\x80 hello"));
        assert!(world.run(secs(1), |w| !w.peers[1 - lite_side].data.is_empty()));
        world.run(secs(120), |_| false);
        assert!(world.both(|s| s == State::Completed));
        // Nor does the lite side go on sending into silence.
        world.cut = true;
        assert!(world.run(secs(40), |w| w.peers.iter().all(|p| p.agent.selected().is_none())));
    }
}

#[test]
fn loss_delay_and_reordering() {
    let (mut worst, mut total) = (Duration::ZERO, Duration::ZERO);
    const SEEDS: u64 = 60;
    for loss in [50, 100, 200, 300] {
        for seed in 0..SEEDS {
            let mut world = World::new(
                Peer::new(Config::default(), true, 2 * seed).at("203.0.113.1:1000"),
                Peer::new(Config::default(), false, 2 * seed + 1).at("203.0.113.2:1000"),
            )
            .seed(seed);
            world.loss = loss;
            world.jitter = Duration::from_millis(60);
            world.start();
            assert!(world.run(secs(39), |w| w.connected()), "loss {loss}, seed {seed}");
            let took = world.now - Instant::ZERO;
            worst = worst.max(took);
            total += took;
        }
        println!(
            "loss {} %: mean {} ms, worst {} ms",
            loss / 10,
            (total / SEEDS as u32).as_millis(),
            worst.as_millis()
        );
        (worst, total) = (Duration::ZERO, Duration::ZERO);
    }
}

fn relayed() -> World {
    let nat = |ip| Nat::new(ip, By::AddressAndPort, By::AddressAndPort);
    World::new(
        Peer::new(Config::default(), true, 1).at("10.0.0.5:1000").behind(nat("203.0.113.1")).with_turn(),
        Peer::new(Config::default(), false, 2).at("10.0.0.6:1000").behind(nat("203.0.113.2")).with_stun(),
    )
}

#[test]
fn a_relayed_path_carries_media_for_hours() {
    let mut world = relayed();
    world.start();
    assert!(world.run(secs(60), |w| w.both(|s| s == State::Completed)));
    let kind = world.peers[0].agent.pair_stats().find(|p| p.selected).unwrap().local_kind;
    assert_eq!(kind, CandidateType::Relayed);
    // Permissions last 5 minutes, channels and the allocation 10.
    for minute in 0..180 {
        if minute == 20 {
            world.server.nonce = "second";
        }
        world.run(secs(60), |_| false);
        assert!(world.send(0, b"\x80 out") && world.send(1, b"\x80 in"));
        let wanted = minute + 1;
        assert!(world.run(secs(1), |w| w.peers.iter().all(|p| p.data.len() == wanted)), "minute {minute}");
    }
    assert!(world.server.channel_packets > 100, "media go by channel");
    assert!(world.peers.iter().all(|p| p.saw(|e| matches!(e, Event::ConsentLost(_))).is_none()));
}

#[test]
fn a_wrong_password_at_the_relay_is_given_up() {
    let server = barertc_ice::TurnServer {
        addr: addr(support::SERVER),
        protocol: Default::default(),
        username: "user",
        password: "guess",
        ipv6: false,
    };
    let mut peer = Peer::new(Config::default(), true, 1).at("203.0.113.1:1000");
    peer.agent.add_turn_server(Instant::ZERO, &server).unwrap();
    let mut world = World::new(peer, Peer::new(Config::default(), false, 2).at("203.0.113.2:1000"));
    world.start();
    assert!(
        world.run(secs(3), |w| w.peers[0]
            .saw(|e| *e == Event::Gathering(barertc_ice::GatheringState::Complete))
            .is_some())
    );
    assert!(world.peers[0].sent < 20);
}

#[test]
fn dropping_gives_every_byte_back() {
    let mut world = relayed();
    connect(&mut world);
    let heaps = world.peers.each_ref().map(|p| p.heap);
    drop(world);
    assert_eq!(heaps.map(|h| h.stats().live), [0, 0]);
}
