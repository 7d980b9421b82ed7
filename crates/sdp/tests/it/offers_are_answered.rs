//! What becomes of a remote's offer.

use crate::support::*;
use barertc_sdp::*;

fn accepted(agreed: &Negotiated) -> Vec<usize> {
    agreed.lines.iter().map(|line| line.index).collect()
}

/// The same with other SSRCs.
fn other(mut section: Section<'_>) -> Section<'_> {
    if let Section::Track(Track { sending: Some(sending), .. }) = &mut section {
        (sending.ssrc, sending.rtx_ssrc) = (sending.ssrc + 100, None);
    }
    section
}

#[test]
fn chromiums_offer_gets_its_own_payload_types() {
    let (agreed, text) = answer(CHROMIUM_OFFER, &streamer());
    let [video, audio, data] = &agreed.lines[..] else { panic!("three lines") };
    let codec = video.codec().unwrap();
    assert_eq!((codec.pt, codec.rtx_pt), (108, Some(109)), "42e01f, mode 1, under the remote's number");
    assert_eq!(codec.feedback, H264_FB);
    assert_eq!((video.mid.as_str(), video.direction, video.section), ("0", Direction::SendOnly, 0));
    assert_eq!(video.extensions.id(Extension::Mid), Some(9));
    assert_eq!(video.extensions.id(Extension::TransportSequence), Some(4));
    assert_eq!(video.extensions.id(Extension::AbsSendTime), None, "not known to us");
    assert_eq!(video.by_payload_type(109).map(|(c, rtx)| (c.pt, rtx)), Some((108, true)));
    assert_eq!(audio.codec().map(|c| c.pt), Some(111));
    assert_eq!(data.section, 2);
    assert_eq!(
        agreed.data.map(|d| (d.line, d.remote_port, d.max_message_size, d.snap)),
        Some((2, 5000, 262_144, false))
    );
    assert_eq!((agreed.setup, agreed.transport), (Setup::Active, Some(0)));

    let read = Session::parse(&text).unwrap();
    assert_eq!(read.bundles().next().unwrap().mids().collect::<Vec<_>>(), ["0", "1", "2"]);
    assert_eq!(read.media_at(0).unwrap().formats(), "108 109");
    assert_eq!(read.media_at(0).unwrap().ssrcs()[..], [RemoteSsrc { ssrc: 1, rtx: Some(11), fec: None }]);
    assert_eq!(read.media_at(0).unwrap().direction(), Direction::SendOnly);
    assert_eq!(read.transport(0).unwrap().setup, Some(Setup::Active));
    assert_eq!(read.transport(0).unwrap().candidates().count(), 1);
    assert_eq!(read.media_at(1).unwrap().attribute("candidate"), None, "only the bundled transport has candidates");
}

#[test]
fn what_chromium_sends_can_be_received() {
    let sections = [video(None, Direction::RecvOnly, &VIDEO_CODECS), audio(None, Direction::SendRecv), data(None)];
    let (agreed, text) = answer(CHROMIUM_OFFER_SENDING, &sections);
    assert_eq!(agreed.lines[0].direction, Direction::RecvOnly);
    assert_eq!(
        agreed.lines[0].remote_ssrcs[..],
        [RemoteSsrc { ssrc: 1_462_293_291, rtx: Some(2_041_261_712), fec: None }]
    );
    assert_eq!(agreed.lines[1].direction, Direction::RecvOnly, "the remote only sends");
    assert!(!text.contains("a=ssrc"), "who does not send announces nothing");
}

#[test]
fn a_track_that_only_sends_is_not_matched_with_a_sender() {
    let (agreed, text) = answer(CHROMIUM_OFFER_SENDING, &streamer());
    assert_eq!(agreed.lines.iter().map(|l| l.index).collect::<Vec<_>>(), [2]);
    let read = Session::parse(&text).unwrap();
    let directions: Vec<_> = read.media().map(|m| (m.is_rejected(), m.direction())).collect();
    use Direction::{Inactive, SendRecv};
    assert_eq!(directions, [(false, Inactive), (true, Inactive), (false, SendRecv)], "the first has the transport");
    assert_eq!(read.bundles().next().unwrap().mids().collect::<Vec<_>>(), ["0", "2"], "rejected lines leave the group");
    assert_eq!(read.transport(2).unwrap().candidates().count(), 1);
}

#[test]
fn what_is_not_understood_is_rejected_and_repeated() {
    let offer = CHROMIUM_OFFER_DATA.replace("a=group:BUNDLE 0", "a=group:BUNDLE 0 x y z")
        + "m=image 9 udptl t38\r\na=mid:x\r\n\
           m=audio 9 RTP/AVP 0\r\na=mid:y\r\na=rtcp-mux\r\n\
           m=video 9 UDP/TLS/RTP/SAVPF 50 51\r\na=mid:z\r\na=rtcp-mux\r\na=rtpmap:50 NOPE/90000\r\na=rtpmap:51 H264/90000\r\na=fmtp:51 packetization-mode=1;profile-level-id=nonsense\r\n";
    let (agreed, text) = answer(&offer, &streamer());
    assert_eq!(accepted(&agreed), [0]);
    assert!(text.contains("m=image 0 udptl t38\r\n") && text.contains("m=video 0 UDP/TLS/RTP/SAVPF 50\r\n"));
}

#[test]
fn a_rejected_line_repeats_the_transport() {
    // GStreamer looks for ICE credentials, fingerprint and setup in each m-line of an answer, rejected or not.
    let (_, text) = answer(GSTREAMER_OFFER, &streamer()[2..]);
    let read = Session::parse(&text).unwrap();
    let video = read.media_at(1).unwrap();
    assert!(video.is_rejected());
    for name in ["ice-ufrag", "ice-pwd", "fingerprint", "setup", "mid"] {
        assert!(video.attribute(name).is_some(), "{name}");
    }
    // What the offerer has ended itself needs none.
    let (_, text) = answer(&CHROMIUM_OFFER.replace("m=audio 59698", "m=audio 0"), &streamer());
    assert_eq!(Session::parse(&text).unwrap().media_at(1).unwrap().attribute("ice-ufrag"), None);
}

#[test]
fn one_transport_is_all_there_is() {
    // No group: only the first m-line can be had. No rtcp-mux: nor can that.
    let (agreed, _) = answer(&CHROMIUM_OFFER.replace("a=group:BUNDLE 0 1 2\r\n", ""), &streamer());
    assert_eq!(accepted(&agreed), [0]);
    let (agreed, _) = answer(&CHROMIUM_OFFER.replace("a=rtcp-mux\r\n", ""), &streamer());
    assert_eq!(accepted(&agreed), [2]);
}

#[test]
fn a_bundle_only_line_at_port_0_is_not_rejected() {
    let offer = CHROMIUM_OFFER.replace("m=audio 59698", "m=audio 0").replace("a=mid:1", "a=mid:1\r\na=bundle-only");
    assert_eq!(accepted(&answer(&offer, &streamer()).0), [0, 1, 2]);
    let ended = CHROMIUM_OFFER.replace("m=audio 59698", "m=audio 0");
    assert_eq!(accepted(&answer(&ended, &streamer()).0), [0, 2]);
}

#[test]
fn layers_of_simulcast_are_read_over() {
    // What a browser with `sendEncodings` adds (RFC 8851, RFC 8853): one layer is what it then sends, and nothing of ours names any.
    let layers = "a=rid:hi send\r\na=rid:lo send pt=108;max-width=320\r\na=simulcast:send hi;~lo\r\n";
    let offer = CHROMIUM_OFFER_SENDING.replacen("a=mid:0\r\n", &format!("a=mid:0\r\n{layers}"), 1);
    assert_ne!(offer, CHROMIUM_OFFER_SENDING);
    let sections = [video(None, Direction::RecvOnly, &VIDEO_CODECS), audio(None, Direction::SendRecv), data(None)];
    let (plain, layered) = (answer(CHROMIUM_OFFER_SENDING, &sections), answer(&offer, &sections));
    assert_eq!(layered.1, plain.1, "the answer is the same");
    assert_eq!(layered.0.lines[0].remote_ssrcs, plain.0.lines[0].remote_ssrcs);
}

#[test]
fn names_bind_tracks_to_lines() {
    let sections = [audio(Some("1"), Direction::SendOnly), video(Some("7"), Direction::SendOnly, &VIDEO_CODECS)];
    let (agreed, _) = answer(CHROMIUM_OFFER, &sections);
    assert_eq!(agreed.lines[1].section, 0);
    assert_eq!(agreed.lines[0].section, 1, "no line has that name, so the track is free");
    let sections = [video(Some("1"), Direction::SendOnly, &VIDEO_CODECS)];
    let (agreed, _) = answer(CHROMIUM_OFFER, &sections);
    assert!(agreed.lines.is_empty(), "bound to the audio line, and that is no video");
}

#[test]
fn two_tracks_of_a_kind_get_a_line_each() {
    let second = CHROMIUM_OFFER.replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0 1 2 3");
    let video_line = &CHROMIUM_OFFER[CHROMIUM_OFFER.find("m=video").unwrap()..CHROMIUM_OFFER.find("m=audio").unwrap()];
    let offer = second + &video_line.replace("a=mid:0", "a=mid:3");
    let sections =
        [video(None, Direction::SendOnly, &VIDEO_CODECS), other(video(None, Direction::SendOnly, &VIDEO_CODECS))];
    let (agreed, _) = answer(&offer, &sections);
    assert_eq!(agreed.lines.iter().map(|l| (l.index, l.section)).collect::<Vec<_>>(), [(0, 0), (3, 1)]);
    // The same name twice: only the first counts.
    let (agreed, _) = answer(&offer.replace("a=mid:3", "a=mid:0"), &sections);
    assert_eq!(agreed.lines.iter().map(|l| (l.index, l.section)).collect::<Vec<_>>(), [(0, 0)]);
}

#[test]
fn snap_needs_both_sides() {
    let (agreed, text) = answer(CHROMIUM_OFFER_SNAP, &streamer());
    assert!(agreed.data.unwrap().snap && text.contains("a=sctp-init:AQAAIA==\r\n"));
    let (agreed, text) = answer(CHROMIUM_OFFER, &streamer());
    assert!(!agreed.data.unwrap().snap && !text.contains("sctp-init"));
}

#[test]
fn dtls_roles_follow_the_offer() {
    let role = |offered: &str, wish: Setup| {
        let text = CHROMIUM_OFFER_DATA.replace("a=setup:actpass\r\n", offered);
        let fingerprint = fingerprint();
        let sections = [data(None)];
        let local = Local { setup: wish, ..local(&sections, &fingerprint) };
        Negotiated::from_offer(&Session::parse(&text).unwrap(), &local).unwrap().setup
    };
    assert_eq!(role("a=setup:actpass\r\n", Setup::ActPass), Setup::Active);
    assert_eq!(role("a=setup:actpass\r\n", Setup::Passive), Setup::Passive);
    assert_eq!(role("a=setup:active\r\n", Setup::Active), Setup::Passive);
    assert_eq!(role("a=setup:passive\r\n", Setup::Passive), Setup::Active);
    assert_eq!(role("", Setup::ActPass), Setup::Passive, "RFC 4145 §4: unsaid means active");
}

#[test]
fn an_unusable_transport_is_an_error_only_when_it_is_needed() {
    let fingerprint = fingerprint();
    let text = CHROMIUM_OFFER_DATA.replace("a=ice-pwd:9v8RCsbOQfXPUt4yPZl9l+8R", "a=ice-pwd:short");
    let offer = Session::parse(&text).unwrap();
    let sections = [data(None)];
    let e = Negotiated::from_offer(&offer, &local(&sections, &fingerprint)).unwrap_err();
    assert_eq!(e, Error::Transport(TransportError::Pwd));
    let sections = [audio(None, Direction::SendOnly)];
    assert_eq!(Negotiated::from_offer(&offer, &local(&sections, &fingerprint)).unwrap().transport, None);
}

#[test]
fn a_small_buffer_is_an_error() {
    let fingerprint = fingerprint();
    let sections = streamer();
    let local = local(&sections, &fingerprint);
    let offer = Session::parse(CHROMIUM_OFFER).unwrap();
    let agreed = Negotiated::from_offer(&offer, &local).unwrap();
    let mut room = [0; 4096];
    let whole = write_answer(&offer, &local, &agreed, &mut room).unwrap().len();
    for len in 0..whole {
        let mut room = vec![0; len];
        assert_eq!(
            write_answer(&offer, &local, &agreed, &mut room),
            Err(Error::BufferTooShort { needed: whole }),
            "{len}"
        );
    }
}
