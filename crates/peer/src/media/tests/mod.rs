//! Media without a description, a cipher or a network.

mod renegotiated;
mod unannounced;

use std::vec;
use std::vec::Vec as StdVec;

use barertc_arena::{Global, Shared};
use barertc_crypto::{Generator, selftest::Predictable};
use barertc_rtp::{Frame, FrameInfo, Framing, PayloadFormat};
use barertc_wire::{ExtensionMap, Instant};

use super::{Media, MediaEvent};
use crate::config::{Config, RecvBounds};
use crate::error::Discard;
use crate::terms::{PayloadTerms, Place, Remote, Source, Terms};

fn terms(sends: bool, payload_types: &[u8]) -> Terms {
    let payloads = payload_types.iter().map(|&payload_type| PayloadTerms {
        payload_type,
        rtx: None,
        red: None,
        format: PayloadFormat::Opus,
        codec: 0,
        nack: false,
        transport_cc: false,
    });
    Terms {
        sends,
        receives: !sends,
        payloads: payloads.collect(),
        extensions: ExtensionMap::new(),
        mid: barertc_rtcp_nack::Mid::new(),
        remote: (!sends).then_some(Remote { ssrc: 7, rtx: None, fec: None }),
        flexfec: None,
        rcvr_rtt: true,
        rid: barertc_rtcp_nack::Rid::new(),
        source: Source { ssrc: 7, rtx: 8, fec: 9 },
    }
}

fn media(terms: &Terms) -> Media<Global> {
    media_of(&[terms])
}

/// With a track for each of the terms.
fn media_of(tracks: &[&Terms]) -> Media<Global> {
    let config = Config { recv_audio: RecvBounds::audio(tracks.len() as u8), ..Config::default() };
    let mut random = Generator::new(&mut Predictable::new(1));
    let mut media = Media::new(&config, &Global, 9).expect("memory");
    for (index, terms) in tracks.iter().enumerate() {
        media.add(Place { track: index as u8, ..Place::default() }).expect("room");
        media.prepare(index, terms, &config, &Global, &mut random).expect("memory");
        media.commit(Instant::ZERO, index, Some(terms), &mut random);
    }
    media
}

fn frame(byte: u8) -> Frame<Global> {
    let bytes = Shared::<[u8], _>::try_from_slice(&[byte; 80], Global).expect("memory");
    Frame::new(bytes, PayloadFormat::Opus, Framing::Whole, FrameInfo::default(), Global).expect("a frame")
}

fn packet(media: &mut Media<Global>, now: Instant) -> Option<StdVec<u8>> {
    let mut out = vec![0; 1_200];
    let packet = media.poll_packet(now, &mut out)?;
    media.sent(now, packet, packet.len);
    out.truncate(packet.len);
    Some(out)
}

#[test]
fn a_frame_goes_from_one_to_the_other_in_plain_packets() {
    let (mut sender, mut receiver) = (media(&terms(true, &[111])), media(&terms(false, &[111])));
    let now = Instant::from_millis(5);
    assert_eq!(sender.send_timeout(), None, "nothing to report about");
    sender.send_frame(now, 0, 0, &frame(0x5A)).expect("room");
    let datagram = packet(&mut sender, now).expect("a packet");
    assert_eq!(receiver.handle_rtp(now, &datagram), Ok(()));
    receiver.update(now);
    assert_eq!(receiver.poll_event(), Some(MediaEvent::FrameReceived(0)));
    assert_eq!(receiver.poll_event(), None);
    let mut room = [0; 100];
    let frame = receiver.read_frame(now, 0, &mut room).expect("a frame");
    assert_eq!(&room[..frame.len], [0x5A; 80]);

    // The report of what was sent, and of what was received.
    for (media, kind) in [(&mut sender, 200), (&mut receiver, 201)] {
        let mut out = [0; 300];
        let at = media.send_timeout().expect("there is something to report");
        let len = media.poll_rtcp(now.max(at), None, "name", &mut out).expect("a report");
        assert_eq!(out[1], kind);
        assert!(out[..len].windows(4).any(|w| w == b"name"));
    }
}

#[test]
fn what_is_for_no_track_is_dropped_with_the_reason() {
    let mut receiver = media(&terms(false, &[111]));
    let now = Instant::from_millis(5);
    assert_eq!(receiver.handle_rtp(now, &[0x80]), Err(Discard::Rtp));
    assert_eq!(receiver.handle_rtcp(now, &[0x80]), Err(Discard::Rtcp));
    let mut other = [0; 20];
    (other[0], other[1], other[11]) = (0x80, 50, 1);
    assert_eq!(receiver.handle_rtp(now, &other), Err(Discard::UnknownStream));
}

