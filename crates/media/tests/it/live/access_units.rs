//! H.264 between start codes, in chunks that end anywhere.

use crate::support::{DATA, access_unit};

use barertc_arena::{Counting, FailNth, Global};
use barertc_media::pack::{block_on, read};
use barertc_media::{AccessUnits, AccessUnitsConfig, CaptureClock, Disk, FrameKind, StartError, StreamError};
use barertc_wire::{ConfigError, Instant, Rule};
use proptest::prelude::*;

type Found = Result<(Vec<u8>, bool), StreamError>;

fn splitter(max_frame_bytes: usize) -> AccessUnits<Global> {
    let config = AccessUnitsConfig { max_frame_bytes, ..AccessUnitsConfig::new() };
    AccessUnits::new(config, CaptureClock::new(FrameKind::H264, Instant::ZERO), Global).unwrap()
}

/// All frames and errors of a stream in these chunks, the last unit included.
fn split<'c>(max_frame_bytes: usize, chunks: impl IntoIterator<Item = &'c [u8]>) -> Vec<Found> {
    let mut units = splitter(max_frame_bytes);
    let mut found = vec![];
    for mut chunk in chunks {
        loop {
            match units.next(Instant::ZERO, &mut chunk) {
                Ok(Some(frame)) => found.push(Ok((frame.data.to_vec(), frame.keyframe))),
                Ok(None) => break,
                Err(error) => found.push(Err(error)),
            }
        }
        assert!(chunk.is_empty());
    }
    match units.end_of_unit() {
        Ok(last) => found.extend(last.map(|frame| Ok((frame.data.to_vec(), frame.keyframe)))),
        Err(error) => found.push(Err(error)),
    }
    found
}

/// `bytes` in pieces that are `lengths` long, over and over.
fn cut<'b>(bytes: &'b [u8], lengths: &[usize]) -> Vec<&'b [u8]> {
    let (mut rest, mut pieces, mut lengths) = (bytes, vec![], lengths.iter().cycle());
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at((*lengths.next().unwrap()).clamp(1, rest.len()));
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

fn stream(nals: &[&[u8]]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&[0, 0, 0, 1][..], nal].concat()).collect()
}

#[test]
fn the_sample_comes_back_from_a_pipe() {
    let tracks = block_on(read(&mut Disk::new(DATA), "sample-small.brtc")).unwrap();
    let video = tracks.iter().find(|t| t.kind == FrameKind::H264).unwrap();
    let bytes = video.annex_b();
    let found = split(1 << 18, bytes.chunks(4096));
    assert_eq!(found.len(), video.frames.len());
    for (number, (found, expected)) in found.iter().zip(&video.frames).enumerate() {
        let (data, key) = found.as_ref().unwrap();
        assert_eq!(data[..], expected[..], "frame {number}");
        assert_eq!(*key, video.key_frames.contains(&(number as u32)));
    }
}

#[test]
fn a_key_frame_has_the_sets_that_the_stream_had_last() {
    let bytes = stream(&[&[0x67, 1], &[0x68, 2], &[0x65, 0x88, 3], &[0x41, 0x9a, 4], &[0x09, 0xf0], &[0x65, 0x88, 5]]);
    let found: Vec<_> = split(1000, [&bytes[..]]).into_iter().map(Result::unwrap).collect();
    let expected = [
        (access_unit(&[&[0x67, 1], &[0x68, 2], &[0x65, 0x88, 3]]), true),
        (access_unit(&[&[0x41, 0x9a, 4]]), false),
        (access_unit(&[&[0x09, 0xf0], &[0x67, 1], &[0x68, 2], &[0x65, 0x88, 5]]), true),
    ];
    assert_eq!(found, expected);
}

#[test]
fn behind_a_unit_that_is_too_large_or_broken_the_stream_goes_on() {
    let large = [&[0x41, 0x9a][..], &[7; 500]].concat();
    // Rubbish, a picture, one that is too large, its second slice, a picture, a broken one, a picture.
    let bytes = [
        b"rubbish".to_vec(),
        stream(&[&[0x65, 0x88, 1], &large, &[0x41, 0x20, 2], &[0x41, 0x9a, 3], &[0xc1, 0x9a, 4], &[0x41, 0x9a, 5]]),
    ]
    .concat();
    let mut units = splitter(100);
    let mut rest = &bytes[..];
    let mut next = || units.next(Instant::ZERO, &mut rest).map(|frame| frame.map(|frame| frame.data.to_vec()));
    assert_eq!(next(), Ok(Some(access_unit(&[&[0x65, 0x88, 1]]))));
    let error = next().unwrap_err();
    assert_eq!(error, StreamError::TooLarge { field: "max_frame_bytes", limit: 100, len: 105 });
    assert_eq!(error.to_string(), "105 bytes in one piece, max_frame_bytes allows 100");
    assert_eq!(next(), Ok(Some(access_unit(&[&[0x41, 0x9a, 3]]))));
    assert_eq!(next(), Err(StreamError::Malformed("NAL unit with forbidden_zero_bit")));
    assert_eq!(next(), Ok(None));
    let (left_out, last) = (units.left_out(), units.end_of_unit().unwrap().unwrap());
    assert_eq!(last.data[..], access_unit(&[&[0x41, 0x9a, 5]]));
    // Rubbish, the large unit with its second slice, the broken one.
    let least = 7 + (3 + 502 + 4 + 3) + 7;
    // The zero byte before a start code belongs to either side.
    assert!((least..least + 2).contains(&left_out), "{left_out} bytes that are in no frame");
}

