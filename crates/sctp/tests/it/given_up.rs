//! What waits behind a message that its sender has given up (RFC 3758 §3.6, RFC 8260 §2.3.1).

use barertc_sctp::{ChannelConfig, Discard, Event, MessageKind};

use crate::support::events;
use crate::support::raw::{OPEN, Victim, chunk, chunks, config, data, sack, victim, victim_of};

const DATA: u8 = 0;
const UNORDERED: u8 = 4;
const ACK: [u8; 1] = [2];

/// The peer gives up everything up to the TSN `ahead` of its next, on `stream` up to `message`.
fn forward(v: &mut Victim, ahead: u32, stream: u16, message: u16) -> Result<(), Discard> {
    let value = [&(v.tsn + ahead).to_be_bytes()[..], &stream.to_be_bytes(), &message.to_be_bytes()].concat();
    v.attack(&chunk(192, 0, &value))
}

fn read_all(v: &mut Victim, id: barertc_sctp::ChannelId) -> Vec<Vec<u8>> {
    let mut room = [0; 64];
    std::iter::from_fn(|| {
        let read = v.net.left.read(v.net.now, id, &mut room).ok()?;
        assert!(read.end_of_message);
        Some(room[..read.len].to_vec())
    })
    .collect()
}

#[test]
fn an_ack_behind_a_message_that_was_given_up_is_heard() {
    for given_up in [1, 2] {
        let mut v = victim();
        let config = ChannelConfig { ordered: false, ..ChannelConfig::default() };
        let id = v.net.left.open(v.net.now, &config).expect("a channel");
        let stream = v.net.left.channel(id).and_then(|c| c.stream).expect("a stream");
        v.answers();
        v.attack(&sack(v.victim_tsn, 9_000, &[])).expect("a SACK");
        // The message in front of it is missing, and that behind it may be.
        v.attack(&data(3, v.tsn + 1, stream, 1, 50, &ACK)).expect("ACK");
        forward(&mut v, given_up, stream, given_up as u16).expect("FORWARD-TSN");
        v.net.left.write(v.net.now, id, MessageKind::Binary, b"x").expect("room");
        // Before the peer was heard, no message may go unordered (RFC 8832 §6).
        let sent: Vec<_> = v.answers().iter().flat_map(|p| chunks(p)).filter(|c| c.0 == DATA).collect();
        assert_eq!(sent.iter().map(|c| c.1 & UNORDERED).collect::<Vec<_>>(), [UNORDERED], "{given_up}");
    }
}

#[test]
fn a_channel_opens_behind_a_message_that_was_given_up() {
    let mut v = victim();
    v.attack(&data(3, v.tsn + 1, 1, 1, 50, &OPEN)).expect("OPEN");
    v.attack(&data(3, v.tsn + 2, 1, 2, 51, b"hello")).expect("a message");
    forward(&mut v, 3, 1, 3).expect("FORWARD-TSN");
    let [Event::ChannelOpened { id, .. }, Event::Readable(_)] = events(&mut v.net.left)[..] else {
        panic!("no channel")
    };
    assert_eq!(read_all(&mut v, id), [b"hello"]);
    assert!(v.answers().iter().flat_map(|p| chunks(p)).any(|c| c.0 == DATA), "its ACK");
    // The numbers go on behind what was given up.
    v.attack(&data(3, v.tsn + 4, 1, 4, 51, b"you")).expect("a message");
    assert_eq!(read_all(&mut v, id), [b"you"]);
}

#[test]
fn what_cannot_be_used_behind_a_message_that_was_given_up_is_counted() {
    for closed in [false, true] {
        let mut v = victim();
        v.attack(&data(3, v.tsn, 1, 0, 50, &OPEN)).expect("OPEN");
        let [Event::ChannelOpened { id, .. }] = events(&mut v.net.left)[..] else { panic!("no channel") };
        let messages = [(2, 51, &b"text"[..]), (3, 99, b"no kind"), (4, 50, b"\x09 no DCEP")];
        for (n, protocol, message) in messages {
            v.attack(&data(3, v.tsn + n, 1, n as u16, protocol, message)).expect("a message");
        }
        if closed {
            v.net.left.close(v.net.now, id).expect("open");
        }
        forward(&mut v, 5, 1, 5).expect("FORWARD-TSN");
        let count = |reason| v.net.left.discards().get(reason);
        let counted = [Discard::ClosedChannel, Discard::UnknownProtocol, Discard::BadDcep].map(count);
        assert_eq!(counted, if closed { [2, 0, 1] } else { [0, 1, 1] });
        if !closed {
            assert_eq!(read_all(&mut v, id), [b"text"]);
        }
    }
}

/// An I-DATA chunk (RFC 8260 §2.1): of its last word the first fragment has the protocol, and others their number.
fn interleaved(flags: u8, tsn: u32, stream: u16, message: u32, last: u32, payload: &[u8]) -> Vec<u8> {
    let mut value = tsn.to_be_bytes().to_vec();
    value.extend_from_slice(&stream.to_be_bytes());
    value.extend_from_slice(&[0, 0]);
    value.extend_from_slice(&message.to_be_bytes());
    value.extend_from_slice(&last.to_be_bytes());
    value.extend_from_slice(payload);
    chunk(64, flags, &value)
}

#[test]
fn whole_messages_wait_for_the_end_of_one_that_is_read_in_parts() {
    let mut config = config();
    (config.interleaving, config.partial_delivery_point) = (true, 1_000);
    let mut v = victim_of(config);
    v.attack(&interleaved(3, v.tsn, 1, 0, 50, &OPEN)).expect("OPEN");
    let [Event::ChannelOpened { id, .. }] = events(&mut v.net.left)[..] else { panic!("no channel") };
    v.attack(&interleaved(UNORDERED | 2, v.tsn + 1, 1, 0, 53, &[7; 1_100])).expect("the beginning of a message");
    assert_eq!(events(&mut v.net.left), [Event::Readable(id)], "it is read before its end has come");
    // In between: one that is given up, and one that is whole.
    v.attack(&interleaved(3, v.tsn + 3, 1, 2, 51, b"whole")).expect("a message");
    let value = [&(v.tsn + 3).to_be_bytes()[..], &[0, 1, 0, 0, 0, 0, 0, 2]].concat();
    v.attack(&chunk(194, 0, &value)).expect("I-FORWARD-TSN");
    v.attack(&interleaved(UNORDERED | 1, v.tsn + 4, 1, 0, 1, &[8; 10])).expect("its end");
    let (mut room, mut heard, mut lengths) = ([0; 2_000], vec![], vec![]);
    while let Ok(read) = v.net.left.read(v.net.now, id, &mut room) {
        heard.extend_from_slice(&room[..read.len]);
        if read.end_of_message {
            lengths.push(std::mem::take(&mut heard).len());
        }
    }
    assert_eq!(lengths, [1_110, 5]);
    v.attack(&interleaved(3, v.tsn + 5, 1, 3, 51, b"next")).expect("a message");
    assert_eq!(read_all(&mut v, id), [b"next"]);
}