#[test]
fn what_is_asked_of_a_stream_of_nobody_is_counted() {
    let mut sender = media(&terms(true, &[111]));
    let now = Instant::from_millis(5);
    let about = |kind: u8, format: u8, ssrc: u8, more: &[u8]| {
        let words = 2 + more.len() as u8 / 4;
        [&[0x80 | format, kind, 0, words, 0, 0, 0, 3, 0, 0, 0, ssrc][..], more].concat()
    };
    // Generic NACK, PLI and FIR (RFC 4585 §6.2.1, §6.3.1, RFC 5104 §4.3.1).
    for (ssrc, said) in [(7, Ok(())), (44, Err(Discard::UnknownStream))] {
        assert_eq!(sender.handle_rtcp(now, &about(205, 1, ssrc, &[0, 1, 0, 0])), said);
        assert_eq!(sender.handle_rtcp(now, &about(206, 1, ssrc, &[])), said);
        assert_eq!(sender.handle_rtcp(now, &about(206, 4, 0, &[0, 0, 0, ssrc, 1, 0, 0, 0])), said);
        // Each of several counts.
        assert_eq!(
            sender.handle_rtcp(now, &about(206, 4, 0, &[0, 0, 0, 7, 1, 0, 0, 0, 0, 0, 0, ssrc, 1, 0, 0, 0])),
            said
        );
    }
}

/// Hands the report of `from` that is due to `to`, `delay` milliseconds later; tells when it came.
fn report(from: &mut Media<Global>, to: &mut Media<Global>, delay: u64) -> Instant {
    let at = from.send_timeout().expect("there is something to report").max(Instant::from_millis(5));
    let mut out = [0; 500];
    let len = from.poll_rtcp(at, None, "name", &mut out).expect("a report");
    let came = Instant::from_micros(at.as_micros() + delay * 1_000);
    assert_eq!(to.handle_rtcp(came, &out[..len]), Ok(()));
    came
}

#[test]
fn who_sends_nothing_learns_the_round_trip_by_extended_reports() {
    let (mut sender, mut receiver) = (media(&terms(true, &[111])), media(&terms(false, &[111])));
    let now = Instant::from_millis(5);
    sender.send_frame(now, 0, 0, &frame(1)).expect("room");
    let datagram = packet(&mut sender, now).expect("a packet");
    receiver.handle_rtp(now, &datagram).expect("its own");
    report(&mut sender, &mut receiver, 25); // nothing to answer yet
    report(&mut receiver, &mut sender, 25); // asks
    assert_eq!(receiver.extended.round_trip_time(), None);
    report(&mut sender, &mut receiver, 25); // answers
    let learnt = receiver.extended.round_trip_time().expect("an answer");
    assert!(
        learnt.abs_diff(core::time::Duration::from_millis(50)) < core::time::Duration::from_millis(1),
        "{learnt:?}"
    );
    // Who sends asks nobody.
    assert!(!receiver.extended.has_answer());
}

#[test]
fn a_peer_that_does_not_answer_is_not_asked() {
    let mut receiving = terms(false, &[111]);
    receiving.rcvr_rtt = false;
    let (mut sender, mut receiver) = (media(&terms(true, &[111])), media(&receiving));
    let now = Instant::from_millis(5);
    sender.send_frame(now, 0, 0, &frame(1)).expect("room");
    let datagram = packet(&mut sender, now).expect("a packet");
    receiver.handle_rtp(now, &datagram).expect("its own");
    report(&mut receiver, &mut sender, 25);
    assert!(!sender.extended.has_answer());
}

#[test]
fn sound_goes_again_under_the_payload_type_that_was_agreed_on() {
    let with = |sends| {
        let mut terms = terms(sends, &[111]);
        terms.payloads[0].red = Some(63);
        terms
    };
    let (mut sender, mut receiver) = (media(&with(true)), media(&with(false)));
    let mut types = StdVec::new();
    for n in 0..300u16 {
        let now = Instant::from_millis(5 + u64::from(n) * 20);
        sender.send_frame(now, 0, 0, &frame(n as u8)).expect("room");
        let datagram = packet(&mut sender, now).expect("a packet");
        types.push(datagram[1] & 0x7f);
        // One in twenty is lost, and reported: no feedback is negotiated.
        if n % 20 != 19 {
            assert_eq!(receiver.handle_rtp(now, &datagram), Ok(()));
        }
        if receiver.rtcp_timeout().is_some_and(|at| at <= now) {
            let mut out = [0; 300];
            let len = receiver.poll_rtcp(now, None, "name", &mut out).expect("a report");
            assert_eq!(sender.handle_rtcp(now, &out[..len]), Ok(()));
        }
    }
    assert_eq!((types[0], types[299]), (111, 63));
    let used = receiver.recv_stream(0).expect("it receives").stats().redundant_packets_used;
    assert!(used.get() >= 8, "{used:?}");
}