#[test]
fn parameter_sets_of_a_unit_that_is_left_out_are_kept() {
    let (sps, pps) = ([0x67, 1, 2, 3], [0x68, 4, 5]);
    let key = [0x65, 0x88, 9];
    let with_sets = access_unit(&[&sps, &pps, &key]);
    let large = [&[0x65, 0x88][..], &[7; 500]].concat();
    let broken = [0xe5, 0x88, 7];
    for left_out in [&large[..], &broken] {
        let bytes = stream(&[&sps, &pps, left_out, &key]);
        for chunk in [1, 10, 1000] {
            let found = split(100, bytes.chunks(chunk));
            assert_eq!(found.len(), 2, "{found:?}");
            assert!(found[0].is_err());
            assert_eq!(found[1], Ok((with_sets.clone(), true)));
        }
    }
    // A set that lies across the bound goes on behind it.
    let message = [&[6][..], &[7; 88]].concat();
    let found = split(100, [&stream(&[&message, &sps, &pps, &[0x65, 0x88, 1], &key])[..]]);
    // The kept sets stand before its own.
    let first = access_unit(&[&sps, &pps, &pps, &[0x65, 0x88, 1]]);
    let too_large = Err(StreamError::TooLarge { field: "max_frame_bytes", limit: 100, len: 105 });
    assert_eq!(found, [too_large, Ok((first, true)), Ok((with_sets, true))]);
    // One that is larger than the bound cannot be repeated, and that is told.
    let vast = [&[0x67][..], &[7; 200]].concat();
    let found = split(100, [&stream(&[&vast, &pps, &[0x65, 0x88, 1], &key])[..]]);
    assert!(found.iter().all(Result::is_err), "{found:?}");
}

#[test]
fn a_unit_was_captured_when_it_came_whatever_came_before_it() {
    let large = [&[0x41, 0x9a][..], &[7; 500]].concat();
    let picture = stream(&[&[0x65, 0x88, 1], &[0x41, 0x9a, 2]]);
    for before in [b"rubbish".to_vec(), vec![0, 0, 0], stream(&[&large]), stream(&[&[0x41, 0x9a, 3]])] {
        let config = AccessUnitsConfig { max_frame_bytes: 100, frame_duration: 0 };
        let clock = CaptureClock::new(FrameKind::H264, Instant::ZERO);
        let mut units = AccessUnits::new(config, clock, Global).unwrap();
        let mut at = |millis, bytes: &[u8]| {
            let (mut stamps, mut rest) = (vec![], bytes);
            loop {
                match units.next(Instant::from_millis(millis), &mut rest) {
                    Ok(Some(frame)) => stamps.push(frame),
                    Ok(None) => break,
                    Err(_) => {}
                }
            }
            stamps.into_iter().filter(|frame| frame.keyframe).map(|frame| frame.timestamp).collect::<Vec<_>>()
        };
        assert_eq!(at(1_000, &before), []);
        assert_eq!(at(5_000, &picture), [450_000], "behind {before:?}");
    }
}

#[test]
fn a_stream_that_is_none_is_told_again_and_again() {
    let found = split(200, [&[0x55; 1000][..]]);
    assert!(found.len() >= 4, "{found:?}");
    for error in found {
        assert_eq!(error, Err(StreamError::NotFound { what: "start code of H.264", bytes: 203 }));
    }
}

#[test]
fn a_unit_whose_end_is_known_is_not_late() {
    let mut units = splitter(1000);
    for number in 0..3_u8 {
        let bytes = stream(&[&[0x65, 0x88, number + 1]]);
        assert!(units.next(Instant::ZERO, &mut &bytes[..]).unwrap().is_none());
        let frame = units.end_of_unit().unwrap().unwrap();
        assert_eq!(frame.data[..], access_unit(&[&[0x65, 0x88, number + 1]]));
    }
    // Parameter sets alone are no picture: they wait for it.
    assert!(units.next(Instant::ZERO, &mut &stream(&[&[0x67, 9]])[..]).unwrap().is_none());
    assert!(units.end_of_unit().unwrap().is_none());
    assert!(units.next(Instant::ZERO, &mut &stream(&[&[0x65, 0x88, 9]])[..]).unwrap().is_none());
    assert_eq!(units.end_of_unit().unwrap().unwrap().data[..], access_unit(&[&[0x67, 9], &[0x65, 0x88, 9]]));
}

