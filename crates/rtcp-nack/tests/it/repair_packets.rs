//! Repair packets restore what is lost with no retransmission, and cost nothing where nothing is lost.

use std::collections::HashMap;

use barertc_arena::Global;
use barertc_rtcp_nack::{PathShare, RecvConfig, RecvStream, RepairConfig, RtxConfig, SendConfig, SendStream};
use barertc_rtp::rtcp::{NtpTime, ReportBlock};
use barertc_rtp::{Extension, ExtensionMap, Framing, Packet, PayloadFormat};
use barertc_wire::Instant;

use crate::support::*;

const MEDIA: u32 = 1;
const FEC: u32 = 3;
/// Every so many packets one is lost.
const EVERY: u64 = 13;

fn extensions() -> ExtensionMap {
    ExtensionMap::new()
        .with(Extension::Mid, 1)
        .with(Extension::TransportSequence, 2)
        .with(Extension::AbsSendTime, 3)
        .with(Extension::PlayoutDelay, 6)
}

fn config() -> SendConfig {
    let mid = heapless::Vec::from_slice(b"0").unwrap();
    let repair = Some(RepairConfig { ssrc: FEC, payload_type: 118, first_sequence: 9 });
    let rtx = Some(RtxConfig { ssrc: 2, payload_type: 103, first_sequence: 5 });
    let latency = core::time::Duration::from_millis(50);
    let first_sequence = 65_000;
    SendConfig {
        mid,
        repair,
        rtx,
        latency,
        first_sequence,
        extensions: extensions(),
        ..SendConfig::video(MEDIA, 102, PayloadFormat::H264)
    }
}

/// A decoder of its own: it reads repair packets by the draft and takes packets apart by hand.
#[derive(Default)]
struct Decoder {
    /// By sequence number, mutable values zeroed.
    media: HashMap<u16, Vec<u8>>,
    repairs: Vec<(Vec<u16>, Vec<u8>)>,
    restored: Vec<Vec<u8>>,
}

fn zeroed(datagram: &[u8]) -> Vec<u8> {
    let mut out = datagram.to_vec();
    let (words, mut at) = (usize::from(u16::from_be_bytes([out[14], out[15]])), 16);
    while at < 16 + words * 4 {
        let (id, len) = (out[at] >> 4, usize::from(out[at] & 15) + 1);
        if id == 0 {
            at += 1;
            continue;
        }
        if id == 2 || id == 3 {
            out[at + 1..=at + len].fill(0);
        }
        at += 1 + len;
    }
    out
}

impl Decoder {
    fn take(&mut self, datagram: &[u8]) {
        let packet = Packet::parse(datagram).unwrap();
        if packet.header.ssrc == MEDIA {
            self.media.insert(packet.header.sequence, zeroed(datagram));
        } else if packet.header.ssrc == FEC {
            let p = packet.payload;
            assert_eq!((p[0] & 0xc0, p[8..12].to_vec(), p[12..16].to_vec()), (0, vec![1, 0, 0, 0], vec![0, 0, 0, 1]));
            let base = u16::from_be_bytes([p[16], p[17]]);
            let mut bits: Vec<bool> = (0..15).map(|n| p[18 + (n + 1) / 8] & (0x80 >> ((n + 1) % 8)) != 0).collect();
            let mut body = 20;
            if p[18] & 0x80 == 0 {
                assert!(p[20] & 0x80 != 0, "no more than 46 bits");
                bits.extend((0..31).map(|n| p[20 + (n + 1) / 8] & (0x80 >> ((n + 1) % 8)) != 0));
                body = 24;
            }
            let protects =
                bits.iter().zip(0u16..).filter(|(bit, _)| **bit).map(|(_, n)| base.wrapping_add(n)).collect();
            self.repairs.push((protects, [&p[..8], &p[body..]].concat()));
        }
        self.peel();
    }

