//! Streams to TURN servers and of ICE over TCP: any bytes in any pieces. No panic, no message longer than the buffer, the
//! same messages however the stream is cut, and what is queued comes out whole.
#![no_main]

use barertc_arena::Global;
use barertc_ice::stream::{Framing, Incoming, Outgoing, StreamEnd};
use libfuzzer_sys::fuzz_target;

const ROOM: usize = 300;

fn messages(framing: Framing, mut bytes: &[u8], piece: usize) -> (Vec<Vec<u8>>, StreamEnd) {
    let mut incoming = Incoming::new(framing, ROOM, Global).unwrap();
    let mut all = vec![];
    loop {
        loop {
            match incoming.next_message() {
                Ok(Some(message)) => {
                    assert!(message.len() <= ROOM);
                    all.push(message.to_vec());
                }
                Ok(None) => break,
                Err(end) => {
                    assert_eq!(incoming.end(), end);
                    return (all, end);
                }
            }
        }
        if bytes.is_empty() {
            return (all, incoming.end());
        }
        let room = incoming.room();
        assert!(!room.is_empty(), "there is room for the rest of a message");
        let (now, later) = bytes.split_at(piece.min(bytes.len()).min(room.len()));
        room[..now.len()].copy_from_slice(now);
        incoming.received(now.len());
        bytes = later;
    }
}

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (turn, piece, bytes) = input;
    let framing = if turn { Framing::Turn } else { Framing::Rfc4571 };
    let (whole, end) = messages(framing, bytes, usize::MAX);
    let (pieces, end_of_pieces) = messages(framing, bytes, usize::from(piece) + 1);
    assert_eq!(whole, pieces);
    assert_eq!(end, end_of_pieces);
    // What one side queues, the other side reads, but for what has no room.
    let mut out = Outgoing::new(framing, 2048, Global).unwrap();
    let sent: Vec<_> = whole.into_iter().filter(|message| out.push(message).is_ok()).collect();
    assert!(out.waiting() <= 2048);
    let mut stream = vec![0; out.waiting()];
    assert_eq!(out.copy_to(&mut stream), stream.len());
    assert_eq!(messages(framing, &stream, usize::from(piece) + 1), (sent, StreamEnd::Closed));
});
