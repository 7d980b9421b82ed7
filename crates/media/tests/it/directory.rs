//! Directories with one frame a file, under either name.

use crate::support;

use barertc_arena::Global;
use barertc_media::pack::block_on;
use barertc_media::{Directory, DirectoryConfig, ErrorKind, FrameKind};
use support::{Files, access_unit, check};

fn files(prefix: &str, extension: &str, contents: &[Vec<u8>]) -> Files {
    let named = contents.iter().enumerate().map(|(n, c)| (format!("{extension}/{prefix}{n}.{extension}"), c.clone()));
    Files { files: named.collect(), ..Files::default() }
}

fn open(
    storage: &mut Files,
    kind: FrameKind,
) -> Result<Directory<Global>, barertc_media::Error<std::convert::Infallible>> {
    let path = if kind == FrameKind::H264 { "h264" } else { "opus" };
    block_on(Directory::open(
        storage,
        path,
        kind,
        DirectoryConfig { max_frame_bytes: 1000, ..DirectoryConfig::default() },
        Global,
    ))
}

fn pictures() -> Vec<Vec<u8>> {
    vec![access_unit(&[&[0x67, 1], &[0x68, 2], &[0x65, 3]]), access_unit(&[&[0x41, 4]]), access_unit(&[&[0x41, 5, 6]])]
}

#[test]
fn a_missing_number_is_the_beginning_with_the_timestamp_running_on() {
    for prefix in ["sample-", ""] {
        let mut storage = files(prefix, "h264", &pictures());
        let mut source = open(&mut storage, FrameKind::H264).unwrap();
        for n in 0..10u32 {
            let frame = block_on(source.next(&mut storage)).unwrap();
            assert_eq!((frame.number, frame.timestamp), (n % 3, u64::from(n) * 3000));
            assert_eq!(frame.keyframe, n % 3 == 0);
            assert_eq!(frame.data[..], pictures()[n as usize % 3]);
        }
        assert_eq!(storage.open, 0, "a file was left open");
    }
}

#[test]
fn opus_packets_tell_how_long_they_play() {
    let mut storage = files("", "opus", &[vec![0xfc; 160], vec![0xf4, 1], vec![0xfb, 2, 1, 1]]);
    let mut source = open(&mut storage, FrameKind::Opus).unwrap();
    let frames: Vec<_> = (0..4).map(|_| block_on(source.next(&mut storage)).unwrap()).collect();
    assert_eq!(frames.iter().map(|f| f.duration).collect::<Vec<_>>(), [960, 480, 1920, 960]);
    assert_eq!(frames.iter().map(|f| f.timestamp).collect::<Vec<_>>(), [0, 960, 1440, 3360]);
    assert!(frames.iter().all(|f| f.keyframe));
}

#[test]
fn a_directory_without_a_first_file_is_told_by_that_file_s_name() {
    let error = open(&mut Files::default(), FrameKind::H264).err().unwrap();
    assert_eq!(error.to_string(), "h264/sample-0.h264 at byte 0: no such file");

    let mut storage = files("", "h264", &pictures());
    let mut source = open(&mut storage, FrameKind::H264).unwrap();
    storage.files.clear();
    let error = block_on(source.next(&mut storage)).unwrap_err();
    assert_eq!(error.to_string(), "h264/0.h264 at byte 0: no such file");
}

#[test]
fn broken_files_are_named_with_the_place() {
    let good = access_unit(&[&[0x67, 1], &[0x65, 9, 9, 9]]);
    let mut cases = vec![(vec![], 0)];
    cases
        .extend((1..good.len()).filter(|cut| *cut != 6).map(|cut| (good[..cut].to_vec(), if cut < 6 { 0 } else { 6 })));
    cases.push((vec![0; 9], 0));
    cases.push((vec![7; 1001], 0));
    for (content, offset) in cases {
        let mut storage = files("sample-", "h264", &[good.clone(), content.clone(), good.clone()]);
        let mut source = open(&mut storage, FrameKind::H264).unwrap();
        block_on(source.next(&mut storage)).unwrap();
        let error = block_on(source.next(&mut storage)).unwrap_err();
        check(&error, "h264/sample-1.h264", content.len());
        assert_eq!(error.offset, offset, "{error}");
        // The source stands, until the file is passed over.
        assert_eq!(block_on(source.next(&mut storage)).unwrap_err(), error);
        source.skip();
        assert_eq!(block_on(source.next(&mut storage)).unwrap().number, 2);
        assert_eq!(storage.open, 0, "a file was left open");
    }
    let mut storage = files("", "opus", &[vec![3, 0]]);
    let mut source = open(&mut storage, FrameKind::Opus).unwrap();
    let error = block_on(source.next(&mut storage)).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Malformed("not an Opus packet"));
}

#[test]
fn a_path_that_is_too_long_is_an_error() {
    let path = "x/".repeat(31);
    let opened =
        block_on(Directory::open(&mut Files::default(), &path, FrameKind::Opus, DirectoryConfig::default(), Global));
    assert_eq!(opened.err().unwrap().kind, ErrorKind::PathTooLong);
}
