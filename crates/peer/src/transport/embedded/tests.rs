//! Tests of DTLS in ICE's checks.

use std::vec::Vec;

use barertc_arena::Global;
use barertc_crypto::selftest::Predictable;
use barertc_crypto::{HmacSha1Key, RustCrypto};
use barertc_ice::stun::{Class, Message, TransactionId, crc32};
use barertc_ice::{Agent, Attributes, Candidate, Carries, Config};
use barertc_wire::Instant;

use super::vectors::{CHECK, LAST_RESPONSE, NOMINATING_CHECK, PASSWORD_OF_A, PASSWORD_OF_B, RESPONSE};
use super::{ACK, DATA, Embedded, MTU, ROOM};

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.chars().map(|c| c.to_digit(16).expect("a digit") as u8).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn data(message: &[u8]) -> Vec<u8> {
    Message::parse(message).expect("a message").get(DATA).expect("DATA").to_vec()
}

/// Takes in a captured message; whether its DATA is to be handled.
fn take(embedded: &mut Embedded, message: &[u8]) -> bool {
    let m = Message::parse(message).expect("a message");
    embedded.take(m.class(), m.id(), m.get(DATA), m.get(ACK))
}

/// What the next check of an agent looks like, in a buffer of so many bytes.
fn check(embedded: &mut Embedded, room: usize) -> Option<Vec<u8>> {
    let config = Config { carried: Some([DATA, ACK]), ..Config::default() };
    let mut agent = Agent::new(config, true, Global, RustCrypto, &mut Predictable::new(1)).expect("an agent");
    let now = Instant::from_millis(1);
    agent.add_local(now, Candidate::host(([10, 0, 0, 1], 1).into())).expect("room");
    agent.set_remote_credentials(now, "abcd", "0123456789abcdef012345").expect("credentials");
    agent.add_remote(now, Candidate::host(([10, 0, 0, 2], 2).into())).expect("room");
    let mut out = std::vec![0; room];
    let mut carrier = |m: Carries, attributes: &mut Attributes<'_, '_>| embedded.write(m.class, m.id, attributes);
    let transmit = agent.poll_transmit_carrying(now, &mut out, &mut carrier)?;
    out.truncate(transmit.len);
    Some(out)
}

/// Hands DTLS's datagrams over, each of them once.
fn flight(embedded: &mut Embedded, datagrams: &[&[u8]]) {
    let mut datagrams = datagrams.iter();
    embedded.collect(|out| {
        let datagram = datagrams.next()?;
        out[..datagram.len()].copy_from_slice(datagram);
        Some(datagram.len())
    });
}

#[test]
fn chromiums_messages_are_read() {
    let expected = [
        (CHECK, PASSWORD_OF_A, "", 216, 0xA8F1_6CF5),
        (RESPONSE, PASSWORD_OF_A, "a8f16cf5", 627, 0x3810_27FA),
        (NOMINATING_CHECK, PASSWORD_OF_B, "a8f16cf5", 627, 0x3810_27FA),
        (LAST_RESPONSE, PASSWORD_OF_B, "381027fa", 455, 0xFB2C_57C7),
    ];
    for (hex, password, acks, len, checksum) in expected {
        let message = bytes(hex);
        let m = Message::parse(&message).expect("a message");
        assert!(m.verify(&RustCrypto, &HmacSha1Key::new(password.as_bytes())));
        assert_eq!(m.get(ACK), Some(&bytes(acks)[..]));
        let data = m.get(DATA).expect("DATA");
        assert_eq!((data.len(), crc32(data)), (len, checksum));
    }
}

#[test]
fn chromiums_attributes_are_written_byte_by_byte() {
    let response = bytes(RESPONSE);
    let mut embedded = Embedded::new();
    assert!(take(&mut embedded, &bytes(CHECK)));
    flight(&mut embedded, &[&data(&response)]);
    let ours = check(&mut embedded, 1_200).expect("a check");
    // From ACK to MESSAGE-INTEGRITY.
    let between = |message: &[u8]| {
        let start = message.windows(4).position(|w| w == [0xC0, 0x71, 0, 4]).expect("ACK");
        let end = message.windows(4).rposition(|w| w == [0, 8, 0, 20]).expect("MESSAGE-INTEGRITY");
        message[start..end].to_vec()
    };
    assert_eq!(between(&ours), between(&response));
}

#[test]
fn a_checksum_acknowledges_and_so_does_the_response() {
    let (first, second) = ([22; 100], [23; 90]);
    for by_response in [false, true] {
        let mut embedded = Embedded::new();
        flight(&mut embedded, &[&first, &second]);
        let sent = check(&mut embedded, 1_200).expect("a check");
        let id = Message::parse(&sent).expect("a message").id();
        assert_eq!(data(&sent), first);
        let acks = crc32(&first).to_be_bytes();
        let _ = match by_response {
            true => embedded.take(Class::Success, id, None, Some(&[])),
            false => embedded.take(Class::Request, TransactionId([9; 12]), None, Some(&acks)),
        };
        for _ in 0..3 {
            assert_eq!(data(&check(&mut embedded, 1_200).expect("a check")), second);
        }
        // A response without ACK says only that DATA is known.
        let _ = embedded.take(Class::Success, id, Some(&[]), None);
        assert_eq!(data(&check(&mut embedded, 1_200).expect("a check")), second);
    }
}

