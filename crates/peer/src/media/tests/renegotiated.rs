//! What a later description changes takes effect: payload types, formats, header extensions, sources.

use std::vec::Vec as StdVec;

use barertc_arena::{Global, Shared};
use barertc_crypto::{Generator, selftest::Predictable};
use barertc_rtp::{Frame, FrameInfo, Framing, Packet, PayloadFormat};
use barertc_wire::{Extension, ExtensionMap, Instant};

use super::{Media, frame, packet, terms};
use crate::config::{Config, RecvBounds};
use crate::error::Error;
use crate::terms::{Place, Remote, Source, Terms};

fn config() -> Config {
    Config { recv_audio: RecvBounds::audio(1), recv_video: RecvBounds::video(1), ..Config::default() }
}

/// Media of one track by these terms.
fn media(terms: &Terms) -> Media<Global> {
    let mut media = Media::new(&config(), &Global, 9).expect("memory");
    media.add(Place::default()).expect("room");
    agree(&mut media, terms).expect("memory");
    media
}

fn agree(media: &mut Media<Global>, terms: &Terms) -> Result<(), Error> {
    let mut random = Generator::new(&mut Predictable::new(1));
    media.prepare(0, terms, &config(), &Global, &mut random)?;
    media.commit(Instant::from_millis(500), 0, Some(terms), &mut random);
    Ok(())
}

/// Video with retransmissions and repair packets.
fn video(sends: bool) -> Terms {
    let mut terms = terms(sends, &[96]);
    terms.payloads[0].format = PayloadFormat::H264;
    (terms.payloads[0].rtx, terms.payloads[0].nack) = (Some(97), true);
    terms.flexfec = Some(118);
    terms.remote = (!sends).then_some(Remote { ssrc: 7, rtx: Some(8), fec: Some(9) });
    terms.source = Source { ssrc: 7, rtx: 8, fec: 9 };
    terms
}

fn of(format: PayloadFormat, bytes: &[u8], timestamp: u32) -> Frame<Global> {
    let framing = if format.has_nals() { Framing::AnnexB } else { Framing::Whole };
    let bytes = Shared::<[u8], _>::try_from_slice(bytes, Global).expect("memory");
    Frame::new(bytes, format, framing, FrameInfo { timestamp, ..FrameInfo::default() }, Global).expect("a frame")
}

fn picture(len: usize, timestamp: u32) -> Frame<Global> {
    let mut bytes = std::vec![0x5A; len];
    bytes[..18].copy_from_slice(&[0, 0, 0, 1, 0x67, 17, 0, 0, 0, 1, 0x68, 17, 0, 0, 0, 1, 0x65, 0x98]);
    of(PayloadFormat::H264, &bytes, timestamp)
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Payload types, sources and sequence numbers of everything that waits to be sent.
fn drain(media: &mut Media<Global>, now: Instant) -> StdVec<(u8, u32, u16)> {
    let datagrams = core::iter::from_fn(|| packet(media, now));
    datagrams
        .map(|datagram| Packet::parse(&datagram).expect("RTP").header)
        .map(|header| (header.payload_type, header.ssrc, header.sequence))
        .collect()
}

#[test]
fn another_payload_type_is_the_one_that_is_sent_with() {
    let mut sender = media(&terms(true, &[111]));
    sender.send_frame(at(5), 0, 0, &frame(1)).expect("room");
    let [(111, 7, first)] = drain(&mut sender, at(5))[..] else { panic!("one packet") };
    agree(&mut sender, &terms(true, &[96, 111])).expect("memory");
    sender.send_frame(at(600), 0, 0, &frame(2)).expect("room");
    // The source and its numbers go on: SRTP would use a number twice otherwise.
    assert_eq!(drain(&mut sender, at(600)), [(96, 7, first + 1)]);
    assert_eq!(sender.send_stream(0, 0).expect("it sends").stats().packets_sent.get(), 2);
}

#[test]
fn another_codec_is_the_one_that_is_sent_with() {
    let mut sender = media(&terms(true, &[111]));
    sender.send_frame(at(5), 0, 0, &frame(1)).expect("room");
    let mut pcmu = terms(true, &[0]);
    pcmu.payloads[0].format = PayloadFormat::G711;
    agree(&mut sender, &pcmu).expect("memory");
    assert_eq!(drain(&mut sender, at(600)), [], "what waited is in the old format");
    let refused = sender.send_frame(at(600), 0, 0, &frame(2));
    assert_eq!(refused, Err(Error::Media(barertc_rtcp_nack::Error::WrongFormat)));
    sender.send_frame(at(600), 0, 0, &of(PayloadFormat::G711, &[0xD5; 160], 0)).expect("room");
    let [(0, 7, _)] = drain(&mut sender, at(601))[..] else { panic!("one packet with the new payload type") };
}

#[test]
fn another_codec_of_video_begins_with_a_key_frame() {
    let mut sender = media(&video(true));
    sender.send_frame(at(5), 0, 0, &picture(500, 0)).expect("room");
    assert_eq!(drain(&mut sender, at(5)).len(), 1);
    let mut vp8 = video(true);
    (vp8.payloads[0].payload_type, vp8.payloads[0].format) = (100, PayloadFormat::Vp8);
    agree(&mut sender, &vp8).expect("memory");
    sender.update(at(600));
    assert_eq!(sender.poll_event(), Some(super::MediaEvent::KeyFrameWanted(0)));
    // RFC 6386 §9.1: the lowest bit of a frame is 0 in a key frame.
    let [delta, key] = [0x11, 0x10].map(|first| of(PayloadFormat::Vp8, &[first, 2, 0, 0x9D, 1, 0x2A, 0, 0, 0, 0], 0));
    sender.send_frame(at(600), 0, 0, &delta).expect("room");
    sender.send_frame(at(600), 0, 0, &key).expect("room");
    let sent = drain(&mut sender, at(600));
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].0, 100);
}

