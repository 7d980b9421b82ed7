//! What has waited too long is dropped before it is sent: whole frames, up to the next that can be decoded.

use crate::support::{at, drain, drain_again, nack, picture};
use barertc_arena::{Global, Shared};
use barertc_rtcp_nack::{Error, SendConfig, SendDiscard, SendEvent, SendStream, SendTerms};
use barertc_rtp::rtcp::NtpTime;
use barertc_rtp::{Extension, ExtensionMap, Frame, FrameInfo, Framing, Packet, PayloadFormat};
use std::time::Duration;

fn video() -> SendConfig {
    SendConfig {
        max_age: Duration::from_millis(500),
        queue_frames: 64,
        ..SendConfig::video(1, 102, PayloadFormat::H264)
    }
}

fn timestamps(packets: &[Vec<u8>]) -> Vec<u32> {
    let mut all: Vec<_> = packets.iter().map(|p| Packet::parse(p).unwrap().header.timestamp).collect();
    all.dedup();
    all
}

#[test]
fn up_to_the_next_key_frame() {
    let mut s = SendStream::new(video(), Global).unwrap();
    for i in 0..20 {
        // Key frames at 0 and 15, one frame each 40 ms.
        s.enqueue(at(i * 40), picture(2_000, i % 15 == 0, i as u32, Global)).unwrap();
    }
    // The path comes back at 760 ms: frames 0 to 6 are older than 500 ms, and 7 to 14 need them.
    let sent = drain(&mut s, at(760));
    assert_eq!(timestamps(&sent), [15, 16, 17, 18, 19]);
    assert_eq!(s.poll_event(), Some(SendEvent::KeyFrameNeeded));
    assert_eq!(s.discards().get(SendDiscard::FrameLate), 7);
    assert_eq!(s.discards().get(SendDiscard::FrameUndecodable), 8);
    assert_eq!(
        (s.stats().frames_dropped.get(), s.stats().frames_sent.get(), s.stats().key_frames_sent.get()),
        (15, 5, 1)
    );
    // No sequence number is missing: to the receiver nothing was lost.
    let numbers: Vec<_> = sent.iter().map(|p| Packet::parse(p).unwrap().header.sequence).collect();
    assert!(numbers.iter().copied().eq(0..numbers.len() as u16));
}

#[test]
fn a_frame_that_was_begun_is_finished() {
    let mut s = SendStream::new(video(), Global).unwrap();
    s.enqueue(at(0), picture(5_000, true, 1, Global)).unwrap();
    let mut out = [0; 1_200];
    s.poll_packet(at(0), 0, &mut out).unwrap();
    assert_eq!(drain(&mut s, at(5_000)).len(), 4);
    assert_eq!(s.discards().total(), 0);
}

#[test]
fn audio_drops_only_what_is_late() {
    let mut s = SendStream::new(SendConfig::audio(2, 111, PayloadFormat::Opus), Global).unwrap();
    for i in 0..8u32 {
        let bytes = Shared::<[u8], _>::try_from_slice(&[7; 160], Global).unwrap();
        let info = FrameInfo { timestamp: i * 960, ..FrameInfo::default() };
        let frame = Frame::new(bytes, PayloadFormat::Opus, Framing::Whole, info, Global).unwrap();
        s.enqueue(at(u64::from(i) * 20), frame).unwrap();
    }
    assert_eq!(drain(&mut s, at(270)).len(), 4);
    assert_eq!((s.discards().get(SendDiscard::FrameLate), s.poll_event()), (4, None));
}

#[test]
fn a_full_queue_is_told() {
    let mut s = SendStream::new(SendConfig { queue_frames: 2, ..video() }, Global).unwrap();
    for i in 0..2 {
        s.enqueue(at(0), picture(100, true, i, Global)).unwrap();
    }
    assert_eq!(s.enqueue(at(0), picture(100, false, 2, Global)), Err(Error::WouldBlock));
    assert_eq!((s.queued_frames(), s.queued_bytes(), s.queue_delay(at(7))), (2, 200, Duration::from_millis(7)));
    drain(&mut s, at(7));
    s.enqueue(at(8), picture(100, false, 2, Global)).unwrap();
    let opus = Shared::<[u8], _>::try_from_slice(&[7; 160], Global).unwrap();
    let opus = Frame::new(opus, PayloadFormat::Opus, Framing::Whole, FrameInfo::default(), Global).unwrap();
    assert_eq!(s.enqueue(at(8), opus), Err(Error::WrongFormat));
}

