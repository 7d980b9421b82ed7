//! What a receiver may ask for: once a round trip, a bounded number of times, at a bounded rate, of this source.

use crate::support::{at, deliver, drain, drain_again, nack, picture};
use barertc_arena::Global;
use barertc_rtcp_nack::{HistoryConfig, RetransmitConfig, SendConfig, SendDiscard, SendEvent, SendStream};
use barertc_rtp::PayloadFormat;
use barertc_rtp::rtcp::{CompoundWriter, NtpTime, ReportBlock};
use std::time::Duration;

fn stream(config: SendConfig) -> SendStream<Global> {
    let mut stream = SendStream::new(config, Global).unwrap();
    stream.enqueue(at(0), picture(10_000, true, 0, Global)).unwrap();
    assert_eq!(drain(&mut stream, at(0)).len(), 9);
    stream
}

fn video() -> SendConfig {
    SendConfig::video(1, 102, PayloadFormat::H264)
}

#[test]
fn another_source_is_not_answered() {
    let mut s = stream(video());
    nack(&mut s, at(10), 2, [0, 1]);
    assert!(drain_again(&mut s, at(10)).is_empty());
    assert_eq!((s.stats().nack_count.get(), s.discards().total()), (0, 0));
}

#[test]
fn what_was_never_sent_is_counted() {
    let mut s = stream(video());
    nack(&mut s, at(10), 1, [8, 9, 60_000]);
    assert_eq!(drain_again(&mut s, at(10)).len(), 1);
    assert_eq!(s.discards().get(SendDiscard::NackGone), 2);
}

#[test]
fn once_in_a_round_trip() {
    let mut s = stream(video());
    // A round trip of 100 ms, told by a report: sent at 1000, held 50, back at 1150.
    let sr = NtpTime::from_instant(at(1_000)).middle();
    let block = ReportBlock { ssrc: 1, last_sr: sr, delay_since_last_sr: 65_536 / 20, ..Default::default() };
    let mut out = [0; 100];
    let mut w = CompoundWriter::new(&mut out);
    w.receiver_report(5, [block]).unwrap();
    let len = w.len();
    deliver(&mut s, at(1_150), &out[..len]);
    assert!(s.round_trip_time().unwrap().abs_diff(Duration::from_millis(100)) < Duration::from_millis(1));

    nack(&mut s, at(1_200), 1, [3]);
    nack(&mut s, at(1_200), 1, [3]);
    assert_eq!(drain_again(&mut s, at(1_200)).len(), 1);
    nack(&mut s, at(1_290), 1, [3]);
    assert!(drain_again(&mut s, at(1_290)).is_empty());
    nack(&mut s, at(1_301), 1, [3]);
    assert_eq!(drain_again(&mut s, at(1_301)).len(), 1);
    assert_eq!(s.discards().get(SendDiscard::NackTooSoon), 2);
}

#[test]
fn not_more_often_than_configured() {
    let retransmit = RetransmitConfig { max_repeats: 3, ..RetransmitConfig::default() };
    let mut s = stream(SendConfig { retransmit, ..video() });
    let mut sent = 0;
    for round in 1..=8 {
        nack(&mut s, at(round * 100), 1, [4]);
        sent += drain_again(&mut s, at(round * 100)).len();
    }
    assert_eq!(sent, 3);
    assert_eq!(s.discards().get(SendDiscard::NackTooOften), 5);
}

#[test]
fn not_faster_than_configured() {
    let retransmit = RetransmitConfig { bytes_per_second: 12_000, burst_bytes: 3_000, ..RetransmitConfig::default() };
    let mut s = stream(SendConfig { retransmit, ..video() });
    nack(&mut s, at(10), 1, 0..9);
    let (mut now, mut sent) = (at(10), 0);
    assert_eq!(drain_again(&mut s, now).len(), 3, "3,000 bytes and the packet they begin");
    sent += 3;
    while let Some(due) = s.timeout() {
        assert!(due > now);
        now = due;
        sent += drain_again(&mut s, now).len();
    }
    assert_eq!(sent, 9);
    assert!((400..800).contains(&now.as_millis()), "{now:?}");
}

