//! Packed files: what is written comes back, in any order, with one read a frame; what is broken is told.

use crate::support;

use std::mem::MaybeUninit;

use barertc_arena::{Counting, FailNth, Global, Heap};
use barertc_media::pack::{Track, block_on, read, write};
use barertc_media::{ErrorKind, FrameKind, Packed, PackedConfig};
use proptest::prelude::*;
use support::{Files, access_unit, check};

fn video(key_every: u32, sizes: &[usize]) -> Track {
    let frames = sizes.iter().enumerate().map(|(i, len)| {
        let kind = if (i as u32).is_multiple_of(key_every) { 0x65 } else { 0x41 };
        let mut nal = vec![kind; *len + 1];
        nal.push(i as u8);
        access_unit(&[&[0x67, 1], &nal])
    });
    let keys = (0..sizes.len() as u32).step_by(key_every as usize);
    Track { kind: FrameKind::H264, duration: 3000, frames: frames.collect(), key_frames: keys.collect() }
}

fn sound(sizes: &[usize]) -> Track {
    let frames = sizes.iter().map(|len| vec![0xfc; *len + 1]).collect();
    Track { kind: FrameKind::Opus, duration: 960, frames, key_frames: vec![] }
}

fn file(tracks: &[Track]) -> Vec<u8> {
    let mut out = vec![];
    let size = write(&mut out, tracks).unwrap();
    assert_eq!(size, out.len() as u64);
    out
}

fn open(
    storage: &mut Files,
    kind: FrameKind,
) -> Result<Packed<Files, Global>, barertc_media::Error<std::convert::Infallible>> {
    block_on(Packed::open(storage, "a.brtc", kind, PackedConfig::default(), Global))
}

#[test]
fn a_frame_is_one_read_and_the_end_is_the_beginning() {
    let track = video(4, &[100, 20, 30, 5, 80, 1, 0]);
    let mut storage = Files::one("a.brtc", &file(&[sound(&[160; 9]), track.clone()]));
    let mut packed = open(&mut storage, FrameKind::H264).unwrap();
    storage.reads = 0;
    for n in 0..21u32 {
        let frame = block_on(packed.next(&mut storage)).unwrap();
        assert_eq!(frame.number, n % 7);
        assert_eq!(frame.timestamp, u64::from(n) * 3000);
        assert_eq!(frame.duration, 3000);
        assert_eq!(frame.keyframe, n % 7 % 4 == 0);
        assert_eq!(frame.data[..], track.frames[n as usize % 7]);
    }
    assert_eq!(storage.reads, 21);
    block_on(packed.close(&mut storage));
    assert_eq!(storage.open, 0);
}

#[test]
fn the_nearest_key_frame_is_found() {
    let mut storage = Files::one("a.brtc", &file(&[video(10, &[9; 35])]));
    let mut packed = open(&mut storage, FrameKind::H264).unwrap();
    for (at, before, from, nearest) in
        [(0, 0, 0, 0), (1, 0, 10, 0), (5, 0, 10, 0), (6, 0, 10, 10), (30, 30, 30, 30), (34, 30, 0, 30)]
    {
        assert_eq!(packed.key_frame_before(at), before, "before {at}");
        assert_eq!(packed.key_frame_from(at), from, "from {at}");
        assert_eq!(packed.nearest_key_frame(at), nearest, "nearest {at}");
    }
    packed.seek(10).unwrap();
    let frame = block_on(packed.next(&mut storage)).unwrap();
    assert!(frame.keyframe && frame.number == 10 && frame.timestamp == 0);
    let error = packed.seek(35).unwrap_err();
    assert_eq!(error.kind, ErrorKind::NoSuchFrame { number: 35, limit: 35 });
    assert_eq!(packed.position(), 11);
}

#[test]
fn every_broken_byte_of_the_head_is_noticed() {
    let good = file(&[video(2, &[3, 4, 5]), sound(&[7; 4])]);
    let head = u32::from_be_bytes(good[8..12].try_into().unwrap()) as usize;
    for byte in 0..head {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[byte] ^= 1 << bit;
            for kind in [FrameKind::H264, FrameKind::Opus] {
                let error = open(&mut Files::one("a.brtc", &bad), kind).expect_err("a broken head was taken");
                check(&error, "a.brtc", good.len());
                assert!(matches!(error.kind, ErrorKind::Malformed(_) | ErrorKind::Truncated), "{error}");
            }
        }
    }
}

