//! Several encodings of a track: what is offered, and what answers and offers make of it (RFC 8851, RFC 8853).

use crate::support::*;
use barertc_sdp::*;

fn rids(names: &[&str]) -> Vec<Rid> {
    names.iter().map(|name| Rid::try_from(*name).unwrap()).collect()
}

static CODECS: [LocalCodec; 1] = [LocalCodec::h264()];

fn section<'a>(mid: Option<&'a str>, rids: &'a [Rid]) -> Section<'a> {
    let Section::Track(mut track) = video(mid, Direction::SendOnly, &CODECS) else { unreachable!() };
    track.extensions = track.extensions.with(Extension::Rid, 10).with(Extension::RepairedRid, 11);
    track.sending = track.sending.map(|sending| Sending { rids, fec_ssrc: Some(12), ..sending });
    Section::Track(track)
}

fn offer(rids: &[Rid]) -> String {
    let fingerprint = fingerprint();
    let sections = [section(Some("0"), rids)];
    let mut room = vec![0; 8_192];
    write_offer(&local(&sections, &fingerprint), &mut room).unwrap().to_owned()
}

/// An answer by hand, in the way of a server: `lines` are those about encodings.
fn answer_with(extensions: &str, lines: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\nc=IN IP4 0.0.0.0\r\na=recvonly\r\na=mid:0\r\na=rtcp-mux\r\n\
        a=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef012345\r\na=fingerprint:{}\r\na=setup:active\r\n\
        a=rtpmap:102 H264/90000\r\n\
        a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n\
        a=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n{extensions}{lines}",
        fingerprint()
    )
}

const EXTENSIONS: &str = "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
    a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n";
const RIDS: &str = "a=rid:h recv\r\na=rid:m recv\r\na=rid:l recv\r\n";

/// What an answer takes of `h;m;l`: for each whether it is accepted and whether it is paused.
fn taken(answer: &str) -> [(bool, bool); 3] {
    let rids = rids(&["h", "m", "l"]);
    let fingerprint = fingerprint();
    let sections = [section(Some("0"), &rids)];
    let agreed = Negotiated::from_answer(&Session::parse(answer).unwrap(), &local(&sections, &fingerprint)).unwrap();
    let simulcast = agreed.lines[0].simulcast;
    [0, 1, 2].map(|n| (simulcast.is_accepted(n), simulcast.is_paused(n)))
}

const YES: (bool, bool) = (true, false);
const NO: (bool, bool) = (false, false);
const PAUSED: (bool, bool) = (true, true);

#[test]
fn encodings_are_offered_as_browsers_do() {
    let text = offer(&rids(&["h", "m", "l"]));
    for line in [
        "m=video 9 UDP/TLS/RTP/SAVPF 102 103",
        "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
        "a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
        "a=msid:stream1 video-stream",
        "a=rid:h send",
        "a=rid:m send",
        "a=rid:l send",
        "a=simulcast:send h;m;l",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line}");
    }
    // Neither SSRCs, which packets tell together with the rid, nor repair packets.
    assert!(!text.contains("a=ssrc") && !text.contains("flexfec"), "{text}");
    assert!(!offer(&[]).contains("a=rid"));
    assert!(offer(&[]).contains("a=ssrc:1 ") && offer(&[]).contains("flexfec"));
}

/// The longest names fit what [`DescriptionBounds`] counts.
#[test]
fn an_offer_with_encodings_fits_the_bounds() {
    let names = ["a", "b", "c"].map(|letter| letter.repeat(MAX_RID));
    let rids = rids(&names.each_ref().map(String::as_str));
    let bounds = DescriptionBounds { tracks: 1, codecs: 1, candidates: 1, rejected: 0 };
    assert!(offer(&rids).len() <= bounds.max_len());
}

/// The lines that servers are known to answer with: Janus, mediasoup, LiveKit and other ones on Pion say the same in another order.
#[test]
fn answers_of_servers_are_read() {
    let all = [YES; 3];
    for lines in [
        format!("{RIDS}a=simulcast:recv h;m;l\r\n"),
        format!("a=simulcast:recv h;m;l\r\n{RIDS}"),
        format!("a=simulcast: recv h;m;l\r\n{RIDS}"),
        format!("{RIDS}a=simulcast:recv l;m;h \r\n"),
        format!("{RIDS}a=rid:1 send\r\na=simulcast:send 1 recv h;m;l\r\n"),
        format!("{RIDS}a=rid:1 send\r\na=simulcast:recv h;m;l send 1\r\n"),
    ] {
        assert_eq!(taken(&answer_with(EXTENSIONS, &lines)), all, "{lines}");
    }
}

#[test]
fn fewer_paused_and_alternative_encodings() {
    for (list, expected) in [
        ("h;l", [YES, NO, YES]),
        ("m", [NO, YES, NO]),
        ("~h;m;l", [PAUSED, YES, YES]),
        ("~h;~m;l", [PAUSED, PAUSED, YES]),
        // Nothing would be sent at all (RFC 8853 §5.3.3).
        ("~h;~m;~l", [YES, PAUSED, PAUSED]),
        ("~m", [NO, YES, NO]),
        // One of two at a time; the one that is not paused.
        ("h,m;l", [YES, NO, YES]),
        ("~h,m;l", [NO, YES, YES]),
        ("x,m;y;l", [NO, YES, YES]),
        ("h;h;h", [YES, NO, NO]),
        ("h;x", [YES, NO, NO]),
    ] {
        let lines = format!("{RIDS}a=simulcast:recv {list}\r\n");
        assert_eq!(taken(&answer_with(EXTENSIONS, &lines)), expected, "{list}");
    }
}

