//! A key frame of 109 packets, every one of them lost, is asked for and comes back whole.

use crate::support::{at, deliver, drain, drain_again, picture};
use barertc_arena::Global;
use barertc_rtcp_nack::{RecvConfig, RecvStream, RtxConfig, SendConfig, SendStream};
use barertc_rtp::rtcp::{CompoundWriter, NtpTime, packets};
use barertc_rtp::{Extension, ExtensionMap, Framing, Packet, PayloadFormat};

/// What fits 109 packets and not 108 with the configuration below.
const KEY_FRAME: usize = 128_457;
const RTX: RtxConfig = RtxConfig { ssrc: 3, payload_type: 103, first_sequence: 65_500 };

fn extensions() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    map = map.with(Extension::AbsSendTime, 2);
    map = map.with(Extension::TransportSequence, 3);
    map
}

fn sender(rtx: Option<RtxConfig>, first_sequence: u16) -> SendStream<Global> {
    let config =
        SendConfig { rtx, first_sequence, extensions: extensions(), ..SendConfig::video(1, 102, PayloadFormat::H264) };
    // 12 of header, 4 + 4 + 3 → 12 of extensions, 2 of FU-A: 1,180 bytes of a unit in a packet.
    let config = SendConfig { mtu: 1_180 + 2 + 12 + 12 + 16 + if rtx.is_some() { 2 } else { 0 }, ..config };
    SendStream::new(config, Global).unwrap()
}

fn receiver(rtx: bool) -> RecvStream<Global> {
    let config = RecvConfig::video(1, 102, PayloadFormat::H264);
    let rtx = rtx.then_some((RTX.ssrc, RTX.payload_type));
    RecvStream::new(RecvConfig { rtx, framing: Framing::Length4, extensions: extensions(), ..config }, Global).unwrap()
}

fn run(rtx: bool, first_sequence: u16) {
    let mut sender = sender(rtx.then_some(RTX), first_sequence);
    let mut receiver = receiver(rtx);
    let mut out = vec![0; 200_000];

    // A small picture gets through, so that the receiver knows the numbers.
    sender.enqueue(at(0), picture(500, true, 0, Global)).unwrap();
    let first = drain(&mut sender, at(0));
    receiver.handle(at(50), &Packet::parse(&first[0]).unwrap());
    assert!(receiver.poll_frame(at(60), &mut out).is_some());

    let key = picture(KEY_FRAME, true, 3_000, Global);
    sender.enqueue(at(33), key.clone()).unwrap();
    let lost = drain(&mut sender, at(33));
    assert_eq!(lost.len(), 109);

    // The next picture arrives and shows the gap.
    sender.enqueue(at(66), picture(900, false, 6_000, Global)).unwrap();
    let next = drain(&mut sender, at(66));
    receiver.handle(at(116), &Packet::parse(&next[0]).unwrap());
    assert_eq!(receiver.stats().packets_missing, 109);

    let mut returned = Vec::new();
    let mut now = at(121);
    for _ in 0..3 {
        let mut compound = [0; 1_200];
        let mut w = CompoundWriter::new(&mut compound);
        receiver.write_feedback(now, &mut w);
        let len = w.len();
        assert!(packets(&compound[..len]).all(|p| p.is_ok()));
        now += std::time::Duration::from_millis(50);
        deliver(&mut sender, now, &compound[..len]);
        returned.extend(drain_again(&mut sender, now));
        now += std::time::Duration::from_millis(50);
        for packet in returned.iter().rev() {
            receiver.handle(now, &Packet::parse(packet).unwrap());
        }
    }
    // With RTX each goes a second time, so that one loss more does not cost another round trip.
    assert_eq!(returned.len(), if rtx { 218 } else { 109 });
    check_returned(&returned, &lost, rtx);

    let got = receiver.poll_frame(now, &mut out).unwrap();
    assert!(got.complete && got.key && got.lost == 0);
    assert_eq!(&out[..got.len], key.bytes());
    let got = receiver.poll_frame(now, &mut out).unwrap();
    assert!(got.complete && !got.key && got.timestamp == 6_000);
    assert_eq!(sender.stats().retransmitted_packets_sent, if rtx { 218 } else { 109 });
    assert_eq!(sender.discards().total(), 0);
    // A report is about one source (RFC 3550 §6.4.1), and RTX is another.
    let report = sender.sender_report(now, NtpTime(0)).unwrap();
    assert_eq!(report.packets, if rtx { 111 } else { 220 });
}

fn check_returned(returned: &[Vec<u8>], lost: &[Vec<u8>], rtx: bool) {
    if !rtx {
        assert_eq!(returned, lost, "byte for byte");
        return;
    }
    for (i, (again, original)) in returned.iter().zip(lost).enumerate() {
        let (again, original) = (Packet::parse(again).unwrap(), Packet::parse(original).unwrap());
        assert_eq!((again.header.ssrc, again.header.payload_type), (3, 103));
        assert_eq!(again.header.sequence, 65_500u16.wrapping_add(i as u16));
        assert_eq!((again.header.timestamp, again.header.marker), (original.header.timestamp, original.header.marker));
        assert_eq!(again.payload[..2], original.header.sequence.to_be_bytes());
        assert_eq!(again.payload[2..], *original.payload);
        // A new packet on the wire has numbers of its own.
        let map = extensions();
        assert_ne!(again.extensions(&map).transport_sequence, original.extensions(&map).transport_sequence);
    }
}

#[test]
fn plain() {
    run(false, 100);
}

#[test]
fn plain_over_the_wrap_of_sequence_numbers() {
    run(false, 65_480);
}

#[test]
fn rtx() {
    run(true, 100);
}

#[test]
fn rtx_over_the_wrap_of_sequence_numbers() {
    run(true, 65_480);
}

#[test]
fn a_history_too_small_for_the_key_frame_is_an_error_up_front() {
    use barertc_rtcp_nack::{Error, HistoryConfig};
    let base = SendConfig { largest_key_frame: KEY_FRAME, ..SendConfig::video(1, 102, PayloadFormat::H264) };
    let with = |packets, bytes| {
        let history = HistoryConfig { packets, bytes, ..base.history };
        SendStream::new(SendConfig { history, ..base.clone() }, Global).map(drop).map_err(|error| match error {
            Error::Config(error) => error.field,
            other => panic!("{other}"),
        })
    };
    assert_eq!(with(64, 1 << 20).unwrap_err(), "history.packets");
    assert_eq!(with(512, 128_456).unwrap_err(), "history.bytes");
    assert_eq!(with(512, 128_457), Ok(()));
    assert_eq!(with(0, 0), Ok(()), "retransmission switched off");
}
