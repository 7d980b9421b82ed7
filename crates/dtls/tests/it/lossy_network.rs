//! Loss, duplication and reordering of 20 % each, over many seeds: every handshake completes or says within its timers
//! that it failed, nothing is delivered twice or changed, and every byte comes back.

use crate::support;

use barertc_arena::{Counting, Global};
use barertc_dtls::{Config, Error, Event, Role, Version};
use std::time::Duration;
use support::{Network, Pair, Peer, identities};

/// Half a minute on two cores; `BARERTC_SEEDS` asks for more or fewer.
const SEEDS: u64 = 10_000;

fn seeds() -> u64 {
    std::env::var("BARERTC_SEEDS").ok().map_or(SEEDS, |s| s.parse().expect("a number"))
}

fn lossy(version: Version) {
    let (a, b) = identities(11);
    let mut failed = 0;
    for seed in 0..seeds() {
        let memory = [Counting::new(Global), Counting::new(Global)];
        // Small datagrams every fourth time, so that messages come in many fragments.
        let mtu = if seed % 4 == 0 { 200 } else { 1_200 };
        let config = Config { min_version: version, max_version: version, mtu, ..Config::default() };
        let worst = Peer::<Global>::worst_case_bytes(&config);
        {
            let mut pair = Pair::with(config.clone(), config, &a, &b, seed, &memory[0], &memory[1]);
            pair.network = Network { loss: 20, duplicate: 20, reorder: 20 };
            let start = pair.now;
            pair.run(|p| p.client.is_connected() && p.server.is_connected());
            let took = pair.now.saturating_since(start);
            if !(pair.client.is_connected() && pair.server.is_connected()) {
                failed += 1;
                let events = || pair.client_events.iter().chain(&pair.server_events);
                let reported = events().any(|e| matches!(e, Event::Failed(Error::TimedOut | Error::PeerAlert(_))));
                assert!(reported, "seed {seed}: {:?} {:?}", pair.client, pair.server);
            } else {
                assert!(took < Duration::from_secs(300), "seed {seed}: {took:?}");
                for i in 0..10u8 {
                    pair.send_data(Role::Client, &[i; 50]);
                    pair.send_data(Role::Server, &[i; 60]);
                }
                let quiet = pair.now + Duration::from_secs(1);
                pair.run(|p| p.now > quiet);
                for (data, len) in [(&pair.server_data, 50), (&pair.client_data, 60)] {
                    let mut got: Vec<u8> = data.iter().map(|d| d[0]).collect();
                    assert!(data.iter().all(|d| d.len() == len && d.iter().all(|b| *b == d[0])));
                    got.sort_unstable();
                    let before = got.len();
                    got.dedup();
                    assert_eq!(before, got.len(), "seed {seed}: delivered twice");
                }
            }
        }
        for m in &memory {
            assert_eq!(m.stats().live, 0, "seed {seed}");
            assert!(m.stats().peak <= worst, "seed {seed}: {} of {worst}", m.stats().peak);
        }
    }
    // Nine transmissions of each flight all lost: that is rare.
    assert!(failed * 100 <= seeds(), "{failed} of {} failed", seeds());
}

#[test]
fn dtls_12() {
    lossy(Version::Dtls12);
}

#[test]
fn dtls_13() {
    lossy(Version::Dtls13);
}

#[test]
fn a_dead_network_is_reported() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let config = Config { min_version: version, max_version: version, ..Config::default() };
        let mut pair = Pair::new(config.clone(), config, 3);
        pair.network.loss = 100;
        pair.run(|_| false);
        assert_eq!(pair.client_events, [Event::Failed(Error::TimedOut)]);
        // 400 ms, doubled eight times.
        assert!(pair.now.as_millis() < 1_000 + 400 * 512);
    }
}

#[test]
fn a_network_that_dies_in_the_middle_is_reported_by_both() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let config = Config { min_version: version, max_version: version, mtu: 256, ..Config::default() };
        for after in 3..8 {
            let mut pair = Pair::new(config.clone(), config.clone(), 3);
            pair.run(|p| p.log.len() >= after);
            pair.clear_wire();
            pair.network.loss = 100;
            pair.run(|_| false);
            // In DTLS 1.3 a client is connected before its last flight is acknowledged.
            assert_eq!(pair.client_events.last(), Some(&Event::Failed(Error::TimedOut)), "{version:?} {after}");
            // And in DTLS 1.2 a server is when it has sent its own.
            let done = matches!(pair.server_events[..], [Event::Failed(Error::TimedOut)] | [Event::Connected { .. }]);
            assert!(done, "{version:?} {after} {:?}", pair.server_events);
        }
    }
}
