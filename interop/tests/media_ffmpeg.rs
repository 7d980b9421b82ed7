//! FFmpeg agrees with what we read and write: the packets it sees in its own files are ours, and what we packed and took
//! apart again decodes to the same pictures and sound. Needs ffmpeg and ffprobe with libx264 and libopus (Debian: ffmpeg).

use std::path::{Path, PathBuf};
use std::process::Command;

use barertc_arena::Global;
use barertc_media::pack::{Track, block_on, read, write};
use barertc_media::{AnnexB, AnnexBConfig, Disk, FrameKind, Ogg, OggConfig, Source};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/media");

/// A folder of its own for each test, under the build's.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn run(program: &str, folder: &Path, args: &[&str]) -> String {
    let output = Command::new(program)
        .current_dir(folder)
        .args(args)
        .output()
        .unwrap_or_else(|e| panic!("{program} is missing ({e}): apt-get install ffmpeg"));
    assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn ffmpeg(folder: &Path, args: &[&str]) -> String {
    run("ffmpeg", folder, &[&["-hide_banner", "-loglevel", "error", "-y", "-bitexact"], args].concat())
}

/// The checksum of every decoded frame.
fn framemd5(folder: &Path, file: &str) -> Vec<String> {
    let text = ffmpeg(folder, &["-i", file, "-f", "framemd5", "-"]);
    let sums = text.lines().filter(|l| !l.starts_with('#'));
    sums.map(|l| l.rsplit(',').next().unwrap().trim().to_string()).collect()
}

/// The size of every packet that FFmpeg reads.
fn sizes(folder: &Path, file: &str) -> Vec<usize> {
    let text = run("ffprobe", folder, &["-v", "error", "-show_entries", "packet=size", "-of", "csv=p=0", file]);
    let numbers = text.lines().map(|l| l.trim_end_matches(',')).filter(|l| !l.is_empty());
    numbers.map(|l| l.parse().unwrap()).collect()
}

fn encode_video(folder: &Path, x264: &str) {
    let source = "testsrc2=size=320x180:rate=30:duration=2";
    let args = [
        "-f",
        "lavfi",
        "-i",
        source,
        "-c:v",
        "libx264",
        "-profile:v",
        "baseline",
        "-x264-params",
        x264,
        "-f",
        "h264",
        "v.h264",
    ];
    ffmpeg(folder, &args);
}

fn video(folder: &Path) -> Track {
    block_on(async {
        let mut disk = Disk::new(folder);
        let source = AnnexB::open(&mut disk, "v.h264", AnnexBConfig::default(), Global).await.unwrap();
        Track::read(&mut disk, &mut Source::AnnexB(source)).await.unwrap()
    })
}

fn sound(folder: &Path) -> Track {
    block_on(async {
        let mut disk = Disk::new(folder);
        let source = Ogg::open(&mut disk, "a.ogg", OggConfig::default(), Global).await.unwrap();
        Track::read(&mut disk, &mut Source::Ogg(source)).await.unwrap()
    })
}

fn repack(folder: &Path, tracks: &[Track]) -> Vec<Track> {
    let mut packed = vec![];
    write(&mut packed, tracks).unwrap();
    std::fs::write(folder.join("p.brtc"), packed).unwrap();
    block_on(read(&mut Disk::new(folder), "p.brtc")).unwrap()
}

#[test]
fn pictures_decode_to_the_same_after_packing_and_unpacking() {
    // One slice a picture; several slices; delimiters and repeated headers; a key frame in the middle.
    for (name, x264) in [
        ("one", "keyint=60"),
        ("slices", "slices=5:keyint=17"),
        ("aud", "aud=1:slices=3:keyint=30:repeat-headers=1"),
        ("small", "slice-max-size=400:keyint=25"),
    ] {
        let folder = folder(&format!("media-{name}"));
        encode_video(&folder, x264);
        let track = video(&folder);
        assert_eq!(track.frames.len(), 60, "{x264}");
        let back = repack(&folder, std::slice::from_ref(&track));
        assert_eq!(back, std::slice::from_ref(&track));
        std::fs::write(folder.join("back.h264"), back[0].annex_b()).unwrap();
        let (before, after) = (framemd5(&folder, "v.h264"), framemd5(&folder, "back.h264"));
        assert_eq!(before.len(), 60);
        assert_eq!(before, after, "{x264}");
    }
}

#[test]
fn ffmpeg_cuts_a_stream_into_the_same_access_units() {
    let folder = folder("media-cut");
    encode_video(&folder, "slices=4:keyint=20:aud=1");
    let ours: Vec<usize> = video(&folder).frames.iter().map(Vec::len).collect();
    // In an MP4 file FFmpeg puts a length of four bytes before every NAL unit, as we do.
    ffmpeg(&folder, &["-i", "v.h264", "-c", "copy", "-f", "mp4", "v.mp4"]);
    assert_eq!(ours, sizes(&folder, "v.mp4"));
}

#[test]
fn opus_packets_are_those_that_ffmpeg_reads() {
    for (name, args) in [
        ("cbr", ["-vbr", "off", "-b:a", "64k"]),
        ("vbr", ["-vbr", "on", "-b:a", "96k"]),
        ("huge", ["-vbr", "off", "-b:a", "510k"]),
    ] {
        let folder = folder(&format!("media-opus-{name}"));
        let head = ["-f", "lavfi", "-i", "sine=440:duration=5,aformat=channel_layouts=stereo", "-c:a", "libopus"];
        ffmpeg(&folder, &[&head[..], &args[..], &["a.ogg"]].concat());
        let track = sound(&folder);
        assert_eq!(track.duration, 960);
        assert_eq!(track.frames.iter().map(Vec::len).collect::<Vec<_>>(), sizes(&folder, "a.ogg"), "{name}");
        assert_eq!(repack(&folder, std::slice::from_ref(&track)), [track]);
    }
}

#[test]
fn the_sample_decodes_without_a_complaint_and_begins_at_its_key_frames() {
    let folder = folder("media-sample");
    let tracks = block_on(read(&mut Disk::new(SAMPLE), "sample.brtc")).unwrap();
    let video = tracks.iter().find(|t| t.kind == FrameKind::H264).unwrap();
    std::fs::write(folder.join("all.h264"), video.annex_b()).unwrap();
    let all = framemd5(&folder, "all.h264");
    assert_eq!(all.len(), 300);
    let key = video.key_frames[1] as usize;
    let tail = Track { frames: video.frames[key..].to_vec(), ..video.clone() };
    std::fs::write(folder.join("tail.h264"), tail.annex_b()).unwrap();
    assert_eq!(framemd5(&folder, "tail.h264"), all[key..]);
}
