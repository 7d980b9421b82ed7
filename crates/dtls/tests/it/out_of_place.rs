//! Plaintext that has no place in a handshake ends nothing: anybody can write it (RFC 6347 §4.1.2.7, RFC 9147 §4.5.2).
//!
//! What has a place is the peer's for all that anybody knows, and ends the handshake with its cause where it is wrong.

use crate::forged_plaintext::alert;
use crate::hostile_input::{body_of, carry, failure, fragment, only, pair};
use crate::support::Pair;

use barertc_dtls::{Config, Discard, Error, Event, Group, Preference, Role, Version};
use std::time::Duration;

const HELLO_REQUEST: u8 = 0;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const VERIFY: u8 = 3;
const CERTIFICATE: u8 = 11;
const KEY_EXCHANGE: u8 = 12;
const FINISHED: u8 = 20;

/// A HelloVerifyRequest with this cookie.
fn verify(seq: u16, cookie: &[u8]) -> Vec<u8> {
    let mut body = vec![0xFE, 0xFF, cookie.len() as u8];
    body.extend(cookie);
    fragment(seq, body.len() as u32, 0, &body, VERIFY)
}

fn give(p: &mut Pair, to: Role, mut datagram: Vec<u8>) -> Result<(), Error> {
    let peer = if to == Role::Client { &mut p.client } else { &mut p.server };
    peer.handle(p.now, &mut datagram, |_| panic!("nothing was sealed"))
}

/// What the client says next, a datagram.
fn said(p: &mut Pair) -> Option<Vec<u8>> {
    let mut out = [0; 2_000];
    p.client.poll_transmit(p.now, &mut out).map(|n| out[..n].to_vec())
}

/// Message_seq and cookie of a ClientHello.
fn hello(datagram: &[u8]) -> (u16, Vec<u8>) {
    let body = body_of(datagram, CLIENT_HELLO).expect("a ClientHello");
    let seq = u16::from_be_bytes([datagram[17], datagram[18]]);
    let cookie = body + 34 + 1 + usize::from(datagram[body + 34]);
    (seq, datagram[cookie + 1..cookie + 1 + usize::from(datagram[cookie])].to_vec())
}

/// Every type of message but those that have a place, at each moment of the handshake, whole and in part.
#[test]
fn no_message_of_another_type_ends_a_handshake() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for victim in [Role::Client, Role::Server] {
            let config = Config { mtu: 200, ..only(version) };
            let mut p = Pair::new(config.clone(), config, 7);
            let mut moments = 0;
            // A datagram at a time, so that there is a moment behind each message.
            for from in [Role::Client, Role::Server, Role::Client, Role::Server] {
                let mut sent = Vec::new();
                let now = p.now;
                let sender = if from == Role::Client { &mut p.client } else { &mut p.server };
                let mut out = [0; 2_000];
                while let Some(n) = sender.poll_transmit(now, &mut out) {
                    sent.push(out[..n].to_vec());
                }
                for datagram in sent {
                    for seq in 0..8 {
                        for kind in [HELLO_REQUEST, 5, 99, 254] {
                            for forged in [fragment(seq, 4, 0, &[7; 4], kind), fragment(seq, 900, 0, &[7; 40], kind)] {
                                assert_eq!(give(&mut p, victim, forged), Ok(()), "{version:?} {victim:?} {seq} {kind}");
                            }
                        }
                    }
                    let to = if from == Role::Client { Role::Server } else { Role::Client };
                    give(&mut p, to, datagram).unwrap();
                    moments += 1;
                }
            }
            p.connect();
            assert!(moments > 6, "{moments}");
            let discards = if victim == Role::Client { p.client.discards() } else { p.server.discards() };
            assert!(discards.get(Discard::Unexpected) >= 8, "{version:?} {victim:?} {discards:?}");
        }
    }
}

/// Messages of the right protocol at the wrong place, for a client that waits for its first answer.
#[test]
fn a_client_that_waits_for_a_hello_waits_on() {
    for version in [Version::Dtls12, Version::Dtls13] {
        let wrong = [HELLO_REQUEST, CLIENT_HELLO, 4, 8, CERTIFICATE, KEY_EXCHANGE, 13, 14, 15, 16, FINISHED, 24];
        for kind in wrong {
            for body in [&[][..], &[0; 4], &[0xFF; 60]] {
                let mut p = pair(version);
                p.flush();
                give(&mut p, Role::Client, fragment(0, body.len() as u32, 0, body, kind)).unwrap();
                assert_eq!(p.client.discards().get(Discard::Unexpected), 1, "{kind}");
                p.connect();
            }
        }
        // A server has nothing to do with the messages of servers.
        for kind in [HELLO_REQUEST, SERVER_HELLO, VERIFY, CERTIFICATE, 14, 16, FINISHED] {
            let mut p = pair(version);
            give(&mut p, Role::Server, fragment(0, 4, 0, &[0; 4], kind)).unwrap();
            assert_eq!(p.server.discards().get(Discard::Unexpected), 1, "{kind}");
            p.connect();
        }
    }
}

