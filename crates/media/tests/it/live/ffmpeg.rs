//! A real encoder at the other end of a pipe.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use barertc_arena::Global;
use barertc_media::{AccessUnits, AccessUnitsConfig, CaptureClock, FrameKind, OggPackets, OggPacketsConfig};
use barertc_wire::Instant;

/// What ffmpeg writes, in the chunks that the pipe gives; `None` on machines without it or without the encoder, which say so.
pub(super) fn ffmpeg(arguments: &str, mut chunk: impl FnMut(&[u8])) -> Option<()> {
    if let Err(why) = has_encoder(arguments) {
        // Past the harness, which shows nothing of tests that pass.
        std::io::stderr().write_all(format!("NOT RUN: {why}\n").as_bytes()).unwrap();
        return None;
    }
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-loglevel", "error", "-nostdin"]).args(arguments.split(' '));
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let (mut out, mut room) = (child.stdout.take().unwrap(), vec![0; 65_536]);
    loop {
        let read = out.read(&mut room).unwrap();
        if read == 0 {
            break;
        }
        chunk(&room[..read]);
    }
    assert!(child.wait().unwrap().success());
    Some(())
}

/// Whether there is an ffmpeg with the encoder of these arguments.
fn has_encoder(arguments: &str) -> Result<(), String> {
    let listed = Command::new("ffmpeg").args(["-hide_banner", "-encoders"]).output();
    let Ok(listed) = listed else { return Err("no ffmpeg here".to_owned()) };
    assert!(listed.status.success(), "ffmpeg does not tell its encoders");
    let encoder = arguments.split(' ').skip_while(|word| !word.starts_with("-c:")).nth(1).expect("an encoder is named");
    let listed = String::from_utf8_lossy(&listed.stdout);
    match listed.lines().any(|line| line.split_whitespace().nth(1) == Some(encoder)) {
        true => Ok(()),
        false => Err(format!("the ffmpeg here has no encoder {encoder}")),
    }
}

#[test]
fn an_encoder_that_is_not_there_is_named() {
    let why = has_encoder("-f lavfi -c:v no-such-encoder -f ivf").expect_err("there is none");
    assert!(why == "no ffmpeg here" || why == "the ffmpeg here has no encoder no-such-encoder", "{why}");
}

#[test]
fn pictures_of_ffmpeg_are_cut_as_it_made_them() {
    let config = AccessUnitsConfig::new();
    let mut units = AccessUnits::new(config, CaptureClock::new(FrameKind::H264, Instant::ZERO), Global).unwrap();
    let mut frames = vec![];
    let made = ffmpeg(
        "-f lavfi -i testsrc=size=320x240:rate=30:duration=3 -c:v libx264 -preset ultrafast -tune zerolatency \
         -profile:v baseline -pix_fmt yuv420p -g 30 -threads 2 -f h264 pipe:1",
        |mut chunk| {
            while let Some(frame) = units.next(Instant::ZERO, &mut chunk).unwrap() {
                frames.push(frame);
            }
        },
    );
    if made.is_some() {
        frames.extend(units.end_of_unit().unwrap());
        assert_eq!(frames.len(), 90);
        let keys: Vec<_> = frames.iter().filter(|frame| frame.keyframe).map(|frame| frame.number).collect();
        assert_eq!(keys, [0, 30, 60]);
        assert_eq!(units.left_out(), 0);
    }
}

#[test]
fn sound_of_ffmpeg_is_cut_as_it_made_it() {
    let clock = CaptureClock::new(FrameKind::Opus, Instant::ZERO);
    let mut packets = OggPackets::new(OggPacketsConfig::new(), clock, Global).unwrap();
    let mut frames = vec![];
    let made = ffmpeg(
        "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=2 -c:a libopus -b:a 64k -page_duration 20000 -f ogg pipe:1",
        |mut chunk| {
            while let Some(frame) = packets.next(Instant::ZERO, &mut chunk).unwrap() {
                frames.push(frame);
            }
        },
    );
    if made.is_some() {
        // Two seconds, and what the decoder needs to begin (RFC 7845 §4.2).
        assert!((100..=102).contains(&frames.len()), "{} packets", frames.len());
        assert!(frames.iter().enumerate().all(|(n, frame)| frame.timestamp == 960 * n as u64));
    }
}
