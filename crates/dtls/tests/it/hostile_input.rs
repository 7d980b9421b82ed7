//! What an attacker between the peers, or a peer itself, may try.

use crate::support;

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use barertc_dtls::{Config, Connection, Discard, Error, Event, Group, Preference, Role, Suite, Version};
use barertc_wire::Instant;
use support::{Pair, Rng, identities};

const VERSIONS: [Version; 2] = [Version::Dtls12, Version::Dtls13];

pub(crate) fn only(version: Version) -> Config {
    Config { min_version: version, max_version: version, ..Config::default() }
}

pub(crate) fn pair(version: Version) -> Pair {
    Pair::new(only(version), only(version), 7)
}

/// Sends what `from` has to say to the other side, after `meddle` changed it.
pub(crate) fn carry(p: &mut Pair, from: Role, mut meddle: impl FnMut(&mut Vec<u8>)) {
    let mut out = [0; 2_000];
    let (from, to, data) = match from {
        Role::Client => (&mut p.client, &mut p.server, &mut p.server_data),
        Role::Server => (&mut p.server, &mut p.client, &mut p.client_data),
    };
    while let Some(n) = from.poll_transmit(p.now, &mut out) {
        let mut datagram = out[..n].to_vec();
        meddle(&mut datagram);
        let _ = to.handle(p.now, &mut datagram, |d| data.push(d.to_vec()));
    }
}

pub(crate) fn failure(events: &[Event]) -> Option<Error> {
    events.iter().find_map(|e| if let Event::Failed(error) = e { Some(*error) } else { None })
}

/// Where in a datagram the body of the first handshake message of this type begins, in plaintext records.
pub(crate) fn body_of(datagram: &[u8], kind: u8) -> Option<usize> {
    let mut at = 0;
    while at + 13 < datagram.len() && datagram[at] < 32 {
        if datagram[at] == 22 && datagram[at + 3..at + 5] == [0, 0] && datagram[at + 13] == kind {
            return Some(at + 25);
        }
        at += 13 + usize::from(u16::from_be_bytes([datagram[at + 11], datagram[at + 12]]));
    }
    None
}

pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

pub(crate) fn replace(datagram: &mut [u8], from: &[u8], to: &[u8]) {
    if let Some(at) = find(datagram, from) {
        datagram[at..at + to.len()].copy_from_slice(to);
    }
}

#[test]
fn a_downgrade_is_noticed() {
    let mut p = Pair::new(Config::default(), Config::default(), 7);
    // Without supported_versions the server takes the client for one of DTLS 1.2.
    carry(&mut p, Role::Client, |d| replace(d, &[0, 43, 0, 5, 4, 0xFE, 0xFC], &[0xFA, 0xFA]));
    carry(&mut p, Role::Server, |_| ());
    p.flush();
    assert_eq!(failure(&p.client_events), Some(Error::Downgraded));
}

#[test]
fn a_version_that_is_not_offered_is_refused() {
    let mut p = Pair::new(only(Version::Dtls13), Config::default(), 7);
    carry(&mut p, Role::Client, |d| replace(d, &[0, 43, 0, 3, 2, 0xFE, 0xFC], &[0xFA, 0xFA]));
    carry(&mut p, Role::Server, |_| ());
    p.flush();
    assert!(matches!(failure(&p.server_events), Some(Error::NoCommonParameters)), "{:?}", p.server_events);

    let mut p = Pair::new(only(Version::Dtls12), only(Version::Dtls13), 7);
    carry(&mut p, Role::Client, |_| ());
    p.flush();
    assert_eq!(failure(&p.server_events), Some(Error::NoCommonVersion));
}