#[test]
fn a_stream_begins_anew_where_another_encoder_does() {
    let mut units = splitter(1000);
    let half = stream(&[&[0x67, 1], &[0x68, 2], &[0x65, 0x88, 3], &[0x41, 0x9a]]);
    assert!(units.next(Instant::ZERO, &mut &half[..]).unwrap().is_some());
    units.restart();
    let whole = stream(&[&[0x65, 0x88, 4], &[0x41, 0x9a, 5]]);
    let frame = units.next(Instant::ZERO, &mut &whole[..]).unwrap().unwrap();
    assert_eq!(frame.data[..], access_unit(&[&[0x65, 0x88, 4]]), "sets of another stream");
    assert_eq!(frame.number, 1);
}

#[test]
fn memory_is_bounded_given_back_and_may_run_out() {
    let config = AccessUnitsConfig { max_frame_bytes: 500, ..AccessUnitsConfig::new() };
    let clock = CaptureClock::new(FrameKind::H264, Instant::ZERO);
    let heap = Counting::new(Global);
    {
        let mut units = AccessUnits::new(config, clock, &heap).unwrap();
        let bytes = stream(&[&[0x65, 0x88, 1], &[0x41, 0x9a, 2], &[0x41, 0x9a, 3]]);
        let mut rest = &bytes[..];
        while units.next(Instant::ZERO, &mut rest).unwrap().is_some() {}
        assert_eq!(heap.stats().live, AccessUnits::<&Counting<Global>>::worst_case_bytes(&config));
        let blocks = heap.stats().allocations;
        assert_eq!(blocks, 3, "one for the unit at hand, one for each frame");
    }
    assert_eq!(heap.stats().live, 0);

    let failing = FailNth::new(Global, 1);
    assert_eq!(AccessUnits::new(config, clock, &failing).err(), Some(StartError::OutOfMemory));
    let failing = FailNth::new(Global, 2);
    let mut units = AccessUnits::new(config, clock, &failing).unwrap();
    let bytes = stream(&[&[0x65, 0x88, 1], &[0x41, 0x9a, 2], &[0x41, 0x9a, 3]]);
    let mut rest = &bytes[..];
    assert!(matches!(units.next(Instant::ZERO, &mut rest), Err(StreamError::OutOfMemory { len: 7 })));
    let second = units.next(Instant::ZERO, &mut rest).unwrap().unwrap();
    assert_eq!(second.data[..], access_unit(&[&[0x41, 0x9a, 2]]));

    let small = AccessUnitsConfig { max_frame_bytes: 3, ..config };
    let error = ConfigError { field: "max_frame_bytes", rule: Rule::AtLeast(64), value: 3 };
    assert_eq!(AccessUnits::new(small, clock, Global).err(), Some(StartError::Config(error)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    /// Whatever the bytes are: the same frames and the same errors come of them, however they are cut.
    #[test]
    fn any_cut_of_the_same_bytes_gives_the_same_frames(
        bytes in prop::collection::vec(prop::sample::select(vec![0u8, 0, 0, 0, 1, 1, 0x65, 0x41, 0x67, 0x88, 9, 0xc1]), 0..900),
        lengths in prop::collection::vec(1usize..70, 1..20),
    ) {
        let whole = split(100, [&bytes[..]]);
        prop_assert_eq!(&split(100, cut(&bytes, &lengths)), &whole);
        prop_assert_eq!(&split(100, bytes.chunks(1)), &whole);
    }

    /// Pictures of several NAL units, long ones between them: nothing is lost but what is too large.
    #[test]
    fn all_pictures_within_the_bound_are_found(
        units in prop::collection::vec((1usize..3000, any::<bool>(), any::<bool>()), 1..20),
        lengths in prop::collection::vec(1usize..5000, 1..6),
    ) {
        let (mut bytes, mut expected) = (vec![], vec![]);
        for (n, (len, key, two)) in units.iter().enumerate() {
            let first = [&[if *key { 0x65 } else { 0x41 }, 0x88][..], &vec![n as u8 + 1; *len]].concat();
            let second = [if *key { 0x65 } else { 0x41 }, 0x20, 7];
            let nals: Vec<&[u8]> = if *two { vec![&first, &second] } else { vec![&first] };
            bytes.extend(stream(&nals));
            if access_unit(&nals).len() <= 2000 {
                expected.push((access_unit(&nals), *key));
            }
        }
        let found = split(2000, cut(&bytes, &lengths));
        let errors = found.iter().filter(|found| found.is_err()).count();
        prop_assert_eq!(errors, units.len() - expected.len(), "each that is left out is told once");
        let found: Vec<_> = found.into_iter().flatten().collect();
        prop_assert_eq!(found, expected);
    }
}
