//! When a receiver asks for a key frame, and when it stops asking.

use barertc_arena::Global;
use barertc_rtcp_nack::{RecvConfig, RecvStream};
use barertc_rtp::rtcp::{CompoundWriter, NtpTime, Rtcp, SenderInfo, packets};
use barertc_rtp::{Packet, PayloadFormat};
use barertc_wire::Instant;

/// What a receiver says from `from` on for `millis`, polled each millisecond: (time, PLI, numbers in NACKs).
fn said(stream: &mut RecvStream<Global>, from: u64, millis: u64) -> (Vec<u64>, Vec<(u64, u16)>) {
    let (mut plis, mut nacks) = (Vec::new(), Vec::new());
    for now in from..from + millis {
        let at = Instant::from_millis(now);
        while stream.poll_frame(at, &mut [0; 4_000]).is_some() {}
        let mut out = [0; 1_200];
        let mut w = CompoundWriter::new(&mut out);
        stream.write_feedback(at, &mut w);
        let len = w.len();
        for packet in packets(&out[..len]) {
            match packet.unwrap() {
                Rtcp::Pli(_) => plis.push(now),
                Rtcp::Nack(nack) => nacks.extend(nack.lost().map(|sequence| (now, sequence))),
                other => panic!("{other:?}"),
            }
        }
    }
    (plis, nacks)
}

fn vp8(stream: &mut RecvStream<Global>, now: u64, sequence: u16, key: bool) {
    let mut d = vec![0x80, 0x80 | 96];
    d.extend(sequence.to_be_bytes());
    d.extend((u32::from(sequence) * 3_000).to_be_bytes());
    d.extend([0, 0, 0, 1, 0x10, u8::from(!key), 1, 2]);
    stream.handle(Instant::from_millis(now), &Packet::parse(&d).unwrap());
}

fn stream() -> RecvStream<Global> {
    RecvStream::new(RecvConfig::video(1, 96, PayloadFormat::Vp8), Global).unwrap()
}

#[test]
fn a_receiver_that_joins_between_key_frames_asks_for_one() {
    let mut s = stream();
    vp8(&mut s, 0, 7, false);
    assert_eq!(said(&mut s, 0, 100).0, [0]);
    vp8(&mut s, 100, 8, true);
    assert_eq!(said(&mut s, 100, 2_000).0, [] as [u64; 0]);
    // One that begins with a key frame doesn't.
    let mut s = stream();
    vp8(&mut s, 0, 7, true);
    vp8(&mut s, 0, 8, false);
    assert_eq!(said(&mut s, 0, 1_000).0, [] as [u64; 0]);
}

#[test]
fn a_stream_that_refreshes_without_key_frames_is_not_asked_for_ever() {
    let mut s = stream();
    let mut asked = Vec::new();
    for frame in 0..3_000u16 {
        let now = u64::from(frame) * 33;
        vp8(&mut s, now, frame, false);
        asked.extend(said(&mut s, now, 33).0);
    }
    assert_eq!(asked, [0, 300, 900, 2_100, 4_500, 9_300, 18_900]);
    // A loss is a reason to ask again.
    vp8(&mut s, 99_000, 3_001, false);
    assert_eq!(said(&mut s, 99_000, 400).0.len(), 1);
}

#[test]
fn what_the_jitter_buffer_gave_up_is_not_asked_for() {
    let mut s = stream();
    vp8(&mut s, 0, 1, true);
    assert_eq!(said(&mut s, 0, 10).1, []);
    vp8(&mut s, 10, 4, false);
    let (_, nacks) = said(&mut s, 10, 3_000);
    assert!(nacks.iter().any(|(_, sequence)| *sequence == 2) && nacks.iter().any(|(_, sequence)| *sequence == 3));
    let last = nacks.iter().map(|(at, _)| *at).max().unwrap();
    // Gaps are waited for 300 ms.
    assert!(last < 310, "{last}");
    assert_eq!(s.stats().packets_missing, 0);
}

#[test]
fn frames_tell_when_they_were_captured() {
    let mut s = stream();
    vp8(&mut s, 0, 1, true);
    let frame = s.poll_frame(Instant::ZERO, &mut [0; 100]).unwrap();
    assert_eq!(frame.captured, None);
    let mut out = [0; 100];
    let mut w = CompoundWriter::new(&mut out);
    let info = SenderInfo { ssrc: 1, ntp: NtpTime(100 << 32), rtp_timestamp: 6_000, packets: 1, octets: 1 };
    w.sender_report(&info, []).unwrap();
    let len = w.len();
    for packet in packets(&out[..len]) {
        s.handle_rtcp(Instant::ZERO, &packet.unwrap());
    }
    vp8(&mut s, 33, 32, false);
    let frame = s.poll_frame(Instant::from_millis(400), &mut [0; 100]).unwrap();
    assert_eq!(frame.captured, Some(NtpTime(101 << 32)), "90,000 ticks later");
}
