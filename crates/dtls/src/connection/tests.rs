//! What can only be tried with a peer that breaks the rules from inside.

use std::vec::Vec;

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use barertc_crypto::rand_core::{TryCryptoRng, TryRng};
use barertc_wire::Instant;

use super::{Connection, Event};
use crate::config::{Config, Role, Version};
use crate::error::{Discard, Error};
use crate::handshake::kind;
use crate::identity::Identity;
use crate::record::content;
use crate::secret::Secret;

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

#[test]
fn the_flight_can_be_read_and_fed_from_outside() {
    let mut rng = Rng(1);
    let (a, b) = (Identity::generate(&RustCrypto, &mut rng), Identity::generate(&RustCrypto, &mut rng));
    let (mut c, mut s) = peers(Version::Dtls13, &a, &b);
    let mut out = [0; 1_500];
    // Whatever carries the flights, the timers of neither side have begun.
    for _ in 0..4 {
        for from_client in [true, false] {
            let (from, to) = if from_client { (&mut c, &mut s) } else { (&mut s, &mut c) };
            let mut cursor = crate::FlightCursor::default();
            while let Some(len) = from.peek_flight(&mut cursor, &mut out) {
                let _ = to.handle(Instant::ZERO, &mut out[..len], |_| ());
            }
        }
    }
    assert!(c.is_connected() && s.is_connected());
}

/// What `from` seals as a handshake record of the newest epoch: a message without a body.
fn late_message(from: &mut Peer, kind: u8) -> Vec<u8> {
    let records = &mut from.link.records;
    let epoch = records.write_epoch();
    let (front, back) = records.overhead(epoch);
    let mut out = std::vec![0; front + 12 + back];
    out[front..front + 12].copy_from_slice(&[kind, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0]);
    let (len, _) = records.seal(&RustCrypto, epoch, content::HANDSHAKE, &mut out, 12).unwrap();
    out.truncate(len);
    out
}

/// A peer with the right keys asks for it, so it is answered: with no_renegotiation (RFC 5746, section 4.5).
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

/// In DTLS 1.3 there is no such thing: whoever asks for it has lost the thread (RFC 8446, section 4.1.2).
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