#[test]
fn a_response_to_a_request_that_carried_two_things_acknowledges_neither() {
    let mut embedded = Embedded::new();
    flight(&mut embedded, &[&[22; 100], &[23; 90]]);
    // The agent of each check is made anew, with the same transaction.
    let ids: Vec<_> = (0..2).filter_map(|_| Some(Message::parse(&check(&mut embedded, 1_200)?).ok()?.id())).collect();
    assert_eq!(ids[0], ids[1]);
    let _ = embedded.take(Class::Success, ids[0], None, Some(&[]));
    let carried: Vec<_> = (0..2).map(|_| data(&check(&mut embedded, 1_200).expect("a check"))[0]).collect();
    assert_eq!(carried, [22, 23]);
}

#[test]
fn datagrams_take_turns_until_the_next_flight() {
    let mut embedded = Embedded::new();
    flight(&mut embedded, &[&[22; 900], &[23; 563]]);
    let mut next = || data(&check(&mut embedded, 1_200).expect("a check")).first().copied();
    assert_eq!([next(), next(), next()], [Some(22), Some(23), Some(22)]);
    flight(&mut embedded, &[&[24; 10]]);
    assert_eq!(data(&check(&mut embedded, 1_200).expect("a check")), [24; 10]);
    // Nothing new: what was is kept.
    flight(&mut embedded, &[]);
    assert_eq!(data(&check(&mut embedded, 1_200).expect("a check")), [24; 10]);
}

#[test]
fn the_path_gets_each_datagram_once() {
    let mut embedded = Embedded::new();
    let mut out = [0; 1_200];
    flight(&mut embedded, &[&[22; 900], &[23; 563]]);
    assert!(embedded.found_path() && !embedded.found_path());
    assert_eq!((embedded.poll_path(&mut out), out[0]), (Some(900), 22));
    assert_eq!((embedded.poll_path(&mut out), out[0]), (Some(563), 23));
    assert_eq!(embedded.poll_path(&mut out), None);
}

#[test]
fn what_came_is_told_in_its_order_and_handled_once() {
    let mut embedded = Embedded::new();
    let datagrams: Vec<[u8; 30]> = (20..26).map(|first| [first; 30]).collect();
    for datagram in &datagrams {
        for is_new in [true, false] {
            assert_eq!(embedded.take(Class::Request, TransactionId([1; 12]), Some(datagram), Some(&[])), is_new);
        }
    }
    for other in [&[][..], &[0; 20], &[64; 20], &[128; 20]] {
        assert!(!embedded.take(Class::Request, TransactionId([1; 12]), Some(other), Some(&[])));
    }
    let message = check(&mut embedded, 1_200).expect("a check");
    let acks = Message::parse(&message).expect("a message").get(ACK).expect("ACK").to_vec();
    let expected: Vec<u8> = datagrams[2..].iter().flat_map(|d| crc32(d).to_be_bytes()).collect();
    assert_eq!(acks, expected);
}

/// An acknowledgement of any other length ends Chromium's tab.
#[test]
fn an_acknowledgement_is_always_of_whole_checksums() {
    for count in 0..7 {
        let mut embedded = Embedded::new();
        flight(&mut embedded, &[&[22; MTU]]);
        (0..count).for_each(|i| assert!(embedded.received(&[i; 40])));
        for room in 0..=1_200 {
            let Some(message) = check(&mut embedded, room) else { continue };
            let m = Message::parse(&message).expect("a message");
            let Some(acks) = m.get(ACK) else { continue };
            assert!(acks.len() == 4 * usize::from(count.min(4)) || acks.is_empty(), "{} in {room}", acks.len());
        }
    }
}

#[test]
fn a_message_without_attributes_ends_it_only_before_the_first_with_them() {
    let id = TransactionId([1; 12]);
    let mut out = [0; 1_200];
    let mut embedded = Embedded::new();
    flight(&mut embedded, &[&[22; 100]]);
    assert!(!embedded.take(Class::Success, id, None, None));
    assert!(!embedded.is_over(), "the datagram has not left");
    assert_eq!(Message::parse(&check(&mut embedded, 1_200).expect("a check")).expect("a message").get(ACK), None);
    assert_eq!(embedded.poll_path(&mut out), Some(100));
    assert!(embedded.is_over());

    let mut embedded = Embedded::new();
    flight(&mut embedded, &[&[22; 100]]);
    let _ = embedded.take(Class::Success, id, None, Some(&[]));
    let _ = embedded.take(Class::Success, id, None, None);
    assert_eq!(data(&check(&mut embedded, 1_200).expect("a check")), [22; 100]);
}

#[test]
fn once_dtls_is_up_it_ends_with_the_last_acknowledgement() {
    let mut embedded = Embedded::new();
    flight(&mut embedded, &[&[22; 100]]);
    let mut out = [0; 1_200];
    assert_eq!(embedded.poll_path(&mut out), Some(100));
    embedded.connected(false);
    assert!(!embedded.is_over());
    let acks = crc32(&[22; 100]).to_be_bytes();
    let _ = embedded.take(Class::Success, TransactionId([1; 12]), None, Some(&acks));
    // An acknowledgement alone, for the draft ends with that.
    let message = check(&mut embedded, 1_200).expect("a check");
    let m = Message::parse(&message).expect("a message");
    assert_eq!((m.get(ACK), m.get(DATA)), (Some(&[][..]), None));
    embedded.connected(false);
    assert!(embedded.is_over());
}

#[test]
fn a_flight_that_is_too_long_is_cut_where_there_is_no_room() {
    let mut embedded = Embedded::new();
    let mut written = 0;
    embedded.collect(|out| {
        written += out.len();
        Some(out.len())
    });
    assert!(written <= ROOM);
    assert!(check(&mut embedded, 1_200).is_some());
}
