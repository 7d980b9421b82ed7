//! A path that becomes narrow: the next key frame replaces what came before it.

use barertc_arena::Global;
use barertc_rtcp_nack::{SendConfig, SendDiscard, SendStream};
use barertc_rtp::rtcp::{CompoundWriter, Rtcp, packets};
use barertc_rtp::{Frame, FrameInfo, Framing, Packet, PayloadFormat};
use barertc_wire::Instant;

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn enqueue(s: &mut SendStream<Global>, now: u64, key: bool, len: usize) {
    let mut bytes = vec![7; len];
    bytes[0] = u8::from(!key);
    let info = FrameInfo { timestamp: now as u32 * 90, ..FrameInfo::default() };
    let frame = Frame::from_slice(&bytes, PayloadFormat::Vp8, Framing::Whole, info, Global).unwrap();
    s.enqueue(at(now), frame).unwrap();
}

fn next(s: &mut SendStream<Global>, now: u64) -> Option<(u16, u32)> {
    let mut room = [0; 1_200];
    let len = s.poll_packet(at(now), 0, &mut room)?;
    let header = Packet::parse(&room[..len]).unwrap().header;
    Some((header.sequence, header.timestamp))
}

/// Asks for a packet again; whether it comes.
fn again(s: &mut SendStream<Global>, now: u64, sequence: u16) -> bool {
    let mut room = [0; 100];
    let mut w = CompoundWriter::new(&mut room);
    w.nack(9, 1, [sequence]).unwrap();
    let len = w.len();
    for packet in packets(&room[..len]) {
        let Ok(Rtcp::Nack(nack)) = packet else { continue };
        s.handle_nack(at(now), &nack);
    }
    s.poll_retransmit(at(now), 0, &mut [0; 1_200]).is_some()
}

fn stream() -> SendStream<Global> {
    SendStream::new(SendConfig::video(1, 96, PayloadFormat::Vp8), Global).unwrap()
}

#[test]
fn a_key_frame_replaces_what_came_before_it() {
    let mut s = stream();
    enqueue(&mut s, 0, true, 3_000);
    let (first, _) = next(&mut s, 0).unwrap();
    enqueue(&mut s, 33, false, 500);
    assert!(again(&mut s, 40, first));
    s.path_narrowed(at(50));
    // Nothing changes before the key frame is there.
    assert_eq!((s.queued_frames(), s.discards().total()), (2, 0));
    enqueue(&mut s, 66, false, 500);
    assert_eq!(s.queued_frames(), 3);
    enqueue(&mut s, 100, true, 800);
    assert_eq!((s.queued_frames(), s.discards().get(SendDiscard::FrameSuperseded)), (1, 3));
    assert_eq!(s.stats().frames_dropped, 3);
    assert!(!again(&mut s, 100, first));
    assert_eq!(s.discards().get(SendDiscard::NackGone), 1);
    let (sequence, timestamp) = next(&mut s, 101).unwrap();
    assert_eq!((sequence, timestamp.wrapping_sub(s.config().timestamp_offset)), (first.wrapping_add(1), 9_000));
    assert!(again(&mut s, 120, sequence), "itself it goes again");
    // Only the first one.
    enqueue(&mut s, 133, false, 500);
    enqueue(&mut s, 166, true, 800);
    assert_eq!(s.queued_frames(), 2);
}

#[test]
fn a_key_frame_that_comes_late_replaces_nothing() {
    let mut s = stream();
    s.path_narrowed(at(0));
    enqueue(&mut s, 900, false, 500);
    enqueue(&mut s, 1_000, true, 500);
    assert_eq!((s.queued_frames(), s.discards().total()), (2, 0));
}
