//! Two agents behind every pair of NATs, with and without a relay: those that can connect do, the others say so.
use crate::support;

use std::time::Duration;

use barertc_ice::{CandidateType, Config, State};
use support::nat::{By, Nat};
use support::{Peer, World};

const KINDS: [&str; 6] = ["public", "full cone", "restricted", "port restr.", "symmetric", "blocked"];

fn place(kind: &str, side: usize, relay: bool, seed: u64) -> Peer {
    let peer = Peer::new(Config::default(), side == 0, seed);
    let (inside, outside) = [("10.0.0.5:1000", "203.0.113.1"), ("10.0.0.6:1000", "203.0.113.2")][side];
    let nat = |mapping, filtering| Some(Nat::new(outside, mapping, filtering));
    let nat = match kind {
        "full cone" => nat(By::Nothing, By::Nothing),
        "restricted" => nat(By::Nothing, By::Address),
        "port restr." | "blocked" => nat(By::Nothing, By::AddressAndPort),
        "symmetric" => nat(By::AddressAndPort, By::AddressAndPort),
        _ => None,
    };
    let mut peer = match nat {
        Some(nat) => peer.at(inside).behind(nat),
        None => peer.at(["203.0.113.1:1000", "203.0.113.2:1000"][side]),
    };
    peer.only_server = kind == "blocked";
    if relay { peer.with_turn() } else { peer.with_stun() }
}

/// Which pairs have a direct way: a symmetric NAT's ports cannot be guessed by a filter that looks at ports.
fn direct(a: &str, b: &str) -> bool {
    let strict = |k| matches!(k, "port restr." | "symmetric");
    let symmetric = |k| k == "symmetric";
    a != "blocked" && b != "blocked" && !(symmetric(a) && strict(b) || symmetric(b) && strict(a))
}

fn table(relay: bool) {
    println!("{}", if relay { "with a TURN server" } else { "with a STUN server" });
    println!("ms until both are connected, at 50 ms round trip; r = relayed; - = failed, and when");
    print!("{:>12}", "");
    KINDS.iter().for_each(|k| print!("{k:>12}"));
    println!();
    for a in KINDS {
        print!("{a:>12}");
        for b in KINDS {
            let mut world = World::new(place(a, 0, relay, 1), place(b, 1, relay, 2));
            world.start();
            let connected =
                world.run(Duration::from_secs(60), |w| w.connected() || w.both(|s| matches!(s, State::Failed(_))));
            assert!(
                connected,
                "{a} to {b}: neither connected nor failed: {:?}",
                world.peers.each_ref().map(|p| p.agent.state())
            );
            let ok = world.connected();
            assert_eq!(ok, relay || direct(a, b), "{a} to {b}");
            let at = world.now.as_millis();
            let path = if !ok {
                assert!((39_000..41_000).contains(&at), "RFC 8863 has a peer wait 39.5 s, not {at} ms");
                "-"
            } else {
                check_both_ways(&mut world);
                if world.server.relayed_packets > 0 && is_relayed(&world) { "r" } else { "" }
            };
            assert_eq!(path == "r", ok && !direct(a, b), "{a} to {b}: {:?}", world.peers[0].agent.selected());
            print!("{:>12}", format!("{path}{at}"));
        }
        println!();
    }
}

fn is_relayed(world: &World) -> bool {
    world.peers.iter().any(|p| {
        let route = p.agent.selected().unwrap();
        let relays: Vec<_> =
            p.agent.local_candidates().filter(|c| c.kind == CandidateType::Relayed).map(|c| c.addr).collect();
        relays.contains(&route.local) || world.server.owns(route.remote)
    })
}

/// Waits for the nomination, then sends data both ways.
fn check_both_ways(world: &mut World) {
    assert!(world.run(Duration::from_secs(45), |w| w.both(|s| s == State::Completed)), "no nomination");
    for (from, to) in [(0, 1), (1, 0)] {
        assert!(world.send(from, b"\x80 media"));
        assert!(world.run(Duration::from_secs(1), |w| w.peers[to].data.iter().any(|(_, d)| d == b"\x80 media")));
    }
}

#[test]
fn without_a_relay() {
    table(false);
}

#[test]
fn with_a_relay() {
    table(true);
}
