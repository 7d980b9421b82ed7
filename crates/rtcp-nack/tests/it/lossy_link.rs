//! Ten seconds of video over a link that loses, delays and reorders: NACK brings back what is lost, in time.

use crate::support::{at, first_picture, picture};
use barertc_arena::Global;
use barertc_congestion::{Arrivals, Class, Gcc, GccConfig, Pacer, SentPackets};
use barertc_rtcp_nack::{RecvConfig, RecvStream, RtxConfig, SendConfig, SendEvent, SendStream};
use barertc_rtp::rtcp::{CompoundWriter, NtpTime, Rtcp, packets};
use barertc_rtp::{Extension, ExtensionMap, Framing, Packet, PayloadFormat};
use barertc_wire::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

const SECONDS: u64 = 10;

struct Link {
    /// In 1/1000.
    loss: u32,
    /// Lost packets come in runs of this many.
    burst: u32,
    delay: u64,
    jitter: u64,
    random: u32,
    losing: u32,
    /// By arrival in ms; the second number keeps the order of those that arrive together.
    on_the_way: BTreeMap<(u64, u32), Vec<u8>>,
    sent: u32,
}

impl Link {
    fn new(loss: u32, burst: u32, delay: u64, jitter: u64, seed: u32) -> Self {
        Self { loss, burst, delay, jitter, random: seed, losing: 0, on_the_way: BTreeMap::new(), sent: 0 }
    }

    fn random(&mut self, below: u32) -> u32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.random >> 8) % below
    }

    fn send(&mut self, now: u64, datagram: &[u8]) {
        self.sent += 1;
        if self.losing == 0 && self.random(1_000 * self.burst) < self.loss {
            self.losing = self.burst;
        }
        if self.losing > 0 {
            self.losing -= 1;
            return;
        }
        let late = u64::from(self.random(self.jitter as u32 + 1));
        self.on_the_way.insert((now + self.delay + late, self.sent), datagram.to_vec());
    }

    fn receive(&mut self, now: u64) -> Option<Vec<u8>> {
        let first = self.on_the_way.first_entry()?;
        if first.key().0 > now { None } else { Some(first.remove()) }
    }
}

#[derive(Debug)]
struct Outcome {
    frames: u32,
    complete: u32,
    /// The longest time between two complete frames.
    freeze: Duration,
    again: u64,
    refused: u32,
    pli: u64,
}

