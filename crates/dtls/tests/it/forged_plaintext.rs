//! What anybody can write into the handshake of two others ends nothing once there are keys (RFC 9147 §4.5.2), and a
//! message that can never fit ends the handshake at once.

use crate::hostile_input::{fragment, only, pair};
use crate::support::Pair;

use barertc_dtls::{Config, Discard, Error, Event, Role, Version};
use std::time::Duration;

pub(crate) fn alert(level: u8, description: u8) -> Vec<u8> {
    vec![21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, level, description]
}

/// A message of every type at every place that is still to come, whole, in part, and far too long.
fn messages() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for kind in [0, 1, 2, 3, 4, 8, 11, 12, 13, 14, 15, 16, 20, 24] {
        for seq in 0..12 {
            all.push(fragment(seq, 4, 0, &[0; 4], kind));
            all.push(fragment(seq, 900, 0, &[0; 40], kind));
            all.push(fragment(seq, 60_000, 0, &[0; 40], kind));
        }
    }
    all
}

fn alerts() -> Vec<Vec<u8>> {
    [(2, 40), (2, 10), (2, 80), (1, 0), (2, 0), (1, 90), (0, 0), (9, 9)].map(|(l, d)| alert(l, d)).to_vec()
}

fn inject(p: &mut Pair, to: Role, forgeries: &[Vec<u8>]) {
    for forgery in forgeries {
        let mut forgery = forgery.clone();
        let now = p.now;
        let peer = if to == Role::Client { &mut p.client } else { &mut p.server };
        let handled = peer.handle(now, &mut forgery, |_| panic!("data without protection"));
        assert_eq!(handled, Ok(()), "{to:?} {forgery:?}");
        assert!(peer.poll_event().is_none() || peer.is_connected());
    }
}

/// Delivers what `from` has to say, a datagram at a time, with forgeries behind each.
fn carry_with(p: &mut Pair, from: Role, to_whom: Role, forgeries: &[Vec<u8>]) {
    let mut out = [0; 2_000];
    loop {
        let sender = if from == Role::Client { &mut p.client } else { &mut p.server };
        let Some(n) = sender.poll_transmit(p.now, &mut out) else { break };
        let receiver = if from == Role::Client { &mut p.server } else { &mut p.client };
        receiver.handle(p.now, &mut out[..n], |_| ()).unwrap();
        inject(p, to_whom, forgeries);
    }
}

#[test]
fn a_handshake_of_13_that_has_keys_goes_on() {
    let forgeries = [messages(), alerts()].concat();
    for victim in [Role::Client, Role::Server] {
        // Small datagrams, so that there are many moments.
        let config = Config { mtu: 200, ..only(Version::Dtls13) };
        let mut p = Pair::new(config.clone(), config, 7);
        let mut out = [0; 2_000];
        while let Some(n) = p.client.poll_transmit(p.now, &mut out) {
            p.server.handle(p.now, &mut out[..n], |_| ()).unwrap();
        }
        if victim == Role::Server {
            // The whole ClientHello is there, so the server has keys.
            inject(&mut p, Role::Server, &forgeries);
        }
        // The ServerHello is in the first datagram, so the client has keys behind each.
        carry_with(&mut p, Role::Server, victim, &forgeries);
        carry_with(&mut p, Role::Client, victim, &forgeries);
        p.connect();
        p.run(|_| false);
        let attacked = if victim == Role::Client { &p.client } else { &p.server };
        assert!(attacked.discards().get(Discard::Unprotected) > 1_000, "{victim:?} {:?}", attacked.discards());
        assert!(p.client_events.len() + p.server_events.len() <= 2, "{:?} {:?}", p.client_events, p.server_events);
    }
}