#[test]
fn the_same_again_forgets_nothing() {
    let mut sender = media(&video(true));
    sender.send_frame(at(5), 0, 0, &picture(500, 0)).expect("room");
    let sent = drain(&mut sender, at(5));
    agree(&mut sender, &video(true)).expect("memory");
    let stream = sender.send_stream(0, 0).expect("it sends");
    assert_eq!(stream.history().len(), sent.len());
}

#[test]
fn retransmissions_and_repair_packets_that_are_agreed_on_later_are_sent() {
    let mut plain = video(true);
    (plain.payloads[0].rtx, plain.flexfec) = (None, None);
    let mut sender = media(&plain);
    sender.send_frame(at(5), 0, 0, &picture(500, 0)).expect("room");
    drain(&mut sender, at(5));
    agree(&mut sender, &video(true)).expect("memory");
    sender.send_frame(at(600), 0, 0, &picture(500, 9_000)).expect("room");
    let sent = drain(&mut sender, at(600));
    let mut nack = [0; 100];
    let mut w = barertc_rtp::rtcp::CompoundWriter::new(&mut nack);
    w.receiver_report(3, None).expect("room");
    w.nack(3, 7, [sent[0].2]).expect("room");
    let len = w.len();
    sender.handle_rtcp(at(650), &nack[..len]).expect("well formed");
    let again = drain(&mut sender, at(700));
    assert_eq!((again[0].0, again[0].1), (97, 8), "as RTX: {again:?}");
    let repair = sender.send_stream(0, 0).expect("it sends").config().repair.map(|repair| repair.payload_type);
    assert_eq!(repair, Some(118));

    // And without them again.
    agree(&mut sender, &plain).expect("memory");
    let config = sender.send_stream(0, 0).expect("it sends").config();
    assert_eq!((config.rtx, config.repair), (None, None));
    sender.send_frame(at(800), 0, 0, &picture(500, 18_000)).expect("room");
    assert!(drain(&mut sender, at(800)).iter().all(|(payload_type, ..)| *payload_type == 96));
}

#[test]
fn other_numbers_of_header_extensions_are_used_both_ways() {
    let with = |sends, id| {
        let mut terms = terms(sends, &[111]);
        terms.extensions = ExtensionMap::new().with(Extension::Mid, id);
        terms.mid = barertc_rtcp_nack::Mid::from_slice(b"voice").expect("short");
        terms.remote = None;
        terms
    };
    let (mut sender, mut receiver) = (media(&with(true, 1)), media(&with(false, 1)));
    for peer in [(&mut sender, true), (&mut receiver, false)] {
        agree(peer.0, &with(peer.1, 9)).expect("memory");
    }
    sender.send_frame(at(600), 0, 0, &frame(1)).expect("room");
    let datagram = packet(&mut sender, at(600)).expect("a packet");
    let map = with(true, 9).extensions;
    assert_eq!(Packet::parse(&datagram).expect("RTP").extensions(&map).mid, Some(&b"voice"[..]));
    receiver.handle_rtp(at(610), &datagram).expect("its m-line");
    assert_eq!(receiver.recv_stream(0).expect("it receives").config().extensions, map);
}

