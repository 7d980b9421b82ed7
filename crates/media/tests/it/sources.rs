//! What all sources have in support: memory within its bound, failed allocations that lose nothing, and key frames.

use crate::support;

use std::mem::MaybeUninit;

use barertc_arena::{Allocator, FailNth, Heap};
use barertc_media::pack::{Track, block_on, write};
use barertc_media::{
    AnnexB, AnnexBConfig, Directory, DirectoryConfig, ErrorKind, FrameKind, Ogg, OggConfig, Packed, PackedConfig,
    Source,
};
use support::{Files, access_unit};

const PICTURES: usize = 12;
const ANNEXB: AnnexBConfig = AnnexBConfig { frame_duration: 3000, max_frame_bytes: 6000 };
const PACKED: PackedConfig = PackedConfig { max_frames: 100, max_frame_bytes: 6000 };
const OGG: OggConfig = OggConfig { max_packet_bytes: 1500 };

/// A picture that is worth noticing: every fourth is a key frame.
fn slice(n: usize) -> Vec<u8> {
    let mut slice = vec![if n.is_multiple_of(4) { 0x65 } else { 0x41 }, 0x88];
    slice.resize(2 + 300 * (n + 1), n as u8 + 1);
    slice
}

/// The same pictures in every form, and a file of Ogg.
fn files() -> Files {
    let frames: Vec<Vec<u8>> = (0..PICTURES).map(|n| access_unit(&[&slice(n)])).collect();
    let track = Track { kind: FrameKind::H264, duration: 3000, frames: frames.clone(), key_frames: vec![0, 4, 8] };
    let mut packed = vec![];
    write(&mut packed, std::slice::from_ref(&track)).unwrap();
    let mut files = Files::one("p.brtc", &packed);
    files.files.push(("v.h264".into(), track.annex_b()));
    files.files.extend(frames.into_iter().enumerate().map(|(n, f)| (format!("h264/{n}.h264"), f)));
    files.files.push(("a.ogg".into(), include_bytes!("../data/sound.ogg").to_vec()));
    files
}

const FORMS: [&str; 4] = ["directory", "annexb", "packed", "ogg"];

fn open<A: Allocator + Clone>(
    form: &str,
    storage: &mut Files,
    alloc: A,
) -> Result<Source<Files, A>, barertc_media::Error<std::convert::Infallible>> {
    block_on(async {
        let config = DirectoryConfig { max_frame_bytes: 6000, ..DirectoryConfig::default() };
        Ok(match form {
            "directory" => Source::Directory(Directory::open(storage, "h264", FrameKind::H264, config, alloc).await?),
            "annexb" => Source::AnnexB(AnnexB::open(storage, "v.h264", ANNEXB, alloc).await?),
            "packed" => Source::Packed(Packed::open(storage, "p.brtc", FrameKind::H264, PACKED, alloc).await?),
            _ => Source::Ogg(Ogg::open(storage, "a.ogg", OGG, alloc).await?),
        })
    })
}

fn bound(form: &str) -> usize {
    match form {
        "directory" => 0,
        "annexb" => AnnexB::<Files, &Heap>::worst_case_bytes(&ANNEXB),
        "packed" => Packed::<Files, &Heap>::worst_case_bytes(&PACKED),
        _ => Ogg::<Files, &Heap>::worst_case_bytes(&OGG),
    }
}

#[test]
fn memory_is_within_its_bound_and_comes_back() {
    for form in FORMS {
        let mut region = vec![MaybeUninit::uninit(); 1 << 18];
        let heap: Heap = Heap::new(&mut region).unwrap();
        let mut storage = files();
        let mut source = open(form, &mut storage, &heap).unwrap();
        for _ in 0..40 {
            let frame = block_on(source.next(&mut storage)).unwrap();
            assert_eq!(frame.kind, source.kind());
            assert!(heap.stats().live > frame.data.len());
            drop(frame);
            assert!(heap.stats().live <= bound(form), "{form}");
        }
        drop(source);
        assert_eq!(heap.stats().live, 0, "{form}");
    }
}

