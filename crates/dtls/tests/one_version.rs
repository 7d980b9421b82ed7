//! What holds with one version of DTLS compiled in, and with both: what is there connects, what is left out is refused
//! by name. `cargo test -p barertc-dtls --no-default-features --features dtls13 --test one_version`.
#![allow(dead_code)] // Of what the tests share.

#[path = "it/support/mod.rs"]
mod support;

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use barertc_dtls::{Config, Connection, Error, Event, Role, Version};
use barertc_wire::{ConfigError, Instant, Rule};
use support::{Pair, Peer, Rng, identities};

const BUILT: [(Version, bool); 2] =
    [(Version::Dtls12, cfg!(feature = "dtls12")), (Version::Dtls13, cfg!(feature = "dtls13"))];

fn only(version: Version) -> Config {
    Config { min_version: version, max_version: version, ..Config::default() }
}

fn peer(role: Role) -> Peer {
    let (ours, theirs) = identities(1);
    let mut peer = Connection::new(Config::default(), role, &ours, Global, RustCrypto, &mut Rng(9)).unwrap();
    peer.set_peer_fingerprint(Instant::ZERO, theirs.fingerprint(&RustCrypto)).unwrap();
    peer
}

#[test]
fn what_is_there_connects() {
    for (version, _) in BUILT.into_iter().filter(|(_, built)| *built) {
        for client in [Config::default(), only(version)] {
            let mut pair = Pair::new(client, only(version), 1);
            pair.connect();
            assert!(matches!(pair.client_events[..], [Event::Connected { version: v, .. }] if v == version));
            let (mut a, mut b) = ([0; 60], [1; 60]);
            pair.client.export("EXTRACTOR-dtls_srtp", None, &mut a).unwrap();
            pair.server.export("EXTRACTOR-dtls_srtp", None, &mut b).unwrap();
            assert_eq!(a, b);
            pair.send_data(Role::Client, b"from the client");
            pair.run(|_| false);
            let updates = pair.client.update_keys(pair.now, true).unwrap();
            assert_eq!(updates, version == Version::Dtls13, "a key update is of DTLS 1.3");
            pair.run(|_| false);
            pair.send_data(Role::Server, b"from the server");
            pair.run(|_| false);
            assert_eq!([&pair.server_data[0][..], &pair.client_data[0]], [b"from the client", b"from the server"]);
            assert_eq!(pair.client.discards().total() + pair.server.discards().total(), 0);
        }
    }
}

#[test]
fn a_configuration_of_what_is_left_out_is_refused() {
    let expected = |field, rule, value| Err(ConfigError { field, rule, value });
    for (version, built) in BUILT {
        let result = only(version).check();
        match (built, version) {
            (true, _) => assert_eq!(result, Ok(())),
            (_, Version::Dtls12) => assert_eq!(result, expected("min_version", Rule::AtLeast(1), 0)),
            (_, Version::Dtls13) => assert_eq!(result, expected("max_version", Rule::AtMost(0), 1)),
        }
        let (ours, _) = identities(1);
        let made = Connection::new(only(version), Role::Client, &ours, Global, RustCrypto, &mut Rng(9));
        assert_eq!(made.err(), result.err().map(Error::Config));
    }
}

/// A client that knows DTLS 1.2 alone (Firefox 153), and one whose list of versions has 1.3 alone (Chromium 156).
#[test]
fn a_server_refuses_a_client_of_what_is_left_out() {
    let datagrams = |hex: &str| -> Vec<Vec<u8>> {
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        hex.lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect()
    };
    let of_12 = datagrams(include_str!("data/firefox_153_dtls_12.hex"))[..1].to_vec();
    let mut of_13 = datagrams(include_str!("data/chromium_156.hex"));
    let mut changed = 0;
    for datagram in &mut of_13 {
        let list = [0xFE, 0xFC, 0xFE, 0xFD];
        if let Some(at) = datagram.windows(4).position(|w| w == list) {
            datagram[at + 2..at + 4].copy_from_slice(&[0x7A, 0x7A]);
            changed += 1;
        }
    }
    assert_eq!(changed, 1, "supported_versions");
    for (hello, (version, built)) in [of_12, of_13].into_iter().zip(BUILT) {
        let mut server = peer(Role::Server);
        let mut result = Ok(());
        for mut datagram in hello {
            result = server.handle(Instant::ZERO, &mut datagram, |_| panic!("no data yet"));
        }
        let mut out = [0; 1_500];
        let len = server.poll_transmit(Instant::ZERO, &mut out).expect("an answer");
        if built {
            assert_eq!((result, out[0], out[13]), (Ok(()), 22, 2), "a ServerHello to {version:?}");
        } else {
            assert_eq!(result, Err(Error::NoCommonVersion));
            assert_eq!(server.poll_event(), Some(Event::Failed(Error::NoCommonVersion)));
            // protocol_version (RFC 8446 §6).
            assert_eq!((len, out[0], &out[13..15]), (15, 21, &[2, 70][..]), "an alert");
        }
    }
}

#[test]
fn a_client_refuses_a_server_of_what_is_left_out() {
    let hello = |extensions: &[u8]| {
        let body = [&[0xFE, 0xFD][..], &[7; 32], &[0, 0x13, 0x01, 0], extensions].concat();
        let len = body.len() as u8;
        let head = [&[2, 0, 0, len, 0, 0, 0, 0, 0, 0, 0, len][..], &body].concat();
        [&[22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, head.len() as u8][..], &head].concat()
    };
    let answers = [hello(&[]), hello(&[0, 6, 0, 43, 0, 2, 0xFE, 0xFC])];
    let refused = [Error::NoCommonVersion, Error::UnsolicitedExtension];
    for ((mut answer, refused), (_, built)) in answers.into_iter().zip(refused).zip(BUILT) {
        let mut client = peer(Role::Client);
        let result = client.handle(Instant::ZERO, &mut answer, |_| panic!("no data yet"));
        // What the answer lacks in a version that is there is another error.
        assert_eq!(result == Err(refused), !built, "{result:?}");
        assert!(result.is_err());
    }
}
