//! Elementary streams: cut into access units wherever the reads happen to end.

use crate::support;

use barertc_arena::Global;
use barertc_media::pack::{block_on, read};
use barertc_media::{AnnexB, AnnexBConfig, Disk, ErrorKind, FrameKind, SourceFrame};
use proptest::prelude::*;
use support::{DATA, Files, access_unit, check};

type Failure = barertc_media::Error<std::convert::Infallible>;

/// All frames of the stream, or what went wrong.
fn frames(bytes: &[u8], max_frame_bytes: usize) -> Result<Vec<SourceFrame<Global>>, Failure> {
    let mut storage = Files::one("v.h264", bytes);
    let config = AnnexBConfig { max_frame_bytes, ..AnnexBConfig::default() };
    let mut source = block_on(AnnexB::open(&mut storage, "v.h264", config, Global))?;
    let mut frames: Vec<SourceFrame<Global>> = vec![];
    loop {
        let frame = block_on(source.next(&mut storage))?;
        assert_eq!(frame.timestamp, 3000 * frames.len() as u64);
        if frame.number == 0 && !frames.is_empty() {
            assert_eq!(frame.data[..], frames[0].data[..], "the loop begins differently");
            return Ok(frames);
        }
        frames.push(frame);
    }
}

#[test]
fn the_sample_comes_back_from_its_elementary_stream() {
    let tracks = block_on(read(&mut Disk::new(DATA), "sample-small.brtc")).unwrap();
    let video = tracks.iter().find(|t| t.kind == FrameKind::H264).unwrap();
    let frames = frames(&video.annex_b(), 1 << 18).unwrap();
    assert_eq!(frames.len(), video.frames.len());
    for (frame, expected) in frames.iter().zip(&video.frames) {
        assert_eq!(frame.data[..], expected[..]);
        assert_eq!(frame.keyframe, video.key_frames.contains(&frame.number));
    }
}

#[test]
fn pictures_of_several_slices_stay_together() {
    // Delimiter, parameter sets, two slices; a slice alone; a message and two slices.
    let bytes = [
        &[
            0, 0, 0, 1, 9, 0xf0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 0x88, 4, 0, 0, 1, 0x65, 0x44,
            5,
        ][..],
        &[0, 0, 1, 0x41, 0x9a, 6],
        &[0, 0, 0, 1, 6, 7, 8, 0x80, 0, 0, 1, 0x41, 0x9a, 7, 0, 0, 1, 0x41, 0x21, 8, 0, 0],
    ];
    let frames = frames(&bytes.concat(), 1000).unwrap();
    let expected = [
        access_unit(&[&[9, 0xf0], &[0x67, 1, 2], &[0x68, 3], &[0x65, 0x88, 4], &[0x65, 0x44, 5]]),
        access_unit(&[&[0x41, 0x9a, 6]]),
        access_unit(&[&[6, 7, 8, 0x80], &[0x41, 0x9a, 7], &[0x41, 0x21, 8]]),
    ];
    assert_eq!(frames.iter().map(|f| f.data.to_vec()).collect::<Vec<_>>(), expected);
    assert_eq!(frames.iter().map(|f| f.keyframe).collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn what_is_no_stream_is_told() {
    for (bytes, kind) in [
        (&[][..], ErrorKind::Empty),
        (&[0; 5000], ErrorKind::TooLarge { len: 4096 + 100, max: 100 }),
        (&[0; 30], ErrorKind::Empty),
        (b"RIFF....", ErrorKind::Malformed("no start code")),
        (&[1, 0, 0, 1, 0x65, 0x88, 1], ErrorKind::Malformed("no start code")),
        (&[0, 0, 1, 0x67, 1, 2, 3], ErrorKind::Empty),
    ] {
        let error = frames(bytes, 100).err().unwrap();
        check(&error, "v.h264", bytes.len());
        assert_eq!(error.kind, kind, "{error}");
    }
}

#[test]
fn a_frame_beyond_the_bound_is_told_where_it_begins() {
    let mut bytes = vec![0, 0, 1, 0x65, 0x88, 1];
    bytes.extend([0, 0, 1, 0x41, 0x9a]);
    bytes.resize(9000, 7);
    let mut storage = Files::one("v.h264", &bytes);
    let config = AnnexBConfig { max_frame_bytes: 500, ..AnnexBConfig::default() };
    let mut source = block_on(AnnexB::open(&mut storage, "v.h264", config, Global)).unwrap();
    block_on(source.next(&mut storage)).unwrap();
    let error = block_on(source.next(&mut storage)).unwrap_err();
    assert_eq!(error.offset, 6);
    assert!(matches!(error.kind, ErrorKind::TooLarge { max: 500, .. }));
    source.rewind();
    assert_eq!(block_on(source.next(&mut storage)).unwrap().number, 0);
}

fn nal(first: u8) -> impl Strategy<Value = Vec<u8>> {
    // The bytes of a NAL unit have no start code in them (H.264 §7.4.1), and don't end in zero.
    prop::collection::vec(1u8..=255, 1..3000).prop_map(move |mut rest| {
        rest.insert(0, first);
        rest[1] |= 0x80;
        rest
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_stream_is_cut_where_its_pictures_begin(
        units in prop::collection::vec((prop::option::of(nal(0x67)), nal(0x41), any::<bool>()), 1..12),
    ) {
        let (mut bytes, mut expected) = (vec![], vec![]);
        for (head, slice, long) in &units {
            let nals: Vec<&[u8]> = head.iter().chain([slice]).map(Vec::as_slice).collect();
            for nal in &nals {
                bytes.extend(if *long { &[0, 0, 0, 1][..] } else { &[0, 0, 1] });
                bytes.extend(*nal);
            }
            expected.push(access_unit(&nals));
        }
        let found: Vec<_> = frames(&bytes, 8192).unwrap().iter().map(|f| f.data.to_vec()).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn noise_is_never_a_panic(bytes in prop::collection::vec(prop::sample::select(vec![0u8, 0, 0, 1, 0x65, 0x67, 0x88, 9]), 0..600)) {
        if let Err(error) = frames(&bytes, 300) {
            check(&error, "v.h264", bytes.len());
        }
    }
}
