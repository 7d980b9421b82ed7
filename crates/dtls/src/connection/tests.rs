//! What can only be tried with a peer that breaks the rules from inside.

use std::vec::Vec;

use barertc_arena::Global;
use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
use barertc_crypto::{RustCrypto, Secret};
use barertc_wire::Instant;

use super::{Connection, Event};
use crate::config::{Config, Role, Version};
use crate::error::{Discard, Error};
use crate::handshake::kind;
use crate::identity::Identity;
use crate::record::content;

struct Rng(u64);

impl TryRng for Rng {
    type Error = core::convert::Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }
    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Ok(self.0 ^ (self.0 >> 29))
    }
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for b in out {
            *b = self.try_next_u32()? as u8;
        }
        Ok(())
    }
}

impl TryCryptoRng for Rng {}

type Peer = Connection<Global, RustCrypto>;

fn peers(version: Version, a: &Identity, b: &Identity) -> (Peer, Peer) {
    let config = Config { min_version: version, max_version: version, ..Config::default() };
    let mut rng = Rng(3);
    let mut client = Connection::new(config.clone(), Role::Client, a, Global, RustCrypto, &mut rng).unwrap();
    let mut server = Connection::new(config, Role::Server, b, Global, RustCrypto, &mut rng).unwrap();
    client.set_peer_fingerprint(Instant::ZERO, b.fingerprint(&RustCrypto)).unwrap();
    server.set_peer_fingerprint(Instant::ZERO, a.fingerprint(&RustCrypto)).unwrap();
    (client, server)
}

fn carry(from: &mut Peer, to: &mut Peer) {
    let mut out = [0; 1_500];
    while let Some(len) = from.poll_transmit(Instant::ZERO, &mut out) {
        let _ = to.handle(Instant::ZERO, &mut out[..len], |_| panic!("no data is sent"));
    }
}

fn events(peer: &mut Peer) -> Vec<Event> {
    std::iter::from_fn(|| peer.poll_event()).collect()
}

#[test]
fn who_shows_a_certificate_without_having_its_key_is_refused() {
    let mut rng = Rng(1);
    let (a, b) = (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng));
    // The fingerprint fits, the key is another.
    let thief = Identity::mismatched(&a, &b);
    for version in [Version::Dtls12, Version::Dtls13] {
        for (client, server, victim) in [(&thief, &b, Role::Server), (&b, &thief, Role::Client)] {
            let (mut c, mut s) = peers(version, client, server);
            for _ in 0..4 {
                carry(&mut c, &mut s);
                carry(&mut s, &mut c);
            }
            let seen = if victim == Role::Server { events(&mut s) } else { events(&mut c) };
            assert_eq!(seen, [Event::Failed(Error::BadSignature)], "{version:?} {victim:?}");
        }
    }
}

#[test]
fn a_finished_that_does_not_match_is_refused() {
    let mut rng = Rng(1);
    let (a, b) = (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng));

    // DTLS 1.2: the client waits for the server's Finished, and has seen another handshake than the server.
    let (mut c, mut s) = peers(Version::Dtls12, &a, &b);
    carry(&mut c, &mut s);
    carry(&mut s, &mut c);
    carry(&mut c, &mut s);
    c.pending.as_mut().unwrap().handshake.context.transcript.add_own(&[0; 20]);
    carry(&mut s, &mut c);
    assert_eq!(events(&mut c), [Event::Failed(Error::BadFinished)]);

    // DTLS 1.3: the server expects the client's Finished under another secret.
    let (mut c, mut s) = peers(Version::Dtls13, &a, &b);
    carry(&mut c, &mut s);
    s.pending.as_mut().unwrap().handshake.context.secrets.handshake.client = Secret::zero(32);
    carry(&mut s, &mut c);
    carry(&mut c, &mut s);
    assert_eq!(events(&mut s), [Event::Failed(Error::BadFinished)]);
}

/// What `from` seals as a record of this epoch.
fn sealed(from: &mut Peer, epoch: u16, content: u8, plaintext: &[u8]) -> Vec<u8> {
    let records = &mut from.link.records;
    let (front, back) = records.overhead(epoch);
    let mut out = std::vec![0; front + plaintext.len() + back];
    out[front..front + plaintext.len()].copy_from_slice(plaintext);
    let (len, _) = records.seal(&RustCrypto, epoch, content, &mut out, plaintext.len()).unwrap();
    out.truncate(len);
    out
}