#[test]
fn a_failed_allocation_is_an_error_and_loses_no_frame() {
    for form in FORMS {
        let mut region = vec![MaybeUninit::uninit(); 1 << 18];
        let heap: Heap = Heap::new(&mut region).unwrap();
        let mut storage = files();
        let mut failures = 0;
        for nth in 1..12 {
            let failing = FailNth::new(&heap, nth);
            let mut source = match open(form, &mut storage, &failing) {
                Ok(source) => source,
                Err(error) => {
                    assert_eq!(error.kind, ErrorKind::OutOfMemory, "{form}");
                    failures += 1;
                    continue;
                }
            };
            for n in 0..8 {
                let frame = match block_on(source.next(&mut storage)) {
                    Err(error) => {
                        assert_eq!(error.kind, ErrorKind::OutOfMemory, "{form}");
                        failures += 1;
                        block_on(source.next(&mut storage)).unwrap()
                    }
                    Ok(frame) => frame,
                };
                if form == "ogg" {
                    assert_eq!(frame.timestamp, 960 * n, "{form}");
                } else {
                    assert_eq!((frame.timestamp, frame.number), (3000 * n, n as u32), "{form}");
                    assert_eq!(frame.data[4..], slice(n as usize), "{form}");
                }
            }
        }
        assert!(failures >= 8, "{form}: only {failures} allocations failed");
        assert_eq!(heap.stats().live, 0, "{form}");
    }
}

#[test]
fn after_a_seek_comes_a_key_frame() {
    for (form, expected) in [("directory", 0), ("annexb", 0), ("packed", 4)] {
        let mut storage = files();
        let mut source = open(form, &mut storage, barertc_arena::Global).unwrap();
        for _ in 0..6 {
            block_on(source.next(&mut storage)).unwrap();
        }
        let at = source.seek_key_frame();
        assert_eq!(at.as_micros(), u128::from(expected) * 100_000 / 3);
        let frame = block_on(source.next(&mut storage)).unwrap();
        assert!(frame.keyframe, "{form}");
        assert_eq!((frame.number, frame.timestamp), (expected, 18_000), "{form}");
    }
}

#[test]
fn sound_follows_the_picture_to_its_key_frame() {
    let sound = Track { kind: FrameKind::Opus, duration: 960, frames: vec![vec![0xfc, 1]; 20], key_frames: vec![] };
    let picture = Track {
        kind: FrameKind::H264,
        duration: 3000,
        frames: vec![access_unit(&[&slice(0)]); 12],
        key_frames: vec![0, 7],
    };
    let mut packed = vec![];
    write(&mut packed, &[picture, sound.clone()]).unwrap();
    let mut storage = Files::one("p.brtc", &packed);
    storage.files.extend((0..20).map(|n| (format!("opus/{n}.opus"), sound.frames[0].clone())));
    let alloc = barertc_arena::Global;
    let (mut picture, mut sounds) = block_on(async {
        let picture = Packed::open(&mut storage, "p.brtc", FrameKind::H264, PACKED, alloc).await.unwrap();
        let sound = Packed::open(&mut storage, "p.brtc", FrameKind::Opus, PACKED, alloc).await.unwrap();
        let files =
            Directory::open(&mut storage, "opus", FrameKind::Opus, DirectoryConfig::default(), alloc).await.unwrap();
        (Source::Packed(picture), [Source::Packed(sound), Source::Directory(files)])
    });
    for _ in 0..5 {
        block_on(picture.next(&mut storage)).unwrap();
    }
    let at = picture.seek_key_frame();
    assert_eq!(block_on(picture.next(&mut storage)).unwrap().number, 7);
    for source in &mut sounds {
        block_on(source.next(&mut storage)).unwrap();
        source.seek_time(at);
        // 7 pictures are 233 ms, which lie in the twelfth packet of 20 ms.
        assert_eq!(block_on(source.next(&mut storage)).unwrap().number, 11);
    }
}
