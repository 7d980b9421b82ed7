use super::*;
use barertc_arena::Global;
use std::vec::Vec as StdVec;

const MS: u64 = 1_000;

fn buffer(packets: usize) -> JitterBuffer<Global> {
    let wait = Duration::from_millis(50);
    let config =
        JitterConfig { format: PayloadFormat::H264, framing: Framing::Length4, packets, payload_bytes: 100, wait };
    JitterBuffer::new(config, Global).unwrap()
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * MS)
}

/// A packet with one small slice: the first of its picture or not.
fn insert(
    b: &mut JitterBuffer<Global>,
    now: u64,
    sequence: u16,
    timestamp: u32,
    first: bool,
    marker: bool,
) -> Inserted {
    let mut d = StdVec::from([0x80, (u8::from(marker) << 7) | 96]);
    d.extend(sequence.to_be_bytes());
    d.extend(timestamp.to_be_bytes());
    d.extend([0, 0, 0, 1, 0x41, if first { 0x9a } else { 0x1a }, sequence as u8]);
    b.insert(at(now), &Packet::parse(&d).unwrap())
}

fn poll(b: &mut JitterBuffer<Global>, now: u64) -> Option<(u32, usize, bool, u32)> {
    let mut out = [0; 1000];
    b.poll_frame(at(now), &mut out).map(|f| (f.timestamp, f.len, f.complete, f.lost))
}

#[test]
fn frames_come_out_in_order_over_the_wrap() {
    let mut b = buffer(16);
    let mut expected = 0;
    for base in (65_000u32..67_000).step_by(4) {
        for i in [2, 0, 3, 1] {
            let seq = (base + i) as u16;
            assert_eq!(insert(&mut b, 0, seq, base, i == 0, i == 3), Inserted::Held);
        }
        assert_eq!(poll(&mut b, 0), Some((base, 28, true, 0)));
        assert_eq!(poll(&mut b, 0), None);
        expected += 1;
    }
    assert_eq!((expected, b.held()), (500, 0));
}

#[test]
fn a_missing_packet_is_waited_for_and_then_given_up() {
    let mut b = buffer(16);
    insert(&mut b, 0, 10, 1, true, false);
    insert(&mut b, 1, 12, 1, false, true);
    insert(&mut b, 2, 13, 2, true, true);
    assert_eq!(poll(&mut b, 50), None);
    assert_eq!(b.timeout(), Some(at(51)));
    assert_eq!(poll(&mut b, 51), Some((1, 14, false, 1)));
    assert_eq!(poll(&mut b, 51), Some((2, 7, true, 0)));
    assert_eq!(insert(&mut b, 52, 11, 1, false, false), Inserted::Late);
}

#[test]
fn a_retransmission_in_time_makes_the_frame_whole() {
    let mut b = buffer(16);
    insert(&mut b, 0, 10, 1, true, false);
    insert(&mut b, 1, 12, 1, false, true);
    assert_eq!(poll(&mut b, 30), None);
    assert_eq!(insert(&mut b, 30, 11, 1, false, false), Inserted::Held);
    assert_eq!(insert(&mut b, 30, 11, 1, false, false), Inserted::Duplicate);
    assert_eq!(poll(&mut b, 30), Some((1, 21, true, 0)));
}

#[test]
fn a_lost_frame_is_counted_in_the_next_which_is_whole() {
    let mut b = buffer(16);
    insert(&mut b, 0, 10, 1, true, true);
    insert(&mut b, 0, 13, 3, true, true);
    assert_eq!(poll(&mut b, 0), Some((1, 7, true, 0)));
    assert_eq!(poll(&mut b, 50), Some((3, 7, true, 2)));
}

#[test]
fn a_frame_whose_start_is_lost_is_not_complete() {
    let mut b = buffer(16);
    insert(&mut b, 0, 10, 1, true, true);
    insert(&mut b, 0, 12, 2, false, true);
    assert_eq!(poll(&mut b, 0), Some((1, 7, true, 0)));
    assert_eq!(poll(&mut b, 50), Some((2, 7, false, 1)));
}

#[test]
fn a_frame_that_lost_its_end_ends_where_the_next_begins() {
    let mut b = buffer(16);
    insert(&mut b, 0, 10, 1, true, false);
    insert(&mut b, 0, 12, 2, true, true);
    assert_eq!(poll(&mut b, 50), Some((1, 7, false, 0)));
    assert_eq!(poll(&mut b, 50), Some((2, 7, true, 1)));
}

#[test]
fn without_a_marker_the_next_timestamp_ends_a_frame() {
    let mut b = buffer(16);
    insert(&mut b, 0, 10, 1, true, false);
    assert_eq!(poll(&mut b, 1_000), None);
    insert(&mut b, 0, 11, 2, true, false);
    assert_eq!(poll(&mut b, 0), Some((1, 7, true, 0)));
}

#[test]
fn more_than_fits_pushes_the_oldest_out() {
    let mut b = buffer(8);
    insert(&mut b, 0, 0, 0, true, false);
    for seq in 2..=9u16 {
        insert(&mut b, 0, seq, u32::from(seq), true, true);
    }
    assert_eq!(b.held(), 8);
    assert_eq!(poll(&mut b, 0), Some((2, 7, true, 2)));
    // A jump far ahead leaves nothing of before.
    insert(&mut b, 0, 20_000, 7, false, true);
    assert_eq!(b.held(), 1);
    assert!(poll(&mut b, 50).is_some_and(|f| f.0 == 7 && !f.2));
}

#[test]
fn the_first_packets_may_have_overtaken_one_another() {
    let mut b = buffer(8);
    insert(&mut b, 0, 3, 1, false, true);
    insert(&mut b, 0, 2, 1, true, false);
    assert_eq!(poll(&mut b, 0), Some((1, 14, true, 0)));
}

#[test]
fn the_memory_is_what_the_configuration_says() {
    let b = buffer(8);
    let heap = barertc_arena::Counting::new(Global);
    let config = b.config;
    let b = JitterBuffer::new(config, &heap).unwrap();
    assert!(
        heap.stats().live > 800
            && heap.stats().live <= JitterBuffer::<&barertc_arena::Counting<Global>>::worst_case_bytes(&config)
    );
    drop(b);
    assert_eq!(heap.stats().live, 0);
}
