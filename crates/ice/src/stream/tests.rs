//! Tests of the framing on streams.

use std::vec;
use std::vec::Vec;

use barertc_arena::Global;

use super::*;
use crate::stun::{Builder, Class, Method, TransactionId};

fn stun() -> Vec<u8> {
    let mut out = [0; 64];
    let len = Builder::new(&mut out, Class::Request, Method::ALLOCATE, TransactionId([7; 12])).unwrap().fingerprint();
    out[..len.unwrap()].to_vec()
}

/// ChannelData with its padding (RFC 8656 §12.5).
fn channel_data(data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x40, 0, (data.len() >> 8) as u8, data.len() as u8];
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn messages(framing: Framing, room: usize, pieces: &[&[u8]]) -> Result<Vec<Vec<u8>>, StreamEnd> {
    let mut incoming = Incoming::new(framing, room, Global).unwrap();
    let mut all = vec![];
    for piece in pieces {
        let mut rest = *piece;
        while !rest.is_empty() {
            let room = incoming.room();
            let len = room.len().min(rest.len());
            assert!(len > 0, "there is room while there is no fault");
            room[..len].copy_from_slice(&rest[..len]);
            incoming.received(len);
            rest = &rest[len..];
            while let Some(message) = incoming.next_message()? {
                all.push(message.to_vec());
            }
        }
    }
    Ok(all)
}