#[test]
fn a_receiver_follows_payload_types_that_have_other_numbers() {
    let mut receiver = media(&video(false));
    let mut other = video(false);
    other.payloads[0].payload_type = 104;
    other.payloads[0].rtx = Some(105);
    other.flexfec = Some(119);
    agree(&mut receiver, &other).expect("memory");
    let config = receiver.recv_stream(0).expect("it receives").config();
    assert_eq!((config.rtx, config.repair), (Some((8, 105)), Some((9, 119))));
    let mut datagram = [0x80, 104, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0x65, 1, 2, 3];
    receiver.handle_rtp(at(600), &datagram).expect("the new payload type");
    assert_eq!(receiver.recv_stream(0).expect("it receives").config().payload_type, 104);
    (datagram[1], datagram[3]) = (96, 2);
    receiver.handle_rtp(at(601), &datagram).expect("its source");
    let dropped = receiver.recv_stream(0).expect("it receives").discards();
    assert_eq!(dropped.get(barertc_rtcp_nack::RecvDiscard::WrongSource), 1, "the old one is over");
}

#[test]
fn a_number_that_means_another_codec_is_read_as_that_codec() {
    let mut receiver = media(&video(false));
    let mut vp8 = video(false);
    vp8.payloads[0].format = PayloadFormat::Vp8;
    agree(&mut receiver, &vp8).expect("memory");
    assert_eq!(receiver.recv_stream(0).expect("it receives").config().format, PayloadFormat::Vp8);
}

#[test]
fn requests_begin_and_end_with_what_was_agreed_on() {
    let mut without = video(false);
    without.payloads[0].nack = false;
    let mut receiver = media(&without);
    let lose = |receiver: &mut Media<Global>, from: u8| {
        for sequence in [from, from + 3] {
            let datagram = [0x80, 96, 0, sequence, 0, 0, 0, 0, 0, 0, 0, 7, 0x65, 1, 2, 3];
            receiver.handle_rtp(at(600), &datagram).expect("its source");
        }
        receiver.recv_stream(0).expect("it receives").stats().packets_missing
    };
    assert_eq!(lose(&mut receiver, 1), 0);
    agree(&mut receiver, &video(false)).expect("memory");
    lose(&mut receiver, 10);
    // 11, 12, 14 to 19, 21 and 22.
    assert_eq!(lose(&mut receiver, 20), 10);
    agree(&mut receiver, &without).expect("memory");
    assert_eq!(lose(&mut receiver, 30), 0);
}

#[test]
fn a_retransmission_stream_is_followed_when_only_it_is_another() {
    let mut receiver = media(&video(false));
    let mut other = video(false);
    other.remote = Some(Remote { ssrc: 7, rtx: Some(80), fec: Some(90) });
    agree(&mut receiver, &other).expect("memory");
    let config = receiver.recv_stream(0).expect("it receives").config();
    assert_eq!((config.rtx, config.repair), (Some((80, 97)), Some((90, 118))));
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut sender = media(&video(true));
    let mut long = video(true);
    for (extension, id) in [(Extension::Mid, 1), (Extension::TransportSequence, 2)] {
        long.extensions = long.extensions.with(extension, id);
    }
    long.payloads[0].payload_type = 200;
    let Err(Error::Media(barertc_rtcp_nack::Error::Config(error))) = agree(&mut sender, &long) else {
        panic!("200 has eight bits")
    };
    assert_eq!((error.field, error.value), ("payload_type", 200));
    let config = sender.send_stream(0, 0).expect("it sends").config();
    assert_eq!((config.payload_type, config.extensions.is_empty()), (96, true));
}

/// SRTP sends no number of a source twice, so those of RTX go on when it was away.
#[test]
fn numbers_of_retransmissions_go_on_when_they_are_agreed_on_once_more() {
    let (with, mut plain) = (video(true), video(true));
    (plain.payloads[0].rtx, plain.flexfec) = (None, None);
    let mut sender = media(&with);
    let mut numbers = StdVec::new();
    for n in 0..3_u32 {
        let now = 1_000 * u64::from(n) + 600;
        agree(&mut sender, if n == 1 { &plain } else { &with }).expect("memory");
        sender.send_frame(at(now), 0, 0, &picture(500, 90_000 * n)).expect("room");
        let sent = drain(&mut sender, at(now));
        let mut nack = [0; 100];
        let mut w = barertc_rtp::rtcp::CompoundWriter::new(&mut nack);
        w.receiver_report(3, None).expect("room");
        w.nack(3, 7, [sent[0].2]).expect("room");
        let len = w.len();
        sender.handle_rtcp(at(now + 50), &nack[..len]).expect("well formed");
        numbers.extend(drain(&mut sender, at(now + 100)).iter().filter(|sent| sent.1 == 8).map(|sent| sent.2));
    }
    assert!(numbers.len() >= 2, "{numbers:?}");
    assert!(numbers.windows(2).all(|two| two[1] == two[0].wrapping_add(1)), "{numbers:?}");
}