/// Without it the master secret isn't bound to the handshake (RFC 7627 §5.3).
#[test]
fn a_peer_without_extended_master_secret_is_refused() {
    let cut = |d: &mut Vec<u8>| replace(d, &[0, 23, 0, 0], &[0xFA, 0xFA, 0, 0]);
    // An extension that nobody asked for is refused for that, so this one is cut out.
    let hidden = |d: &mut Vec<u8>| {
        let Some(at) = body_of(d, 2).and_then(|_| find(d, &[0, 23, 0, 0])) else { return };
        d.drain(at..at + 4);
        // The lengths of record, message, fragment and extensions, the last one after version, random, session and suite.
        for (at, wide) in [(11, 2), (14, 3), (22, 3), (25 + 2 + 32 + 1 + 2 + 1, 2)] {
            let lowest = at + wide - 1;
            d[lowest] = d[lowest].checked_sub(4).unwrap();
        }
    };
    let mut p = pair(Version::Dtls12);
    carry(&mut p, Role::Client, cut);
    p.flush();
    assert_eq!(failure(&p.server_events), Some(Error::MissingExtension));

    let mut p = pair(Version::Dtls12);
    carry(&mut p, Role::Client, |_| ());
    carry(&mut p, Role::Server, hidden);
    p.flush();
    assert_eq!(failure(&p.client_events), Some(Error::MissingExtension));
}

/// A first handshake that claims to be another is somebody's who splices connections (RFC 5746 §3.4).
#[test]
fn a_first_handshake_that_claims_to_renegotiate_is_refused() {
    let claim = |d: &mut Vec<u8>| replace(d, &[0xFF, 0x01, 0, 1, 0], &[0xFF, 0x01, 0, 1, 1]);
    let mut p = pair(Version::Dtls12);
    carry(&mut p, Role::Client, |_| ());
    carry(&mut p, Role::Server, claim);
    p.flush();
    assert_eq!(failure(&p.client_events), Some(Error::IllegalParameter));
}

#[test]
fn tampered_records_are_dropped() {
    for version in VERSIONS {
        for suite in [Suite::Aes128Gcm, Suite::Aes256Gcm, Suite::ChaCha20Poly1305] {
            let config = Config { suites: Preference::only(&[suite]), ..only(version) };
            let mut p = Pair::new(config.clone(), config, 7);
            p.connect();
            p.run(|_| false);
            let (front, back) = p.client.room();
            let mut record = vec![0x55; front + 20 + back];
            p.client.seal(p.now, &mut record, 20).unwrap();
            for i in 0..record.len() {
                let mut bad = record.clone();
                bad[i] ^= 0x01;
                // A failure is none of the connection's: only this record is lost.
                p.server.handle(p.now, &mut bad, |_| panic!("byte {i} of {version:?} isn't protected")).unwrap();
            }
            let total = p.server.discards().total();
            // A shorter length leaves a rest that is dropped too.
            assert!(total as usize >= record.len(), "{:?}", p.server.discards());
            let mut got = 0;
            p.server.handle(p.now, &mut record.clone(), |d| got += d.len()).unwrap();
            assert_eq!(got, 20);
            for cut in 1..record.len() {
                p.server.handle(p.now, &mut record[..cut].to_vec(), |_| panic!("cut at {cut}")).unwrap();
            }
        }
    }
}

#[test]
fn a_replayed_record_is_delivered_once() {
    for version in VERSIONS {
        let mut p = pair(version);
        p.connect();
        p.run(|_| false);
        let mut records = Vec::new();
        for i in 0..100u8 {
            let (front, back) = p.server.room();
            let mut record = vec![i; front + 10 + back];
            p.server.seal(p.now, &mut record, 10).unwrap();
            records.push(record);
        }
        let mut got = 0;
        for r in records.iter().chain(&records).chain(records.iter().rev()) {
            p.client.handle(p.now, &mut r.clone(), |_| got += 1).unwrap();
        }
        assert_eq!(got, 100);
        assert_eq!(p.client.discards().get(Discard::Replayed), 200);
    }
}

#[test]
fn any_announced_fingerprint_may_be_the_right_one() {
    use barertc_dtls::{Fingerprint, Fingerprints};
    let (a, b) = identities(7);
    for version in VERSIONS {
        let mut rng = Rng(1);
        let now = Instant::ZERO;
        let mut client = Connection::new(only(version), Role::Client, &a, Global, RustCrypto, &mut rng).unwrap();
        let mut server = Connection::new(only(version), Role::Server, &b, Global, RustCrypto, &mut rng).unwrap();
        let others = [1, 2].map(|byte| Fingerprint::sha256([byte; 32]));
        let behind = |right| Fingerprints::select(others.into_iter().chain([right])).unwrap().0;
        client.set_peer_fingerprints(now, behind(b.fingerprint(&RustCrypto))).unwrap();
        server.set_peer_fingerprints(now, behind(a.fingerprint(&RustCrypto))).unwrap();
        let mut p = Pair::of(client, server, now, rng);
        p.run(|_| false);
        assert!(p.client.is_connected() && p.server.is_connected(), "{version:?}");
    }
}

