//! VP8, VP9 and AV1 in IVF, from a pipe and from a file.

use barertc_arena::{FailNth, Global, Heap};
use barertc_media::pack::block_on;
use barertc_media::{
    AccessUnitsConfig, CaptureClock, ErrorKind, FrameKind, Ivf, IvfConfig, IvfFrames, IvfFramesConfig, Pictures,
    StreamError,
};
use barertc_wire::Instant;
use proptest::prelude::*;

use crate::live::ffmpeg::ffmpeg;
use crate::support::{Files, check};

const CLOCK: CaptureClock = CaptureClock::new(FrameKind::Vp9, Instant::ZERO);
const CONFIG: IvfFramesConfig = IvfFramesConfig { max_frame_bytes: 1000, ..IvfFramesConfig::new() };

/// A head of 32 bytes, and `more` that a later version may have.
fn head(fourcc: &[u8; 4], more: usize) -> Vec<u8> {
    let mut head = [b"DKIF\0\0", &(32 + more as u16).to_le_bytes()[..], fourcc, &[0; 20]].concat();
    head.resize(32 + more, 0x5a);
    head
}

fn stream(head: Vec<u8>, frames: &[Vec<u8>]) -> Vec<u8> {
    let frame = |frame: &Vec<u8>| [&(frame.len() as u32).to_le_bytes()[..], &[7; 8], frame].concat();
    head.into_iter().chain(frames.iter().flat_map(frame)).collect()
}

type Found = Result<(FrameKind, bool, Vec<u8>), StreamError>;

/// What comes of a stream, and how many bytes of it are in no frame.
fn cut<'c>(chunks: impl IntoIterator<Item = &'c [u8]>) -> (Vec<Found>, u64) {
    let mut frames = IvfFrames::new(CONFIG, CLOCK, Global).unwrap();
    let mut found = vec![];
    for mut chunk in chunks {
        loop {
            match frames.next(Instant::ZERO, &mut chunk) {
                Ok(None) => break,
                Ok(Some(frame)) => found.push(Ok((frame.kind, frame.keyframe, frame.data.to_vec()))),
                Err(error) => found.push(Err(error)),
            }
        }
    }
    (found, frames.left_out())
}

fn frames() -> Vec<Vec<u8>> {
    // Key frames of VP9 begin with 0x82, others with 0x86.
    (0..5).map(|n| [&[if n % 4 == 0 { 0x82 } else { 0x86 }], &vec![n; 200 * usize::from(n)][..]].concat()).collect()
}

fn expected() -> Vec<Found> {
    frames().into_iter().map(|frame| Ok((FrameKind::Vp9, frame[0] == 0x82, frame))).collect()
}

#[test]
fn each_codec_is_told_by_the_head() {
    for (fourcc, kind, frame, key) in [
        (b"VP80", FrameKind::Vp8, &[0x10, 0, 0][..], true),
        (b"VP80", FrameKind::Vp8, &[0x11, 0, 0], false),
        (b"VP90", FrameKind::Vp9, &[0x82], true),
        (b"AV01", FrameKind::Av1, &[0x12, 0, 0x0a, 1, 0, 0x32, 1, 0x10], true),
        (b"AV01", FrameKind::Av1, &[0x12, 0, 0x32, 1, 0x30], false),
    ] {
        let (found, left_out) = cut([&stream(head(fourcc, 0), &[frame.to_vec()])[..]]);
        assert_eq!((found, left_out), (vec![Ok((kind, key, frame.to_vec()))], 0));
    }
    let other = stream(head(b"H264", 0), &[vec![1]]);
    let (found, left_out) = cut([&other[..]]);
    assert_eq!(left_out, other.len() as u64);
    assert_eq!(found[0], Err(StreamError::Codec { fourcc: *b"H264" }));
    assert_eq!(found[0].as_ref().unwrap_err().to_string(), "codec \"H264\" in IVF cannot be sent");
}

#[test]
fn frames_without_bytes_are_passed_over_and_too_large_ones_left_out() {
    let mut all = frames();
    all.insert(2, vec![]);
    all.insert(3, vec![0x86; 1001]);
    let (found, left_out) = cut([&stream(head(b"VP90", 9), &all)[..]]);
    let mut wanted = expected();
    wanted.insert(2, Err(StreamError::TooLarge { field: "max_frame_bytes", limit: 1000, len: 1001 }));
    assert_eq!((found, left_out), (wanted, 1001));
}

