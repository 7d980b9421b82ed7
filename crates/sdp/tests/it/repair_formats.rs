//! Redundant sound (RFC 2198), repair packets of video (FlexFEC) and extended reports (RFC 3611) are agreed on.

use crate::support::*;
use barertc_sdp::*;

fn repairing(sections: &mut [Section<'_>], codecs: (&'static [LocalCodec], &'static [LocalCodec])) {
    for section in sections {
        let Section::Track(track) = section else { continue };
        track.codecs = if track.kind == MediaKind::Video { codecs.0 } else { codecs.1 };
        if let Some(sending) = track.sending.as_mut().filter(|_| track.kind == MediaKind::Video) {
            sending.fec_ssrc = Some(sending.ssrc + 20);
        }
    }
}

const VIDEO: [LocalCodec; 1] = [LocalCodec { feedback: Feedback::ALL, ..VIDEO_CODECS[0] }.with_flexfec(Some(118))];
const AUDIO: [LocalCodec; 1] = [AUDIO_CODECS[0].with_red(Some(119))];

#[test]
fn chromiums_offer_is_answered_with_its_numbers() {
    let mut sections = streamer();
    repairing(&mut sections, (&VIDEO, &AUDIO));
    let (agreed, text) = answer(CHROMIUM_OFFER, &sections);
    let [video, audio, _] = &agreed.lines[..] else { panic!("three lines") };
    assert_eq!((video.flexfec, video.rcvr_rtt, video.codec().unwrap().red_pt), (Some(49), true, None));
    assert_eq!((audio.flexfec, audio.rcvr_rtt, audio.codec().unwrap().red_pt), (None, true, Some(63)));
    let read = Session::parse(&text).unwrap();
    let [video, audio, _] = read.media().collect::<Vec<_>>()[..] else { panic!("three m-lines") };
    assert_eq!((video.formats(), audio.formats()), ("108 109 49", "111 63"));
    assert!(video.rcvr_rtt() && audio.rcvr_rtt());
    assert_eq!(video.ssrcs()[..], [RemoteSsrc { ssrc: 1, rtx: Some(11), fec: Some(21) }]);
    for line in [
        "a=rtpmap:49 flexfec-03/90000",
        "a=rtcp-fb:49 transport-cc",
        "a=fmtp:49 repair-window=10000000",
        "a=ssrc-group:FEC-FR 1 21",
        "a=ssrc:21 cname:",
        "a=rtpmap:63 red/48000/2\r\n",
        "a=fmtp:63 111/111\r\n",
        "a=rtcp-xr:rcvr-rtt=all\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn what_one_side_does_not_know_is_not_used() {
    // We know neither; then the offer has neither.
    let (_, text) = answer(CHROMIUM_OFFER, &streamer());
    assert!(!text.contains("flexfec") && !text.contains("red/") && !text.contains("FEC-FR"));
    let mut sections = streamer();
    repairing(&mut sections, (&VIDEO, &AUDIO));
    let without: String = CHROMIUM_OFFER
        .split_inclusive("\r\n")
        .filter(|line| !["red/48000", "flexfec-03", "rtcp-xr"].iter().any(|word| line.contains(word)))
        .collect();
    let (agreed, text) = answer(&without, &sections);
    assert!(agreed.lines.iter().all(|line| line.flexfec.is_none() && !line.rcvr_rtt));
    assert!(agreed.lines.iter().flat_map(|line| &line.codecs[..]).all(|codec| codec.red_pt.is_none()));
    assert!(!text.contains("FEC-FR") && !text.contains("rtcp-xr"), "{text}");
}

#[test]
fn redundancy_of_several_codecs_is_that_of_none() {
    let mixed = CHROMIUM_OFFER.replace("a=fmtp:63 111/111", "a=fmtp:63 111/0");
    let mut sections = streamer();
    repairing(&mut sections, (&VIDEO, &AUDIO));
    let (agreed, _) = answer(&mixed, &sections);
    assert_eq!(agreed.lines[1].codec().unwrap().red_pt, None);
}

#[test]
fn our_offer_is_answered_by_ourselves() {
    let mut sections = [video(Some("v"), Direction::SendRecv, &VIDEO), audio(Some("a"), Direction::SendRecv)];
    repairing(&mut sections, (&VIDEO, &AUDIO));
    let fingerprint = fingerprint();
    let mut room = [0; 8_192];
    let offer = write_offer(&local(&sections, &fingerprint), &mut room).unwrap();
    assert!(offer.contains("m=video 9 UDP/TLS/RTP/SAVPF 102 103 118\r\n"), "{offer}");
    assert!(offer.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111 119\r\n"), "{offer}");
    let (agreed, _) = answer(offer, &[video(None, Direction::RecvOnly, &VIDEO), audio(None, Direction::RecvOnly)]);
    assert_eq!((agreed.lines[0].flexfec, agreed.lines[0].rcvr_rtt), (Some(118), true));
    assert_eq!(agreed.lines[0].remote_ssrcs[0].fec, Some(21));
}