#[test]
fn every_truncation_is_noticed() {
    let good = file(&[video(2, &[3, 4, 5]), sound(&[7; 4])]);
    for len in 0..good.len() {
        let mut storage = Files::one("a.brtc", &good[..len]);
        // The pictures lie before the sound, so only the sound always misses something.
        let error = open(&mut storage, FrameKind::Opus).expect_err("a truncated file was taken");
        check(&error, "a.brtc", len);
        let expected = if len == 0 { ErrorKind::Empty } else { ErrorKind::Truncated };
        assert_eq!(error.kind, expected, "at {len}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(open(&mut Files::one("a.brtc", &longer), FrameKind::Opus).is_ok());
}

#[test]
fn what_is_broken_behind_the_head_is_told_with_its_place() {
    let track = video(2, &[30, 40]);
    let good = file(std::slice::from_ref(&track));
    let data = good.len() - track.bytes();
    for (byte, value, offset) in [(data, 1, data), (data + 3, 0, data), (data + 9, 200, data + 6)] {
        let mut bad = good.clone();
        bad[byte] = value;
        let mut storage = Files::one("a.brtc", &bad);
        let mut packed = open(&mut storage, FrameKind::H264).unwrap();
        let error = block_on(packed.next(&mut storage)).unwrap_err();
        check(&error, "a.brtc", bad.len());
        assert_eq!(error.offset, offset as u64, "{error}");
        // It can be left out.
        packed.seek(1).unwrap();
        assert_eq!(block_on(packed.next(&mut storage)).unwrap().number, 1);
    }
}

#[test]
fn bounds_are_kept() {
    let mut storage = Files::one("a.brtc", &file(&[video(2, &[3000; 40])]));
    let open = |storage: &mut Files, max_frames, max_frame_bytes| {
        block_on(Packed::open(storage, "a.brtc", FrameKind::H264, PackedConfig { max_frames, max_frame_bytes }, Global))
    };
    assert!(matches!(open(&mut storage, 39, 9999).err().unwrap().kind, ErrorKind::TooLarge { .. }));
    let mut packed = open(&mut storage, 40, 2999).unwrap();
    let error = block_on(packed.next(&mut storage)).unwrap_err();
    assert!(matches!(error.kind, ErrorKind::TooLarge { len: 3012, max: 2999 }), "{error}");
    assert_eq!(
        block_on(async {
            Packed::open(&mut storage, "b.brtc", FrameKind::Opus, PackedConfig::default(), Global).await.err()
        })
        .unwrap()
        .kind,
        ErrorKind::NotFound
    );
    assert_eq!(
        block_on(async {
            Packed::open(&mut storage, "a.brtc", FrameKind::Opus, PackedConfig::default(), Global).await.err()
        })
        .unwrap()
        .kind,
        ErrorKind::NoSuchTrack
    );
}

#[test]
fn memory_is_what_was_said_and_failures_leave_the_source_where_it_is() {
    let mut region = vec![MaybeUninit::uninit(); 1 << 16];
    let heap: Heap = Heap::new(&mut region).unwrap();
    let mut storage = Files::one("a.brtc", &file(&[video(1, &[100; 50])]));
    let config = PackedConfig { max_frames: 50, max_frame_bytes: 200 };
    let mut packed = block_on(Packed::open(&mut storage, "a.brtc", FrameKind::H264, config, &heap)).unwrap();
    assert!(heap.stats().live <= Packed::<Files, &Heap>::worst_case_bytes(&config));
    let idle = heap.stats().live;
    for _ in 0..120 {
        block_on(packed.next(&mut storage)).unwrap();
        assert_eq!(heap.stats().live, idle);
    }
    drop(packed);
    assert_eq!(heap.stats().live, 0);

    for nth in 1..=2 {
        let error = block_on(Packed::open(&mut storage, "a.brtc", FrameKind::H264, config, &FailNth::new(&heap, nth)))
            .err()
            .unwrap();
        assert_eq!(error.kind, ErrorKind::OutOfMemory);
    }
    let failing = FailNth::new(Counting::new(Global), 4);
    let mut packed = block_on(Packed::open(&mut storage, "a.brtc", FrameKind::H264, config, &failing)).unwrap();
    assert_eq!(block_on(packed.next(&mut storage)).unwrap().number, 0);
    assert_eq!(block_on(packed.next(&mut storage)).unwrap_err().kind, ErrorKind::OutOfMemory);
    let frame = block_on(packed.next(&mut storage)).unwrap();
    assert_eq!((frame.number, frame.timestamp), (1, 3000));
}

proptest! {
    #[test]
    fn what_is_packed_is_read(
        pictures in prop::collection::vec(0usize..300, 1..40),
        key_every in 1u32..12,
        packets in prop::collection::vec(0usize..200, 1..80),
        seeks in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let tracks = [video(key_every, &pictures), sound(&packets)];
        let mut storage = Files::one("a.brtc", &file(&tracks));
        prop_assert_eq!(&block_on(read(&mut storage, "a.brtc")).unwrap()[..], &tracks[..]);

        let mut packed = open(&mut storage, FrameKind::H264).unwrap();
        for seek in seeks {
            let number = seek.index(pictures.len()) as u32;
            packed.seek(number).unwrap();
            let frame = block_on(packed.next(&mut storage)).unwrap();
            prop_assert_eq!(frame.number, number);
            prop_assert_eq!(&frame.data[..], &tracks[0].frames[number as usize][..]);
            prop_assert_eq!(packed.frame_len(number), frame.data.len());

            let keys = &tracks[0].key_frames;
            let nearest = keys.iter().copied().min_by_key(|k| (k.abs_diff(number), *k)).unwrap();
            prop_assert_eq!(packed.nearest_key_frame(number), nearest);
        }
    }

    #[test]
    fn noise_is_never_a_panic(noise in prop::collection::vec(any::<u8>(), 0..400), at in any::<prop::sample::Index>()) {
        let mut bytes = file(&[video(2, &[30; 5]), sound(&[7; 4])]);
        let at = at.index(bytes.len());
        for (to, from) in bytes[at..].iter_mut().zip(&noise) {
            *to = *from;
        }
        let len = bytes.len();
        let mut storage = Files::one("a.brtc", &bytes);
        for kind in [FrameKind::H264, FrameKind::Opus] {
            match open(&mut storage, kind) {
                Err(error) => check(&error, "a.brtc", len),
                Ok(mut packed) => {
                    for _ in 0..6 {
                        if let Err(error) = block_on(packed.next(&mut storage)) {
                            check(&error, "a.brtc", len);
                            break;
                        }
                    }
                }
            }
        }
    }
}