#[test]
fn a_wrong_fingerprint_fails_the_connection_on_either_side() {
    let (a, b) = identities(7);
    let (other, _) = identities(8);
    for version in VERSIONS {
        for wrong_at in [Role::Client, Role::Server] {
            let mut rng = Rng(1);
            let now = Instant::ZERO;
            let mut client = Connection::new(only(version), Role::Client, &a, Global, RustCrypto, &mut rng).unwrap();
            let mut server = Connection::new(only(version), Role::Server, &b, Global, RustCrypto, &mut rng).unwrap();
            let at = |role, right: &barertc_dtls::Identity| match role == wrong_at {
                true => other.fingerprint(&RustCrypto),
                false => right.fingerprint(&RustCrypto),
            };
            client.set_peer_fingerprint(now, at(Role::Client, &b)).unwrap();
            server.set_peer_fingerprint(now, at(Role::Server, &a)).unwrap();
            let mut p = Pair::of(client, server, now, rng);
            p.run(|_| false);
            let (own, peers) = match wrong_at {
                Role::Client => (&p.client_events, &p.server_events),
                Role::Server => (&p.server_events, &p.client_events),
            };
            assert_eq!(own[..], [Event::Failed(Error::FingerprintMismatch)], "{version:?} {wrong_at:?}");
            // bad_certificate
            assert_eq!(failure(peers), Some(Error::PeerAlert(42)), "{version:?} {wrong_at:?}");
            assert!(!p.client.is_connected() && !p.server.is_connected());
        }
    }
}

#[test]
fn a_changed_signature_is_refused_by_the_client() {
    let mut p = pair(Version::Dtls12);
    carry(&mut p, Role::Client, |_| ());
    carry(&mut p, Role::Server, |d| {
        // The last byte of s, in ServerKeyExchange.
        if let Some(at) = body_of(d, 12) {
            let len = usize::from(u16::from_be_bytes([d[at - 2], d[at - 1]]));
            d[at + len - 1] ^= 1;
        }
    });
    p.flush();
    assert_eq!(failure(&p.client_events), Some(Error::BadSignature));
}

#[test]
fn a_changed_signature_is_refused_by_the_server() {
    let mut p = pair(Version::Dtls12);
    carry(&mut p, Role::Client, |_| ());
    carry(&mut p, Role::Server, |_| ());
    carry(&mut p, Role::Client, |d| {
        if let Some(at) = body_of(d, 15) {
            let len = usize::from(u16::from_be_bytes([d[at - 2], d[at - 1]]));
            d[at + len - 1] ^= 1;
        }
    });
    p.flush();
    assert_eq!(failure(&p.server_events), Some(Error::BadSignature));
}

#[test]
fn a_changed_transcript_is_refused() {
    // Another certificate type in the request, which nobody reads: only the transcript tells.
    let mut p = pair(Version::Dtls12);
    carry(&mut p, Role::Client, |_| ());
    carry(&mut p, Role::Server, |d| {
        if let Some(at) = body_of(d, 13) {
            d[at + 1] ^= 2;
        }
    });
    carry(&mut p, Role::Client, |_| ());
    p.flush();
    assert_eq!(failure(&p.server_events), Some(Error::BadSignature));
}

/// Points of small order (RFC 7748 §6.1): with them anybody would know the shared secret.
const SMALL_ORDER: [[u8; 32]; 3] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    [
        0xE0, 0xEB, 0x7A, 0x7C, 0x3B, 0x41, 0xB8, 0xAE, 0x16, 0x56, 0xE3, 0xFA, 0xF1, 0x9F, 0xC4, 0x6A, 0xDA, 0x09,
        0x8D, 0xEB, 0x9C, 0x32, 0xB1, 0xFD, 0x86, 0x62, 0x05, 0x16, 0x5F, 0x49, 0xB8, 0x00,
    ],
];