/// What was there before the keys is forgotten when they come.
#[test]
fn plaintext_from_before_the_keys_is_in_nobodys_way() {
    for victim in [Role::Client, Role::Server] {
        let mut p = pair(Version::Dtls13);
        // Of the messages that come after the hello, which nobody can know to be forged yet.
        let first = [1, 2, 3, 4, 5].map(|seq| fragment(seq, 30, 0, &[0; 30], 11));
        inject(&mut p, victim, &first);
        p.connect();
    }
}

#[test]
fn a_client_of_12_that_has_keys_goes_on() {
    let mut p = pair(Version::Dtls12);
    let none: [Vec<u8>; 0] = [];
    carry_with(&mut p, Role::Client, Role::Client, &none);
    carry_with(&mut p, Role::Server, Role::Client, &none);
    // It has sent its Finished message and waits for the server's.
    inject(&mut p, Role::Client, &messages());
    p.connect();
}

/// An alert that counted for nothing is the reason when nothing else comes: a client that could not read the ServerHello
/// has no keys to say so with.
#[test]
fn an_alert_in_the_clear_is_the_reason_of_a_silence() {
    let mut p = pair(Version::Dtls13);
    let mut out = [0; 2_000];
    while let Some(n) = p.client.poll_transmit(p.now, &mut out) {
        p.server.handle(p.now, &mut out[..n], |_| ()).unwrap();
    }
    inject(&mut p, Role::Server, &[alert(2, 47)]);
    let mut reason = None;
    while p.server.poll_transmit(p.now, &mut out).is_some() {}
    while let Some(at) = p.server.timeout() {
        p.now = at + Duration::from_millis(1);
        p.server.handle_timeout(p.now);
        while p.server.poll_transmit(p.now, &mut out).is_some() {}
        reason = reason.or(p.server.poll_event());
    }
    assert_eq!(reason, Some(Event::Failed(Error::PeerAlert(47))));
}

/// A certificate, or anything else, of more than `reassembly` bytes would be repeated for minutes and never fit.
#[test]
fn a_message_that_never_fits_fails_at_once() {
    for len in [5_000, 4_097, 60_000, 0xFF_FFFF] {
        let mut p = pair(Version::Dtls12);
        let error = Error::MessageTooLong { limit: 4_096, len: len as usize };
        assert_eq!(p.client.handle(p.now, &mut fragment(0, len, 0, &[1; 20], 2), |_| ()), Err(error));
        assert_eq!(p.client.poll_event(), Some(Event::Failed(error)));
        assert_eq!(p.client.timeout(), None);
        // A certificate in its place, behind the hello.
        let config = Config { mtu: 200, ..only(Version::Dtls12) };
        let mut p = Pair::new(config.clone(), config, 7);
        let mut out = [0; 2_000];
        while let Some(n) = p.client.poll_transmit(p.now, &mut out) {
            p.server.handle(p.now, &mut out[..n], |_| ()).unwrap();
        }
        let n = p.server.poll_transmit(p.now, &mut out).unwrap();
        p.client.handle(p.now, &mut out[..n], |_| ()).unwrap();
        assert_eq!(p.client.handle(p.now, &mut fragment(1, len, 0, &[1; 20], 11), |_| ()), Err(error));
    }
    // Before its place, anybody could say so.
    for (seq, kind) in [(0, 11), (3, 11), (1, 2)] {
        let mut p = pair(Version::Dtls12);
        p.client.handle(p.now, &mut fragment(seq, 60_000, 0, &[1; 20], kind), |_| ()).unwrap();
        p.connect();
    }
    // One that is too far ahead to be kept is nothing to go by.
    let mut p = pair(Version::Dtls12);
    p.client.handle(p.now, &mut fragment(9, 5_000, 0, &[1; 20], 11), |_| ()).unwrap();
    p.connect();
    // One of exactly that length is kept.
    let mut p = pair(Version::Dtls12);
    p.client.handle(p.now, &mut fragment(0, 4_096, 0, &[1; 20], 2), |_| ()).unwrap();
    assert!(p.client.poll_event().is_none());
}
