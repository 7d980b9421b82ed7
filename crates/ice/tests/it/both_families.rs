//! IPv6: alone, beside IPv4 with one of the two blocked, and with link-local addresses and their scopes.
use crate::support;

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use barertc_ice::{CandidateType, Config, Route, State};
use barertc_wire::Instant;
use support::{Peer, SERVER, World, addr};

const V6: [&str; 2] = ["[2001:db8::1]:1000", "[2001:db8::2]:1000"];
const V4: [&str; 2] = ["203.0.113.1:1000", "203.0.113.2:1000"];
/// The same link has another number on each machine.
const LINK: [&str; 2] = ["[fe80::1%3]:1000", "[fe80::2%7]:1000"];

type Blocked = fn(IpAddr) -> bool;
type Wanted = fn(&IpAddr) -> bool;

fn peer(side: usize, addresses: &[[&str; 2]]) -> Peer {
    let peer = Peer::new(Config::default(), side == 0, side as u64 + 1);
    addresses.iter().fold(peer, |peer, a| peer.at(a[side]))
}

fn world(addresses: &[[&str; 2]]) -> World {
    World::new(peer(0, addresses), peer(1, addresses))
}

fn completes(world: &mut World) -> bool {
    world.run(Duration::from_secs(60), |w| w.both(|s| s == State::Completed))
}

/// Data pass, and both selected pairs are of this family.
fn speak(world: &mut World, wanted: Wanted) {
    for (from, to) in [(0, 1), (1, 0)] {
        let before = world.peers[to].data.len();
        assert!(world.send(from, b"\x80 media"));
        assert!(world.run(Duration::from_secs(1), |w| w.peers[to].data.len() > before));
        let route = world.peers[to].agent.selected().unwrap();
        assert!(wanted(&route.local.ip()) && wanted(&route.remote.ip()), "{route:?}");
        assert_eq!(world.peers[to].data.last().unwrap(), &(route, b"\x80 media".to_vec()));
    }
}

/// The one address of each side was not taken for another one that the peer saw: there is still room for the rest.
fn assert_no_place_is_lost(world: &mut World) {
    for p in &mut world.peers {
        for n in 1..p.agent.config().max_local {
            p.bind(Instant::ZERO, SocketAddr::new([192, 0, 2, 1].into(), n));
        }
    }
}

#[test]
fn hosts_with_ipv6_only_connect_as_fast_as_with_ipv4() {
    let mut times = [V6, V4].map(|addresses| {
        let mut world = world(&[addresses]);
        world.start();
        assert!(world.run(Duration::from_secs(1), World::connected));
        let connected = world.now;
        assert!(completes(&mut world));
        speak(&mut world, if addresses == V6 { IpAddr::is_ipv6 } else { IpAddr::is_ipv4 });
        assert_no_place_is_lost(&mut world);
        connected.as_millis()
    });
    println!("connected after {times:?} ms at 50 ms round trip");
    times.sort_unstable();
    assert_eq!(times[0], times[1]);
}

#[test]
fn with_both_families_ipv6_is_taken_and_with_one_blocked_the_other() {
    let none = |_: IpAddr| false;
    let cases: [(_, Blocked, Wanted); 3] = [
        ("nothing", none, IpAddr::is_ipv6),
        ("IPv6", |ip| ip.is_ipv6(), IpAddr::is_ipv4),
        ("IPv4", |ip| ip.is_ipv4(), IpAddr::is_ipv6),
    ];
    for (name, blocked, wanted) in cases {
        let mut world = world(&[V4, V6]);
        world.blocked = blocked;
        world.start();
        assert!(completes(&mut world), "{name} blocked");
        let usable = world.peers.each_ref().map(|p| p.usable.unwrap().as_millis());
        println!("{name} blocked: usable after {usable:?} ms at 50 ms round trip");
        // A blocked family costs no more than its turn at the pace of new checks.
        assert!(usable.iter().all(|ms| *ms <= 200), "{usable:?}");
        speak(&mut world, wanted);
        for p in &world.peers {
            assert!(p.agent.pair_stats().all(|s| s.route.local.is_ipv4() == s.route.remote.is_ipv4()));
        }
    }
}

#[test]
fn a_family_that_fails_later_is_left_for_the_other() {
    let mut world = world(&[V4, V6]);
    world.start();
    assert!(completes(&mut world));
    speak(&mut world, IpAddr::is_ipv6);
    world.blocked = |ip| ip.is_ipv6();
    let start = world.now;
    let moved = |w: &World| w.peers.iter().all(|p| p.agent.selected().is_some_and(|r| r.local.is_ipv4()));
    assert!(world.run(Duration::from_secs(30), moved));
    println!("on IPv4 {} ms after IPv6 was blocked", (world.now - start).as_millis());
    assert!(world.now - start < Duration::from_secs(12));
    speak(&mut world, IpAddr::is_ipv4);
}

#[test]
fn a_server_is_asked_from_its_own_family_only() {
    let mut world = World::new(peer(0, &[V4, V6]).with_stun(), peer(1, &[V4, V6]));
    world.blocked = |ip| ip.is_ipv4() && ip != addr(SERVER).ip();
    world.start();
    assert!(completes(&mut world));
    speak(&mut world, IpAddr::is_ipv6);
}

#[test]
fn link_local_addresses_keep_the_scope_of_their_own_machine() {
    let mut world = world(&[LINK]);
    world.start();
    assert!(completes(&mut world));
    speak(&mut world, IpAddr::is_ipv6);
    for (i, p) in world.peers.iter().enumerate() {
        let scope = |a: SocketAddr| match a {
            SocketAddr::V6(a) => a.scope_id(),
            SocketAddr::V4(_) => 0,
        };
        let route = p.agent.selected().unwrap();
        assert_eq!((scope(route.local), scope(route.remote)), ([3, 7][i], [3, 7][i]));
        assert!(p.agent.local_candidates().all(|c| !c.to_string().contains('%')), "no description carries a scope");
        assert!(
            p.agent.pair_stats().all(|s| s.local_kind == CandidateType::Host && s.remote_kind == CandidateType::Host)
        );
        // Whatever scope the socket reports.
        let mut from = Route::udp(route.local, addr(LINK[1 - i]));
        assert!(p.agent.is_expected(from, &[]));
        from.remote.set_port(9);
        assert!(!p.agent.is_expected(from, &[]));
    }
    // What the peer sees of this side has no scope, and is the same address nevertheless.
    assert_no_place_is_lost(&mut world);
}

#[test]
fn link_local_addresses_are_not_paired_with_others() {
    let mut world = World::new(peer(0, &[LINK]), peer(1, &[V6]));
    world.start();
    assert!(!world.run(Duration::from_secs(60), |w| w.peers.iter().any(|p| p.agent.selected().is_some())));
    assert!(world.both(|s| s == State::Failed(barertc_ice::FailureReason::NoPair)));
    assert!(world.peers.iter().all(|p| p.agent.pair_stats().count() == 0 && p.sent == 0));
}
