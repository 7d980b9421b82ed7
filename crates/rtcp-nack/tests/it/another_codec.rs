//! A sender that changes to another of the codecs agreed on, under the same source (RFC 3264 §6.1).

use barertc_arena::Global;
use barertc_rtcp_nack::{RecvConfig, RecvDiscard, RecvStream};
use barertc_rtp::rtcp::{CompoundWriter, NtpTime, SenderInfo, packets};
use barertc_rtp::{Packet, PayloadFormat};
use barertc_wire::Instant;

fn sound(stream: &mut RecvStream<Global>, payload_type: u8, sequence: u16, timestamp: u32) {
    let mut d = vec![0x80, payload_type];
    d.extend(sequence.to_be_bytes());
    d.extend(timestamp.to_be_bytes());
    d.extend([0, 0, 0, 1, 0xfc, 7]);
    stream.handle(Instant::from_millis(5), &Packet::parse(&d).unwrap());
}

fn report(stream: &mut RecvStream<Global>, seconds: u64, rtp_timestamp: u32) {
    let mut out = [0; 100];
    let mut w = CompoundWriter::new(&mut out);
    let info = SenderInfo { ssrc: 1, ntp: NtpTime(seconds << 32), rtp_timestamp, packets: 1, octets: 1 };
    w.sender_report(&info, []).unwrap();
    let len = w.len();
    for packet in packets(&out[..len]) {
        stream.handle_rtcp(Instant::ZERO, &packet.unwrap());
    }
}

fn captured(stream: &mut RecvStream<Global>) -> Option<NtpTime> {
    stream.poll_frame(Instant::from_millis(500), &mut [0; 100]).unwrap().captured
}

#[test]
fn timestamps_count_at_the_rate_of_the_codec_that_came() {
    let mut s = RecvStream::new(RecvConfig::audio(1, 111, PayloadFormat::Opus), Global).unwrap();
    report(&mut s, 100, 0);
    sound(&mut s, 111, 1, 48_000);
    assert_eq!(captured(&mut s), Some(NtpTime(101 << 32)));
    s.set_format(Instant::ZERO, 0, PayloadFormat::G711, None);
    // A report about the other clock tells nothing.
    sound(&mut s, 0, 2, 48_000);
    assert_eq!(captured(&mut s), None);
    report(&mut s, 200, 0);
    sound(&mut s, 0, 3, 8_000);
    assert_eq!(captured(&mut s), Some(NtpTime(201 << 32)));
    // The same codec under another number keeps its clock.
    s.set_format(Instant::ZERO, 8, PayloadFormat::G711, None);
    sound(&mut s, 8, 4, 16_000);
    assert_eq!(captured(&mut s), Some(NtpTime(202 << 32)));
}

#[test]
fn packets_that_nobody_has_read_are_counted_when_they_go() {
    let mut s = RecvStream::new(RecvConfig::audio(1, 111, PayloadFormat::Opus), Global).unwrap();
    for n in 1..=3 {
        sound(&mut s, 111, n, u32::from(n) * 960);
    }
    s.set_format(Instant::ZERO, 0, PayloadFormat::G711, None);
    assert_eq!(s.discards().get(RecvDiscard::Superseded), 3);
    sound(&mut s, 0, 4, 160);
    s.set_source(Instant::ZERO, 2);
    assert_eq!(s.discards().get(RecvDiscard::Superseded), 4);
}

#[test]
fn packets_of_one_law_are_not_read_as_those_of_the_other() {
    let mut s = RecvStream::new(RecvConfig::audio(1, 0, PayloadFormat::G711), Global).unwrap();
    sound(&mut s, 0, 1, 160);
    assert!(s.poll_frame(Instant::from_millis(5), &mut [0; 100]).is_some());
    // The second is late, so the third is held.
    sound(&mut s, 0, 3, 480);
    s.set_format(Instant::ZERO, 8, PayloadFormat::G711, None);
    sound(&mut s, 8, 4, 640);
    let frame = s.poll_frame(Instant::from_millis(500), &mut [0; 100]).unwrap();
    assert_eq!((frame.timestamp, s.discards().get(RecvDiscard::Superseded)), (640, 1));
    assert!(s.poll_frame(Instant::from_millis(500), &mut [0; 100]).is_none());
}

#[test]
fn a_packet_of_before_the_change_is_none_for_a_change_back() {
    let mut s = RecvStream::new(RecvConfig::audio(1, 111, PayloadFormat::Opus), Global).unwrap();
    assert!(!s.is_overtaken(9), "nothing has come");
    sound(&mut s, 111, 65_530, 0);
    sound(&mut s, 111, 4, 0);
    for (sequence, overtaken) in [(3, true), (4, false), (5, false), (65_530, true), (65_440, true), (65_439, false)] {
        assert_eq!(s.is_overtaken(sequence), overtaken, "{sequence}");
    }
}
