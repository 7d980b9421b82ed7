//! ClientHellos as Chromium 156 and Firefox 153 send them: with a post-quantum key share in two datagrams, without it in
//! one. `data/README.md` says how they were captured.

use crate::support;

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use barertc_dtls::{
    Config, Connection, Discard, Error, Event, Fingerprint, HashAlgorithm, Preference, Role, Suite, Version,
};
use barertc_wire::Instant;
use support::{Pair, Peer, Rng, identities};

/// Datagrams in hex, one a line.
fn datagrams(hex: &str) -> Vec<Vec<u8>> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.lines().map(|l| l.as_bytes().chunks(2).map(byte).collect()).collect()
}

/// The file's datagrams, which must be of these lengths.
fn captured<const N: usize>(hex: &str, lengths: [usize; N]) -> Vec<Vec<u8>> {
    let datagrams = datagrams(hex);
    assert_eq!(datagrams.iter().map(Vec::len).collect::<Vec<_>>(), lengths);
    datagrams
}

fn chromium() -> Vec<Vec<u8>> {
    captured(include_str!("../data/chromium_156.hex"), [1_200, 263])
}

/// The flight, and the same message cut elsewhere, as Firefox repeats it.
fn firefox() -> Vec<Vec<u8>> {
    captured(include_str!("../data/firefox_153.hex"), [1_408, 103, 1_188, 323])
}

/// Of a Firefox that knows DTLS 1.2 only: whole, and cut in two when it is repeated.
fn firefox_of_12() -> Vec<Vec<u8>> {
    captured(include_str!("../data/firefox_153_dtls_12.hex"), [189, 164, 50])
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

/// Gives the server these datagrams in this order, of which only the last makes the message whole, and returns what it
/// answers.
fn answer(config: Config, hello: &[Vec<u8>], order: &[usize]) -> Vec<Vec<u8>> {
    let mut s = server(config);
    s.set_peer_fingerprint(Instant::ZERO, some_fingerprint()).unwrap();
    for i in order {
        assert!(s.poll_transmit(Instant::ZERO, &mut [0; 1_500]).is_none(), "only when it is whole: {order:?}");
        s.handle(Instant::ZERO, &mut hello[*i].clone(), |_| panic!("no data yet")).unwrap();
    }
    assert_eq!(s.discards().total(), 0, "{:?}", s.discards());
    flight(&mut s)
}

/// A server's whole first flight in datagrams of at most 1,200 bytes: in DTLS 1.2 up to the ServerHelloDone that ends
/// it, in DTLS 1.3 a ServerHello and protected records of epoch 2 (RFC 9147 §4).
fn check_flight(sent: &[Vec<u8>], version: Version, suite: u16) {
    assert_eq!(server_hello(&sent[0]), (version, suite));
    assert!(sent.iter().all(|d| d.len() <= 1_200));
    let hello = 13 + usize::from(u16::from_be_bytes([sent[0][11], sent[0][12]]));
    match version {
        Version::Dtls12 => assert!(sent.last().unwrap().ends_with(&[14, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0])),
        Version::Dtls13 => assert_eq!(sent[0][hello] & 0b1110_0011, 0b0010_0010),
    }
}

#[test]
fn chromiums_is_answered_in_either_order_of_arrival_and_with_repetitions() {
    for order in [&[0, 1][..], &[1, 0], &[1, 1, 0], &[0, 0, 1]] {
        for (max, suite) in [(Version::Dtls13, 0x1301), (Version::Dtls12, 0xC02B)] {
            check_flight(&answer(aes(max), &chromium(), order), max, suite);
        }
    }
}

#[test]
fn firefoxs_is_answered_in_any_order_whichever_of_its_cuts_arrive() {
    // 2 and 3 are the repetition: 3 overlaps the end of 0, and 0 overlaps 2.
    let orders =
        [&[0, 1][..], &[1, 0], &[0, 3], &[3, 0], &[2, 3], &[3, 2], &[1, 2, 0], &[2, 1, 3], &[0, 2, 1], &[1, 1, 3, 2]];
    for order in orders {
        for (max, suite) in [(Version::Dtls13, 0x1301), (Version::Dtls12, 0xC02B)] {
            check_flight(&answer(aes(max), &firefox(), order), max, suite);
        }
    }
}

#[test]
fn a_firefox_that_knows_12_only_gets_it_from_a_server_that_prefers_13() {
    for order in [&[0][..], &[1, 2], &[2, 1], &[2, 0]] {
        check_flight(&answer(aes(Version::Dtls13), &firefox_of_12(), order), Version::Dtls12, 0xC02B);
    }
    let mut s = server(Config { min_version: Version::Dtls13, ..Config::default() });
    s.set_peer_fingerprint(Instant::ZERO, some_fingerprint()).unwrap();
    let refused = s.handle(Instant::ZERO, &mut firefox_of_12()[0].clone(), |_| ());
    assert_eq!(refused, Err(Error::NoCommonVersion));
}

#[test]
fn it_is_answered_before_the_answer_says_who_the_peer_is() {
    for hello in [chromium(), firefox(), firefox_of_12()] {
        let mut s = server(Config::default());
        for mut datagram in hello {
            let whole = !s.awaits_client_hello();
            s.handle(Instant::ZERO, &mut datagram, |_| ()).unwrap();
            // What completes it is answered, and nothing before.
            assert_eq!(flight(&mut s).is_empty(), whole || s.awaits_client_hello());
        }
        assert!(!s.awaits_client_hello());
    }
}

#[test]
fn the_one_without_post_quantum_share_comes_in_one_datagram() {
    let hello = captured(include_str!("../data/chromium_156_without_pqc.hex"), [216]);
    for (max, suite) in [(Version::Dtls13, 0x1301), (Version::Dtls12, 0xC02B)] {
        check_flight(&answer(aes(max), &hello, &[0]), max, suite);
    }
}

#[test]
fn one_that_doesnt_fit_fails_at_once() {
    let mut s = server(Config { reassembly: 1_300, ..Config::default() });
    s.set_peer_fingerprint(Instant::ZERO, some_fingerprint()).unwrap();
    let mut first = chromium().into_iter().next().unwrap();
    let error = Error::MessageTooLong { limit: 1_300, len: 1_413 };
    assert_eq!(s.handle(Instant::ZERO, &mut first, |_| ()), Err(error));
    assert_eq!(s.discards().get(Discard::OversizedMessage), 1);
    assert_eq!(s.poll_event(), Some(Event::Failed(error)));
    // internal_error: it is our bound, not the peer's fault.
    let mut out = [0; 100];
    assert_eq!(s.poll_transmit(Instant::ZERO, &mut out), Some(15));
    assert_eq!(out[..15], [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 80]);
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