#[test]
fn the_time_of_a_picture_that_was_left_out_passes() {
    let time_of_last = |all: &[Vec<u8>]| {
        let mut frames = IvfFrames::new(CONFIG, CLOCK, Global).unwrap();
        let bytes = stream(head(b"VP90", 0), all);
        let mut last = 0;
        let mut chunk = &bytes[..];
        while let Ok(Some(frame)) = frames.next(Instant::ZERO, &mut chunk) {
            last = frame.timestamp;
        }
        last
    };
    let picture = || vec![0x86];
    assert_eq!(time_of_last(&[picture(), vec![], picture()]), time_of_last(&[picture(), picture(), picture()]));
}

#[test]
fn behind_a_head_that_is_none_nothing_is_given_out() {
    for (at, byte, rule) in [
        (0, b'X', "not IVF"),
        (4, 1, "a version of IVF that is not known here"),
        (6, 31, "head of IVF is shorter than its fields"),
    ] {
        let mut bytes = stream(head(b"VP90", 0), &frames());
        bytes[at] = byte;
        let (found, left_out) = cut(bytes.chunks(500));
        assert_eq!(found[0], Err(StreamError::Malformed(rule)));
        assert!(found[1..].iter().all(|found| matches!(found, Err(StreamError::NotFound { what: "head of IVF", .. }))));
        assert_eq!(left_out, bytes.len() as u64);
    }
}

#[test]
fn another_stream_begins_with_its_own_head() {
    let mut frames = IvfFrames::new(CONFIG, CLOCK, Global).unwrap();
    let torn = stream(head(b"VP90", 0), &[vec![0x82; 100]]);
    assert!(frames.next(Instant::ZERO, &mut &torn[..90]).unwrap().is_none());
    assert_eq!(frames.kind(), Some(FrameKind::Vp9));
    frames.restart();
    assert_eq!(frames.kind(), None);
    let frame = frames.next(Instant::from_millis(10), &mut &stream(head(b"VP80", 0), &[vec![0x10; 3]])[..]);
    let frame = frame.unwrap().unwrap();
    assert_eq!((frame.kind, frame.timestamp, &frame.data[..]), (FrameKind::Vp8, 900, &[0x10; 3][..]));
}