/// 25 pictures a second of 6,000 bytes, a key frame of 90,000 every four seconds and on request.
fn run(rtx: bool, mut there: Link, mut back: Link) -> Outcome {
    let mut extensions = ExtensionMap::new();
    extensions = extensions.with(Extension::TransportSequence, 3);
    let config = SendConfig { extensions, first_sequence: 65_000, ..SendConfig::video(1, 102, PayloadFormat::H264) };
    let rtx_config = RtxConfig { ssrc: 2, payload_type: 103, first_sequence: 65_530 };
    let mut sender = SendStream::new(SendConfig { rtx: rtx.then_some(rtx_config), ..config }, Global).unwrap();
    let config = RecvConfig { framing: Framing::Length4, extensions, ..RecvConfig::video(1, 102, PayloadFormat::H264) };
    let config = RecvConfig { rtx: rtx.then_some((2, 103)), packets: 512, wait: Duration::from_millis(400), ..config };
    let mut receiver = RecvStream::new(config, Global).unwrap();
    receiver.set_round_trip_time(Instant::ZERO, Duration::from_millis(there.delay + back.delay));
    let mut sent = SentPackets::new(1_024, Global).unwrap();
    let mut arrivals = Arrivals::new(1_024, Global).unwrap();
    let mut estimator = Gcc::new(GccConfig { min: 2_000_000, ..GccConfig::default() });
    let mut pacer = Pacer::new(estimator.bitrate());
    let mut out = vec![0; 200_000];
    let mut o = Outcome { frames: 0, complete: 0, freeze: Duration::ZERO, again: 0, refused: 0, pli: 0 };
    let (mut wanted, mut last): (bool, Option<Instant>) = (true, None);

    for millis in 0..SECONDS * 1_000 + 1_500 {
        let now = at(millis);
        if millis % 40 == 0 && millis < SECONDS * 1_000 {
            wanted |= sender.poll_event() == Some(SendEvent::KeyFrameNeeded) || o.frames.is_multiple_of(100);
            let size = if wanted { 90_000 } else { 6_000 };
            let frame = match (std::mem::take(&mut wanted), o.frames * 3_600) {
                (_, 0) => first_picture(size, 0, Global),
                (key, timestamp) => picture(size, key, timestamp, Global),
            };
            sender.enqueue(now, frame).unwrap();
            o.frames += 1;
        }
        let mut datagram = [0; 1_200];
        while sender.timeout().is_some_and(|at| at <= now) && pacer.may_send(now, Class::Retransmission) {
            let Some(len) = sender.poll_retransmit(now, sent.next_sequence(), &mut datagram) else { break };
            if sender.retransmit_uses_transport_sequence() {
                sent.record(now, len);
            }
            pacer.sent(now, Class::Retransmission, len);
            there.send(millis, &datagram[..len]);
        }
        while sender.queued_frames() > 0 && pacer.may_send(now, Class::Video) {
            let Some(len) = sender.poll_packet(now, sent.next_sequence(), &mut datagram) else { break };
            sent.record(now, len);
            pacer.sent(now, Class::Video, len);
            there.send(millis, &datagram[..len]);
        }
        if millis % 500 == 0
            && let Some(info) = sender.sender_report(now, NtpTime::from_instant(now))
        {
            let mut w = CompoundWriter::new(&mut datagram);
            w.sender_report(&info, []).unwrap();
            let len = w.len();
            there.send(millis, &datagram[..len]);
        }

        while let Some(datagram) = there.receive(millis) {
            if barertc_rtp::is_rtcp(&datagram) {
                packets(&datagram).for_each(|p| receiver.handle_rtcp(now, &p.unwrap()));
                continue;
            }
            let packet = Packet::parse(&datagram).unwrap();
            assert!(receiver.accepts(&packet));
            arrivals.record(now, packet.extensions(&extensions).transport_sequence.unwrap(), packet.header.ssrc);
            receiver.handle(now, &packet);
        }
        while let Some(frame) = receiver.poll_frame(now, &mut out) {
            if frame.complete {
                let expected = match frame.timestamp {
                    0 => first_picture(frame.len - 12, 0, Global),
                    timestamp => picture(frame.len, frame.key, timestamp, Global),
                };
                assert_eq!(&out[..frame.len], expected.bytes());
                o.complete += 1;
                o.freeze = o.freeze.max(last.map_or(Duration::ZERO, |at| now.saturating_since(at)));
                last = Some(now);
            }
        }
        let mut w = CompoundWriter::new(&mut datagram);
        if millis % 500 == 250 {
            w.receiver_report(9, receiver.report_block(now)).unwrap();
        }
        receiver.write_feedback(now, &mut w);
        arrivals.write(now, 9, &mut w);
        let len = w.len();
        if len > 0 {
            back.send(millis, &datagram[..len]);
        }

        while let Some(datagram) = back.receive(millis) {
            for packet in packets(&datagram).map(Result::unwrap) {
                sender.handle_rtcp(now, NtpTime::from_instant(now), &packet);
                if let Rtcp::Transport(feedback) = &packet {
                    sent.feedback(now, feedback, &mut estimator);
                }
            }
            if let Some(rtt) = sender.round_trip_time() {
                estimator.set_round_trip_time(now, rtt);
            }
            pacer.set_bitrate(now, estimator.bitrate());
        }
    }
    let rtt = sender.round_trip_time().unwrap().as_millis() as u64;
    let shortest = there.delay + back.delay;
    assert!((shortest.saturating_sub(3)..=shortest + there.jitter + back.jitter + 3).contains(&rtt), "{rtt}");
    (o.again, o.refused, o.pli) =
        (sender.stats().retransmitted_packets_sent.get(), sender.discards().total(), sender.stats().pli_count.get());
    println!("loss {} ‰ in runs of {}, {} ms each way, rtx {rtx}: {o:?}", there.loss, there.burst, there.delay);
    o
}

#[test]
fn nothing_is_lost_without_loss() {
    for rtx in [false, true] {
        let o = run(rtx, Link::new(0, 1, 25, 4, 1), Link::new(0, 1, 25, 4, 2));
        assert_eq!((o.complete, o.pli), (o.frames, 0));
    }
}

#[test]
fn five_percent_costs_less_than_one_frame_in_a_hundred() {
    for (rtx, seed) in [(false, 1), (true, 2), (false, 3), (true, 4)] {
        let o = run(rtx, Link::new(50, 1, 25, 4, seed), Link::new(50, 1, 25, 4, seed + 10));
        assert!(o.complete * 100 >= o.frames * 99, "{o:?}");
        assert!(o.again >= 50 && o.refused < 60, "{o:?}");
        assert!(o.freeze <= Duration::from_millis(450), "{o:?}");
    }
}

#[test]
fn ten_percent_costs_less_than_three() {
    for (rtx, seed) in [(false, 5), (true, 6)] {
        let o = run(rtx, Link::new(100, 1, 25, 4, seed), Link::new(100, 1, 25, 4, seed + 10));
        assert!(o.complete * 100 >= o.frames * 97, "{o:?}");
        assert!(o.freeze <= Duration::from_millis(500), "{o:?}");
    }
}

#[test]
fn bursts_of_twenty() {
    for (rtx, seed) in [(false, 7), (true, 8)] {
        let o = run(rtx, Link::new(50, 20, 25, 4, seed), Link::new(0, 1, 25, 4, seed + 10));
        assert!(o.complete * 100 >= o.frames * 97, "{o:?}");
    }
}
