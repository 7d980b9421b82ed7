//! What passes through packetizer and depacketizer is, to FFmpeg's decoders, the same as the file itself: picture for
//! picture, in H.264, H.265, VP8, VP9 and AV1. Needs `ffmpeg` with libx264, libx265, libvpx and libsvtav1.

use std::path::{Path, PathBuf};
use std::process::Command;

use barertc_arena::{Global, Shared};
use barertc_rtcp_nack::{RecvConfig, RecvStream, SendConfig, SendStream};
use barertc_rtp::{Frame, FrameInfo, Framing, Packet, PayloadFormat};
use barertc_wire::Instant;

/// A folder of its own that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("barertc-rtp-ffmpeg-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn ffmpeg(arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-y"])
        .args(arguments)
        .output()
        .expect("this test needs ffmpeg (Debian package `ffmpeg`)");
    assert!(output.status.success(), "ffmpeg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn encode(to: &Path, encoder: &[&str]) {
    let scene = "testsrc2=size=640x360:rate=25:duration=2,noise=alls=30:allf=t";
    let to = to.to_str().unwrap();
    ffmpeg(&[&["-f", "lavfi", "-i", scene, "-pix_fmt", "yuv420p"], encoder, &[to]].concat());
}

/// One hash a picture.
fn frame_md5(file: &Path) -> Vec<String> {
    let text = ffmpeg(&["-i", file.to_str().unwrap(), "-f", "framemd5", "-"]);
    let text = String::from_utf8(text).unwrap();
    text.lines().filter(|l| !l.starts_with('#')).map(|l| l.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// Sends every frame through a stream whose packets arrive out of order, and gives back what came out.
fn through_rtp(codec: PayloadFormat, framing: Framing, frames: &[&[u8]]) -> Vec<Vec<u8>> {
    let config = SendConfig { largest_key_frame: 60_000, ..SendConfig::video(1, 96, codec) };
    let mut sender = SendStream::new(config, Global).unwrap();
    let config = RecvConfig { framing, ..RecvConfig::video(1, 96, codec) };
    let mut receiver = RecvStream::new(config, Global).unwrap();
    let mut out = vec![0; 400_000];
    let mut all = Vec::new();
    for (i, frame) in frames.iter().enumerate() {
        let now = Instant::from_millis(i as u64 * 40);
        let bytes = Shared::<[u8], _>::try_from_slice(frame, Global).unwrap();
        let info = FrameInfo { timestamp: i as u32 * 3_600, ..FrameInfo::default() };
        sender.enqueue(now, Frame::new(bytes, codec, framing, info, Global).unwrap()).unwrap();
        let mut packets = Vec::new();
        let mut datagram = [0; 1_200];
        while let Some(len) = sender.poll_packet(now, 0, &mut datagram) {
            packets.push(datagram[..len].to_vec());
        }
        packets.chunks_mut(3).for_each(<[_]>::reverse);
        for packet in &packets {
            receiver.handle(now, &Packet::parse(packet).unwrap());
        }
        let got = receiver.poll_frame(now, &mut out).expect("the frame is there");
        assert!(got.complete && got.timestamp == i as u32 * 3_600);
        all.push(out[..got.len].to_vec());
    }
    all
}

/// Cuts Annex B into access units: a new one begins with what can't stand within one. `kind` says what a unit is.
fn access_units(file: &[u8], kind: impl Fn(&[u8]) -> Unit) -> Vec<&[u8]> {
    let (mut starts, mut seen_slice) = (vec![0], false);
    barertc_rtp::for_each_nal(file, Framing::AnnexB, |nal| {
        let unit = kind(nal.of(file));
        if seen_slice && unit != Unit::Rest {
            let mut at = nal.offset as usize - 3;
            while at > 0 && file[at - 1] == 0 {
                at -= 1; // the longer start code belongs here
            }
            starts.push(at);
            seen_slice = false;
        }
        seen_slice |= unit == Unit::FirstSlice || (unit == Unit::Rest);
        Ok(())
    })
    .unwrap();
    starts.push(file.len());
    starts.windows(2).map(|w| &file[w[0]..w[1]]).collect()
}

#[derive(PartialEq, Clone, Copy)]
enum Unit {
    /// Parameter sets and the like, before the first slice.
    Before,
    FirstSlice,
    Rest,
}

fn compare_annex_b(name: &str, codec: PayloadFormat, encoder: &[&str], kind: fn(&[u8]) -> Unit) {
    let folder = Folder::new(name);
    let (original, passed) = (folder.0.join(format!("a.{name}")), folder.0.join(format!("b.{name}")));
    encode(&original, encoder);
    let file = std::fs::read(&original).unwrap();
    let units = access_units(&file, kind);
    assert_eq!(units.len(), 50, "one access unit a picture");
    assert!(units[0].len() > 20_000, "key frames of many packets");
    std::fs::write(&passed, through_rtp(codec, Framing::AnnexB, &units).concat()).unwrap();
    let expected = frame_md5(&original);
    assert_eq!(expected.len(), 50);
    assert_eq!(frame_md5(&passed), expected);
}

#[test]
fn h264() {
    // Four slices a picture, so that small units share packets.
    let encoder = ["-c:v", "libx264", "-profile:v", "baseline", "-g", "10", "-slices", "4", "-b:v", "3M", "-f", "h264"];
    compare_annex_b("h264", PayloadFormat::H264, &encoder, |nal| match nal[0] & 0x1f {
        1 | 5 if nal[1] & 0x80 != 0 => Unit::FirstSlice,
        1 | 5 => Unit::Rest,
        _ => Unit::Before,
    });
}

#[test]
fn h265() {
    let encoder = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-g",
        "10",
        "-b:v",
        "3M",
        "-x265-params",
        "log-level=none:bframes=0",
        "-f",
        "hevc",
    ];
    compare_annex_b("hevc", PayloadFormat::H265, &encoder, |nal| match (nal[0] >> 1) & 0x3f {
        0..=31 if nal[2] & 0x80 != 0 => Unit::FirstSlice,
        0..=31 | 40 => Unit::Rest,
        _ => Unit::Before,
    });
}

/// What stands before a frame, and the frame.
type IvfFrame<'a> = (&'a [u8], &'a [u8]);

/// The frames of an IVF file: a header of 32 bytes, then (length, 8 bytes of time, frame) in little endian. The header, and
/// the frames.
fn ivf(file: &[u8]) -> (&[u8], Vec<IvfFrame<'_>>) {
    let (head, mut rest) = file.split_at(32);
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
        frames.push((&rest[..12], &rest[12..12 + len]));
        rest = &rest[12 + len..];
    }
    (head, frames)
}