#[test]
fn key_shares_of_small_order_are_refused() {
    for point in SMALL_ORDER {
        // To a server of 1.2, in ClientKeyExchange.
        let config = Config { groups: Preference::only(&[Group::X25519]), ..only(Version::Dtls12) };
        let mut p = Pair::new(config.clone(), config, 7);
        carry(&mut p, Role::Client, |_| ());
        carry(&mut p, Role::Server, |_| ());
        carry(&mut p, Role::Client, |d| {
            if let Some(at) = body_of(d, 16) {
                d[at + 1..at + 33].copy_from_slice(&point);
            }
        });
        p.flush();
        assert_eq!(failure(&p.server_events), Some(Error::BadKeyShare));

        // To a server of 1.3, and to a client of 1.3.
        for victim in [Role::Server, Role::Client] {
            let config = Config { groups: Preference::only(&[Group::X25519]), ..only(Version::Dtls13) };
            let mut p = Pair::new(config.clone(), config, 7);
            let mut meddle = |d: &mut Vec<u8>| {
                let at = find(d, &[0, 0x1D, 0, 32]).expect("a key share") + 4;
                d[at..at + 32].copy_from_slice(&point);
            };
            match victim {
                Role::Server => carry(&mut p, Role::Client, &mut meddle),
                Role::Client => {
                    carry(&mut p, Role::Client, |_| ());
                    carry(&mut p, Role::Server, &mut meddle);
                }
            }
            p.flush();
            let events = if victim == Role::Server { &p.server_events } else { &p.client_events };
            assert_eq!(failure(events), Some(Error::BadKeyShare));
        }
    }
}

/// A plaintext handshake record with one fragment.
pub(crate) fn fragment(seq: u16, len: u32, offset: u32, body: &[u8], kind: u8) -> Vec<u8> {
    let mut message = vec![kind];
    message.extend(&len.to_be_bytes()[1..]);
    message.extend(seq.to_be_bytes());
    message.extend(&offset.to_be_bytes()[1..]);
    message.extend(&(body.len() as u32).to_be_bytes()[1..]);
    message.extend(body);
    let mut record = vec![22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 0];
    record.extend((message.len() as u16).to_be_bytes());
    record.extend(message);
    record
}

#[test]
fn fragments_that_do_not_fit_their_message_are_dropped() {
    let mut p = pair(Version::Dtls13);
    for (len, offset, body, reason) in [
        (100, 90, &[1; 20][..], Discard::BadFragment),
        (100, 0xFF_FFFF, &[1; 20], Discard::BadFragment),
        (100, 101, &[], Discard::BadFragment),
    ] {
        let before = p.server.discards().get(reason);
        p.server.handle(p.now, &mut fragment(0, len, offset, body, 1), |_| ()).unwrap();
        assert_eq!(p.server.discards().get(reason), before + 1, "{len} {offset}");
    }
    // None of it is in the way of the real thing.
    p.connect();
}

#[test]
fn overlapping_fragments_that_change_a_byte_take_the_place_of_what_was_there() {
    let mut p = pair(Version::Dtls13);
    let mut out = [0; 2_000];
    let n = p.client.poll_transmit(p.now, &mut out).unwrap();
    let body = &out[25..n];
    let len = body.len() as u32;
    let send = |p: &mut Pair, from: usize, to: usize, flip: bool| {
        let mut piece = body[from..to].to_vec();
        if flip {
            piece[0] ^= 1;
        }
        p.server.handle(p.now, &mut fragment(0, len, from as u32, &piece, 1), |_| ()).unwrap();
    };
    send(&mut p, 0, 100, false);
    send(&mut p, 50, 120, true);
    assert_eq!(p.server.discards().get(Discard::ConflictingFragment), 1);
    // Another type has no place here. Another length for the same message takes it.
    p.server.handle(p.now, &mut fragment(0, len, 120, &body[120..], 2), |_| ()).unwrap();
    assert_eq!(p.server.discards().get(Discard::Unexpected), 1);
    p.server.handle(p.now, &mut fragment(0, len + 1, 120, &body[120..], 1), |_| ()).unwrap();
    send(&mut p, 50, 120, false);
    assert_eq!(p.server.discards().get(Discard::ConflictingFragment), 3);
    send(&mut p, 90, body.len(), false);
    send(&mut p, 0, 60, false);
    assert_eq!(p.server.discards().total(), 4);
    assert!(p.server.poll_transmit(p.now, &mut [0; 2_000]).is_some(), "the hello is whole");
}

