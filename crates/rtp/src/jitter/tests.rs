//! Tests of the jitter buffer.

use super::*;
use barertc_arena::Global;
use barertc_wire::ExtensionMap;
use std::vec::Vec as StdVec;

const MS: u64 = 1_000;

fn buffer(packets: usize) -> JitterBuffer<Global> {
    let (wait, extensions) = (Duration::from_millis(50), ExtensionMap::new());
    let config = JitterConfig {
        format: PayloadFormat::H264,
        framing: Framing::Length4,
        packets,
        payload_bytes: 100,
        wait,
        extensions,
    };
    JitterBuffer::new(config, Global).unwrap()
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * MS)
}

/// A buffer that knows its stream: the packet before `first` was the end of a frame, and markers end frames.
fn begun(packets: usize, first: u16) -> JitterBuffer<Global> {
    let mut b = buffer(packets);
    insert(&mut b, 0, first.wrapping_sub(2), u32::MAX, true, false);
    insert(&mut b, 0, first.wrapping_sub(1), u32::MAX, false, true);
    assert_eq!(poll(&mut b, 0), Some((u32::MAX, 14, false, 0)));
    b
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
    let mut b = begun(16, 65_000);
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
    let mut b = begun(16, 10);
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
    let mut b = begun(16, 10);
    insert(&mut b, 0, 10, 1, true, false);
    insert(&mut b, 1, 12, 1, false, true);
    assert_eq!(poll(&mut b, 30), None);
    assert_eq!(insert(&mut b, 30, 11, 1, false, false), Inserted::Held);
    assert_eq!(insert(&mut b, 30, 11, 1, false, false), Inserted::Duplicate);
    assert_eq!(poll(&mut b, 30), Some((1, 21, true, 0)));
}

#[test]
fn a_lost_frame_is_counted_in_the_next_whose_beginning_is_unproven() {
    let mut b = begun(16, 10);
    insert(&mut b, 0, 10, 1, true, true);
    insert(&mut b, 0, 13, 3, true, true);
    assert_eq!(poll(&mut b, 0), Some((1, 7, true, 0)));
    assert_eq!(poll(&mut b, 50), Some((3, 7, false, 2)));
}

#[test]
fn a_frame_whose_start_is_lost_is_not_complete() {
    let mut b = begun(16, 10);
    insert(&mut b, 0, 10, 1, true, true);
    insert(&mut b, 0, 12, 2, false, true);
    assert_eq!(poll(&mut b, 0), Some((1, 7, true, 0)));
    assert_eq!(poll(&mut b, 50), Some((2, 7, false, 1)));
}

#[test]
fn a_frame_that_lost_its_end_ends_where_the_next_begins() {
    let mut b = begun(16, 10);
    insert(&mut b, 0, 10, 1, true, false);
    insert(&mut b, 0, 12, 2, true, true);
    assert_eq!(poll(&mut b, 50), Some((1, 7, false, 0)));
    assert_eq!(poll(&mut b, 50), Some((2, 7, false, 1)));
}

#[test]
fn without_a_marker_the_next_timestamp_ends_a_frame() {
    let mut b = begun(16, 10);
    insert(&mut b, 0, 10, 1, true, false);
    assert_eq!(poll(&mut b, 1_000), None);
    insert(&mut b, 0, 11, 2, true, false);
    assert_eq!(poll(&mut b, 0), Some((1, 7, true, 0)));
}