    fn peel(&mut self) {
        loop {
            let missing = |protects: &[u16]| -> Vec<u16> {
                protects.iter().copied().filter(|n| !self.media.contains_key(n)).collect()
            };
            let Some((protects, sum)) = self.repairs.iter().find(|(protects, _)| missing(protects).len() == 1) else {
                break;
            };
            let (lost, mut sum) = (missing(protects)[0], sum.clone());
            for other in protects.iter().filter(|n| **n != lost) {
                let other = &self.media[other];
                let length = (other.len() as u16 - 12).to_be_bytes();
                let head = [other[0] & 0x3f, other[1], length[0], length[1], other[4], other[5], other[6], other[7]];
                for (to, from) in sum.iter_mut().zip(head.iter().chain(&other[12..])) {
                    *to ^= from;
                }
            }
            let length = usize::from(u16::from_be_bytes([sum[2], sum[3]]));
            let mut datagram = vec![0x80 | sum[0] & 0x3f, sum[1]];
            datagram.extend(lost.to_be_bytes());
            datagram.extend(&sum[4..8]);
            datagram.extend(MEDIA.to_be_bytes());
            datagram.extend(&sum[8..8 + length]);
            self.media.insert(lost, datagram.clone());
            self.restored.push(datagram);
        }
        self.repairs.retain(|(protects, _)| protects.iter().any(|n| !self.media.contains_key(n)));
    }
}

struct Run {
    sender: SendStream<Global>,
    receiver: RecvStream<Global>,
    decoder: Decoder,
    /// What was lost, zeroed; by number.
    lost: HashMap<u16, Vec<u8>>,
    frame: u64,
    packets: u64,
    /// Those of media among them.
    media: u64,
    sizes: (usize, usize),
}

impl Run {
    fn new(config: SendConfig) -> Self {
        let receiver = RecvConfig {
            framing: Framing::Length4,
            extensions: config.extensions,
            missing: 0,
            ..RecvConfig::video(MEDIA, 102, PayloadFormat::H264)
        };
        let mut sender = SendStream::new(config, Global).unwrap();
        // A round trip of 50 ms.
        let ntp = NtpTime::from_instant(Instant::from_millis(1_000));
        let last_sr = NtpTime::from_instant(Instant::from_millis(950)).middle();
        sender.handle_report_block(Instant::ZERO, ntp, &ReportBlock { ssrc: MEDIA, last_sr, ..ReportBlock::default() });
        Self {
            sender,
            receiver: RecvStream::new(receiver, Global).unwrap(),
            decoder: Decoder::default(),
            lost: HashMap::new(),
            frame: 0,
            packets: 0,
            media: 0,
            sizes: (0, 0),
        }
    }

    /// A path that loses `gone`; what it loses is told by feedback at once. The receiver gets what comes and what is restored.
    fn run(&mut self, frames: u64, gone: impl Fn(u64, bool) -> bool) -> u64 {
        let (mut whole, mut room) = (0, vec![0; 200_000]);
        for _ in 0..frames {
            let now = Instant::from_millis(self.frame * 33);
            let n = self.frame;
            let picture = if n.is_multiple_of(60) {
                first_picture(60_000, n as u32 * 3_000, Global)
            } else {
                picture(1_500 + (n as usize * 977) % 9_000, false, n as u32 * 3_000, Global)
            };
            self.sender.enqueue(now, picture).unwrap();
            let mut out = [0; 1_500];
            while self.sender.has_packets() {
                let Some(len) = self.sender.poll_packet(now, self.packets as u16, &mut out) else { break };
                let packet = Packet::parse(&out[..len]).unwrap();
                assert!(len + 16 <= 1_200, "{len}");
                let size = if packet.header.ssrc == FEC { &mut self.sizes.1 } else { &mut self.sizes.0 };
                *size += len;
                let repair = packet.header.ssrc == FEC;
                if gone(if repair { self.packets } else { self.media }, repair) {
                    self.sender.handle_transport_loss(now, self.packets as u16);
                    if packet.header.ssrc == MEDIA {
                        self.lost.insert(packet.header.sequence, zeroed(&out[..len]));
                    }
                } else {
                    self.decoder.take(&out[..len]);
                    if packet.header.ssrc == MEDIA {
                        self.receiver.handle(now, &packet);
                    }
                }
                for restored in self.decoder.restored.drain(..) {
                    let packet = Packet::parse(&restored).unwrap();
                    assert_eq!(self.lost.remove(&packet.header.sequence).as_ref(), Some(&restored), "byte for byte");
                    self.receiver.handle(now, &packet);
                }
                self.packets += 1;
                self.media += u64::from(!repair);
            }
            drain_again(&mut self.sender, now);
            while let Some(frame) = self.receiver.poll_frame(now, &mut room) {
                whole += u64::from(frame.complete && frame.lost == 0);
            }
            self.frame += 1;
        }
        whole
    }
}

