//! What a hostile server, or somebody on the way, may send.

use barertc_arena::Global;
use barertc_crypto::RustCrypto;
use proptest::prelude::*;
use std::io::Write as _;
use std::vec::Vec;

use super::{connect, from_server, read, rng, to_server, trust, usual_server};
use crate::client::{Client, Received};
use crate::config::Config;
use crate::error::Error;

/// Gives bytes to a client that has sent its ClientHello.
fn feed(bytes: &[u8]) -> Result<bool, Error> {
    let mut client = Client::new(Config::new(), trust(), Global, RustCrypto, &mut rng(1)).unwrap();
    let sent = client.waiting().len();
    client.consume(sent);
    let mut rest = bytes;
    loop {
        let advanced = client.advance(&mut rng(2))?;
        if advanced || rest.is_empty() {
            return Ok(advanced);
        }
        let room = client.room();
        assert!(!room.is_empty(), "who wants more has room for it");
        let len = room.len().min(rest.len());
        room[..len].copy_from_slice(&rest[..len]);
        client.received(len);
        rest = &rest[len..];
    }
}

/// The server's first flight, to a client that always draws the same.
fn flight() -> Vec<u8> {
    let mut server = usual_server();
    let client = Client::new(Config::new(), trust(), Global, RustCrypto, &mut rng(1)).unwrap();
    to_server(client.waiting(), &mut server);
    from_server(&mut server)
}

/// Not one bit of a handshake can be changed on the way. What has no meaning: the legacy version in a record's header, and
/// the middlebox message.
#[test]
fn a_changed_flight_makes_no_connection() {
    let flight = flight();
    assert_eq!(feed(&flight), Ok(true));
    let mut at = 0;
    while at < flight.len() {
        let len = usize::from(u16::from_be_bytes([flight[at + 3], flight[at + 4]])) + 5;
        for byte in (at..at + len).filter(|byte| *byte != at + 2) {
            let mut changed = flight.clone();
            changed[byte] ^= 1 << (byte % 8);
            assert_ne!(feed(&changed), Ok(true), "byte {byte} of {}", flight.len());
        }
        at += len;
    }
    for len in 0..flight.len() {
        assert_ne!(feed(&flight[..len]), Ok(true));
    }
}

#[test]
fn what_is_not_protected_counts_for_nothing_once_there_are_keys() {
    let flight = flight();
    let first = usize::from(u16::from_be_bytes([flight[3], flight[4]])) + 5;
    for inserted in [&[21, 3, 3, 0, 2, 1, 0][..], &[22, 3, 3, 0, 4, 20, 0, 0, 0], &[20, 3, 3, 0, 1, 2]] {
        let whole = [&flight[..first], inserted, &flight[first..]].concat();
        assert_eq!(feed(&whole), Err(Error::UnexpectedMessage), "{inserted:?}");
    }
    let whole = [&flight[..first], &[20, 3, 3, 0, 1, 1], &flight[first..]].concat();
    assert_eq!(feed(&whole), Ok(true), "the middlebox message may come again");
}

#[test]
fn what_is_no_tls_is_told_from_tls() {
    assert_eq!(feed(b"HTTP/1.1 400 Bad Request\r\n\r\n"), Err(Error::Malformed));
    assert_eq!(feed(&[22, 3, 3, 0xff, 0xff]), Err(Error::Malformed), "longer than any record");
    assert_eq!(feed(&[22, 3, 3, 0, 0]), Err(Error::UnexpectedMessage), "empty");
    assert_eq!(feed(&[23, 3, 3, 0, 1, 0]), Err(Error::UnexpectedMessage));
    assert_eq!(feed(&[21, 3, 3, 0, 2, 2, 80]), Err(Error::Alert(80)));
    assert_eq!(feed(&[21, 3, 3, 0, 1, 2]), Err(Error::Malformed));
    let long = Error::MessageTooLong { limit: 8_192, value: 0x00ff_ffff + 4 };
    assert_eq!(feed(&[22, 3, 3, 0, 5, 2, 0xff, 0xff, 0xff, 0]), Err(long));
    // Its key share is behind the next key (RFC 8446 §5.1).
    let mut flight = flight();
    let first = usize::from(u16::from_be_bytes([flight[3], flight[4]])) + 5;
    flight.insert(first, 8);
    flight[3..5].copy_from_slice(&u16::try_from(first - 4).unwrap().to_be_bytes());
    assert_eq!(feed(&flight), Err(Error::UnexpectedMessage));
}

#[test]
fn changed_lost_and_repeated_records_end_the_connection() {
    let sends = |change: fn(&mut Vec<u8>)| {
        let mut server = usual_server();
        let (mut receiver, _sender) = connect(Config::new(), trust(), &mut server).unwrap();
        server.writer().write_all(b"first").unwrap();
        let mut bytes = from_server(&mut server);
        server.writer().write_all(b"second").unwrap();
        bytes.extend_from_slice(&from_server(&mut server));
        change(&mut bytes);
        let (data, end) = read(&mut receiver, &bytes);
        assert_eq!(receiver.advance(), end, "and it stays so");
        (data, end)
    };
    let len = 5 + 5 + 17;
    assert_eq!(sends(|_| {}), (b"firstsecond".to_vec(), Ok(Received::Nothing)));
    assert_eq!(sends(|bytes| bytes[8] ^= 1), (Vec::new(), Err(Error::BadRecord)));
    assert_eq!(sends(|bytes| bytes[4] -= 1).1, Err(Error::BadRecord));
    assert_eq!(sends(|bytes| drop(bytes.drain(..27))), (Vec::new(), Err(Error::BadRecord)));
    assert_eq!(sends(|bytes| bytes.copy_within(..27, 27)), (b"first".to_vec(), Err(Error::BadRecord)));
    assert_eq!(sends(|bytes| bytes.truncate(5)), (Vec::new(), Ok(Received::Nothing)));
    assert_eq!(sends(|bytes| bytes[..5].copy_from_slice(&[21, 3, 3, 0, 2])).1, Err(Error::UnexpectedMessage));
    assert_eq!(len, 27);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, rng_seed: proptest::test_runner::RngSeed::Fixed(8446), ..ProptestConfig::default() })]

    /// Whatever comes, there is an end, and no connection.
    #[test]
    fn noise_makes_no_connection(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert_ne!(feed(&bytes), Ok(true));
        let mut hello = std::vec![22, 3, 3, 1, 0x90, 2, 0, 0, 0x8C, 3, 3];
        hello.extend_from_slice(&bytes);
        hello.resize(405, 0);
        prop_assert!(feed(&hello).is_err() || feed(&hello) == Ok(false));
    }

    /// What is noise behind the ServerHello is not authentic.
    #[test]
    fn noise_after_the_keys_is_refused(kind in 20u8..24, bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        let flight = flight();
        let first = usize::from(u16::from_be_bytes([flight[3], flight[4]])) + 5;
        let record = [&[kind, 3, 3, 0, u8::try_from(bytes.len()).unwrap()][..], &bytes].concat();
        prop_assume!(record != [20, 3, 3, 0, 1, 1]);
        prop_assert!(feed(&[&flight[..first], &record].concat()).is_err());
    }
}