#[test]
fn the_queue_is_bounded() {
    let retransmit = RetransmitConfig { queue: 4, ..RetransmitConfig::default() };
    let mut s = stream(SendConfig { retransmit, ..video() });
    nack(&mut s, at(10), 1, 0..9);
    assert_eq!(s.queued_retransmissions(), 4);
    assert_eq!(s.discards().get(SendDiscard::NackQueueFull), 5);
    assert_eq!(drain_again(&mut s, at(10)).len(), 4);
    nack(&mut s, at(11), 1, 4..9);
    assert_eq!(drain_again(&mut s, at(11)).len(), 4, "what had no room may be asked for again at once");
}

#[test]
fn too_old_is_gone() {
    let history = HistoryConfig { age: Duration::from_millis(500), ..video().history };
    let mut s = stream(SendConfig { history, ..video() });
    nack(&mut s, at(499), 1, [0]);
    assert_eq!(drain_again(&mut s, at(499)).len(), 1);
    nack(&mut s, at(601), 1, [1]);
    assert!(drain_again(&mut s, at(601)).is_empty());
    assert_eq!(s.discards().get(SendDiscard::NackGone), 1);
    // And the frame is let go.
    assert_eq!(s.history().len(), 9);
    s.handle_timeout(at(601));
    assert_eq!((s.history().len(), s.history().bytes()), (0, 0));
}

#[test]
fn eviction_by_packets_and_by_bytes() {
    let history = HistoryConfig { packets: 20, bytes: 22_000, frames: 8, age: Duration::from_secs(9) };
    let mut s = stream(SendConfig { history, largest_key_frame: 10_000, ..video() });
    for i in 1..50u32 {
        s.enqueue(at(u64::from(i)), picture(3_000 + i as usize * 100, false, i, Global)).unwrap();
        drain(&mut s, at(u64::from(i)));
        assert!(s.history().len() <= 20 && s.history().bytes() <= 22_000);
    }
    let sent = s.stats().packets_sent.get() as u16;
    let held = s.history().len() as u16;
    nack(&mut s, at(60), 1, sent - held - 1..sent);
    assert_eq!(drain_again(&mut s, at(60)).len(), usize::from(held));
    assert_eq!(s.discards().get(SendDiscard::NackGone), 1);
}

#[test]
fn the_newest_frame_stays_even_when_it_fills_the_history_alone() {
    let history = HistoryConfig { packets: 20, bytes: 10_000, frames: 8, age: Duration::from_secs(9) };
    let mut s = stream(SendConfig { history, largest_key_frame: 10_000, ..video() });
    for (i, size) in [500, 10_000, 900, 10_000].into_iter().enumerate() {
        s.enqueue(at(1), picture(size, true, i as u32, Global)).unwrap();
        let sent = drain(&mut s, at(1)).len() as u16;
        assert_eq!((s.history().len() as u16, s.history().bytes()), (sent, size));
        let end = s.stats().packets_sent.get() as u16 - s.stats().retransmitted_packets_sent.get() as u16;
        nack(&mut s, at(2), 1, end - sent..end);
        assert_eq!(drain_again(&mut s, at(2)).len() as u16, sent);
    }
}

#[test]
fn a_picture_can_be_asked_for_by_pli_and_fir() {
    let mut s = stream(video());
    let mut out = [0; 100];
    let mut w = CompoundWriter::new(&mut out);
    w.pli(5, 1).unwrap();
    w.pli(5, 2).unwrap();
    let len = w.len();
    deliver(&mut s, at(1), &out[..len]);
    assert_eq!((s.poll_event(), s.poll_event()), (Some(SendEvent::KeyFrameNeeded), None));
    let mut w = CompoundWriter::new(&mut out);
    w.fir(5, 1, 7).unwrap();
    let len = w.len();
    deliver(&mut s, at(1), &out[..len]);
    assert_eq!(s.poll_event(), Some(SendEvent::KeyFrameNeeded));
    deliver(&mut s, at(2), &out[..len]);
    assert_eq!(s.poll_event(), None, "a repetition keeps its number");
    assert_eq!((s.stats().pli_count.get(), s.stats().fir_count.get()), (1, 1));
}