#[test]
fn more_than_fits_pushes_the_oldest_out() {
    let mut b = begun(8, 0);
    insert(&mut b, 0, 0, 0, true, false);
    for seq in 2..=9u16 {
        insert(&mut b, 0, seq, u32::from(seq), true, true);
    }
    assert_eq!(b.held(), 8);
    assert_eq!(poll(&mut b, 0), Some((2, 7, false, 2)));
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
    // The beginning of the first frame is proven by parameter sets only.
    assert_eq!(poll(&mut b, 0), Some((1, 14, false, 0)));
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

/// A packet of these bytes.
fn put(b: &mut JitterBuffer<Global>, now: u64, sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) {
    let mut d = StdVec::from([0x80, (u8::from(marker) << 7) | 96]);
    d.extend(sequence.to_be_bytes());
    d.extend(timestamp.to_be_bytes());
    d.extend([0, 0, 0, 1]);
    d.extend(payload);
    assert_eq!(b.insert(at(now), &Packet::parse(&d).unwrap()), Inserted::Held);
}

#[test]
fn a_key_frame_without_its_head_is_not_complete() {
    // SPS, PPS, IDR as three packets: without the first, and without the second.
    for lost in [0, 1] {
        let mut b = begun(16, 9);
        put(&mut b, 0, 9, 7, true, &[0x41, 0x9a]);
        assert_eq!(poll(&mut b, 0), Some((7, 6, true, 0)));
        for (i, payload) in [&[0x67, 1][..], &[0x68, 1], &[0x65, 0x88]].into_iter().enumerate() {
            if i != lost {
                put(&mut b, 0, 10 + i as u16, 8, i == 2, payload);
            }
        }
        put(&mut b, 20, 13, 9, true, &[0x41, 0x9a]);
        assert!(poll(&mut b, 50).is_some_and(|f| f.0 == 8 && !f.2), "{lost}");
    }
}

#[test]
fn the_first_frame_is_proven_by_parameter_sets_and_first_slice() {
    let first = |payloads: &[&[u8]]| {
        let mut b = buffer(16);
        for (i, payload) in payloads.iter().enumerate() {
            put(&mut b, 0, i as u16, 8, i + 1 == payloads.len(), payload);
        }
        poll(&mut b, 10).is_some_and(|f| f.2)
    };
    assert!(first(&[&[0x67, 1], &[0x68, 1], &[0x65, 0x88]]));
    assert!(first(&[&[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1], &[0x7c, 0x85, 0x88], &[0x7c, 0x45, 1]]));
    assert!(!first(&[&[0x68, 1], &[0x65, 0x88]]));
    assert!(!first(&[&[0x67, 1], &[0x68, 1], &[0x65, 0x18]]));
    assert!(!first(&[&[0x65, 0x88]]));
}

#[test]
fn a_marker_on_each_unit_does_not_cut_the_frame() {
    // Polled at the end, and between any two packets.
    for eager in [false, true] {
        let mut b = buffer(16);
        for (i, payload) in [&[0x67, 1][..], &[0x68, 1], &[0x65, 0x88], &[0x65, 0x08]].into_iter().enumerate() {
            put(&mut b, i as u64, i as u16, 8, true, payload);
            if eager {
                assert_eq!(poll(&mut b, i as u64), None);
            }
        }
        put(&mut b, 33, 4, 9, true, &[0x41, 0x9a]);
        assert_eq!(poll(&mut b, 33), Some((8, 24, true, 0)));
        put(&mut b, 34, 5, 9, true, &[0x41, 0x1a]);
        // The last one has nothing behind it, so its end is not proven.
        assert_eq!(poll(&mut b, 34), None);
        assert_eq!(poll(&mut b, 84), Some((9, 12, false, 0)));
    }
}

#[test]
fn rotation_and_loudness_come_with_the_frame() {
    let (wait, map) = (Duration::from_millis(50), ExtensionMap::new().with(Extension::VideoOrientation, 5));
    let config = JitterConfig {
        format: PayloadFormat::Vp8,
        framing: Framing::Whole,
        packets: 8,
        payload_bytes: 100,
        wait,
        extensions: map.with(Extension::AudioLevel, 6),
    };
    let frame = |b: &mut JitterBuffer<Global>, sequence: u8, extension: [u8; 4]| {
        let mut d = StdVec::from([0x90, 0x80 | 96, 0, sequence, 0, 0, 0, sequence, 0, 0, 0, 1, 0xbe, 0xde, 0, 1]);
        d.extend(extension);
        d.extend([0x10, 0]);
        b.insert(at(0), &Packet::parse(&d).unwrap());
        b.poll_frame(at(0), &mut [0; 100]).map(|f| (f.video_orientation, f.audio_level))
    };
    let mut video = JitterBuffer::new(config, Global).unwrap();
    assert_eq!(frame(&mut video, 1, [0, 0, 0, 0]), Some((None, None)));
    assert_eq!(frame(&mut video, 2, [0x50, 3, 0, 0]), Some((Some(3), None)));
    assert_eq!(frame(&mut video, 3, [0, 0, 0, 0]), Some((Some(3), None)));
    let mut audio = JitterBuffer::new(JitterConfig { format: PayloadFormat::Opus, ..config }, Global).unwrap();
    let level = AudioLevel { voice: true, level: 30 };
    assert_eq!(frame(&mut audio, 1, [0x60, 0x80 | 30, 0, 0]), Some((None, Some(level))));
    assert_eq!(frame(&mut audio, 2, [0, 0, 0, 0]), Some((None, None)));
}

/// Of the picture at 10 one packet came, nothing of the next; 13 and 14 are a key frame.
#[test]
fn a_whole_key_frame_does_not_wait_for_what_lies_before_it() {
    let sets = [0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1];
    let slice = [0x65, 0x9a, 1];
    let mut b = begun(32, 10);
    insert(&mut b, 0, 10, 0, true, false);
    put(&mut b, 10, 13, 6_000, false, &sets);
    assert_eq!((poll(&mut b, 30), b.timeout()), (None, Some(at(60))));
    put(&mut b, 31, 14, 6_000, true, &slice);
    assert_eq!((poll(&mut b, 34), b.timeout(), b.is_ready(at(34))), (None, Some(at(35)), false));
    assert!(b.is_ready(at(35)));
    assert_eq!(poll(&mut b, 35), Some((6_000, 19, true, 3)));
    assert_eq!((b.held(), b.next_sequence()), (0, Some(15)));
    // What lay before is late, and what follows goes on.
    assert_eq!(insert(&mut b, 36, 11, 0, false, true), Inserted::Late);
    insert(&mut b, 36, 15, 9_000, true, true);
    assert_eq!(poll(&mut b, 36), Some((9_000, 7, true, 0)));
}

#[test]
fn a_key_frame_without_proof_of_its_beginning_waits() {
    let slice = [0x65, 0x9a, 1];
    let mut b = begun(32, 10);
    insert(&mut b, 0, 10, 0, true, false);
    put(&mut b, 10, 13, 6_000, true, &slice);
    assert_eq!((poll(&mut b, 35), b.timeout()), (None, Some(at(60))));
    // The packet before it, of another picture, proves it.
    insert(&mut b, 35, 12, 3_000, false, true);
    assert_eq!((poll(&mut b, 59), b.timeout()), (None, Some(at(60))));
    assert_eq!(poll(&mut b, 60), Some((6_000, 7, true, 3)));
    // Other pictures wait, however whole they are.
    insert(&mut b, 70, 14, 9_000, true, true);
    insert(&mut b, 70, 16, 15_000, true, true);
    assert_eq!(poll(&mut b, 70), Some((9_000, 7, true, 0)));
    assert_eq!((poll(&mut b, 119), b.timeout()), (None, Some(at(120))));
}

/// Which key frame is ahead is known without a look through the window, whatever came in whatever order.
#[test]
fn the_key_frame_ahead_is_the_one_that_a_search_finds() {
    let (mut state, mut seen) = (1_u64, 0);
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..300 {
        let mut b = buffer(16 + random(48) as usize);
        // Frames of one to four packets, most of them lost or late.
        let (mut packets, mut sequence) = (StdVec::new(), random(65_536) as u16);
        for frame in 0..30_u32 {
            let (key, len) = (random(3) == 0, 1 + random(4));
            for n in 0..len {
                let kind = match n {
                    0 if key => &[0x78, 0, 2, 0x67, 1, 0, 2, 0x68, 1][..],
                    _ if key => &[0x65, 0x88],
                    _ => &[0x41, 0x9a],
                };
                packets.push((sequence, frame * 3_000, n + 1 == len, kind));
                sequence = sequence.wrapping_add(1);
            }
        }
        packets.retain(|_| random(5) > 0);
        for at in 1..packets.len() {
            packets.swap(at, at - random(6).min(at as u64) as usize);
        }
        for (now, (sequence, timestamp, marker, payload)) in packets.into_iter().enumerate() {
            let mut d = StdVec::from([0x80, (u8::from(marker) << 7) | 96]);
            d.extend(sequence.to_be_bytes());
            d.extend(timestamp.to_be_bytes());
            d.extend([0, 0, 0, 1]);
            d.extend(payload);
            b.insert(at(now as u64), &Packet::parse(&d).unwrap());
            let next = b.next.unwrap();
            assert_eq!(b.key_ahead.filter(|key| *key > next), b.find_key_frame(next));
            seen += usize::from(b.key_ahead.is_some());
            if random(4) == 0 {
                let _ = poll(&mut b, now as u64 + random(100));
                let next = b.next.unwrap();
                assert_eq!(b.key_ahead.filter(|key| *key > next), b.find_key_frame(next));
            }
        }
    }
    assert!(seen > 1_000, "{seen} times there was one");
}
