//! Checks and their responses carry two attributes of another protocol, both ways, without the agent knowing what they are.
use crate::support;

use std::time::Duration;

use barertc_crypto::{HmacSha1Key, RustCrypto};
use barertc_ice::stun::{Class, Message, attr};
use barertc_ice::{Attributes, Candidate, Carries, Config, Handled, Route};
use barertc_wire::Instant;
use support::nat::{By, Nat};
use support::{Peer, World, addr};

const DATA: u16 = 0xC070;
const ACK: u16 = 0xC071;
const A: &str = "192.0.2.1:1000";
const B: &str = "192.0.2.2:2000";

fn config() -> Config {
    Config { carried: Some([DATA, ACK]), ..Config::default() }
}

fn two() -> (Peer, Peer) {
    let (mut a, mut b) = (Peer::new(config(), true, 1).at(A), Peer::new(config(), false, 2).at(B));
    let ((ufrag, pwd), (other_ufrag, other_pwd)) = (a.credentials(), b.credentials());
    a.agent.set_remote_credentials(Instant::ZERO, &other_ufrag, &other_pwd).unwrap();
    b.agent.set_remote_credentials(Instant::ZERO, &ufrag, &pwd).unwrap();
    a.agent.add_remote(Instant::ZERO, Candidate::host(addr(B))).unwrap();
    (a, b)
}

/// What `peer` sends next, when `value` is what its other protocol has to say.
fn send(peer: &mut Peer, now: Instant, value: &[u8]) -> Option<(Carries, Vec<u8>)> {
    let (mut out, mut asked) = ([0; 1500], None);
    let mut carrier = |message: Carries, attributes: &mut Attributes<'_, '_>| {
        asked = Some(message);
        attributes.put(ACK, &[]).unwrap();
        attributes.put(DATA, value).unwrap();
    };
    let t = peer.agent.poll_transmit_carrying(now, &mut out, &mut carrier)?;
    Some((asked.expect("asked"), out[..t.len].to_vec()))
}

#[test]
fn what_a_check_carries_can_be_answered_in_its_response() {
    let (mut a, mut b) = two();
    let (asked, mut check) = send(&mut a, Instant::ZERO, b"hello").unwrap();
    let m = Message::parse(&check).unwrap();
    assert_eq!((asked.class, asked.id), (Class::Request, m.id()));
    // The integrity covers it.
    assert!(m.verify(&RustCrypto, &HmacSha1Key::new(b.credentials().1.as_bytes())));
    assert_eq!((m.get(DATA), m.get(ACK)), (Some(&b"hello"[..]), Some(&[][..])));
    let id = m.id();
    let Handled::Carried(carried) = b.agent.handle(Instant::ZERO, Route::udp(addr(B), addr(A)), &mut check) else {
        panic!("nothing carried")
    };
    assert_eq!((carried.class, carried.id), (Class::Request, id));
    assert_eq!(carried.route, Route::udp(addr(B), addr(A)));
    let [Some(data), Some(ack)] = carried.values else { panic!("both are there") };
    assert_eq!((&check[data], &check[ack]), (&b"hello"[..], &b""[..]));
    // Between `handle` and `poll_transmit` the other protocol has made its answer.
    let (asked, mut response) = send(&mut b, Instant::ZERO, b"world of mine").unwrap();
    assert_eq!((asked.class, asked.id), (Class::Success, id));
    let Handled::Carried(carried) = a.agent.handle(Instant::ZERO, Route::udp(addr(A), addr(B)), &mut response) else {
        panic!("nothing carried")
    };
    assert_eq!((carried.class, carried.id), (Class::Success, id));
    assert_eq!(carried.values[0].clone().map(|r| response[r].to_vec()).unwrap(), b"world of mine");
    assert!(a.agent.selected().is_some());
}

#[test]
fn a_message_without_them_is_told_too_and_without_configuration_nothing_is() {
    let (mut a, mut b) = two();
    let mut out = [0; 1500];
    let t = a.agent.poll_transmit(Instant::ZERO, &mut out).unwrap();
    let handled = b.agent.handle(Instant::ZERO, Route::udp(addr(B), addr(A)), &mut out[..t.len]);
    assert!(matches!(handled, Handled::Carried(c) if c.values == [None, None]));
    let (mut a, _) = two();
    let mut plain = Peer::new(Config::default(), false, 2).at(B);
    let (ufrag, pwd) = plain.credentials();
    a.agent.restart(Instant::ZERO).unwrap();
    a.agent.set_remote_credentials(Instant::ZERO, &ufrag, &pwd).unwrap();
    a.agent.add_remote(Instant::ZERO, Candidate::host(addr(B))).unwrap();
    let (_, mut check) = send(&mut a, Instant::ZERO, b"hello").unwrap();
    assert_eq!(plain.agent.handle(Instant::ZERO, Route::udp(addr(B), addr(A)), &mut check), Handled::Consumed);
}

#[test]
fn what_is_not_authentic_carries_nothing() {
    let (mut a, mut b) = two();
    let (_, mut check) = send(&mut a, Instant::ZERO, b"hello").unwrap();
    let at = check.windows(5).position(|w| w == b"hello").unwrap();
    check[at] ^= 1;
    // FINGERPRINT is no secret.
    let len = check.len();
    check.truncate(len - 8);
    check[3] -= 8;
    let handled = b.agent.handle(Instant::ZERO, Route::udp(addr(B), addr(A)), &mut check);
    assert!(matches!(handled, Handled::Dropped(_)), "{handled:?}");
}

