//! Our offers, and what a remote's answer makes of them.

use crate::support::*;
use barertc_sdp::*;

fn offered() -> [Section<'static>; 3] {
    [video(Some("0"), Direction::SendOnly, &VIDEO_CODECS), audio(Some("1"), Direction::SendOnly), data(Some("2"))]
}

fn apply(answer: &str, sections: &[Section<'_>]) -> Result<Negotiated, Error> {
    let fingerprint = fingerprint();
    Negotiated::from_answer(&Session::parse(answer).unwrap(), &local(sections, &fingerprint))
}

#[test]
fn the_offer_says_what_the_streamer_has() {
    let fingerprint = fingerprint();
    let sections = [
        video(Some("video-stream"), Direction::SendOnly, &VIDEO_CODECS),
        audio(Some("audio-stream"), Direction::SendOnly),
        data(Some("data")),
    ];
    let mut room = [0; 4096];
    let text = write_offer(&local(&sections, &fingerprint), &mut room).unwrap();
    for line in [
        "a=group:BUNDLE video-stream audio-stream data",
        "m=video 9 UDP/TLS/RTP/SAVPF 102 103",
        "a=mid:video-stream",
        "a=sendonly",
        "a=rtpmap:102 H264/90000",
        "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "a=rtcp-fb:102 nack",
        "a=rtcp-fb:102 nack pli",
        "a=rtcp-fb:102 ccm fir",
        "a=rtcp-fb:102 goog-remb",
        "a=fmtp:103 apt=102",
        "a=ssrc:1 cname:camera",
        "a=ssrc-group:FID 1 11",
        "a=msid:stream1 video-stream",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=rtpmap:111 opus/48000/2",
        "a=ssrc:2 cname:camera",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "a=sctp-port:5000",
        "a=setup:actpass",
    ] {
        assert!(text.contains(&format!("{line}\r\n")), "{line}");
    }
    assert!(text.len() < 2048, "{} bytes", text.len());
}

/// The group is read word by word: with a second space the RTX source would pass for media of its own.
#[test]
fn a_second_space_in_a_group_of_sources_is_no_difference() {
    let lines = "a=ssrc-group:FID  1   11\r\na=ssrc:1 cname:c\r\na=ssrc:11 cname:c\r\n";
    let text = format!("v=0\r\no= 0 7  3 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 102\r\n{lines}");
    let session = Session::parse(&text).unwrap();
    assert_eq!(session.origin(), Some((7, 3)));
    let ssrcs = session.media().next().unwrap().ssrcs();
    assert_eq!(ssrcs.iter().map(|s| (s.ssrc, s.rtx)).collect::<Vec<_>>(), [(1, Some(11))]);
}

#[test]
fn chromiums_answers_are_applied() {
    for answer in [CHROMIUM_ANSWER, CHROMIUM_ANSWER_MDNS] {
        let agreed = apply(answer, &offered()).unwrap();
        let codec = agreed.line("0").unwrap().codec().unwrap();
        assert_eq!((codec.pt, codec.rtx_pt), (108, Some(109)), "what the answer says is what it wants");
        assert_eq!(agreed.line("1").unwrap().codec().unwrap().pt, 111);
        assert_eq!(agreed.setup, Setup::Passive, "Chromium chose to be the client");
        assert_eq!(agreed.lines[0].direction, Direction::SendOnly);
        assert!(agreed.data.is_some());
        assert_eq!(agreed.of_section(2).map(|l| l.kind), Some(MediaKind::Application));
    }
}

#[test]
fn a_rejected_line_is_no_error() {
    let agreed = apply(&CHROMIUM_ANSWER_MDNS.replace("m=video 9", "m=video 0"), &offered());
    // The first line had the transport: the next one in use has it now.
    let agreed = agreed.unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(agreed.lines.iter().map(|l| (l.index, l.section)).collect::<Vec<_>>(), [(1, 1), (2, 2)]);
    assert_eq!((agreed.transport, agreed.media), (Some(1), 3));
}

#[test]
fn an_answer_to_something_else_is_an_error() {
    assert_eq!(apply(CHROMIUM_ANSWER, &offered()[..2]).err(), Some(Error::AnswerLength { offered: 2, answered: 3 }));
    let swapped = [offered()[1].clone(), offered()[0].clone(), offered()[2].clone()];
    assert_eq!(apply(CHROMIUM_ANSWER, &swapped).err(), Some(Error::AnswerLine { index: 0 }));
    let renamed = CHROMIUM_ANSWER.replace("a=mid:1", "a=mid:5");
    assert_eq!(apply(&renamed, &offered()).err(), Some(Error::AnswerLine { index: 1 }));
    let undecided = CHROMIUM_ANSWER.replace("a=setup:active", "a=setup:actpass");
    assert_eq!(apply(&undecided, &offered()).err(), Some(Error::Transport(TransportError::Setup)));
}

#[test]
fn an_ended_section_keeps_its_place() {
    let fingerprint = fingerprint();
    let sections = [Section::Ended { kind: MediaKind::Video }, audio(Some("1"), Direction::SendOnly)];
    let local = local(&sections, &fingerprint);
    let mut room = [0; 4096];
    let text = write_offer(&local, &mut room).unwrap();
    let read = Session::parse(text).unwrap();
    assert!(read.media_at(0).unwrap().is_rejected());
    assert_eq!(read.bundles().next().unwrap().mids().collect::<Vec<_>>(), ["1"]);
    assert_eq!(read.transport(1).unwrap().candidates().count(), 1);
}