#[test]
fn every_frame_is_whole_without_a_retransmission() {
    let mut run = Run::new(config());
    // Until the loss is known some are not.
    run.run(120, |n, repair| n % EVERY == 5 && !repair);
    let before = run.sender.stats().fec_packets_sent.get();
    assert!(before > 50, "{before}");
    let whole = run.run(600, |n, repair| n % EVERY == 5 && !repair);
    assert_eq!(whole, 600);
    let (media, repair) = run.sizes;
    let share = repair as f32 / media as f32;
    assert!((0.2..0.56).contains(&share), "{share}");
}

#[test]
fn most_frames_are_whole_where_repair_packets_are_lost_too() {
    let mut run = Run::new(config());
    run.run(120, |n, _| n % EVERY == 5);
    // A packet and the only repair packet that it takes part in.
    let whole = run.run(600, |n, _| n % EVERY == 5);
    // What lies between one that is not and the next key frame is given up for it.
    assert!(whole >= 575, "{whole} of 600");
}

#[test]
fn our_receiver_restores_them_itself() {
    let mut run = Run::new(config());
    let mut receiver =
        RecvStream::new(RecvConfig { repair: Some((FEC, 118)), ..run.receiver.config().clone() }, Global).unwrap();
    let (mut whole, mut room, mut lost) = (0, vec![0; 200_000], 0);
    for n in 0..400u64 {
        let now = Instant::from_millis(n * 33);
        let shown = if n == 0 {
            first_picture(30_000, 0, Global)
        } else {
            picture(6_000, n % 90 == 0, n as u32 * 3_000, Global)
        };
        run.sender.enqueue(now, shown).unwrap();
        let mut out = [0; 1_500];
        while run.sender.has_packets() {
            let Some(len) = run.sender.poll_packet(now, run.packets as u16, &mut out) else { break };
            let packet = Packet::parse(&out[..len]).unwrap();
            run.packets += 1;
            if packet.header.ssrc == MEDIA && run.packets % EVERY == 5 {
                run.sender.handle_transport_loss(now, run.packets as u16 - 1);
                lost += u64::from(n >= 100);
            } else {
                assert!(receiver.accepts(&packet));
                receiver.handle(now, &packet);
            }
        }
        drain_again(&mut run.sender, now);
        while let Some(frame) = receiver.poll_frame(now, &mut room) {
            whole += u64::from(n >= 100 && frame.complete && frame.lost == 0);
        }
    }
    let stats = receiver.stats();
    assert!(whole >= 299, "{whole} of 300");
    assert!(lost > 100 && stats.packets_restored.get() >= lost, "{} of {lost}", stats.packets_restored.get());
    assert_eq!(stats.fec_packets_received, run.sender.stats().fec_packets_sent);
    assert_eq!(receiver.discards().total(), 0, "{:?}", receiver.discards());
}

#[test]
fn a_broken_repair_packet_is_counted() {
    let config = RecvConfig { repair: Some((FEC, 118)), ..RecvConfig::video(MEDIA, 102, PayloadFormat::H264) };
    let mut receiver = RecvStream::new(config, Global).unwrap();
    for payload in [&[][..], &[0; 20], &[0xff; 40]] {
        let datagram = [&[0x80, 118, 0, 1, 0, 0, 0, 1, 0, 0, 0, FEC as u8], payload].concat();
        receiver.handle(Instant::ZERO, &Packet::parse(&datagram).unwrap());
    }
    assert_eq!(receiver.discards().get(barertc_rtcp_nack::RecvDiscard::Malformed), 3);
    assert_eq!(receiver.stats().fec_packets_received.get(), 3);
}