/// What `from` seals as a handshake record of the newest epoch: a message without a body.
fn late_message(from: &mut Peer, kind: u8) -> Vec<u8> {
    let epoch = from.link.records.write_epoch();
    sealed(from, epoch, content::HANDSHAKE, &[kind, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0])
}

/// A fragment of a handshake message, with a header that says what it likes.
fn fragment(kind: u8, seq: u16, len: u16, offset: u16, bytes: &[u8]) -> Vec<u8> {
    let short = |n: u16| [0, n.to_be_bytes()[0], n.to_be_bytes()[1]];
    let [hi, lo] = seq.to_be_bytes();
    let header = [&[kind][..], &short(len), &[hi, lo], &short(offset), &short(bytes.len() as u16)].concat();
    [&header[..], bytes].concat()
}

/// A client and a server of DTLS 1.3 that are connected. The server's last acknowledgement has left, or stays away.
fn connected_13(acknowledged: bool) -> (Peer, Peer) {
    let mut rng = Rng(1);
    let (a, b) = (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng));
    let (mut c, mut s) = peers(Version::Dtls13, &a, &b);
    carry(&mut c, &mut s);
    carry(&mut s, &mut c);
    carry(&mut c, &mut s);
    if acknowledged {
        carry(&mut s, &mut c);
    }
    assert!(c.is_connected() && s.is_connected());
    (c, s)
}

/// Writes with the next epoch's keys at once, as an honest peer does when its KeyUpdate is acknowledged.
fn hurry(from: &mut Peer) {
    from.link.updates.as_mut().unwrap().under_way = true;
    from.link.flight.finish();
    from.link.flight_acknowledged().unwrap();
}

fn next_seq(of: &Peer) -> u16 {
    of.link.updates.as_ref().unwrap().next_seq
}

/// A peer with the right keys asks for it, so it is answered: with no_renegotiation (RFC 5746 §4.5).
#[test]
fn a_peer_that_wants_to_renegotiate_is_refused() {
    let mut rng = Rng(1);
    let (a, b) = (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng));
    for asks in [Role::Client, Role::Server] {
        let (mut c, mut s) = peers(Version::Dtls12, &a, &b);
        for _ in 0..2 {
            carry(&mut c, &mut s);
            carry(&mut s, &mut c);
        }
        let (from, to, message) = match asks {
            Role::Client => (&mut c, &mut s, kind::CLIENT_HELLO),
            Role::Server => (&mut s, &mut c, kind::HELLO_REQUEST),
        };
        let mut record = late_message(from, message);
        to.handle(Instant::ZERO, &mut record, |_| panic!("no data is sent")).unwrap();
        assert!(to.is_connected() && to.pending.is_none(), "nothing begins anew");
        assert_eq!(to.discards.get(Discard::Unexpected), 1);
        assert_eq!(to.alert, Some((crate::error::alert::WARNING, 100)), "no_renegotiation");
        let mut out = [0; 100];
        assert!(to.poll_transmit(Instant::ZERO, &mut out).is_some());
        assert!(to.poll_transmit(Instant::ZERO, &mut out).is_none(), "an alert, and no handshake");
    }
}

/// In DTLS 1.3 there is no such thing: whoever asks for it has lost the thread (RFC 8446 §4.1.2).
#[test]
fn a_client_hello_after_a_handshake_of_13_changes_nothing() {
    let mut rng = Rng(1);
    let (a, b) = (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng));
    let (mut c, mut s) = peers(Version::Dtls13, &a, &b);
    for _ in 0..3 {
        carry(&mut c, &mut s);
        carry(&mut s, &mut c);
    }
    let mut record = late_message(&mut c, kind::CLIENT_HELLO);
    let _ = s.handle(Instant::ZERO, &mut record, |_| panic!("no data is sent"));
    assert!(s.pending.is_none());
    let mut out = [0; 1_500];
    while let Some(len) = s.poll_transmit(Instant::ZERO, &mut out) {
        assert_ne!(out[0], 22, "{len} bytes of a handshake in the clear");
    }
}

