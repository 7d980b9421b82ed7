//! A sender that sends no silence (RFC 7587 §3.1.3): time goes on over the pause, numbers do not.

use barertc_arena::Global;
use barertc_rtcp_nack::{RecvConfig, RecvStream, RtxConfig, SendConfig, SendStream};
use barertc_rtp::{Frame, FrameInfo, Framing, Packet, PayloadFormat};

use crate::support::{at, drain, drain_again, nack};

const SSRC: u32 = 1;

fn sound(n: u32, talkspurt: bool) -> Frame<Global> {
    let info = FrameInfo { timestamp: n * 960, talkspurt, ..FrameInfo::default() };
    Frame::from_slice(&[0x78, n as u8, 1], PayloadFormat::Opus, Framing::Whole, info, Global).unwrap()
}

/// Half a second of sound, two of silence, half a second of sound: each frame's number, and whether it begins a talkspurt.
fn call() -> impl Iterator<Item = (u32, bool)> {
    (0..25).map(|n| (n, false)).chain((125..150).map(|n| (n, n == 125)))
}

#[test]
fn nothing_of_a_pause_counts_as_lost() {
    let mut sender = SendStream::new(SendConfig::audio(SSRC, 111, PayloadFormat::Opus), Global).unwrap();
    let mut receiver = RecvStream::new(RecvConfig::audio(SSRC, 111, PayloadFormat::Opus), Global).unwrap();
    let (mut heard, mut out) = (Vec::new(), [0; 100]);
    for (n, talkspurt) in call() {
        let now = at(u64::from(n) * 20);
        sender.enqueue(now, sound(n, talkspurt)).unwrap();
        for datagram in drain(&mut sender, now) {
            let packet = Packet::parse(&datagram).unwrap();
            assert_eq!(packet.header.marker, talkspurt, "RFC 3551 §4.1, frame {n}");
            receiver.handle(now, &packet);
        }
        while let Some(frame) = receiver.poll_frame(now, &mut out) {
            assert!(frame.complete && frame.lost == 0);
            heard.push((frame.timestamp, out[1]));
        }
    }
    let first = heard[0].0;
    let all: Vec<_> = call().map(|(n, _)| (first.wrapping_add(n * 960), n as u8)).collect();
    assert_eq!(heard, all, "each comes at once, at its time");
    let stats = receiver.stats();
    assert_eq!((stats.packets_received.get(), stats.packets_lost, receiver.discards().total()), (50, 0, 0));
}

/// A plain retransmission is encrypted under its old number: it has to be the same bytes.
#[test]
fn what_goes_again_has_the_same_marker() {
    for rtx in [None, Some(RtxConfig { ssrc: 2, payload_type: 112, first_sequence: 7 })] {
        let config = SendConfig { rtx, ..SendConfig::audio(SSRC, 111, PayloadFormat::Opus) };
        let mut sender = SendStream::new(config, Global).unwrap();
        let mut first = Vec::new();
        for (n, talkspurt) in call() {
            sender.enqueue(at(0), sound(n, talkspurt)).unwrap();
            first.extend(drain(&mut sender, at(0)));
        }
        let sequence = Packet::parse(&first[25]).unwrap().header.sequence;
        nack(&mut sender, at(50), SSRC, [sequence, sequence.wrapping_add(1)]);
        let again = drain_again(&mut sender, at(50));
        let markers: Vec<bool> = again.iter().map(|packet| Packet::parse(packet).unwrap().header.marker).collect();
        assert_eq!(markers, [true, false]);
        if rtx.is_none() {
            assert_eq!(again[..], first[25..27]);
        }
    }
}
