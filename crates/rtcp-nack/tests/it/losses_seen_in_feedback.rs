//! Transport-wide feedback that misses a packet is as good as a request for it, where each transmission has a number of
//! its own; and what the receiver is told about its patience.

use crate::support::{at, drain, drain_again, nack, picture};
use barertc_arena::{Global, Shared};
use barertc_rtcp_nack::{PathShare, RtxConfig, SendConfig, SendStream};
use barertc_rtp::{Extension, ExtensionMap, Frame, FrameInfo, Framing, Packet, PayloadFormat};
use std::time::Duration;

fn video(rtx: bool) -> SendStream<Global> {
    let mut extensions = ExtensionMap::new();
    extensions = extensions.with(Extension::TransportSequence, 2);
    extensions = extensions.with(Extension::PlayoutDelay, 6);
    let rtx = rtx.then_some(RtxConfig { ssrc: 2, payload_type: 103, first_sequence: 0 });
    let config = SendConfig { extensions, rtx, ..SendConfig::video(1, 102, PayloadFormat::H264) };
    let mut stream = SendStream::new(config, Global).unwrap();
    stream.enqueue(at(0), picture(10_000, true, 0, Global)).unwrap();
    // Their transport-wide numbers are 1001 and following.
    assert_eq!(drain(&mut stream, at(0)).len(), 9);
    stream
}

/// The original numbers in RTX packets.
fn originals(packets: &[Vec<u8>]) -> Vec<u16> {
    let original = |p: &Vec<u8>| {
        let payload = Packet::parse(p).unwrap().payload;
        u16::from_be_bytes([payload[0], payload[1]])
    };
    packets.iter().map(original).collect()
}

#[test]
fn what_feedback_misses_is_sent_again_without_a_request() {
    let mut stream = video(true);
    for number in [1_003, 1_007, 4_000] {
        stream.handle_transport_loss(at(60), number);
    }
    assert_eq!(originals(&drain_again(&mut stream, at(60))), [2, 6]);
    // The request that follows is answered already.
    nack(&mut stream, at(61), 1, [2, 6]);
    assert!(drain_again(&mut stream, at(61)).is_empty());
}

#[test]
fn a_retransmission_that_is_lost_is_noticed_by_its_own_number_and_goes_twice() {
    let mut stream = video(true);
    nack(&mut stream, at(60), 1, [4]);
    assert_eq!(originals(&drain_again(&mut stream, at(60))), [4]); // number 5001
    assert_eq!(originals(&drain_again(&mut stream, at(72))), [4]); // the copy
    // That the first transmission was lost is no news.
    stream.handle_transport_loss(at(100), 1_005);
    assert!(drain_again(&mut stream, at(100)).is_empty());
    stream.handle_transport_loss(at(120), 5_001);
    assert_eq!(originals(&drain_again(&mut stream, at(120))), [4, 4]);
}

#[test]
fn plain_retransmissions_wait_for_a_request() {
    let mut stream = video(false);
    stream.handle_transport_loss(at(60), 1_003);
    assert!(drain_again(&mut stream, at(60)).is_empty());
}

#[test]
fn padding_repeats_what_was_sent_and_needs_rtx() {
    let mut out = [0; 1_500];
    assert_eq!(video(false).poll_padding(at(10), 7, &mut out), None);
    let mut stream = video(true);
    let len = stream.poll_padding(at(10), 7, &mut out).unwrap();
    let packet = Packet::parse(&out[..len]).unwrap();
    assert_eq!((packet.header.ssrc, packet.header.payload_type), (2, 103));
    assert!(len <= 1_200 - 16);
    // It counts for no request.
    nack(&mut stream, at(20), 1, [8]);
    assert_eq!(originals(&drain_again(&mut stream, at(20))), [8]);
}

#[test]
fn a_lossy_path_asks_the_receiver_to_wait() {
    let told = |stream: &mut SendStream<Global>, now: u64| {
        stream.enqueue(at(now), picture(500, false, now as u32 * 90, Global)).unwrap();
        let packets = drain(stream, at(now));
        let map = stream.config().extensions;
        let packet = Packet::parse(&packets[0]).unwrap();
        packet.extensions(&map).playout_delay.map(|delay| Duration::from_millis(10 * u64::from(delay.min)))
    };
    let (mut lossy, mut plain) = (video(true), video(false));
    assert_eq!(told(&mut lossy, 1), Some(Duration::ZERO));
    for n in 0..600u64 {
        let now = 10 + 10 * n;
        told(&mut lossy, now);
        told(&mut plain, now);
        if n % 10 == 0 {
            nack(&mut lossy, at(now), 1, [(9 + n) as u16]);
            nack(&mut plain, at(now), 1, [(8 + n) as u16]);
            drain_again(&mut lossy, at(now));
            drain_again(&mut plain, at(now));
        }
    }
    // No round trip is known: one round of 100 ms and a turn.
    assert_eq!(told(&mut lossy, 7_000), Some(Duration::from_millis(130)));
    // A plain retransmission has to be the same bytes, so nothing in it may change.
    assert_eq!(told(&mut plain, 7_000), None);
}