/// RFC 9147 §8: the peer waits for our acknowledgement before it writes with new keys, so two updates are a round
/// trip apart. Ninety in one datagram would cost as many key schedules.
#[test]
fn one_key_update_a_round_trip() {
    let (mut c, mut s) = connected_13(true);
    let first = next_seq(&s);
    let mut datagram = Vec::new();
    for i in 0..90 {
        let epoch = c.link.records.write_epoch();
        datagram.extend(sealed(&mut c, epoch, content::HANDSHAKE, &fragment(kind::KEY_UPDATE, first + i, 1, 0, &[0])));
        hurry(&mut c);
    }
    s.handle(Instant::ZERO, &mut datagram, |_| panic!("no data is sent")).unwrap();
    assert!(s.is_connected());
    assert_eq!((s.link.records.read_epoch(), next_seq(&s)), (4, first + 1), "one of them counted");
    // When the acknowledgement has left, the next one does.
    assert!(s.poll_transmit(Instant::ZERO, &mut [0; 1_500]).is_some());
    let (mut c2, mut s2) = connected_13(true);
    for i in 0..5 {
        let first = next_seq(&s2);
        let epoch = c2.link.records.write_epoch();
        let mut record = sealed(&mut c2, epoch, content::HANDSHAKE, &fragment(kind::KEY_UPDATE, first, 1, 0, &[0]));
        hurry(&mut c2);
        s2.handle(Instant::ZERO, &mut record, |_| panic!("no data is sent")).unwrap();
        assert_eq!(s2.link.records.read_epoch(), 4 + i);
        while s2.poll_transmit(Instant::ZERO, &mut [0; 1_500]).is_some() {}
    }
}

#[test]
fn a_key_update_ends_its_record_and_is_whole() {
    let update = |seq| fragment(kind::KEY_UPDATE, seq, 1, 0, &[0]);
    type Make<'a> = &'a dyn Fn(u16) -> Vec<u8>;
    let cases: [(&str, Make<'_>, Error); 5] = [
        ("a second one in the record", &|n| [update(n), update(n + 1)].concat(), Error::UnexpectedMessage),
        ("a byte behind it", &|n| [update(n), std::vec![0]].concat(), Error::UnexpectedMessage),
        ("of two bytes", &|n| fragment(kind::KEY_UPDATE, n, 2, 0, &[0, 0]), Error::IllegalParameter),
        ("half of it", &|n| fragment(kind::KEY_UPDATE, n, 2, 1, &[0]), Error::IllegalParameter),
        ("of another value", &|n| fragment(kind::KEY_UPDATE, n, 1, 0, &[2]), Error::IllegalParameter),
    ];
    for (what, make, error) in cases {
        let (mut c, mut s) = connected_13(true);
        let plaintext = make(next_seq(&s));
        let mut record = sealed(&mut c, 3, content::HANDSHAKE, &plaintext);
        assert_eq!(s.handle(Instant::ZERO, &mut record, |_| panic!("no data is sent")), Err(error), "{what}");
    }
}

/// RFC 9147 §6.1: epoch 2 is for handshake messages.
#[test]
fn data_in_the_epoch_of_the_handshake_is_dropped() {
    let (mut c, mut s) = connected_13(false);
    let mut record = sealed(&mut c, v13_handshake(), content::APPLICATION_DATA, b"too early");
    s.handle(Instant::ZERO, &mut record, |_| panic!("data in epoch 2")).unwrap();
    assert_eq!(s.discards.get(Discard::Unexpected), 1);
    let mut got = 0;
    let mut record = sealed(&mut c, 3, content::APPLICATION_DATA, b"in time");
    s.handle(Instant::ZERO, &mut record, |d| got += d.len()).unwrap();
    assert_eq!(got, 7);
}

const fn v13_handshake() -> u16 {
    crate::link::HANDSHAKE_EPOCH
}

/// A chain of certificates of 5 KB, under the right keys.
#[test]
fn a_protected_message_that_never_fits_fails_at_once() {
    let mut rng = Rng(1);
    let (a, b) = (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng));
    let (mut c, mut s) = peers(Version::Dtls13, &a, &b);
    carry(&mut c, &mut s);
    // The ServerHello alone: what follows it is ours.
    let mut out = [0; 1_500];
    let len = s.poll_transmit(Instant::ZERO, &mut out).unwrap();
    let first = 13 + usize::from(u16::from_be_bytes([out[11], out[12]]));
    assert!(first < len);
    c.handle(Instant::ZERO, &mut out[..first], |_| ()).unwrap();
    let chain = fragment(kind::CERTIFICATE, 3, 5_000, 0, &[1; 900]);
    let mut record = sealed(&mut s, v13_handshake(), content::HANDSHAKE, &chain);
    let error = Error::MessageTooLong { limit: 4_096, len: 5_000 };
    assert_eq!(c.handle(Instant::ZERO, &mut record, |_| ()), Err(error));
    assert_eq!(events(&mut c), [Event::Failed(error)]);
    assert_eq!(c.timeout(), None);
}