/// Fifty pictures through RTP, decoded the same on the other side. The frames that came out, and those that went in.
fn compare_ivf(name: &str, format: PayloadFormat, encoder: &[&str]) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let folder = Folder::new(name);
    let (original, passed) = (folder.0.join("a.ivf"), folder.0.join("b.ivf"));
    encode(&original, encoder);
    let file = std::fs::read(&original).unwrap();
    let (head, frames) = ivf(&file);
    assert_eq!(frames.len(), 50);
    let sent: Vec<_> = frames.iter().map(|(_, frame)| *frame).collect();
    let received = through_rtp(format, Framing::Whole, &sent);
    let mut out = head.to_vec();
    for (frame, (before, _)) in received.iter().zip(&frames) {
        out.extend((frame.len() as u32).to_le_bytes());
        out.extend(&before[4..]);
        out.extend(frame);
    }
    std::fs::write(&passed, out).unwrap();
    let expected = frame_md5(&original);
    assert_eq!(expected.len(), 50);
    assert_eq!(frame_md5(&passed), expected);
    (received, sent.into_iter().map(<[u8]>::to_vec).collect())
}

#[test]
fn vp8() {
    let encoder = ["-c:v", "libvpx", "-deadline", "realtime", "-g", "10", "-b:v", "3M", "-auto-alt-ref", "0"];
    let (received, sent) = compare_ivf("vp8", PayloadFormat::Vp8, &encoder);
    assert_eq!(received, sent, "byte for byte");
}

#[test]
fn vp9() {
    let encoder = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-g", "10", "-b:v", "3M"];
    let (received, sent) = compare_ivf("vp9", PayloadFormat::Vp9, &encoder);
    assert_eq!(received, sent, "byte for byte");
    assert!(sent[0].len() > 5_000, "key frames of many packets");
}

#[test]
fn av1() {
    let encoder = ["-c:v", "libsvtav1", "-preset", "12", "-g", "10", "-b:v", "3M", "-svtav1-params", "pred-struct=1"];
    let (received, sent) = compare_ivf("av1", PayloadFormat::Av1, &encoder);
    // Temporal delimiters stay behind.
    let delimiter = [0x12, 0x00];
    assert!(sent.iter().all(|frame| frame.starts_with(&delimiter)));
    for (received, sent) in received.iter().zip(&sent) {
        assert_eq!(*received, sent[2..], "byte for byte");
    }
    assert!(sent[0].len() > 5_000, "key frames of many packets");
}