#[test]
fn other_extensions_from_now_on() {
    let mut s = SendStream::new(video(), Global).unwrap();
    s.enqueue(at(0), picture(3_000, true, 0, Global)).unwrap();
    drain(&mut s, at(0));
    s.enqueue(at(1), picture(3_000, false, 1, Global)).unwrap();
    let mut map = ExtensionMap::new();
    map = map.with(Extension::AbsSendTime, 4);
    assert!(!s.uses_transport_sequence());
    map = map.with(Extension::TransportSequence, 5);
    let terms = SendTerms { extensions: map, ..SendTerms::of(s.config()) };
    s.reserve(&terms, Global).unwrap();
    s.renegotiate(at(0), &terms);
    assert!(s.uses_transport_sequence() && !s.retransmit_uses_transport_sequence());
    // What was sent before could not be made again byte for byte.
    nack(&mut s, at(2), 1, 0..3);
    assert!(drain_again(&mut s, at(2)).is_empty());
    for packet in drain(&mut s, at(250)) {
        assert!(packet.len() <= 1_200 - 16);
        let values = Packet::parse(&packet).unwrap().extensions(&map);
        assert_eq!(values.abs_send_time, Some(1 << 16), "a quarter of a second");
        assert!(values.transport_sequence.is_some());
    }
}

#[test]
fn sender_reports_tell_the_time_of_the_media() {
    let config = SendConfig { timestamp_offset: 0xffff_fff0, ..video() };
    let mut s = SendStream::new(config, Global).unwrap();
    let ntp = NtpTime::from_unix_micros(1_000_000);
    assert_eq!(s.sender_report(at(0), ntp), None, "nothing sent yet");
    s.enqueue(at(100), picture(2_400, true, 9_000, Global)).unwrap();
    let packets = drain(&mut s, at(110));
    let report = s.sender_report(at(200), ntp).unwrap();
    // 100 ms after the frame: 9,000 ticks more, and the offset.
    assert_eq!(report.rtp_timestamp, 18_000 - 16);
    assert_eq!((report.ssrc, report.packets, report.ntp), (1, packets.len() as u32, ntp));
    let octets: usize = packets.iter().map(|p| Packet::parse(p).unwrap().payload.len()).sum();
    assert_eq!(report.octets as usize, octets);
}

#[test]
fn lateness_is_not_answered_with_one_key_frame_after_the_other() {
    // A path that carries nothing, and a source that jumps to a key frame whenever it is told to.
    let mut s = SendStream::new(SendConfig::video(1, 102, PayloadFormat::H264), Global).unwrap();
    let (mut asked, mut key) = (Vec::new(), true);
    for frame in 0..900u64 {
        let now = at(frame * 33);
        let _ = s.enqueue(now, picture(if key { 90_000 } else { 6_000 }, key, frame as u32 * 3_000, Global));
        key = false;
        // Each tenth of a second one packet leaves.
        if frame % 3 == 0 {
            let mut out = [0; 1_500];
            let _ = s.poll_packet(now, 0, &mut out);
        }
        if s.poll_event() == Some(SendEvent::KeyFrameNeeded) {
            asked.push(frame * 33);
            key = true;
        }
    }
    assert!(asked.windows(2).all(|w| w[1] - w[0] >= 5_000), "{asked:?}");
    assert!(!asked.is_empty() && s.stats().frames_dropped > 20);
    // The receiver is heard at once.
    let mut out = [0; 100];
    let mut w = barertc_rtp::rtcp::CompoundWriter::new(&mut out);
    w.pli(9, 1).unwrap();
    let len = w.len();
    crate::support::deliver(&mut s, at(30_000), &out[..len]);
    assert_eq!(s.poll_event(), Some(SendEvent::KeyFrameNeeded));
}