#[test]
fn what_is_no_simulcast_is_one_encoding_without_a_rid() {
    let recv = "a=simulcast:recv h;m;l\r\n";
    for (extensions, lines) in [
        // The attribute is missing, twice there, for the other direction, or malformed.
        (EXTENSIONS, RIDS.to_owned()),
        (EXTENSIONS, format!("{RIDS}{recv}{recv}")),
        (EXTENSIONS, format!("{RIDS}a=simulcast:send h;m;l\r\n")),
        (EXTENSIONS, format!("{RIDS}a=simulcast:recv\r\n")),
        (EXTENSIONS, format!("{RIDS}a=simulcast:recv h;m;l send\r\n")),
        (EXTENSIONS, format!("{RIDS}a=simulcast:recv h;m;l recv h\r\n")),
        (EXTENSIONS, format!("{RIDS}a=simulcast:recv h;m;l send 1 recv 2 send 3\r\n")),
        (EXTENSIONS, format!("{RIDS}a=simulcast:recv x;y\r\n")),
        // No encoding has a line of its own, or packets could not tell theirs.
        (EXTENSIONS, recv.to_owned()),
        ("", format!("{RIDS}{recv}")),
        (EXTENSIONS, format!("{recv}a=rid:h send\r\na=rid:m\r\n")),
    ] {
        assert_eq!(taken(&answer_with(extensions, &lines)), [NO; 3], "{extensions}{lines}");
    }
}

/// None was offered, so none may be answered (RFC 8851 §6.4).
#[test]
fn a_restriction_that_is_not_kept_refuses_its_encoding() {
    for restriction in ["max-width=640", "max-br=64000;max-fps=5", "pt=102", "max-width", "depend=l"] {
        let lines = format!("a=rid:h recv\r\na=rid:m recv {restriction}\r\na=rid:l recv\r\na=simulcast:recv h;m;l\r\n");
        assert_eq!(taken(&answer_with(EXTENSIONS, &lines)), [YES, NO, YES], "{restriction}");
    }
    // A name that two lines have is nobody's (RFC 8851 §6.2.2).
    let lines = format!("{RIDS}a=rid:m recv\r\na=simulcast:recv h;m;l\r\n");
    assert_eq!(taken(&answer_with(EXTENSIONS, &lines)), [YES, NO, YES]);
}

fn answered(lines: &str) -> (Simulcast, String) {
    let offer = answer_with(EXTENSIONS, lines).replace("a=setup:active", "a=setup:actpass");
    let rids = rids(&["h", "m", "l"]);
    let (agreed, text) = answer(&offer, &[section(None, &rids)]);
    (agreed.lines[0].simulcast, text)
}

#[test]
fn an_offer_to_receive_is_answered() {
    let (simulcast, text) = answered(&format!("{RIDS}a=simulcast:recv l;~m;h\r\n"));
    assert_eq!([0, 1, 2].map(|n| simulcast.is_accepted(n)), [true; 3]);
    assert!(text.contains("a=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;~m;l\r\n"), "{text}");
    assert!(!text.contains("a=ssrc"), "{text}");

    // What has a restriction is left out, the line as well as its place in the list (RFC 8851 §6.3).
    let lines = "a=rid:h recv max-fps=30\r\na=rid:m recv\r\na=rid:l recv\r\na=simulcast:recv h;m;l\r\n";
    let (_, text) = answered(lines);
    assert!(text.contains("a=simulcast:send m;l\r\n") && !text.contains("a=rid:h"), "{text}");

    // One that receives a single stream gets its source.
    let (simulcast, text) = answered("");
    assert!(!simulcast.is_on() && text.contains("a=ssrc:1 ") && !text.contains("a=rid"), "{text}");
}

/// Firefox and Chromium offer to send encodings; that says nothing about what this side sends.
#[test]
fn what_the_remote_sends_is_no_matter() {
    let (simulcast, text) = answered("a=rid:h send\r\na=rid:m send\r\na=rid:l send\r\na=simulcast:send h;m;l\r\n");
    assert!(!simulcast.is_on() && !text.contains("a=simulcast"), "{text}");
}

#[test]
fn names_and_numbers_of_encodings_are_checked() {
    for name in ["", "a b", "a;b", "~h", "a-b", "h\r\n"] {
        assert_eq!(Rid::try_from(name), Err(Error::Rid), "{name:?}");
    }
    let long = "a".repeat(MAX_RID + 1);
    assert_eq!(Rid::try_from(&*long), Err(Error::NameTooLong { limit: MAX_RID, value: MAX_RID + 1 }));
    let fingerprint = fingerprint();
    let written = |names: &[&str]| {
        let rids = rids(names);
        let sections = [section(Some("0"), &rids)];
        write_offer(&local(&sections, &fingerprint), &mut [0; 8_192]).map(|_| ())
    };
    assert_eq!(written(&["h", "m", "h"]), Err(Error::Section { index: 0, rule: SectionError::RepeatedRid }));
    let most = Error::TooMany { what: "encodings of a track", limit: MAX_ENCODINGS };
    assert_eq!(written(&["1", "2", "3", "4"]), Err(most));
    assert_eq!(written(&["1", "2", "3"]), Ok(()));
}