#[test]
fn each_transmission_asks_anew() {
    let (mut a, _) = two();
    let (first, check) = send(&mut a, Instant::ZERO, b"one").unwrap();
    assert_eq!(Message::parse(&check).unwrap().get(DATA), Some(&b"one"[..]));
    let (second, check) = send(&mut a, Instant::from_millis(500), b"two").unwrap();
    assert_eq!(Message::parse(&check).unwrap().get(DATA), Some(&b"two"[..]));
    // A response tells by the last byte which of them it answers.
    let ([same @ .., n], [same_again @ .., next]) = (first.id.0, second.id.0);
    assert_eq!((same, n.wrapping_add(1)), (same_again, next));
}

#[test]
fn what_does_not_fit_or_must_be_understood_is_refused_and_the_check_leaves() {
    let (mut a, b) = two();
    let (mut out, mut room) = ([0; 400], 0);
    let mut carrier = |_: Carries, attributes: &mut Attributes<'_, '_>| {
        assert!(attributes.put(0x7FFF, b"x").is_err(), "a receiver would have to refuse it");
        room = attributes.room();
        assert!(attributes.put(DATA, &vec![7; room + 1]).is_err());
        attributes.put(DATA, &vec![7; room]).unwrap();
        assert!(attributes.put(ACK, &[1]).is_err());
    };
    let t = a.agent.poll_transmit_carrying(Instant::ZERO, &mut out, &mut carrier).unwrap();
    let m = Message::parse(&out[..t.len]).unwrap();
    assert_eq!(m.get(DATA).map(<[u8]>::len), Some(room));
    assert!(room > 200 && m.get(attr::USERNAME).is_some());
    assert!(m.verify(&RustCrypto, &HmacSha1Key::new(b.credentials().1.as_bytes())));
}

#[test]
fn a_check_of_1220_bytes_is_taken_in() {
    let (mut a, mut b) = two();
    let mut out = [0; 1220];
    let mut carrier = |_: Carries, attributes: &mut Attributes<'_, '_>| {
        attributes.put(DATA, &vec![22; attributes.room()]).unwrap();
    };
    let t = a.agent.poll_transmit_carrying(Instant::ZERO, &mut out, &mut carrier).unwrap();
    assert!(t.len > 1200);
    let handled = b.agent.handle(Instant::ZERO, Route::udp(addr(B), addr(A)), &mut out[..t.len]);
    assert!(matches!(handled, Handled::Carried(_)));
}

#[test]
fn by_way_of_a_relay_the_values_lie_where_they_are_in_the_datagram() {
    let nat = |ip| Nat::new(ip, By::AddressAndPort, By::AddressAndPort);
    let mut world = World::new(
        Peer::new(config(), true, 1).at("10.0.0.5:1000").behind(nat("203.0.113.1")).with_turn(),
        Peer::new(config(), false, 2).at("10.0.0.6:1000").behind(nat("203.0.113.2")).with_stun(),
    );
    world.carried = Some(b"through the relay".to_vec());
    world.start();
    assert!(world.run(Duration::from_secs(20), World::connected));
    world.run(Duration::from_secs(10), |_| false);
    for p in &world.peers {
        assert!(!p.carried.is_empty());
        assert!(p.carried.iter().all(|c| c == b"through the relay"));
    }
    assert_eq!(world.peers[0].agent.pair_stats().find(|p| p.selected).unwrap().local_kind.name(), "relay");
}

#[test]
fn a_check_can_be_asked_for_at_any_time() {
    let (mut a, mut b) = two();
    let (_, mut check) = send(&mut a, Instant::ZERO, b"").unwrap();
    b.agent.handle(Instant::ZERO, Route::udp(addr(B), addr(A)), &mut check);
    for ms in [10, 20, 30] {
        let now = Instant::from_millis(ms);
        let mut out = [0; 1500];
        while b.agent.poll_transmit(now, &mut out).is_some() {}
        b.agent.check_now(now);
        assert!(b.agent.timeout().is_some_and(|t| t <= now));
        let t = b.agent.poll_transmit(now, &mut out).expect("a check at once");
        assert_eq!(Message::parse(&out[..t.len]).unwrap().class(), Class::Request);
    }
}

#[test]
fn numbers_make_a_value_of_whole_words_or_none() {
    let (mut a, _) = two();
    let mut refused = false;
    let mut carrier = |_: Carries, attributes: &mut Attributes<'_, '_>| {
        assert!(attributes.put_words(0x7FFF, &[1]).is_err(), "a receiver would have to refuse it");
        attributes.put_words(ACK, &[0xA8F1_6CF5, 1]).unwrap();
        let words = vec![7; attributes.room() / 4 + 1];
        refused = attributes.put_words(DATA, &words).is_err();
        attributes.put_words(DATA, &words[1..]).unwrap();
    };
    let mut out = [0; 500];
    let t = a.agent.poll_transmit_carrying(Instant::ZERO, &mut out, &mut carrier).unwrap();
    let m = Message::parse(&out[..t.len]).unwrap();
    assert_eq!(m.get(ACK), Some(&[0xA8, 0xF1, 0x6C, 0xF5, 0, 0, 0, 1][..]));
    assert!(refused && m.get(DATA).is_some_and(|value| value.len() % 4 == 0 && !value.is_empty()));
}
