//! What was agreed on is not given another meaning by a later description (RFC 8829 §5.2.2): m-lines keep their order, payload
//! types their codecs, and numbers their header extensions.

use core::time::Duration;

use crate::support::{Arena, Identities, Pair, arena, h264, opus, receiving, recv_tracks, send_tracks};
use barertc::{Config, LocalCodec, MediaKind, MessageKind, TrackConfig};

/// The m-lines of a description: what they are about, whether they are in use, and their names.
fn lines(sdp: &str) -> Vec<(String, bool, String)> {
    let mut lines = Vec::new();
    for line in sdp.lines() {
        if let Some(m) = line.strip_prefix("m=") {
            let mut words = m.split(' ');
            let kind = words.next().expect("a kind").to_owned();
            lines.push((kind, words.next() != Some("0"), String::new()));
        } else if let (Some(mid), Some(last)) = (line.strip_prefix("a=mid:"), lines.last_mut()) {
            last.2 = mid.to_owned();
        }
    }
    lines
}

fn kinds(sdp: &str) -> Vec<String> {
    lines(sdp).into_iter().map(|(kind, ..)| kind).collect()
}

/// Number and name of every header extension, and payload type and codec of every format.
fn meanings<'s>(sdp: &'s str, attribute: &str) -> Vec<(&'s str, &'s str)> {
    let values = sdp.lines().filter_map(|line| line.strip_prefix(attribute));
    let mut all: Vec<_> = values.filter_map(|value| value.split_once(' ')).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn pair<'m>(ids: &'m Identities, arena: &'m Arena) -> Pair<'m> {
    Pair::new(ids, [arena; 2], &Config { max_tracks: 4, ..receiving() }, 5).expect("enough memory")
}

#[test]
fn what_is_added_comes_behind_what_there_was() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = pair(&ids, &arena);
    send_tracks(&mut pair.offerer).expect("room");
    pair.offerer.open("chat").expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());

    let screen = TrackConfig::sendonly(MediaKind::Video, "screen", "s", [h264()]).expect("a name");
    pair.offerer.connection.add_track(pair.now, screen).expect("room");
    let recvonly = TrackConfig::recvonly(MediaKind::Video, "other", [h264()]).expect("a name");
    pair.answerer.connection.add_track(pair.now, recvonly).expect("room");
    let offer = pair.offerer.offer().expect("an offer");
    assert_eq!(kinds(&offer), ["video", "audio", "application", "video"]);
    // What is added while the offer is on its way waits for the next one.
    let late = TrackConfig::recvonly(MediaKind::Audio, "late", [opus()]).expect("a name");
    pair.offerer.connection.add_track(pair.now, late).expect("room");
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    assert_eq!(lines(&answer), lines(&offer));
    pair.offerer.answered(pair.now, &answer).expect("it fits");

    // The other side offers in the same order, though its tracks came in another.
    let back = pair.answerer.offer().expect("an offer");
    assert_eq!(lines(&back), lines(&offer));
    let answer = pair.offerer.answer(pair.now, &back).expect("an answer");
    pair.answerer.answered(pair.now, &answer).expect("it fits");
    let offer = pair.offerer.offer().expect("an offer");
    assert_eq!(kinds(&offer), ["video", "audio", "application", "video", "audio"]);
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    pair.offerer.answered(pair.now, &answer).expect("it fits");
    pair.pass(Duration::from_secs(5));
    let channel = pair.offerer.open_channels()[0];
    pair.offerer.connection.write_channel(pair.now, channel, MessageKind::Text, b"still here").expect("room");
    assert!(pair.drive(Duration::from_secs(2), |p| p.answerer.messages.iter().any(|(_, m)| m == b"still here")));
}

