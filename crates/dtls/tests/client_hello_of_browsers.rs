//! ClientHellos as Chromium 156 sends them: with its post-quantum key share in two datagrams, and without it in one.

mod common;

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use barertc_dtls::{Config, Connection, Discard, Fingerprint, HashAlgorithm, Preference, Role, Suite, Version};
use barertc_wire::Instant;
use common::{Pair, Peer, Rng, identities};

/// Datagrams in hex, one a line.
fn datagrams(hex: &str) -> Vec<Vec<u8>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.lines().map(|l| l.as_bytes().chunks(2).map(byte).collect()).collect()
}

fn chromium() -> Vec<Vec<u8>> {
    let datagrams = datagrams(include_str!("data/chromium_156.hex"));
    assert_eq!(datagrams.iter().map(Vec::len).collect::<Vec<_>>(), [1_200, 263]);
    datagrams
}

fn some_fingerprint() -> Fingerprint {
    Fingerprint::new(HashAlgorithm::Sha256, &[0xAB; 32]).unwrap()
}

/// AES, whatever is cheap on the machine that runs the test.
fn aes(max_version: Version) -> Config {
    Config { max_version, suites: Preference::only(&[Suite::Aes128Gcm]), ..Config::default() }
}

fn server(config: Config) -> Peer {
    Connection::new(config, Role::Server, &identities(1).1, Global, RustCrypto, &mut Rng(9)).unwrap()
}

/// The version that the first ServerHello in `out` selects, with the suite.
fn server_hello(out: &[u8]) -> (Version, u16) {
    assert_eq!(out[0], 22, "a plaintext handshake record");
    assert_eq!(out[13], 2, "a ServerHello");
    let suite_at = 13 + 12 + 2 + 32 + 1;
    let suite = u16::from_be_bytes([out[suite_at], out[suite_at + 1]]);
    let record_len = usize::from(u16::from_be_bytes([out[11], out[12]]));
    let has_13 = out[..13 + record_len].windows(6).any(|w| w == [0, 43, 0, 2, 0xFE, 0xFC]);
    (if has_13 { Version::Dtls13 } else { Version::Dtls12 }, suite)
}

fn flight(server: &mut Peer) -> Vec<Vec<u8>> {
    let mut out = [0; 1_500];
    std::iter::from_fn(|| server.poll_transmit(Instant::ZERO, &mut out).map(|n| out[..n].to_vec())).collect()
}

#[test]
fn it_is_answered_in_either_order_of_arrival_and_with_repetitions() {
    for order in [&[0, 1][..], &[1, 0], &[1, 1, 0], &[0, 0, 1]] {
        for (max, suite) in [(Version::Dtls13, 0x1301), (Version::Dtls12, 0xC02B)] {
            let mut s = server(aes(max));
            s.set_peer_fingerprint(Instant::ZERO, some_fingerprint()).unwrap();
            for i in order {
                assert!(s.poll_transmit(Instant::ZERO, &mut [0; 1_500]).is_none(), "only when it is whole");
                s.handle(Instant::ZERO, &mut chromium()[*i].clone(), |_| panic!("no data yet")).unwrap();
            }
            let sent = flight(&mut s);
            assert_eq!(server_hello(&sent[0]), (max, suite));
            assert!(sent.iter().all(|d| d.len() <= 1_200));
        }
    }
}

#[test]
fn it_is_kept_until_the_answer_says_who_the_peer_is() {
    let mut s = server(Config::default());
    for mut datagram in chromium() {
        s.handle(Instant::ZERO, &mut datagram, |_| ()).unwrap();
        assert!(flight(&mut s).is_empty());
    }
    s.set_peer_fingerprint(Instant::ZERO, some_fingerprint()).unwrap();
    assert_eq!(server_hello(&flight(&mut s)[0]).0, Version::Dtls13);
}

#[test]
fn the_one_without_post_quantum_share_comes_in_one_datagram() {
    let [mut hello] = <[Vec<u8>; 1]>::try_from(datagrams(include_str!("data/chromium_156_without_pqc.hex"))).unwrap();
    let mut s = server(Config::default());
    s.set_peer_fingerprint(Instant::ZERO, some_fingerprint()).unwrap();
    s.handle(Instant::ZERO, &mut hello, |_| ()).unwrap();
    assert_eq!(server_hello(&flight(&mut s)[0]).0, Version::Dtls13);
}

#[test]
fn one_that_doesnt_fit_is_dropped_and_counted() {
    let mut s = server(Config { reassembly: 1_300, ..Config::default() });
    s.set_peer_fingerprint(Instant::ZERO, some_fingerprint()).unwrap();
    for mut datagram in chromium() {
        s.handle(Instant::ZERO, &mut datagram, |_| ()).unwrap();
    }
    assert_eq!(s.discards().get(Discard::OversizedMessage), 2);
    assert!(flight(&mut s).is_empty());
}

/// The same with a client whose key we have, so that the handshake can go on to its end: every datagram of 100 bytes
/// carries a fragment, and every pair of them changes places.
#[test]
fn a_hello_in_pieces_completes_in_either_order() {
    for max_version in [Version::Dtls12, Version::Dtls13] {
        let config = Config { mtu: 100, max_version, ..Config::default() };
        let (a, _) = identities(3);
        let now = Instant::ZERO;
        let mut client = Connection::new(config, Role::Client, &a, Global, RustCrypto, &mut Rng(4)).unwrap();
        let mut server = server(Config { max_version, ..Config::default() });
        let mut out = [0; 1_500];
        let mut hello: Vec<Vec<u8>> =
            std::iter::from_fn(|| client.poll_transmit(now, &mut out).map(|n| out[..n].to_vec())).collect();
        assert!(hello.len() >= 2);
        hello.reverse();
        for datagram in &mut hello {
            server.handle(now, datagram, |_| ()).unwrap();
        }
        server.set_peer_fingerprint(now, a.fingerprint(&RustCrypto)).unwrap();
        client.set_peer_fingerprint(now, identities(1).1.fingerprint(&RustCrypto)).unwrap();
        Pair::of(client, server, now, Rng(5)).connect();
    }
}