/// Keys go when the connection ends, and those for the last alert when it has left, and not with the value.
#[test]
fn no_key_outlives_the_connection() {
    let (mut c, mut s) = connected_13(true);
    c.close(Instant::ZERO);
    assert!(!c.link.records.can_read() && c.link.exporter.is_none() && c.link.updates.is_none());
    assert_eq!(c.link.records.write_epoch(), 3, "for the alert");
    carry(&mut c, &mut s);
    assert_eq!(c.link.records.write_epoch(), 0);
    // The other side answers with an alert of its own.
    assert_eq!(events(&mut s).last(), Some(&Event::Closed));
    carry(&mut s, &mut c);
    assert!(!s.link.records.can_read());
    assert_eq!(s.link.records.write_epoch(), 0);
}

/// A server that does not know yet who the client is: the answer comes after the first flight.
fn with_an_unknown_client(version: Version, a: &Identity, b: &Identity) -> (Peer, Peer) {
    let config = Config { min_version: version, max_version: version, ..Config::default() };
    let mut rng = Rng(3);
    let mut client = Connection::new(config.clone(), Role::Client, a, Global, RustCrypto, &mut rng).unwrap();
    let server = Connection::new(config, Role::Server, b, Global, RustCrypto, &mut rng).unwrap();
    client.set_peer_fingerprint(Instant::ZERO, b.fingerprint(&RustCrypto)).unwrap();
    (client, server)
}

#[test]
fn a_server_answers_before_it_knows_the_client_and_believes_nothing() {
    let mut rng = Rng(1);
    let ids = [(); 3].map(|()| Identity::generate(&RustCrypto, &mut rng));
    for version in [Version::Dtls12, Version::Dtls13] {
        for right in [true, false] {
            let (mut client, mut server) = with_an_unknown_client(version, &ids[0], &ids[1]);
            assert!(server.awaits_client_hello() && !client.awaits_client_hello());
            carry(&mut client, &mut server);
            assert!(!server.awaits_client_hello());
            carry(&mut server, &mut client);
            carry(&mut client, &mut server);
            assert_eq!(events(&mut server), []);
            let known = &ids[if right { 0 } else { 2 }];
            let result = server.set_peer_fingerprint(Instant::ZERO, known.fingerprint(&RustCrypto));
            assert_eq!(result, if right { Ok(()) } else { Err(Error::FingerprintMismatch) }, "{version:?}");
            carry(&mut server, &mut client);
            assert_eq!((client.is_connected(), server.is_connected()), (right, right));
            assert!(!right || (client.is_flight_over() && server.is_flight_over()) || version == Version::Dtls12);
        }
    }
}

#[test]
fn the_timer_can_begin_when_a_flight_really_leaves() {
    use core::time::Duration;
    let mut rng = Rng(1);
    let (a, b) = (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng));
    let (mut client, _) = peers(Version::Dtls13, &a, &b);
    let mut out = [0; 1_500];
    assert!(client.poll_transmit(Instant::ZERO, &mut out).is_some());
    let at = Instant::from_millis;
    for (now, timeout, due) in [(1_000, None, 1_400), (1_000, Some(200), 1_200), (2_000, Some(1), 2_050)] {
        client.restart_timer(at(now), timeout.map(Duration::from_millis));
        assert_eq!(client.timeout(), Some(at(due)));
    }
    client.restart_timer(at(2_000), Some(Duration::from_secs(60)));
    assert_eq!(client.timeout(), Some(at(5_000)));
}

#[test]
fn a_key_without_a_sequence_number_left_ends_the_connection() {
    let (mut c, _) = connected_13(true);
    assert_eq!(events(&mut c).len(), 1);
    c.link.records.use_up();
    let mut out = [0; 100];
    assert_eq!(c.seal(Instant::ZERO, &mut out, 5), Err(Error::KeysExhausted));
    assert_eq!(events(&mut c), [Event::Failed(Error::KeysExhausted)]);
    assert_eq!(c.seal(Instant::ZERO, &mut out, 5), Err(Error::Closed));
}