/// A hello that was handled comes again as the next message, and a request for a cookie behind the hello.
#[test]
fn a_hello_behind_the_hello_has_no_place() {
    let config = Config { mtu: 250, ..only(Version::Dtls12) };
    let mut p = Pair::new(config.clone(), config, 7);
    carry(&mut p, Role::Client, |_| ());
    let mut flight = Vec::new();
    let mut out = [0; 2_000];
    while let Some(n) = p.server.poll_transmit(p.now, &mut out) {
        flight.push(out[..n].to_vec());
    }
    give(&mut p, Role::Client, flight[0].clone()).unwrap();
    let body = body_of(&flight[0], SERVER_HELLO).unwrap();
    let len = usize::from(u16::from_be_bytes([flight[0][11], flight[0][12]])) - 12;
    let repeated = fragment(1, len as u32, 0, &flight[0][body..body + len], SERVER_HELLO);
    for forged in [repeated, verify(1, &[1; 20]), fragment(1, 20, 0, &[9; 20], KEY_EXCHANGE)] {
        give(&mut p, Role::Client, forged).unwrap();
    }
    for datagram in flight.drain(1..) {
        give(&mut p, Role::Client, datagram).unwrap();
    }
    assert!(p.client.discards().get(Discard::Unexpected) >= 3, "{:?}", p.client.discards());
    p.connect();
}

/// A server answers each ClientHello without a cookie with a HelloVerifyRequest, repeated ones too.
#[test]
fn requests_for_a_cookie_may_come_several_times() {
    let mut p = pair(Version::Dtls12);
    assert_eq!(hello(&said(&mut p).unwrap()), (0, vec![]));
    give(&mut p, Role::Client, verify(0, &[1; 32])).unwrap();
    assert_eq!(hello(&said(&mut p).unwrap()), (1, vec![1; 32]));
    // The answer to the repeated first hello: the same cookie, with the number of before or the next.
    for seq in [0, 1] {
        give(&mut p, Role::Client, verify(seq, &[1; 32])).unwrap();
        assert_eq!(said(&mut p), None, "{seq}");
    }
    // The server has changed its secret (RFC 6347 §4.2.1).
    for (seq, cookie, next) in [(0, 2, 2), (1, 3, 3), (0, 4, 4)] {
        give(&mut p, Role::Client, verify(seq, &[cookie; 32])).unwrap();
        assert_eq!(hello(&said(&mut p).unwrap()), (next, vec![cookie; 32]));
    }
    // That is enough of them; what makes no sense is no request.
    for forged in [verify(1, &[5; 32]), verify(0, &[6; 32]), fragment(1, 3, 0, &[0xFE, 0xFF, 9], VERIFY)] {
        give(&mut p, Role::Client, forged).unwrap();
        assert_eq!(said(&mut p), None);
    }
    assert!(p.client.poll_event().is_none());
    assert!(p.client.discards().get(Discard::Unexpected) >= 2, "{:?}", p.client.discards());
}

/// The place of a message is not lost to the piece of another that somebody put there.
#[test]
fn a_forged_piece_does_not_keep_its_place() {
    for version in [Version::Dtls12, Version::Dtls13] {
        // Of every message that is to come: another length, another type, or other bytes.
        for (kind, len) in [(SERVER_HELLO, 70), (CERTIFICATE, 400), (KEY_EXCHANGE, 144), (14, 900), (FINISHED, 12)] {
            for victim in [Role::Client, Role::Server] {
                let mut p = pair(version);
                for seq in 0..6 {
                    give(&mut p, victim, fragment(seq, len, 1, &[0xAA; 3], kind)).unwrap();
                }
                p.connect();
            }
        }
        let mut p = pair(version);
        give(&mut p, Role::Server, fragment(0, 200, 1, &[0xAA; 3], CLIENT_HELLO)).unwrap();
        p.connect();
    }
}

/// A second HelloRetryRequest is what a client must end for (RFC 8446 §4.1.4). Anything else at its place is not.
#[test]
fn other_messages_after_a_retry_request_end_nothing() {
    let client = Config { groups: Preference::only(&[Group::X25519, Group::P256]), ..only(Version::Dtls13) };
    let server = Config { groups: Preference::only(&[Group::P256]), ..only(Version::Dtls13) };
    let mut p = Pair::new(client, server, 7);
    carry(&mut p, Role::Client, |_| ());
    carry(&mut p, Role::Server, |_| ());
    for kind in [HELLO_REQUEST, CLIENT_HELLO, VERIFY, 8, CERTIFICATE, FINISHED] {
        give(&mut p, Role::Client, fragment(1, 20, 0, &[3; 20], kind)).unwrap();
        give(&mut p, Role::Server, fragment(1, 20, 0, &[3; 20], if kind == 1 { 2 } else { kind })).unwrap();
    }
    assert_eq!(p.client.discards().get(Discard::Unexpected), 6);
    assert_eq!(p.server.discards().get(Discard::Unexpected), 6);
    p.connect();
}