#[test]
fn messages_are_found_wherever_the_stream_is_cut() {
    let data = channel_data(b"12345");
    let stream = [&stun()[..], &data, &channel_data(b""), &stun(), &channel_data(&[9; 40])].concat();
    let whole = messages(Framing::Turn, 64, &[&stream]).unwrap();
    assert_eq!(whole.len(), 5);
    assert_eq!(whole[1], data[..9], "without the padding");
    let framed = [&[0, 3][..], b"abc", &[0, 0], &[0, 1], b"d"].concat();
    let inner = messages(Framing::Rfc4571, 64, &[&framed]).unwrap();
    assert_eq!(inner, [&b"abc"[..], b"", b"d"]);
    for at in 0..stream.len() {
        let (a, b) = stream.split_at(at);
        assert_eq!(messages(Framing::Turn, 64, &[a, b]), Ok(whole.clone()), "cut at {at}");
    }
    for at in 0..framed.len() {
        let (a, b) = framed.split_at(at);
        assert_eq!(messages(Framing::Rfc4571, 64, &[a, b]), Ok(inner.clone()), "cut at {at}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(messages(Framing::Turn, 64, &bytes), Ok(whole), "a byte at a time");
}

#[test]
fn a_message_may_fill_the_buffer_and_one_byte_more_ends_the_stream() {
    let fits = channel_data(&[1; 60]);
    assert_eq!(messages(Framing::Turn, 64, &[&fits, &fits]).unwrap().len(), 2);
    // The padding counts: it has to be read, too.
    let too_long = StreamEnd::TooLong { limit: 64, value: 68 };
    assert_eq!(messages(Framing::Turn, 64, &[&channel_data(&[1; 61])]), Err(too_long));
    assert_eq!(
        messages(Framing::Turn, 64, &[&[0x7F, 0xFF, 0xFF, 0xFF]]),
        Err(StreamEnd::TooLong { limit: 64, value: 65_540 })
    );
    let stun = [&[0, 3, 0xFF, 0xFC][..], &MAGIC_COOKIE.to_be_bytes()].concat();
    assert_eq!(messages(Framing::Turn, 64, &[&stun]), Err(StreamEnd::TooLong { limit: 64, value: 65_552 }));
    assert_eq!(messages(Framing::Rfc4571, 64, &[&[0, 63]]), Err(StreamEnd::TooLong { limit: 64, value: 65 }));
    assert_eq!(messages(Framing::Rfc4571, 64, &[&[0, 62], &[1; 62]]).unwrap(), [[1; 62]]);
}

#[test]
fn what_begins_no_message_ends_the_stream_for_good() {
    let odd_length = [0, 1, 0, 2, 0x21, 0x12, 0xA4, 0x42];
    let no_cookie = [0, 1, 0, 0, 1, 2, 3, 4];
    for bad in [&[0x80][..], &[0xFF; 8], b"HTTP/1.1 400", &odd_length[..4], &no_cookie] {
        let mut incoming = Incoming::new(Framing::Turn, 64, Global).unwrap();
        let first = stun();
        incoming.room()[..first.len()].copy_from_slice(&first);
        incoming.received(first.len());
        assert!(incoming.next_message().unwrap().is_some());
        incoming.room()[..bad.len()].copy_from_slice(bad);
        incoming.received(bad.len());
        // "HTTP" looks like ChannelData of a length that no buffer has.
        let fault = incoming.next_message().unwrap_err();
        assert!(matches!(fault, StreamEnd::Malformed | StreamEnd::TooLong { .. }), "{bad:?}: {fault}");
        let stun = stun();
        let room = incoming.room();
        let len = stun.len().min(room.len());
        room[..len].copy_from_slice(&stun[..len]);
        incoming.received(len);
        assert_eq!(incoming.next_message(), Err(fault));
        assert_eq!(incoming.end(), fault);
    }
}

#[test]
fn the_end_of_a_stream_says_whether_a_message_is_missing() {
    let data = channel_data(b"12345");
    for (len, end) in [
        (0, StreamEnd::Closed),
        (1, StreamEnd::Cut { missing: 0 }),
        (4, StreamEnd::Cut { missing: 8 }),
        (11, StreamEnd::Cut { missing: 1 }),
        (12, StreamEnd::Closed),
    ] {
        let mut incoming = Incoming::new(Framing::Turn, 64, Global).unwrap();
        incoming.room()[..len].copy_from_slice(&data[..len]);
        incoming.received(len);
        while incoming.next_message().unwrap().is_some() {}
        assert_eq!(incoming.end(), end, "{len} bytes");
    }
}

#[test]
fn a_stream_that_takes_nothing_costs_no_memory_and_every_drop_is_counted() {
    let mut out = Outgoing::new(Framing::Turn, STUN_ROOM + 100, Global).unwrap();
    let media = channel_data(&[0x80; 40]);
    out.push(&media).unwrap();
    out.push(&media).unwrap();
    assert_eq!(out.push(&media), Err(StreamFull { room: 12, needed: 44 }));
    // Checks go on, as ChannelData, in an indication, and to the server.
    let check = channel_data(&stun());
    out.push(&check).unwrap();
    out.push(&stun()).unwrap();
    let mut send = [0; 200];
    let len = {
        let mut b = Builder::new(&mut send, Class::Indication, Method::SEND, TransactionId([1; 12])).unwrap();
        b.bytes(attr::DATA, &[0x80; 40]).unwrap();
        b.finish()
    };
    assert!(out.push(&send[..len]).is_err(), "media in an indication are media");
    assert_eq!((out.dropped(), out.waiting()), (2, 88 + check.len() + stun().len()));
    let mut sent = [0; 7];
    assert_eq!(out.copy_to(&mut sent), 7);
    out.consume(7);
    assert_eq!(sent, media[..7]);
    while out.push(&stun()).is_ok() {}
    assert!(out.waiting() <= STUN_ROOM + 100);
}

#[test]
fn what_is_pushed_is_what_comes_out() {
    for framing in [Framing::Turn, Framing::Rfc4571] {
        let mut out = Outgoing::new(framing, 4096, Global).unwrap();
        let all: Vec<Vec<u8>> =
            (0..30).map(|n| channel_data(&vec![n; n.into()])[..usize::from(n) + 4].to_vec()).collect();
        for message in &all {
            out.push(message).unwrap();
        }
        let mut stream = vec![0; out.waiting()];
        assert_eq!(out.copy_to(&mut stream), stream.len());
        for piece in [1, 3, 50, stream.len()] {
            let pieces: Vec<&[u8]> = stream.chunks(piece).collect();
            assert_eq!(messages(framing, 64, &pieces).as_ref(), Ok(&all), "{framing:?} in pieces of {piece}");
        }
    }
    let mut out = Outgoing::new(Framing::Rfc4571, 100_000, Global).unwrap();
    let too_long = StreamFull { room: 65_535, needed: 65_536 };
    assert_eq!((out.push(&[0; 65_536]), out.dropped()), (Err(too_long), 1));
}

proptest::proptest! {
    /// Bytes of anything, cut anywhere: the messages and the fault are the same, and none is longer than the buffer.
    #[test]
    fn any_bytes_give_the_same_messages_however_they_are_cut(
        turn in proptest::bool::ANY,
        begins in proptest::collection::vec((0..4_usize, 0..12_u8), 0..4),
        tail in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
        piece in 1..40_usize,
    ) {
        let framing = if turn { Framing::Turn } else { Framing::Rfc4571 };
        let mut bytes = vec![];
        for (kind, len) in begins {
            match kind {
                0 => bytes.extend(stun()),
                1 => bytes.extend(channel_data(&vec![len; len.into()])),
                2 => bytes.extend([&[0, len][..], &vec![len; len.into()]].concat()),
                _ => bytes.extend([0, 1, 0, len]),
            }
        }
        bytes.extend(tail);
        let pieces: Vec<&[u8]> = bytes.chunks(piece).collect();
        let whole = messages(framing, 64, &[&bytes]);
        proptest::prop_assert_eq!(&whole, &messages(framing, 64, &pieces));
        proptest::prop_assert!(whole.iter().flatten().all(|message| message.len() <= 64));
    }
}
