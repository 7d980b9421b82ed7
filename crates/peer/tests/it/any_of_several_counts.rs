//! Where a description names several of a kind, each of them counts, not the first alone.

use core::time::Duration;

use barertc::{Codec, Event, LocalCodec, MediaKind, PayloadFormat, TrackConfig, TrackId};

use crate::support::{Arena, Identities, Pair, arena, frame, opus, picture, receiving};

const SECOND: Duration = Duration::from_secs(1);

/// The description with lines put before those that begin with `key`.
fn before(sdp: &str, key: &str, line: impl Fn(&str) -> String) -> String {
    let lines = sdp.lines().map(|l| if l.starts_with(key) { line(l) + "\r\n" + l } else { l.to_owned() });
    lines.map(|l| l + "\r\n").collect()
}

#[test]
fn every_fingerprint_of_a_description_may_be_the_certificates() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &receiving(), 91).expect("enough memory");
    pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    let foreign = |line: &str| {
        let digits = line.len() - "a=fingerprint:sha-256 ".len();
        format!("a=fingerprint:sha-512 {}\r\na=fingerprint:sha-256 {}", "AB:".repeat(63) + "AB", {
            let text = "CD:".repeat(32);
            text[..digits].to_owned()
        })
    };
    let offer = pair.offerer.offer().expect("an offer");
    let offer = before(&offer, "a=fingerprint:", foreign);
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    let answer = before(&answer, "a=fingerprint:", foreign);
    pair.offerer.answered(pair.now, &answer).expect("it fits");
    assert!(pair.connect(), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
}

/// A sender whose track has one codec, and a receiver who takes two; what the receiver prefers comes first.
fn connected<'m>(ids: &'m Identities, arena: &'m Arena, announced: bool) -> (Pair<'m>, TrackId, TrackId) {
    let mut pair = Pair::new(ids, [arena; 2], &receiving(), 92).expect("enough memory");
    let codecs = [LocalCodec::pcmu(), opus()];
    let sends = TrackConfig::sendonly(MediaKind::Audio, "voice", "s", codecs).expect("short names");
    let from = pair.offerer.connection.add_track(pair.now, sends).expect("room");
    let takes = TrackConfig::recvonly(MediaKind::Audio, "", [opus(), LocalCodec::pcmu()]).expect("short names");
    let to = pair.answerer.connection.add_track(pair.now, takes).expect("room");
    let offer = pair.offerer.offer().expect("an offer");
    let kept = |line: &&str| announced || !(line.starts_with("a=ssrc") || line.starts_with("a=extmap"));
    let heard: String = offer.lines().filter(kept).map(|line| format!("{line}\r\n")).collect();
    let answer = pair.answerer.answer(pair.now, &heard).expect("an answer");
    pair.offerer.answered(pair.now, &answer).expect("it fits");
    assert!(pair.connect());
    (pair, from, to)
}

#[test]
fn any_payload_type_that_was_agreed_on_is_received() {
    let (ids, arena) = (Identities::new(), arena(0));
    for announced in [true, false] {
        let (mut pair, from, to) = connected(&ids, &arena, announced);
        let codec = pair.offerer.connection.track(from).and_then(|track| track.codec);
        assert_eq!(codec, Some(Codec::Pcmu), "the sender prefers another one than the receiver");
        let preferred = pair.answerer.connection.track(to).and_then(|track| track.codec);
        assert!(matches!(preferred, Some(Codec::Opus { .. })), "{preferred:?}");
        for n in 0..20 {
            let sound = frame(&arena, &picture(false, 160, u64::from(n)), PayloadFormat::G711, n * 160);
            let sound = sound.expect("a frame");
            pair.offerer.connection.send_frame(pair.now, from, &sound).expect("room");
            pair.pass(SECOND / 50);
        }
        pair.pass(SECOND);
        assert_eq!(pair.answerer.frames.len(), 20, "announced: {announced}");
        assert!(pair.answerer.saw(&Event::FrameReceived(to)));
        let track = pair.answerer.connection.track(to).expect("a track");
        assert_eq!((track.received_payload_type, track.received_codec), (Some(0), Some(Codec::Pcmu)));
    }
}

/// Earlier frames come again under a payload type of their own, whichever of the codecs they are of.
#[test]
fn the_redundancy_of_any_codec_is_received() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &receiving(), 93).expect("enough memory");
    let [sender, receiver] = [[opus(), LocalCodec::pcmu()], [LocalCodec::pcmu(), opus()]];
    let sends = TrackConfig::sendonly(MediaKind::Audio, "voice", "s", sender).expect("short names");
    let from = pair.offerer.connection.add_track(pair.now, sends).expect("room");
    let takes = TrackConfig::recvonly(MediaKind::Audio, "", receiver).expect("short names");
    let to = pair.answerer.connection.add_track(pair.now, takes).expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    let preferred = pair.answerer.connection.track(to).and_then(|track| track.codec);
    assert_eq!(preferred, Some(Codec::Pcmu), "the receiver prefers the one without redundancy");
    // Where packets are lost, sound goes again with the packets behind it.
    pair.loss = 100;
    for n in 0..1_000 {
        let sound = frame(&arena, &picture(false, 60, u64::from(n)), PayloadFormat::Opus, n * 960);
        let _ = pair.offerer.connection.send_frame(pair.now, from, &sound.expect("a frame"));
        pair.pass(SECOND / 50);
    }
    pair.pass(SECOND);
    let sent = pair.offerer.connection.track_stats(from).and_then(|stats| stats.outbound).expect("it sends");
    assert!(sent.redundant_packets_sent > 500, "{sent:?}");
    let heard = pair.answerer.frames.len();
    assert!(heard > 950, "{heard} of 1000 frames");
}