#[test]
fn messages_from_the_future_give_way_to_the_next_one() {
    let mut p = pair(Version::Dtls13);
    for seq in 1..12u16 {
        p.server.handle(p.now, &mut fragment(seq, 1_000, 0, &[1; 10], 11), |_| ()).unwrap();
    }
    carry(&mut p, Role::Client, |_| ());
    assert!(p.server.poll_transmit(p.now, &mut [0; 2_000]).is_some());
}

#[test]
fn plaintext_alerts_and_data_change_nothing_once_there_are_keys() {
    for version in VERSIONS {
        let mut p = pair(version);
        p.connect();
        p.run(|_| false);
        p.client_events.clear();
        let mut alert = [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40];
        p.client.handle(p.now, &mut alert, |_| ()).unwrap();
        let mut data = [23, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40];
        p.client.handle(p.now, &mut data, |_| panic!("data without protection")).unwrap();
        p.flush();
        assert!(p.client_events.is_empty() && p.client.is_connected());
    }
}

#[test]
fn data_before_the_end_of_the_handshake_waits_for_it() {
    for version in VERSIONS {
        let mut p = pair(version);
        carry(&mut p, Role::Client, |_| ());
        carry(&mut p, Role::Server, |_| ());
        let mut finished = Vec::new();
        carry(&mut p, Role::Client, |d| finished.push(std::mem::take(d)));
        if version == Version::Dtls12 {
            for f in &mut finished {
                p.server.handle(p.now, f, |_| ()).unwrap();
            }
            // The server is done and sends data, which overtakes its Finished.
            let mut last = Vec::new();
            carry(&mut p, Role::Server, |d| last.push(std::mem::take(d)));
            let (front, back) = p.server.room();
            let mut record = vec![3; front + 5 + back];
            p.server.seal(p.now, &mut record, 5).unwrap();
            let mut got = 0;
            p.client.handle(p.now, &mut record, |_| panic!("nothing is proven yet")).unwrap();
            for d in &mut last {
                p.client.handle(p.now, d, |d| got += d.len()).unwrap();
            }
            assert_eq!(got, 5);
        } else {
            let (front, back) = p.client.room();
            let mut record = vec![3; front + 5 + back];
            p.client.seal(p.now, &mut record, 5).unwrap();
            let mut got = 0;
            p.server.handle(p.now, &mut record, |_| panic!("nothing is proven yet")).unwrap();
            for d in &mut finished {
                p.server.handle(p.now, d, |d| got += d.len()).unwrap();
            }
            assert_eq!(got, 5);
        }
    }
}

#[test]
fn renegotiation_is_refused() {
    let mut p = pair(Version::Dtls12);
    p.connect();
    p.run(|_| false);
    // There is no way to ask for it with this crate, so a new ClientHello in the clear has to do: it is ignored.
    let mut hello = fragment(9, 40, 0, &[3; 40], 1);
    p.server.handle(p.now, &mut hello, |_| ()).unwrap();
    assert!(p.server.is_connected());
    assert_eq!(p.server.discards().get(Discard::OldMessage), 1);
}

#[test]
fn no_datagram_is_larger_than_the_mtu() {
    for version in VERSIONS {
        for mtu in [128, 200, 333, 600, 1_200] {
            let config = Config { mtu, ..only(version) };
            let mut p = Pair::new(config.clone(), config, u64::from(mtu));
            p.connect();
            p.run(|_| false);
            assert!(p.log.iter().all(|(_, d)| d.len() <= usize::from(mtu)));
        }
    }
}
