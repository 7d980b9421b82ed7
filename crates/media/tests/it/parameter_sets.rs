//! A viewer who joins at any key frame has the parameter sets: sources repeat the last ones.

use barertc_arena::Global;
use barertc_media::pack::{Track, block_on, write};
use barertc_media::{AnnexB, AnnexBConfig, Directory, DirectoryConfig, FrameKind, Packed, PackedConfig, SourceFrame};

use crate::support::{Files, access_unit};

const SPS: &[u8] = &[0x67, 1, 2];
const PPS: &[u8] = &[0x68, 3];
const PPS_2: &[u8] = &[0x68, 4];
const AUD: &[u8] = &[0x09, 0xf0];
const IDR: &[u8] = &[0x65, 0x88, 9];
const P: &[u8] = &[0x41, 0x9a, 9];

/// The NAL units of a frame.
type Units = Vec<&'static [u8]>;

/// Frames without sets behind the first, a new picture parameter set in the middle, and what should come out.
fn frames() -> Vec<(Units, Units)> {
    vec![
        (vec![SPS, PPS, IDR], vec![SPS, PPS, IDR]),
        (vec![P], vec![P]),
        (vec![IDR], vec![SPS, PPS, IDR]),
        (vec![PPS_2, P], vec![PPS_2, P]),
        (vec![IDR], vec![SPS, PPS_2, IDR]),
        (vec![AUD, IDR], vec![AUD, SPS, PPS_2, IDR]),
        (vec![P], vec![P]),
    ]
}

fn check(frame: &SourceFrame<Global>, n: usize) {
    assert_eq!(*frame.data, access_unit(&frames()[n].1)[..], "frame {n}");
}

#[test]
fn a_directory_repeats_them() {
    let mut files = Files::default();
    for (n, (units, _)) in frames().iter().enumerate() {
        files.files.push((format!("v/{n}.h264"), access_unit(units)));
    }
    let config = DirectoryConfig::default();
    let mut source = block_on(Directory::open(&mut files, "v", FrameKind::H264, config, Global)).unwrap();
    for n in 0..frames().len() {
        check(&block_on(source.next(&mut files)).unwrap(), n);
    }
}

#[test]
fn an_elementary_stream_repeats_them() {
    let bytes: Vec<u8> =
        frames().iter().flat_map(|f| f.0.iter().flat_map(|nal| [&[0, 0, 0, 1], *nal].concat())).collect();
    let mut files = Files::one("a.h264", &bytes);
    let mut source = block_on(AnnexB::open(&mut files, "a.h264", AnnexBConfig::default(), Global)).unwrap();
    for n in 0..frames().len() {
        check(&block_on(source.next(&mut files)).unwrap(), n);
    }
}

/// A packed file as an earlier version made it: frames as they were.
fn packed() -> Files {
    let frames = frames().iter().map(|f| access_unit(&f.0)).collect();
    let track = Track { kind: FrameKind::H264, duration: 3_000, frames, key_frames: vec![0, 2, 4, 5] };
    let mut out = Vec::new();
    write(&mut out, &[track]).unwrap();
    Files::one("a.brtc", &out)
}

#[test]
fn a_packed_file_repeats_them_wherever_a_viewer_joins() {
    let mut files = packed();
    let open = |files: &mut Files| {
        block_on(Packed::open(files, "a.brtc", FrameKind::H264, PackedConfig::default(), Global)).unwrap()
    };
    let mut source = open(&mut files);
    for n in 0..frames().len() {
        check(&block_on(source.next(&mut files)).unwrap(), n);
    }
    let mut source = open(&mut files);
    source.seek(2).unwrap();
    check(&block_on(source.next(&mut files)).unwrap(), 2);
}

#[test]
fn repeated_sets_count_in_the_bound_of_a_frame() {
    // The frame alone is small enough; with its sets it is not.
    let max_frame_bytes = access_unit(&frames()[2].1).len() - 1;
    let mut files = packed();
    let config = PackedConfig { max_frame_bytes, ..PackedConfig::default() };
    let mut source = block_on(Packed::open(&mut files, "a.brtc", FrameKind::H264, config, Global)).unwrap();
    source.seek(1).unwrap();
    block_on(source.next(&mut files)).unwrap();
    let error = block_on(source.next(&mut files)).unwrap_err();
    assert!(error.to_string().contains(&max_frame_bytes.to_string()), "{error}");
}
