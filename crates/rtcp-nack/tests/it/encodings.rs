//! Which packets say what encoding they are of (RFC 8852).

use barertc_arena::Global;
use barertc_rtcp_nack::{RtxConfig, SendConfig, SendDiscard, SendEvent, SendStream};
use barertc_rtp::rtcp::{CompoundWriter, ReportBlock};
use barertc_rtp::{Extension, ExtensionMap, Packet, PayloadFormat};

use crate::support::{at, deliver, drain, drain_again, first_picture, nack, picture};

fn map() -> ExtensionMap {
    ExtensionMap::new().with(Extension::Mid, 1).with(Extension::Rid, 2).with(Extension::RepairedRid, 3)
}

fn stream(rtx: bool) -> SendStream<Global> {
    let mut config = SendConfig::video(7, 96, PayloadFormat::H264);
    config.rtx = rtx.then_some(RtxConfig { ssrc: 8, payload_type: 97, first_sequence: 0 });
    config.extensions = map();
    config.mid = b"0".iter().copied().collect();
    config.rid = b"h".iter().copied().collect();
    SendStream::new(config, Global).unwrap()
}

/// What each packet says: source, encoding, encoding that is repaired.
fn said(packets: &[Vec<u8>]) -> Vec<(u32, Option<String>, Option<String>)> {
    let text = |value: Option<&[u8]>| value.map(|value| String::from_utf8(value.to_vec()).unwrap());
    let each = packets.iter().map(|bytes| {
        let packet = Packet::parse(bytes).unwrap();
        let values = packet.extensions(&map());
        (packet.header.ssrc, text(values.rid), text(values.repaired_rid))
    });
    each.collect()
}

fn report(stream: &mut SendStream<Global>, ssrc: u32) {
    let mut room = [0; 200];
    let mut w = CompoundWriter::new(&mut room);
    w.receiver_report(9, [ReportBlock { ssrc, ..ReportBlock::default() }]).unwrap();
    let len = w.len();
    deliver(stream, at(20), &room[..len]);
}

fn send(stream: &mut SendStream<Global>, time: u64) -> Vec<Vec<u8>> {
    stream.enqueue(at(time), picture(3_000, false, time as u32, Global)).unwrap();
    drain(stream, at(time))
}

fn sequences(packets: &[Vec<u8>]) -> Vec<u16> {
    packets.iter().map(|bytes| Packet::parse(bytes).unwrap().header.sequence).collect()
}

#[test]
fn packets_say_their_encoding_until_the_receiver_knows_their_source() {
    let mut stream = stream(true);
    let rid = Some("h".to_owned());
    stream.enqueue(at(0), first_picture(3_000, 0, Global)).unwrap();
    let first = drain(&mut stream, at(0));
    assert!(first.len() > 2 && said(&first).iter().all(|said| *said == (7, rid.clone(), None)));

    // A report about another stream says nothing about this one.
    report(&mut stream, 99);
    assert_eq!(said(&send(&mut stream, 10))[0], (7, rid.clone(), None));

    // The receiver asks for a packet: it knows the media, and not the retransmissions.
    nack(&mut stream, at(30), 7, [sequences(&first)[1]]);
    assert_eq!(said(&drain_again(&mut stream, at(30))), [(8, None, rid)]);
    let later = send(&mut stream, 40);
    assert_eq!(said(&later)[0], (7, None, None));

    // And now those.
    report(&mut stream, 8);
    nack(&mut stream, at(100), 7, [sequences(&later)[0]]);
    assert_eq!(said(&drain_again(&mut stream, at(100)))[0], (8, None, None));
}

/// Packets that go again have the number and the key stream of the first time, so they have to be the same (RFC 3711 §9.1).
#[test]
fn without_retransmissions_of_their_own_packets_stay_the_same() {
    let mut stream = stream(false);
    let first = send(&mut stream, 0);
    report(&mut stream, 7);
    assert_eq!(said(&send(&mut stream, 10))[0].1.as_deref(), Some("h"));
    nack(&mut stream, at(30), 7, sequences(&first));
    assert_eq!(drain_again(&mut stream, at(30)), first);
}

#[test]
fn the_longest_names_fit_the_datagram() {
    for rtx in [false, true] {
        let mut config = stream(rtx).config().clone();
        config.rid = [b'x'; 16].into();
        let (mtu, protection) = (config.mtu, config.protection);
        let mut stream = SendStream::new(config, Global).unwrap();
        let first = send(&mut stream, 0);
        nack(&mut stream, at(30), 7, sequences(&first));
        let again = drain_again(&mut stream, at(30));
        let longest = first.iter().chain(&again).map(Vec::len).max().unwrap();
        assert!(longest + protection <= mtu && again.len() >= first.len(), "{longest}");
    }
}

/// A stream that was paused begins with a key frame, and asks for it.
#[test]
fn a_stream_that_resumes_begins_with_a_key_frame() {
    let mut stream = stream(true);
    assert!(!send(&mut stream, 0).is_empty() && stream.poll_event().is_none());
    stream.resume(at(10));
    assert_eq!(stream.poll_event(), Some(SendEvent::KeyFrameNeeded));
    assert!(send(&mut stream, 20).is_empty());
    assert_eq!(stream.discards().get(SendDiscard::FrameUndecodable), 1);
    stream.enqueue(at(30), picture(3_000, true, 30, Global)).unwrap();
    assert!(!drain(&mut stream, at(30)).is_empty() && !send(&mut stream, 40).is_empty());
    assert!(stream.poll_event().is_none());
}
