//! Every version, suite and group, and what both sides have of it.

use crate::support;

use std::time::Duration;

use barertc_dtls::{Config, Error, Event, Group, Preference, Role, SrtpProfiles, Suite, Version};
use support::Pair;

fn only(version: Version) -> Config {
    Config { min_version: version, max_version: version, ..Config::default() }
}

fn exporters_agree(pair: &Pair) {
    for context in [None, Some(&b"context"[..])] {
        let (mut a, mut b) = ([0; 60], [0; 60]);
        pair.client.export("EXTRACTOR-dtls_srtp", context, &mut a).unwrap();
        pair.server.export("EXTRACTOR-dtls_srtp", context, &mut b).unwrap();
        assert_eq!(a, b);
        assert_ne!(a, [0; 60]);
    }
}

#[test]
fn an_exporter_gives_no_more_than_the_key_derivation_has() {
    for (suite, digest) in [(Suite::Aes128Gcm, 32), (Suite::Aes256Gcm, 48)] {
        let server = Config { suites: Preference::only(&[suite]), ..only(Version::Dtls13) };
        let mut pair = Pair::new(Config::default(), server, 1);
        pair.connect();
        let mut out = [0; 255 * 48 + 1];
        let mut export = |label: usize, len: usize| pair.client.export(&"l".repeat(label), None, &mut out[..len]);
        assert_eq!(export(249, 255 * digest), Ok(()));
        assert_eq!(export(250, 32), Err(Error::Misuse));
        assert_eq!(export(1, 255 * digest + 1), Err(Error::Misuse));
    }
}

#[test]
fn every_version_suite_and_group() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for suite in [Suite::Aes128Gcm, Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
            for group in [Group::X25519, Group::P256] {
                let server =
                    Config { suites: Preference::only(&[suite]), groups: Preference::only(&[group]), ..only(version) };
                let client = Config { groups: Preference::only(&[group]), ..Config::default() };
                let mut pair = Pair::new(client, server, 1);
                pair.connect();
                let connected = Event::Connected { version, suite, srtp: Some(7) };
                assert_eq!(pair.client_events, [connected]);
                assert_eq!(pair.server_events, [connected]);
                exporters_agree(&pair);
                pair.send_data(Role::Client, b"from the client");
                pair.send_data(Role::Server, b"from the server");
                pair.run(|_| false);
                assert_eq!(pair.server_data, [b"from the client"]);
                assert_eq!(pair.client_data, [b"from the server"]);
                assert_eq!(pair.client.discards().total() + pair.server.discards().total(), 0);
            }
        }
    }
}

#[test]
fn the_better_version_is_chosen_where_both_know_it() {
    for (client, server, version) in [
        (Config::default(), Config::default(), Version::Dtls13),
        (Config::default(), only(Version::Dtls12), Version::Dtls12),
        (only(Version::Dtls12), Config::default(), Version::Dtls12),
        (only(Version::Dtls13), Config::default(), Version::Dtls13),
    ] {
        // A dual-stack server that is asked for 1.2 by a client of 1.2 marks its random; that client doesn't look.
        let mut pair = Pair::new(client, server, 2);
        pair.connect();
        assert!(matches!(pair.client_events[..], [Event::Connected { version: v, .. }] if v == version));
    }
}

#[test]
fn srtp_is_left_out_where_one_side_wants_none() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let none = Config { srtp: SrtpProfiles::None, ..only(version) };
        for (client, server) in [(none.clone(), only(version)), (only(version), none.clone())] {
            let mut pair = Pair::new(client, server, 3);
            pair.connect();
            assert!(matches!(pair.client_events[..], [Event::Connected { srtp: None, .. }]));
            assert!(matches!(pair.server_events[..], [Event::Connected { srtp: None, .. }]));
        }
        let two = |a, b| SrtpProfiles::Only(Preference::only(&[a, b]));
        let client = Config { srtp: two(8, 1), ..only(version) };
        let server = Config { srtp: two(1, 7), ..only(version) };
        let mut pair = Pair::new(client, server, 3);
        pair.connect();
        assert!(matches!(pair.client_events[..], [Event::Connected { srtp: Some(1), .. }]));
    }
}

#[test]
fn close_is_told_to_the_other_side() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let mut pair = Pair::new(only(version), only(version), 4);
        pair.connect();
        pair.client_events.clear();
        pair.server_events.clear();
        pair.client.close(pair.now);
        pair.run(|_| false);
        assert_eq!(pair.client_events, [Event::Closed]);
        assert_eq!(pair.server_events, [Event::Closed]);
    }
}

#[test]
fn a_measured_round_trip_decides_when_a_flight_is_repeated() {
    let first_wait = |round_trip: Option<u64>| {
        let mut pair = Pair::new(Config::default(), Config::default(), 5);
        if let Some(ms) = round_trip {
            pair.client.set_round_trip_time(pair.now, Duration::from_millis(ms));
        }
        pair.flush();
        pair.client.timeout().unwrap().saturating_since(pair.now).as_millis()
    };
    assert_eq!(first_wait(None), 400);
    assert_eq!(first_wait(Some(100)), 150);
    assert_eq!(first_wait(Some(1)), 50, "a peer needs time for its keys");
    assert_eq!(first_wait(Some(3_000)), 400, "not beyond what is configured");
}

#[test]
fn a_server_may_send_a_round_trip_before_the_client_has_proven_itself() {
    let early = |config: Config| Config { half_rtt: true, ..config };
    // The server's flight comes first, or its data do.
    for flight_first in [true, false] {
        let mut pair = Pair::new(Config::default(), early(Config::default()), 5);
        while !pair.server.can_send() {
            assert!(pair.step());
        }
        assert!(!pair.server.is_connected());
        assert!(pair.server.export("EXTRACTOR-dtls_srtp", None, &mut [0; 60]).is_err());
        if flight_first {
            pair.flush();
        }
        pair.send_data(Role::Server, b"early");
        pair.run(|p| !p.client_data.is_empty());
        assert!(pair.client.is_connected() && !pair.server.is_connected());
        pair.connect();
        // A record number is never used twice: the second of the same would be taken for a copy.
        pair.send_data(Role::Server, b"later");
        pair.send_data(Role::Client, b"from the client");
        pair.run(|_| false);
        assert_eq!(pair.client_data, [&b"early"[..], b"later"]);
        assert_eq!(pair.server_data, [b"from the client"]);
        assert_eq!(pair.client.discards().total() + pair.server.discards().total(), 0);
        exporters_agree(&pair);
    }
    // Not unasked, not in DTLS 1.2, and not as a client.
    let cases = [
        (Config::default(), Config::default()),
        (early(Config::default()), early(only(Version::Dtls12))),
        (early(Config::default()), Config::default()),
    ];
    for (client, server) in cases {
        let mut pair = Pair::new(client, server, 5);
        pair.run(|p| {
            assert_eq!([p.client.can_send(), p.server.can_send()], [p.client.is_connected(), p.server.is_connected()]);
            p.server.is_connected()
        });
        assert!(pair.server.can_send());
    }
}