#[test]
fn memory_is_bounded_and_its_end_is_told() {
    let worst = IvfFrames::<&Heap>::worst_case_bytes(&CONFIG);
    let mut memory = vec![core::mem::MaybeUninit::uninit(); 8192];
    let heap: Heap = Heap::new(&mut memory).unwrap();
    let mut frames = IvfFrames::new(CONFIG, CLOCK, &heap).unwrap();
    assert!(heap.stats().peak <= worst, "{} of {worst}", heap.stats().peak);
    let bytes = stream(head(b"VP90", 0), &vec![vec![0x82; 900]; 12]);
    let (mut rest, mut kept, mut missed) = (&bytes[..], vec![], 0);
    while !rest.is_empty() {
        match frames.next(Instant::ZERO, &mut rest) {
            Ok(frame) => kept.extend(frame),
            Err(StreamError::OutOfMemory { len: 900 }) => missed += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert!(kept.len() >= 6 && kept.len() + missed == 12 && missed > 0, "{} and {missed}", kept.len());
    assert_eq!(frames.left_out(), 900 * missed as u64);
    let failing = FailNth::new(Global, 1);
    assert!(IvfFrames::new(CONFIG, CLOCK, &failing).is_err());
}

#[test]
fn the_first_bytes_tell_the_format() {
    let h264 = [0, 0, 0, 1, 0x65, 0x88, 0, 0, 0, 1, 0x41, 0x9a, 0, 0];
    for (bytes, kind) in [(stream(head(b"VP90", 0), &frames()), FrameKind::Vp9), (h264.to_vec(), FrameKind::H264)] {
        for size in 1..8 {
            let mut pictures = Pictures::new(AccessUnitsConfig::new(), CLOCK, Global).unwrap();
            let mut first = None;
            for mut chunk in bytes.chunks(size) {
                while let Some(frame) = pictures.next(Instant::ZERO, &mut chunk).unwrap() {
                    first.get_or_insert(frame);
                }
            }
            let first = first.unwrap();
            assert_eq!((first.kind, pictures.kind(), first.keyframe), (kind, Some(kind), true));
        }
    }
    // Neither of the two, however few bytes of the head there are.
    let mut pictures =
        Pictures::new(AccessUnitsConfig { max_frame_bytes: 64, frame_duration: 0 }, CLOCK, Global).unwrap();
    let rubbish = [&b"DKIX"[..], &[b'y'; 200]].concat();
    assert!(matches!(pictures.next(Instant::ZERO, &mut &rubbish[..]), Err(StreamError::NotFound { .. })));
}

#[test]
fn a_file_plays_again_from_its_first_frame() {
    let mut files = Files::one("v.ivf", &stream(head(b"VP90", 4), &frames()));
    block_on(async {
        let mut source = Ivf::open(&mut files, "v.ivf", IvfConfig::default(), Global).await.unwrap();
        for n in 0..12 {
            let frame = source.next(&mut files).await.unwrap();
            assert_eq!((frame.number, frame.timestamp), (n % 5, 3000 * u64::from(n)));
            assert_eq!((&frame.data[..], frame.keyframe), (&frames()[n as usize % 5][..], n % 5 == 0 || n % 5 == 4));
        }
        source.close(&mut files).await;
    });
    assert_eq!(files.open, 0);
}

#[test]
fn broken_files_are_told_by_name_and_place() {
    let whole = stream(head(b"VP90", 0), &frames());
    let config = IvfConfig { max_frame_bytes: 700, ..IvfConfig::default() };
    let first_error = |bytes: &[u8]| {
        block_on(async {
            let mut files = Files::one("v.ivf", bytes);
            let mut source = Ivf::open(&mut files, "v.ivf", config, Global).await?;
            loop {
                source.next(&mut files).await?;
            }
        })
    };
    let told = |bytes: &[u8]| -> ErrorKind<_> {
        let Err::<(), _>(error) = first_error(bytes) else { unreachable!() };
        check(&error, "v.ivf", bytes.len());
        error.kind
    };
    assert_eq!(told(&whole), ErrorKind::TooLarge { len: 801, max: 700 });
    assert_eq!(told(&whole[..32]), ErrorKind::Empty);
    for len in [0, 31, 33, 60, 300] {
        assert_eq!(told(&whole[..len]), ErrorKind::Truncated, "{len}");
    }
    assert_eq!(told(&stream(head(b"H264", 0), &frames())), ErrorKind::Malformed("IVF of a codec that cannot be sent"));
}

/// Real encoders: the times at which they make key frames are known.
#[test]
fn pictures_of_ffmpeg_in_every_codec() {
    for (encoder, kind) in [
        ("libvpx -deadline realtime -cpu-used 8", FrameKind::Vp8),
        ("libvpx-vp9 -deadline realtime -cpu-used 8 -lag-in-frames 0", FrameKind::Vp9),
        ("libaom-av1 -usage realtime -cpu-used 8 -lag-in-frames 0", FrameKind::Av1),
    ] {
        let mut pictures = Pictures::new(AccessUnitsConfig::new(), CLOCK, Global).unwrap();
        let (mut count, mut keys) = (0, vec![]);
        let arguments = format!(
            "-f lavfi -i testsrc=size=160x120:rate=30:duration=1 -c:v {encoder} -b:v 200k -pix_fmt yuv420p -g 10 -f ivf pipe:1"
        );
        let made = ffmpeg(&arguments, |mut chunk| {
            while let Some(frame) = pictures.next(Instant::ZERO, &mut chunk).unwrap() {
                assert_eq!(frame.kind, kind);
                if frame.keyframe {
                    keys.push(count);
                }
                count += 1;
            }
        });
        if made.is_some() {
            assert_eq!((count, &keys[..]), (30, &[0, 10, 20][..]), "{encoder}");
        }
    }
}

proptest! {
    #[test]
    fn where_chunks_end_makes_no_difference(cuts in prop::collection::vec(0..2200_usize, 0..40), more in 0..40_usize) {
        let bytes = stream(head(b"VP90", more), &frames());
        let mut cuts: Vec<_> = cuts.into_iter().map(|at| at.min(bytes.len())).chain([0, bytes.len()]).collect();
        cuts.sort_unstable();
        let (found, left_out) = cut(cuts.windows(2).map(|w| &bytes[w[0]..w[1]]));
        prop_assert_eq!((found, left_out), (expected(), 0));
    }

    #[test]
    fn any_bytes_are_taken_and_all_are_accounted_for(bytes in prop::collection::vec(any::<u8>(), 0..600), size in 1..600_usize) {
        let bytes = [&head(b"AV01", 0)[..], &bytes].concat();
        let (found, left_out) = cut(bytes.chunks(size));
        let given: usize = found.iter().flatten().map(|(_, _, data)| data.len()).sum();
        prop_assert!(given as u64 + left_out <= bytes.len() as u64);
    }
}
