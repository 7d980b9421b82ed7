//! The bundled sample and numbered directories play from an image as they play from memory.

mod common;

use barertc_littlefs::{LittleFs, image};
use barertc_media::pack::block_on;
use barertc_media::{Directory, DirectoryConfig, Embedded, FrameKind, Packed, PackedConfig, Source, Storage};
use common::{BLOCK, SAMPLE, directories, heap};

/// Plays `frames` from both storages: the same frames.
fn plays_alike<S: Storage, T: Storage>(
    (mut a, mut from): (Source<S, barertc_arena::Global>, S),
    (mut b, mut other): (Source<T, barertc_arena::Global>, T),
    frames: usize,
) {
    for n in 0..frames {
        let left = block_on(a.next(&mut from)).unwrap_or_else(|e| panic!("frame {n}: {e}"));
        let right = block_on(b.next(&mut other)).unwrap_or_else(|e| panic!("frame {n}: {e}"));
        assert!(left.data[..] == right.data[..], "frame {n}");
        let told = |f: &barertc_media::SourceFrame<_>| (f.number, f.timestamp, f.duration, f.keyframe);
        assert_eq!(told(&left), told(&right), "frame {n}");
    }
}

#[test]
fn the_sample_plays_from_an_image() {
    let image = image::build(4 << 20, BLOCK, &[("sample.brtc".into(), SAMPLE.to_vec())]).expect("room");
    for kind in [FrameKind::H264, FrameKind::Opus] {
        let mut cache = [0; 1024];
        let mut flash = LittleFs::new(&image[..], BLOCK, &mut cache);
        let files = [("sample.brtc", SAMPLE)];
        let mut memory = Embedded(&files);
        let config = PackedConfig::default();
        let a = block_on(Packed::open(&mut flash, "sample.brtc", kind, config, heap())).expect("from flash");
        let b = block_on(Packed::open(&mut memory, "sample.brtc", kind, config, heap())).expect("from memory");
        let frames = a.frames() as usize + 10;
        plays_alike((Source::Packed(a), flash), (Source::Packed(b), memory), frames);
    }
}

#[test]
fn numbered_files_play_from_an_image() {
    let files = directories(40, 60);
    let image = image::build(4 << 20, BLOCK, &files).expect("room");
    let content: Vec<(&str, &[u8])> = files.iter().map(|(path, content)| (&path[..], &content[..])).collect();
    for (kind, name) in [(FrameKind::H264, "h264"), (FrameKind::Opus, "opus")] {
        let mut cache = [0; 1024];
        let mut flash = LittleFs::new(&image[..], BLOCK, &mut cache);
        let mut memory = Embedded(&content);
        let config = DirectoryConfig::default();
        let a = block_on(Directory::open(&mut flash, name, kind, config, heap())).expect("from flash");
        let b = block_on(Directory::open(&mut memory, name, kind, config, heap())).expect("from memory");
        plays_alike((Source::Directory(a), flash), (Source::Directory(b), memory), 130);
    }
}
