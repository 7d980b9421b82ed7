//! Any bytes as a packed file, with and without a true checksum: no panic, and every error lies inside the file.
#![no_main]

use barertc_arena::Global;
use barertc_media::pack::block_on;
use barertc_media::{Embedded, FrameKind, Packed, PackedConfig};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    play(data);
    // The checksum would keep everything behind it from being reached.
    let mut signed = data.to_vec();
    let size = data.get(8..12).map_or(0, |s| u32::from_be_bytes(s.try_into().unwrap()) as usize);
    if (16..=signed.len()).contains(&size) {
        signed[12..16].fill(0);
        let crc = checksum(&signed[..size]);
        signed[12..16].copy_from_slice(&crc.to_be_bytes());
        play(&signed);
    }
});

fn play(data: &[u8]) {
    let files = [("f", data)];
    let mut storage = Embedded(&files);
    let config = PackedConfig { max_frames: 1000, max_frame_bytes: 4096 };
    for kind in [FrameKind::H264, FrameKind::Opus] {
        let mut packed = match block_on(Packed::open(&mut storage, "f", kind, config, Global)) {
            Ok(packed) => packed,
            Err(error) => {
                assert!(error.offset <= data.len() as u64, "{error}");
                continue;
            }
        };
        for _ in 0..packed.frames().min(20) + 1 {
            let number = packed.position();
            assert!(packed.nearest_key_frame(number) < packed.frames());
            match block_on(packed.next(&mut storage)) {
                // A key frame is given the parameter sets that it lacks.
                Ok(frame) if frame.keyframe && kind == FrameKind::H264 => {
                    let added = frame.data.len().checked_sub(packed.frame_len(number));
                    assert!(added.is_some_and(|added| added <= 512) && frame.data.len() <= config.max_frame_bytes);
                }
                Ok(frame) => assert_eq!(frame.data.len(), packed.frame_len(number)),
                Err(error) => {
                    assert!(error.offset <= data.len() as u64, "{error}");
                    break;
                }
            }
        }
    }
}

fn checksum(data: &[u8]) -> u32 {
    data.iter().fold(0u32, |crc, byte| {
        (0..8).fold(crc ^ (u32::from(*byte) << 24), |c, _| (c << 1) ^ (0x04c1_1db7 & (c >> 31).wrapping_neg()))
    })
}
