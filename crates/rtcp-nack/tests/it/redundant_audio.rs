//! Audio that is lost comes again in the packet behind it (RFC 2198), in order and once.

use barertc_arena::Global;
use barertc_rtcp_nack::{RecvConfig, RecvDiscard, RecvStream};
use barertc_rtp::{Packet, PayloadFormat, RedBlock, write_red};
use barertc_wire::{Instant, Writer};

const RED: u8 = 63;

fn frame(n: u16) -> Vec<u8> {
    vec![0xfc, n as u8, (n >> 8) as u8]
}

/// The packet with frame `n` and the `back` before it.
fn packet(n: u16, back: u16) -> Vec<u8> {
    let earlier: Vec<Vec<u8>> = (1..=back).rev().map(|b| frame(n - b)).collect();
    let redundant: Vec<RedBlock<'_>> = earlier
        .iter()
        .zip((1..=back).rev())
        .map(|(data, b)| RedBlock { payload_type: 111, offset: u32::from(b) * 960, data })
        .collect();
    let mut out = [0; 200];
    let mut w = Writer::new(&mut out);
    w.put(&[0x80, RED]).unwrap();
    w.u16(n).unwrap();
    w.u32(u32::from(n) * 960).unwrap();
    w.u32(1).unwrap();
    write_red(&redundant, &RedBlock { payload_type: 111, offset: 0, data: &frame(n) }, &mut w).unwrap();
    w.written().to_vec()
}

#[test]
fn every_second_packet_is_enough() {
    let config = RecvConfig { red: Some(RED), ..RecvConfig::audio(1, 111, PayloadFormat::Opus) };
    let mut stream = RecvStream::new(config, Global).unwrap();
    let (mut heard, mut out) = (Vec::new(), [0; 100]);
    for n in 10..110u16 {
        let now = Instant::from_millis(u64::from(n) * 20);
        // The first always; then every third is lost, and two in a row now and then.
        if n == 10 || n % 3 != 0 && n % 10 != 0 {
            stream.handle(now, &Packet::parse(&packet(n, if n == 10 { 0 } else { 2 })).unwrap());
        }
        while let Some(got) = stream.poll_frame(now, &mut out) {
            assert!(got.complete && got.lost == 0);
            heard.push((got.timestamp, out[..got.len].to_vec()));
        }
    }
    let all: Vec<_> = (10..110u16).map(|n| (u32::from(n) * 960, frame(n))).collect();
    assert_eq!(heard, all);
    assert!(stream.stats().redundant_packets_used > 30);
    assert_eq!(stream.discards().total(), 0);
}

#[test]
fn a_broken_payload_is_counted() {
    let config = RecvConfig { red: Some(RED), ..RecvConfig::audio(1, 111, PayloadFormat::Opus) };
    let mut stream = RecvStream::new(config, Global).unwrap();
    let broken = [0x80, RED, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xef, 0, 0, 9, 111, 1];
    stream.handle(Instant::ZERO, &Packet::parse(&broken).unwrap());
    assert_eq!(stream.discards().get(RecvDiscard::Malformed), 1);
    assert!(stream.poll_frame(Instant::ZERO, &mut [0; 100]).is_none());
}