/// Alerts from before there are keys do not end a handshake that goes on.
#[test]
fn an_alert_before_the_keys_ends_nothing_that_goes_on() {
    for version in [Version::Dtls12, Version::Dtls13] {
        for (level, description) in [(2, 40), (2, 70), (2, 0), (1, 0), (2, 255), (1, 90)] {
            let mut p = pair(version);
            // To a server that has heard nothing.
            give(&mut p, Role::Server, alert(level, description)).unwrap();
            p.flush();
            give(&mut p, Role::Client, alert(level, description)).unwrap();
            assert_eq!((p.client.poll_event(), p.server.poll_event()), (None, None));
            carry(&mut p, Role::Client, |_| ());
            give(&mut p, Role::Server, alert(level, description)).unwrap();
            p.connect();
            p.run(|_| false);
            assert_eq!((p.client_events.len(), p.server_events.len()), (1, 1), "{version:?}");
        }
    }
}

/// Where nothing else comes, the alert was true: it is the reason as soon as the answer is late.
#[test]
fn an_alert_before_the_keys_is_the_reason_when_the_answer_is_late() {
    // A close_notify behind a failure is no other reason.
    let both = [alert(2, 40), alert(1, 0)].concat();
    let failed = Event::Failed(Error::PeerAlert(40));
    let cases = [(alert(2, 40), failed), (both, failed), (alert(1, 0), Event::Closed)];
    for (datagram, end) in cases {
        for version in [Version::Dtls12, Version::Dtls13] {
            let mut p = pair(version);
            let _ = said(&mut p);
            give(&mut p, Role::Client, datagram.clone()).unwrap();
            assert_eq!(p.client.poll_event(), None);
            let at = p.client.timeout().unwrap();
            assert!(at.saturating_since(p.now) <= Duration::from_secs(1));
            p.client.handle_timeout(at);
            assert_eq!(p.client.poll_event(), Some(end));
            assert_eq!(p.client.timeout(), None);
        }
        // A server of 1.2 has no keys before the client's last flight.
        let mut p = pair(Version::Dtls12);
        carry(&mut p, Role::Client, |_| ());
        carry(&mut p, Role::Server, |_| ());
        give(&mut p, Role::Server, datagram.clone()).unwrap();
        let at = p.server.timeout().unwrap();
        p.server.handle_timeout(at);
        assert_eq!(p.server.poll_event(), Some(end));
    }
}

/// What a peer sends at the wrong place for good is named when it is given up.
#[test]
fn a_peer_that_never_makes_sense_is_told_of() {
    let long = fragment(2, 60_000, 0, &[0; 40], CERTIFICATE);
    let too_long = Error::MessageTooLong { limit: 4_096, len: 60_000 };
    for (datagram, error) in [
        (fragment(0, 4, 0, &[0; 4], CERTIFICATE), Error::UnexpectedMessage),
        (fragment(0, 60_000, 0, &[0; 40], CERTIFICATE), Error::UnexpectedMessage),
        (long, too_long),
    ] {
        let mut p = pair(Version::Dtls12);
        let _ = said(&mut p);
        while let Some(at) = p.client.timeout() {
            give(&mut p, Role::Client, datagram.clone()).unwrap();
            p.now = p.client.timeout().unwrap_or(at);
            p.client.handle_timeout(p.now);
            while said(&mut p).is_some() {}
        }
        p.flush();
        assert_eq!(failure(&p.client_events), Some(error));
    }
}

/// What has a place is the peer's, and ends the handshake with its cause.
#[test]
fn an_answer_in_its_place_ends_the_handshake_with_its_cause() {
    let hello = |version: [u8; 2]| [&version[..], &[7; 32], &[0, 0xC0, 0x2B, 0]].concat();
    for (body, error) in [
        (hello([0xFE, 0xFF]), Error::NoCommonVersion),
        (hello([3, 3]), Error::NoCommonVersion),
        (hello([0xFE, 0xFD])[..20].to_vec(), Error::Malformed),
        (vec![], Error::Malformed),
    ] {
        let mut p = pair(Version::Dtls12);
        let _ = said(&mut p);
        assert_eq!(give(&mut p, Role::Client, fragment(0, body.len() as u32, 0, &body, SERVER_HELLO)), Err(error));
    }
    // The first request has a place too.
    let mut p = pair(Version::Dtls12);
    let _ = said(&mut p);
    assert_eq!(give(&mut p, Role::Client, fragment(0, 3, 0, &[0xFE, 0xFF, 9], VERIFY)), Err(Error::Malformed),);
}
