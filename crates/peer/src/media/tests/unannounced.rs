//! Which track the packets of a source are for that nobody has announced (RFC 9143 §9.2).

use std::vec;
use std::vec::Vec as StdVec;

use barertc_rtcp_nack::Mid;
use barertc_wire::{Extension, ExtensionMap, Instant};

use super::{media_of, terms};
use crate::error::Discard;
use crate::terms::Terms;

const MID: u8 = 4;

/// A track that receives, whose m-line has this name; nobody has told its source.
fn track(mid: &[u8], payload_types: &[u8]) -> Terms {
    Terms {
        remote: None,
        mid: Mid::from_slice(mid).expect("a short name"),
        extensions: ExtensionMap::new().with(Extension::Mid, MID),
        ..terms(false, payload_types)
    }
}

fn packet(payload_type: u8, ssrc: u8, mid: &[u8]) -> StdVec<u8> {
    let mut all = vec![0x80, payload_type, 0, ssrc, 0, 0, 0, 1, 0, 0, 0, ssrc];
    if !mid.is_empty() {
        all[0] |= 0x10;
        let mut element = vec![MID << 4 | (mid.len() as u8 - 1)];
        element.extend(mid);
        element.resize(element.len().next_multiple_of(4), 0);
        all.extend([0xbe, 0xde, 0, element.len() as u8 / 4]);
        all.extend(element);
    }
    all.extend([0xfc; 20]);
    all
}

/// Where packets end up: by payload type, source and name, the track or nothing.
fn arrive(tracks: &[&Terms], packets: &[(u8, u8, &[u8], Option<usize>)]) {
    let mut media = media_of(tracks);
    for (n, (payload_type, ssrc, mid, place)) in packets.iter().enumerate() {
        let heard = |media: &super::Media<_>| -> StdVec<u64> {
            (0..tracks.len())
                .map(|t| media.recv_stream(t).expect("it receives").stats().packets_received.into())
                .collect()
        };
        let mut expected = heard(&media);
        let result = media.handle_rtp(Instant::from_millis(5), &packet(*payload_type, *ssrc, mid));
        if let Some(place) = place {
            expected[*place] += 1;
        }
        assert_eq!((result.is_ok(), heard(&media)), (place.is_some(), expected), "packet {n}");
        assert!(place.is_some() || result == Err(Discard::UnknownStream), "packet {n}: {result:?}");
    }
}

#[test]
fn a_payload_type_of_one_track_alone_tells_whose_a_source_is() {
    let [a, b] = [track(b"a", &[96, 97]), track(b"b", &[98])];
    arrive(&[&a, &b], &[(98, 1, b"", Some(1)), (97, 2, b"", Some(0)), (98, 1, b"", Some(1)), (96, 2, b"", Some(0))]);
}

#[test]
fn a_payload_type_of_two_tracks_tells_nothing() {
    let [a, b] = [track(b"a", &[96, 97]), track(b"b", &[96, 98])];
    arrive(&[&a, &b], &[(96, 1, b"", None), (98, 1, b"", Some(1)), (96, 1, b"", Some(1)), (96, 2, b"", None)]);
    // It does not when one of the two has its source, either.
    arrive(&[&a, &b], &[(96, 1, b"b", Some(1)), (96, 2, b"", None), (96, 2, b"a", Some(0)), (96, 1, b"", Some(1))]);
}

#[test]
fn a_packet_that_names_another_m_line_is_for_nobody() {
    let [a, b] = [track(b"a", &[96]), track(b"b", &[98])];
    arrive(&[&a, &b], &[(96, 1, b"c", None), (96, 1, b"b", None), (96, 1, b"a", Some(0)), (98, 2, b"", Some(1))]);
}
