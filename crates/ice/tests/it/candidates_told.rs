//! Which candidates the peer is told, and how often.
use crate::support;

use barertc_ice::{Candidate, CandidateType, Config, Event, Route};
use barertc_wire::Instant;
use support::{Peer, TestAgent, addr};

const NOW: Instant = Instant::ZERO;

fn told(agent: &mut TestAgent<'_>) -> Vec<String> {
    let candidate = |e| match e {
        Event::LocalCandidate(c) => Some(c.addr.to_string()),
        _ => None,
    };
    std::iter::from_fn(|| agent.poll_event()).filter_map(candidate).collect()
}

#[test]
fn a_candidate_that_is_added_twice_is_told_once() {
    let mut agent = Peer::new(Config::default(), true, 1).agent;
    for _ in 0..3 {
        agent.add_local(NOW, Candidate::host(addr("192.0.2.1:1000"))).unwrap();
    }
    assert_eq!(told(&mut agent), ["192.0.2.1:1000"]);
    assert_eq!(agent.local_candidates().count(), 1);
    for _ in 0..3 {
        agent.add_remote(NOW, Candidate::host(addr("192.0.2.2:1000"))).unwrap();
    }
    assert_eq!((agent.remote_candidates().count(), agent.pair_stats().count()), (1, 1));
}

#[test]
fn what_a_description_has_told_is_not_told_again() {
    let mut agent = Peer::new(Config::default(), true, 1).agent;
    agent.add_local(NOW, Candidate::host(addr("192.0.2.1:1000"))).unwrap();
    agent.candidates_described(NOW);
    agent.add_local(NOW, Candidate::host(addr("192.0.2.2:1000"))).unwrap();
    assert_eq!(told(&mut agent), ["192.0.2.2:1000"]);
}

#[test]
fn every_mapped_socket_is_told_by_its_public_address() {
    let mut agent = Peer::new(Config::default(), true, 1).agent;
    agent.add_mapped(NOW, addr("10.0.0.1:1000"), addr("203.0.113.1:5000")).unwrap();
    agent.add_mapped(NOW, addr("10.0.1.1:1000"), addr("203.0.113.2:5000")).unwrap();
    // One socket may be known by several addresses.
    agent.add_mapped(NOW, addr("10.0.0.1:1000"), addr("203.0.113.3:5000")).unwrap();
    let all = ["203.0.113.1:5000", "203.0.113.2:5000", "203.0.113.3:5000"];
    assert_eq!(told(&mut agent), all);
    assert_eq!(agent.local_candidates().map(|c| c.addr.to_string()).collect::<Vec<_>>(), all);
    assert!(agent.local_candidates().all(|c| c.kind == CandidateType::Host));
    // Checks leave from the sockets, each once.
    agent.set_remote_credentials(NOW, "peer", "passwordpasswordpassword").unwrap();
    agent.add_remote(NOW, Candidate::host(addr("198.51.100.1:2000"))).unwrap();
    let mut locals: Vec<_> = agent.pair_stats().map(|p| p.route.local.to_string()).collect();
    locals.sort();
    assert_eq!(locals, ["10.0.0.1:1000", "10.0.1.1:1000"]);
    let t = agent.poll_transmit(NOW, &mut [0; 1500]).unwrap();
    assert_eq!(t.route, Route::udp(addr("10.0.0.1:1000"), addr("198.51.100.1:2000")));
    // With the socket go all its addresses.
    agent.remove_local(NOW, addr("10.0.0.1:1000")).unwrap();
    assert_eq!(agent.local_candidates().map(|c| c.addr.to_string()).collect::<Vec<_>>(), ["203.0.113.2:5000"]);
}

#[test]
fn ice_strings_of_agents_in_use_are_read_and_ours_are_strict() {
    let mut agent = Peer::new(Config::default(), true, 1).agent;
    for (ufrag, pwd) in
        [("a-b_", "0123456789-_=/+0123456"), ("ab==", "abcdefghijklmnopqrstuv=="), ("/+-=", "______________________")]
    {
        agent.set_remote_credentials(NOW, ufrag, pwd).unwrap();
        assert_eq!(agent.remote_ufrag(), Some(ufrag));
    }
    for _ in 0..50 {
        agent.restart(NOW).unwrap();
        let (ufrag, pwd) = agent.local_credentials();
        let strict = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+' || b == b'/');
        assert!(strict(ufrag) && strict(pwd), "{ufrag} {pwd}");
    }
    let bad =
        [("abc", "0123456789012345678901"), ("abcd", "012345678901234567890"), ("ab:d", "0123456789012345678901")];
    for ((ufrag, pwd), text) in bad.into_iter().zip([
        "the ice-ufrag has 3 bytes: 4 to 256 are allowed",
        "the ice-pwd has 21 bytes: 22 to 256 are allowed",
        "the ice-ufrag has a forbidden character (byte 0x3a)",
    ]) {
        assert_eq!(agent.set_remote_credentials(NOW, ufrag, pwd).unwrap_err().to_string(), text);
    }
}

#[test]
fn a_configuration_is_checked_when_an_agent_is_made() {
    use std::time::Duration;
    const { assert!(Config::new().check().is_ok()) };
    let new = Config::new;
    for (config, text) in [
        (Config { pacing: Duration::from_millis(4), ..new() }, "pacing must be at least 5, but is 4"),
        (Config { rto: Duration::from_millis(499), ..new() }, "rto must be at least 500, but is 499"),
        (Config { attempts: 0, ..new() }, "attempts must be at least 1, but is 0"),
        (Config { max_pairs: 0, ..new() }, "max_pairs must be at least 1, but is 0"),
        (Config { max_permissions: 0, ..new() }, "max_permissions must be at least 1, but is 0"),
        (Config { max_relays: 0, relay_only: true, ..new() }, "max_relays must be at least 1, but is 0"),
        (Config { lite: true, relay_only: true, ..new() }, "relay_only must be at most 0, but is 1"),
        (
            Config { consent_timeout: Duration::from_secs(31), ..new() },
            "consent_timeout must be at most 30000, but is 31000",
        ),
    ] {
        let error = config.check().unwrap_err();
        assert_eq!(error.to_string(), text);
        let mut rng = <rand_chacha::ChaCha20Rng as rand_core::SeedableRng>::seed_from_u64(1);
        let heap = support::heap(64 * 1024);
        let made = barertc_ice::Agent::new(config, true, heap, barertc_crypto::RustCrypto, &mut rng);
        assert_eq!(made.err(), Some(barertc_ice::Error::Config(error)));
    }
}