#[test]
fn numbers_of_the_first_offerer_hold_for_offers_of_the_other_side() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = pair(&ids, &arena);
    let foreign = |codec: LocalCodec, pt| LocalCodec { pt, rtx: codec.rtx.map(|_| pt + 1), ..codec };
    for (kind, mid, codec) in
        [(MediaKind::Video, "0", foreign(h264(), 110)), (MediaKind::Audio, "1", foreign(opus(), 102))]
    {
        let track = TrackConfig::sendonly(kind, mid, "stream", [codec]).expect("names");
        pair.offerer.connection.add_track(pair.now, track).expect("room");
    }
    recv_tracks(&mut pair.answerer).expect("room");
    let offer = pair.offerer.offer().expect("an offer");
    // A peer that numbers header extensions as we never do, with what is our number for something else.
    let offer = offer.replace("a=extmap:1 ", "a=extmap:x ").replace("a=extmap:4 ", "a=extmap:1 ");
    let offer = offer.replace("a=extmap:x ", "a=extmap:9 ");
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    pair.offerer.answered(pair.now, &answer).expect("it fits");
    assert!(pair.connect());

    // A track of the other side's own, whose payload type is taken by now.
    let track = TrackConfig::sendonly(MediaKind::Audio, "voice", "me", [LocalCodec { pt: 110, rtx: None, ..opus() }]);
    pair.answerer.connection.add_track(pair.now, track.expect("names")).expect("room");
    let track = TrackConfig::sendonly(MediaKind::Video, "face", "me", [LocalCodec { pt: 102, rtx: None, ..h264() }]);
    pair.answerer.connection.add_track(pair.now, track.expect("names")).expect("room");
    let back = pair.answerer.offer().expect("an offer");
    assert_eq!(kinds(&back), ["video", "audio", "audio", "video"]);
    assert_eq!(lines(&back)[0].2, "0");
    let extensions = meanings(&back, "a=extmap:");
    for agreed in meanings(&offer, "a=extmap:") {
        assert!(extensions.contains(&agreed), "{agreed:?} in {extensions:?}");
    }
    let formats = meanings(&back, "a=rtpmap:");
    let expected = [
        ("102", "opus/48000/2"),
        ("110", "H264/90000"),
        ("111", "rtx/90000"),
        ("118", "flexfec-03/90000"),
        ("63", "red/48000/2"),
    ];
    assert_eq!(formats, expected, "{back}");
    for values in [extensions, formats] {
        let mut numbers: Vec<_> = values.iter().map(|(number, _)| number).collect();
        numbers.dedup();
        assert_eq!(numbers.len(), values.len(), "one meaning each: {values:?}");
    }
    let answer = pair.offerer.answer(pair.now, &back).expect("an answer");
    pair.answerer.answered(pair.now, &answer).expect("it fits");
}

#[test]
fn what_was_rejected_keeps_its_place_and_may_be_taken_later() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = pair(&ids, &arena);
    send_tracks(&mut pair.offerer).expect("room");
    pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());

    let back = pair.answerer.offer().expect("an offer");
    let places: Vec<_> = lines(&back).into_iter().map(|(kind, used, _)| (kind, used)).collect();
    // The tagged m-line has the transport: it stays, with nothing on it.
    let expected = [("video", true), ("audio", false), ("application", true)];
    assert_eq!(places, expected.map(|(kind, used)| (kind.to_owned(), used)));
    assert_eq!(back.matches("a=inactive\r\n").count(), 2, "{back}");
    let answer = pair.offerer.answer(pair.now, &back).expect("an answer");
    pair.answerer.answered(pair.now, &answer).expect("it fits");

    recv_tracks(&mut pair.answerer).expect("room");
    let offer = pair.offerer.offer().expect("an offer");
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    assert!(lines(&answer).iter().all(|(_, used, _)| *used), "{answer}");
    pair.offerer.answered(pair.now, &answer).expect("it fits");
    let [v, a] = pair.offerer.tracks.expect("it sends");
    assert!(pair.offerer.connection.is_sending(v) && pair.offerer.connection.is_sending(a));
}

#[test]
fn payload_types_of_a_later_description_are_those_that_are_sent_with() {
    let (ids, arena) = (Identities::new(), &arena(0));
    let mut pair = pair(&ids, arena);
    let [v, _] = send_tracks(&mut pair.offerer).expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    fn sent_with<'m>(pair: &mut Pair<'m>, arena: &'m Arena, v: barertc::TrackId, millis: u32) -> u8 {
        let frame = crate::support::video(arena, true, 200, millis).expect("a frame");
        pair.offerer.connection.send_frame(pair.now, v, &frame).expect("room");
        let mut room = [0; 2_048];
        loop {
            let sent = pair.offerer.connection.poll_transmit(pair.now, &mut room).expect("a datagram");
            // SRTP leaves the header as it is.
            if crate::support::sort(&room[..sent.len]) == crate::support::Sort::Rtp {
                return room[1] & 0x7F;
            }
        }
    }
    assert_eq!(sent_with(&mut pair, arena, v, 0), 102);
    // The peer numbers its codecs anew.
    let offer = pair.answerer.offer().expect("an offer");
    let mut other = offer.replace(":102 ", ":98 ").replace(":103 ", ":99 ").replace("apt=102", "apt=98");
    other = other.replace(" 102", " 98").replace(" 103", " 99");
    let answer = pair.offerer.answer(pair.now, &other).expect("an answer");
    assert!(answer.contains("a=rtpmap:98 H264/90000"), "{answer}");
    assert_eq!(pair.offerer.connection.track(v).expect("a track").payload_type, Some(98));
    pair.pass(Duration::from_millis(100));
    assert_eq!(sent_with(&mut pair, arena, v, 100), 98);
}
