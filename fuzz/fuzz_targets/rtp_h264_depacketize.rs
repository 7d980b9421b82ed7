//! Any payloads in any order as a stream: no panic, nothing beyond the buffer, whole NAL units only; in all codecs.
#![no_main]

use barertc_arena::Global;
use barertc_rtcp_nack::{RecvConfig, RecvStream};
use barertc_rtp::rtcp::CompoundWriter;
use barertc_rtp::{Framing, Packet, PayloadFormat, for_each_nal};
use barertc_wire::Instant;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((codec, mut rest)) = data.split_first() else { return };
    let codec = [
        PayloadFormat::H264,
        PayloadFormat::H265,
        PayloadFormat::Vp8,
        PayloadFormat::Opus,
        PayloadFormat::Vp9,
        PayloadFormat::Av1,
    ][usize::from(codec % 6)];
    let framing = if codec.has_nals() { Framing::Length4 } else { Framing::Whole };
    let config = RecvConfig { framing, packets: 16, missing: 16, ..RecvConfig::video(0, 0, codec) };
    let mut stream = RecvStream::new(config, Global).unwrap();
    let (mut out, mut now) = ([0; 4_096], Instant::ZERO);
    // (length, marker and step of the sequence number, timestamp) and payload, again and again.
    let mut sequence = 0u16;
    while let Some(([len, flags, timestamp], tail)) = rest.split_first_chunk() {
        let len = usize::from(*len).min(tail.len());
        sequence = sequence.wrapping_add_signed(i16::from((flags & 0x7f) as i8) - 16);
        let mut datagram = vec![0x80, flags & 0x80];
        datagram.extend(sequence.to_be_bytes());
        datagram.extend([0, 0, 0, timestamp >> 4, 0, 0, 0, 0]);
        datagram.extend(&tail[..len]);
        rest = &tail[len..];
        stream.handle(now, &Packet::parse(&datagram).unwrap());
        now += core::time::Duration::from_millis(u64::from(*timestamp));
        while let Some(frame) = stream.poll_frame(now, &mut out) {
            assert!(frame.len <= out.len());
            if codec.has_nals() {
                for_each_nal(&out[..frame.len], framing, |_| Ok(())).unwrap();
            }
        }
        let mut feedback = [0; 600];
        stream.write_feedback(now, &mut CompoundWriter::new(&mut feedback));
        let _ = stream.report_block(now);
    }
});
