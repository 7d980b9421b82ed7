//! Any bytes as RTCP: no panic in the reader, nor in the streams that act on what it read.
#![no_main]

use barertc_arena::Global;
use barertc_congestion::{Gcc, GccConfig, SentPackets};
use barertc_rtcp_nack::{RecvConfig, RecvStream, SendConfig, SendStream};
use barertc_rtp::PayloadFormat;
use barertc_rtp::rtcp::{NtpTime, Rtcp, packets};
use barertc_wire::Instant;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut send = SendStream::new(SendConfig::video(1, 102, PayloadFormat::H264), Global).unwrap();
    let mut recv = RecvStream::new(RecvConfig::audio(2, 111, PayloadFormat::Opus), Global).unwrap();
    let mut sent = SentPackets::new(64, Global).unwrap();
    let mut estimator = Gcc::new(GccConfig::default());
    let now = Instant::from_millis(5_000);
    for _ in 0..64 {
        sent.record(now, 1_200);
    }
    for packet in packets(data).flatten() {
        send.handle_rtcp(now, NtpTime::from_instant(now), &packet);
        recv.handle_rtcp(now, &packet);
        match packet {
            Rtcp::SourceDescription(sdes) => drop(sdes.flat_map(Iterator::collect::<Vec<_>>).collect::<Vec<_>>()),
            Rtcp::Bye(bye) => drop(bye.sources().collect::<Vec<_>>()),
            Rtcp::Nack(nack) => drop(nack.lost().collect::<Vec<_>>()),
            Rtcp::Fir(fir) => drop(fir.requests().collect::<Vec<_>>()),
            Rtcp::Remb(remb) => drop(remb.sources().collect::<Vec<_>>()),
            Rtcp::Transport(feedback) => {
                assert_eq!(feedback.arrivals().count(), usize::from(feedback.status_count));
                sent.feedback(now, &feedback, &mut estimator);
            }
            Rtcp::Congestion(feedback) => drop(feedback.blocks().map(|b| b.metrics().count()).collect::<Vec<_>>()),
            _ => {}
        }
    }
});