/// Three packets of sound with the transport-wide numbers 700 to 702.
fn sound() -> (SendStream<Global>, Vec<Vec<u8>>) {
    let mut extensions = ExtensionMap::new();
    extensions = extensions.with(Extension::TransportSequence, 2);
    let config = SendConfig { extensions, ..SendConfig::audio(1, 111, PayloadFormat::Opus) };
    let mut stream = SendStream::new(config, Global).unwrap();
    let bytes = Shared::<[u8], _>::try_from_slice(&[0xfc; 160], Global).unwrap();
    let mut sent = Vec::new();
    for n in 0..3 {
        let info = FrameInfo { timestamp: 960 * n, ..FrameInfo::default() };
        let frame = Frame::new(bytes.clone(), PayloadFormat::Opus, Framing::Whole, info, Global).unwrap();
        stream.enqueue(at(20 * u64::from(n)), frame).unwrap();
        let mut out = [0; 1_200];
        let len = stream.poll_packet(at(20 * u64::from(n)), 700 + n as u16, &mut out).unwrap();
        sent.push(out[..len].to_vec());
    }
    (stream, sent)
}

#[test]
fn sound_goes_again_as_it_was_and_twice() {
    let (mut stream, sent) = sound();
    stream.handle_transport_loss(at(120), 701);
    let again = drain_again(&mut stream, at(120));
    assert_eq!(again, [sent[1].clone(), sent[1].clone()]);
    // What is told again is no news while that is on its way.
    stream.handle_transport_loss(at(121), 999);
    assert!(drain_again(&mut stream, at(121)).is_empty());
}

#[test]
fn the_first_retransmission_goes_twice_with_a_space_between() {
    let mut stream = video(true);
    nack(&mut stream, at(60), 1, [4, 5]);
    assert_eq!(originals(&drain_again(&mut stream, at(60))), [4, 5]);
    assert_eq!((stream.timeout(), stream.queued_retransmissions()), (Some(at(72)), 0));
    assert!(drain_again(&mut stream, at(71)).is_empty());
    assert_eq!(originals(&drain_again(&mut stream, at(72))), [4, 5]);
    assert_eq!((drain_again(&mut stream, at(500)).len(), stream.timeout()), (0, None));
}

#[test]
fn a_full_path_has_no_second_copy_of_anything() {
    let full = PathShare { spare: 0.0, ..PathShare::new() };
    let mut stream = video(true);
    stream.set_path_share(at(0), full);
    nack(&mut stream, at(60), 1, [4]);
    assert_eq!(originals(&drain_again(&mut stream, at(60))), [4]); // number 5001
    assert!(drain_again(&mut stream, at(72)).is_empty());
    stream.handle_transport_loss(at(120), 5_001);
    assert_eq!(originals(&drain_again(&mut stream, at(120))), [4]);
    let (mut sound, _) = sound();
    sound.set_path_share(at(0), full);
    sound.handle_transport_loss(at(120), 701);
    assert_eq!(drain_again(&mut sound, at(120)).len(), 1);
}

#[test]
fn no_copy_follows_what_feedback_says_has_come() {
    let mut stream = video(true);
    nack(&mut stream, at(60), 1, [4, 5]);
    assert_eq!(originals(&drain_again(&mut stream, at(60))), [4, 5]); // numbers 5001 and 5002
    stream.handle_transport_arrival(at(65), 5_001);
    assert_eq!(originals(&drain_again(&mut stream, at(72))), [5]); // number 5001 again
    // The request that was on its way is not answered, nor is the loss of the other copy.
    stream.handle_transport_arrival(at(120), 5_002);
    nack(&mut stream, at(300), 1, [4, 5]);
    stream.handle_transport_loss(at(300), 5_001);
    assert!(drain_again(&mut stream, at(300)).is_empty());
    assert_eq!(stream.discards().get(barertc_rtcp_nack::SendDiscard::NackArrived), 2);
}

#[test]
fn a_plain_retransmission_goes_once() {
    let mut stream = video(false);
    nack(&mut stream, at(60), 1, [4]);
    assert_eq!(drain_again(&mut stream, at(60)).len(), 1);
    assert_eq!((drain_again(&mut stream, at(500)).len(), stream.timeout()), (0, None));
}
