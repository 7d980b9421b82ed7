//! Chunks and parameters that are not known here (RFC 9260 §3.2), and HEARTBEATs of all sizes.

use barertc_sctp::{Config, packet};
use barertc_wire::Instant;

use crate::support::association;
use crate::support::raw::{chunk, chunks, victim};

const HEARTBEAT: u8 = 4;
const HEARTBEAT_ACK: u8 = 5;
const ERROR: u8 = 9;

#[test]
fn the_two_high_bits_of_an_unknown_chunk_say_what_to_do() {
    // 00 and 01 stop the packet, 01 and 11 are reported.
    for (kind, goes_on, reported) in
        [(0x3F, false, false), (0x7F, false, true), (0xBF, true, false), (0xFF, true, true)]
    {
        for value in [&[][..], &[1], &[1, 2, 3, 4, 5, 6, 7]] {
            let mut v = victim();
            let unknown = chunk(kind, 5, value);
            let both = [&unknown[..], &chunk(HEARTBEAT, 0, &[0, 1, 0, 8, 9, 9, 9, 9])].concat();
            assert!(v.attack(&both).is_err());
            let answers: Vec<_> = v.answers().iter().flat_map(|p| chunks(p)).collect();
            let has = |kind: u8| answers.iter().any(|(k, ..)| *k == kind);
            assert_eq!((has(HEARTBEAT_ACK), has(ERROR)), (goes_on, reported), "{kind:x}");
            if reported {
                // Cause 6 with the whole chunk, which stands in the packet as it came.
                let error = &answers.iter().find(|(k, ..)| *k == ERROR).expect("checked").2;
                assert_eq!((&error[..2], &error[4..]), (&[0, 6][..], &unknown[..4 + value.len()]));
                assert_eq!(usize::from(error[3]), 8 + value.len());
            }
        }
    }
}

#[test]
fn heartbeats_of_any_size_are_answered_each_of_several() {
    for len in (4..1_170).step_by(7).chain([1_170, 1_172]) {
        let mut v = victim();
        let info: Vec<u8> = (0..len).map(|n| n as u8).collect();
        v.attack(&chunk(HEARTBEAT, 0, &info)).expect("HEARTBEAT");
        let answers: Vec<_> = v.answers().iter().flat_map(|p| chunks(p)).collect();
        assert_eq!(answers, [(HEARTBEAT_ACK, 0, info)]);
    }
    let mut v = victim();
    let three =
        [chunk(HEARTBEAT, 0, &[1; 40]), chunk(HEARTBEAT, 0, &[2; 301]), chunk(HEARTBEAT, 0, &[3; 600])].concat();
    v.attack(&three).expect("HEARTBEATs");
    let answers: Vec<_> = v.answers().iter().flat_map(|p| chunks(p)).map(|(kind, _, info)| (kind, info)).collect();
    assert_eq!(answers, [(5, vec![1; 40]), (5, vec![2; 301]), (5, vec![3; 600])]);
    // What cannot be answered in a packet of ours is counted.
    v.attack(&chunk(HEARTBEAT, 0, &[0; 1_200])).expect("HEARTBEAT");
    assert_eq!(v.net.left.discards().get(barertc_sctp::Discard::TooLong), 1);
}

#[test]
fn a_heartbeat_is_answered_though_the_receive_buffer_is_full() {
    let mut v = victim();
    let mut tsn = v.tsn;
    v.attack(&crate::support::raw::data(3, tsn, 1, 0, 50, &crate::support::raw::OPEN)).expect("OPEN");
    // Large ones and then small ones in turn, until not even the chunk that comes next finds room.
    let mut sequence = 1;
    for len in [900, 200] {
        while v.attack(&crate::support::raw::data(3, tsn.wrapping_add(1), 1, sequence, 53, &vec![7; len])).is_ok() {
            (tsn, sequence) = (tsn.wrapping_add(1), sequence + 1);
            v.answers();
        }
    }
    assert!(v.net.left.discards().get(barertc_sctp::Discard::NoMemory) > 0);
    for _ in 0..100 {
        v.attack(&chunk(HEARTBEAT, 0, &[9; 60])).expect("HEARTBEAT");
        assert!(v.answers().iter().flat_map(|p| chunks(p)).any(|(kind, ..)| kind == HEARTBEAT_ACK));
    }
}

#[test]
fn unknown_parameters_of_init_are_told_in_init_ack() {
    let (mut a, heap) = association(Config::new(), 1);
    let now = Instant::from_millis(1);
    let live = heap.stats().live;
    // 11 is reported and skipped, 10 skipped, 01 reported and ends the parameters: the last is not looked at.
    let mut params = vec![0xFF, 1, 0, 7, 1, 2, 3, 0, 0x9F, 1, 0, 4, 0x7F, 2, 0, 6, 5, 6, 0, 0, 0xFF, 3, 0, 4];
    let mut value = vec![0, 0, 0, 9, 0, 1, 0, 0, 0, 9, 0, 9, 0, 0, 0, 7];
    value.append(&mut params);
    // Many times: what waits for INIT ACK takes the place of what waited before.
    for _ in 0..1_000 {
        let mut p = vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 0];
        p.extend(chunk(1, 0, &value));
        packet::seal(&mut p);
        a.handle(now, &mut p).expect("INIT");
    }
    let mut room = [0; 1_200];
    let len = a.poll_transmit(now, &mut room).expect("INIT ACK");
    let (kind, _, ack) = chunks(&room[..len]).remove(0);
    assert_eq!(kind, 2);
    let unrecognized = of_kind(&ack, 8);
    assert_eq!(unrecognized, [vec![0xFF, 1, 0, 7, 1, 2, 3], vec![0x7F, 2, 0, 6, 5, 6]]);
    assert_eq!(heap.stats().live, live);
    assert_eq!(a.stats().receive_window, association(Config::new(), 2).0.stats().receive_window, "nothing is kept");
}

#[test]
fn zero_checksums_are_told_in_init_ack_to_who_told_of_them() {
    let now = Instant::from_millis(1);
    for params in [&[][..], &[0x80, 1, 0, 8, 0, 0, 0, 1]] {
        let (mut a, _) = association(Config::new(), 1);
        let mut value = vec![0, 0, 0, 9, 0, 1, 0, 0, 0, 9, 0, 9, 0, 0, 0, 7];
        value.extend(params);
        let mut p = vec![0x13, 0x88, 0x13, 0x88, 0, 0, 0, 0, 0, 0, 0, 0];
        p.extend(chunk(1, 0, &value));
        packet::seal(&mut p);
        a.handle(now, &mut p).expect("INIT");
        let mut room = [0; 1_200];
        let len = a.poll_transmit(now, &mut room).expect("INIT ACK");
        let (kind, _, ack) = chunks(&room[..len]).remove(0);
        assert_eq!(kind, 2);
        let told = of_kind(&ack, 0x8001);
        assert_eq!(told, if params.is_empty() { vec![] } else { vec![vec![0, 0, 0, 1]] });
    }
}

/// The values of the parameters of one kind in an INIT or INIT ACK.
fn of_kind(init: &[u8], kind: u16) -> Vec<Vec<u8>> {
    let mut at = 16;
    let mut found = vec![];
    while let Some(&[a, b, c, d]) = init.get(at..at + 4) {
        let n = usize::from(u16::from_be_bytes([c, d]));
        if u16::from_be_bytes([a, b]) == kind {
            found.push(init[at + 4..at + n].to_vec());
        }
        at += n.next_multiple_of(4);
    }
    found
}
