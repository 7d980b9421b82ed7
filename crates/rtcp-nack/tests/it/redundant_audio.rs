//! Audio that is lost comes again in the packet behind it (RFC 2198), in order and once.

use std::collections::VecDeque;

use barertc_arena::{Global, Shared};
use barertc_rtcp_nack::{RecvConfig, RecvDiscard, RecvStream, SendConfig, SendDiscard, SendStream};
use barertc_rtp::{
    Extension, ExtensionMap, Frame, FrameInfo, Framing, Packet, PayloadFormat, RedBlock, read_red, write_red,
};
use barertc_wire::{Instant, Writer};

use crate::support::{at, drain_again, nack};

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

/// Sound over a path that loses `lost` of a thousand packets, told by feedback 60 ms later.
struct Path {
    sender: SendStream<Global>,
    receiver: RecvStream<Global>,
    feedback: VecDeque<(u64, u16, bool)>,
    random: u32,
    n: u32,
    /// Frames that came, the last of them, and what was written last.
    heard: u32,
    last: Vec<u8>,
}

impl Path {
    fn new(red: Option<u8>) -> Self {
        let extensions = ExtensionMap::new().with(Extension::TransportSequence, 2);
        let config = SendConfig { extensions, red, ..SendConfig::audio(1, 111, PayloadFormat::Opus) };
        let receiver = RecvConfig { red, ..RecvConfig::audio(1, 111, PayloadFormat::Opus) };
        Self {
            sender: SendStream::new(config, Global).unwrap(),
            receiver: RecvStream::new(receiver, Global).unwrap(),
            feedback: VecDeque::new(),
            random: 7,
            n: 0,
            heard: 0,
            last: Vec::new(),
        }
    }

    fn run(&mut self, frames: u32, lost: u32, bytes: usize) {
        for _ in 0..frames {
            let now = at(u64::from(self.n) * 20);
            let data = vec![0xfc ^ self.n as u8; bytes];
            let bytes = Shared::<[u8], _>::try_from_slice(&data, Global).unwrap();
            let info = FrameInfo { timestamp: self.n * 960, ..FrameInfo::default() };
            let frame = Frame::new(bytes, PayloadFormat::Opus, Framing::Whole, info, Global).unwrap();
            self.sender.enqueue(now, frame).unwrap();
            let mut out = [0; 1_200];
            let len = self.sender.poll_packet(now, self.n as u16, &mut out).unwrap();
            self.last = out[..len].to_vec();
            self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let gone = (self.random >> 16) % 1_000 < lost;
            self.feedback.push_back((now.as_millis() + 60, self.n as u16, gone));
            if !gone {
                self.receiver.handle(now, &Packet::parse(&self.last).unwrap());
            }
            while let Some((_, number, gone)) = self.feedback.pop_front_if(|(when, ..)| *when <= now.as_millis()) {
                match gone {
                    true => self.sender.handle_transport_loss(now, number),
                    false => self.sender.handle_transport_arrival(now, number),
                }
                // What is sent again comes too late for its turn, or is lost as well: not delivered here.
                drain_again(&mut self.sender, now);
            }
            let mut room = [0; 1_200];
            while let Some(frame) = self.receiver.poll_frame(now, &mut room) {
                assert!(frame.complete && room[..frame.len].iter().all(|b| *b == 0xfc ^ (frame.timestamp / 960) as u8));
                self.heard += 1;
            }
            self.n += 1;
        }
    }
}

#[test]
fn a_lossy_path_is_heard_whole() {
    for (lost, most) in [(10, 2), (50, 20), (100, 30)] {
        let (mut plain, mut redundant) = (Path::new(None), Path::new(Some(RED)));
        plain.run(6_000, lost, 160);
        redundant.run(6_000, lost, 160);
        let missing = |path: &Path| path.n - path.heard;
        assert!(missing(&plain) >= lost * 5, "{lost}: {}", missing(&plain));
        // Before the loss is known, and two in a row: one in four hundred at 5 %.
        assert!(missing(&redundant) <= most + lost / 2, "{lost}: {} of {}", missing(&redundant), missing(&plain));
        let sent = redundant.sender.stats();
        assert!(sent.redundant_packets_sent > 4_500, "{:?}", sent.redundant_packets_sent);
        let used = redundant.receiver.stats().redundant_packets_used.get();
        assert!(used as u32 >= lost * 4, "{used}");
        let level = read_red(Packet::parse(&redundant.last).unwrap().payload).unwrap().count();
        assert!(level == 2 && lost < 100 || level == 3 && lost > 10, "{lost}: {level}");
        assert_eq!(plain.sender.stats().redundant_packets_sent, 0);
    }
}

#[test]
fn a_clean_path_costs_nothing_and_a_lossy_one_no_longer_than_it_is() {
    let mut path = Path::new(Some(RED));
    path.run(1_000, 0, 160);
    assert_eq!((path.sender.stats().redundant_packets_sent.get(), path.last[1]), (0, 111));
    path.run(500, 50, 160);
    assert_eq!(path.last[1], RED);
    // It fades, and ends some seconds later.
    path.run(50, 0, 160);
    assert_eq!(path.last[1], RED);
    path.run(2_000, 0, 160);
    assert_eq!((path.last[1], path.last.len()), (111, 12 + 8 + 160));
}

#[test]
fn what_has_no_room_does_not_go_again() {
    let mut path = Path::new(Some(RED));
    path.run(1_000, 50, 700);
    assert_eq!((path.sender.stats().redundant_packets_sent.get(), path.last[1]), (0, 111));
    // Smaller ones have room, once the frame before is one of them.
    path.run(2, 0, 300);
    assert_eq!(path.last[1], RED);
}

#[test]
fn a_packet_with_earlier_frames_is_not_made_again() {
    let mut path = Path::new(Some(RED));
    path.run(500, 50, 160);
    assert_eq!(path.last[1], RED);
    let number = u16::from_be_bytes([path.last[2], path.last[3]]);
    let now = at(500 * 20);
    drain_again(&mut path.sender, now);
    nack(&mut path.sender, now, 1, [number, number]);
    assert!(drain_again(&mut path.sender, now).is_empty(), "other bytes under the same number");
    let discards = path.sender.discards();
    assert_eq!(discards.get(SendDiscard::NackRedundant), 1);
}