#[test]
fn a_clean_path_costs_nothing() {
    let (mut with, mut without) = (Run::new(config()), Run::new(SendConfig { repair: None, ..config() }));
    assert_eq!((with.run(300, |_, _| false), without.run(300, |_, _| false)), (300, 300));
    // Not a packet more, and not a byte of room less for payload.
    assert_eq!((with.packets, with.sizes), (without.packets, without.sizes));
    assert_eq!(with.sender.stats().fec_packets_sent.get(), 0);
}

#[test]
fn repair_packets_end_when_nothing_is_lost_any_more() {
    let mut run = Run::new(config());
    run.run(200, |n, _| n % EVERY == 5);
    assert!(run.sender.repair_rate() > 0.2);
    run.run(1_500, |_, _| false);
    assert_eq!(run.sender.repair_rate(), 0.0);
    let before = run.sender.stats().fec_packets_sent.get();
    run.run(60, |_, _| false);
    assert_eq!(run.sender.stats().fec_packets_sent.get(), before);
}

#[test]
fn no_repair_packets_where_a_retransmission_comes_in_time() {
    let latency = core::time::Duration::from_millis(200);
    let mut run = Run::new(SendConfig { latency, ..config() });
    // 5 % is asked for again within 130 ms; of 10 % too many retransmissions are lost.
    run.run(300, |n, _| n % 20 == 5);
    assert_eq!(run.sender.stats().fec_packets_sent.get(), 0);
    run.run(300, |n, _| n % 8 == 5);
    assert!(run.sender.stats().fec_packets_sent.get() > 100);
}

#[test]
fn one_percent_costs_less_than_five() {
    let share = |every: u64| {
        let mut run = Run::new(config());
        run.run(300, |n, _| n % every == 5);
        run.sizes = (0, 0);
        run.run(600, |n, _| n % every == 5);
        run.sizes.1 as f32 / run.sizes.0 as f32
    };
    let (one, five) = (share(100), share(20));
    assert!((0.08..0.22).contains(&one) && (0.25..0.45).contains(&five), "{one} {five}");
}

#[test]
fn they_take_no_more_than_the_path_has_beside_the_media() {
    let share = |path: PathShare| {
        let mut run = Run::new(config());
        run.sender.set_path_share(Instant::ZERO, path);
        run.run(300, |n, _| n % 20 == 5);
        run.sizes = (0, 0);
        let whole = run.run(600, |n, _| n % 20 == 5);
        (run.sizes.1 as f32 / run.sizes.0 as f32, whole)
    };
    let (some, _) = share(PathShare { spare: 0.1, ..PathShare::new() });
    assert!((0.05..0.115).contains(&some), "{some}");
    for spare in [0.0, -1.0, f32::NAN] {
        let (none, _) = share(PathShare { spare, ..PathShare::new() });
        assert!(none == 0.0 || spare.is_nan() && none <= 0.55, "{spare}: {none}");
    }
    // What is lost only since the path is full has none, and keeps the room for payload.
    assert_eq!(share(PathShare { random_loss: Some(0.0), spare: 1.0 }).0, 0.0);
}

#[test]
fn a_full_path_has_no_second_copies() {
    let copies = |spare: f32| {
        let mut run = Run::new(config());
        run.sender.set_path_share(Instant::ZERO, PathShare { spare, ..PathShare::new() });
        run.run(120, |n, _| n % 20 == 5);
        run.sender.stats().retransmitted_packets_sent.get()
    };
    let (some, none) = (copies(1.0), copies(0.0));
    assert!(none > 20 && some > none * 3 / 2, "{some} and {none}");
}

#[test]
fn sources_are_three() {
    for ssrc in [1, 2] {
        let repair = Some(RepairConfig { ssrc, payload_type: 118, first_sequence: 0 });
        let error = SendStream::new(SendConfig { repair, ..config() }, Global).map(drop);
        assert_eq!(error, Err(barertc_rtcp_nack::Error::RepairSource { ssrc }));
    }
}
