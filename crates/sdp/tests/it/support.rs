//! Captured descriptions and capabilities that the tests share.
#![allow(dead_code, reason = "every test uses its share")]

use barertc_sdp::*;

pub(crate) const CHROMIUM_OFFER: &str = include_str!("../data/chromium-offer.sdp");
pub(crate) const CHROMIUM_OFFER_SENDING: &str = include_str!("../data/chromium-offer-sendonly-h264-opus-dc.sdp");
pub(crate) const CHROMIUM_OFFER_SNAP: &str = include_str!("../data/chromium-offer-snap-sped-idata.sdp");
pub(crate) const CHROMIUM_OFFER_DATA: &str = include_str!("../data/chromium-offer-dconly.sdp");
pub(crate) const CHROMIUM_OFFER_MDNS: &str = include_str!("../data/chromium-offer-mdns.sdp");
pub(crate) const CHROMIUM_ANSWER: &str = include_str!("../data/chromium-answer.sdp");
pub(crate) const CHROMIUM_ANSWER_MDNS: &str = include_str!("../data/chromium-answer-mdns.sdp");
pub(crate) const AIORTC_OFFER: &str = include_str!("../data/aiortc-offer.sdp");
pub(crate) const AIORTC_ANSWER: &str = include_str!("../data/aiortc-answer.sdp");

pub(crate) const STRICT_OFFER: &str = include_str!("../data/shape-strict-8829-offer.sdp");
pub(crate) const TAG_SECOND_OFFER: &str = include_str!("../data/shape-bundle-tag-second-offer.sdp");
pub(crate) const RFC9725_OFFER: &str = include_str!("../data/shape-rfc9725-bundle-only-offer.sdp");
pub(crate) const OBS_OFFER: &str = include_str!("../data/shape-obs-whip-offer.sdp");
pub(crate) const JANUS_OFFER: &str = include_str!("../data/shape-janus-videoroom-offer.sdp");

pub(crate) const GSTREAMER_OFFER: &str = include_str!("../data/gstreamer-offer-max-bundle.sdp");

pub(crate) const ALL: [(&str, &str); 15] = [
    ("chromium-offer", CHROMIUM_OFFER),
    ("chromium-offer-sending", CHROMIUM_OFFER_SENDING),
    ("chromium-offer-snap", CHROMIUM_OFFER_SNAP),
    ("chromium-offer-data", CHROMIUM_OFFER_DATA),
    ("chromium-offer-mdns", CHROMIUM_OFFER_MDNS),
    ("chromium-answer", CHROMIUM_ANSWER),
    ("chromium-answer-mdns", CHROMIUM_ANSWER_MDNS),
    ("aiortc-offer", AIORTC_OFFER),
    ("aiortc-answer", AIORTC_ANSWER),
    ("gstreamer-offer", GSTREAMER_OFFER),
    ("shape-strict", STRICT_OFFER),
    ("shape-tag-second", TAG_SECOND_OFFER),
    ("shape-rfc9725", RFC9725_OFFER),
    ("shape-obs", OBS_OFFER),
    ("shape-janus", JANUS_OFFER),
];

pub(crate) const H264_FB: Feedback = Feedback { transport_cc: false, ..Feedback::ALL };

pub(crate) const VIDEO_CODECS: [LocalCodec; 1] = [LocalCodec {
    codec: Codec::H264(H264::CONSTRAINED_BASELINE),
    pt: 102,
    rtx: Some(103),
    feedback: H264_FB,
    red: None,
    flexfec: None,
}];

pub(crate) const AUDIO_CODECS: [LocalCodec; 1] = [LocalCodec {
    codec: Codec::Opus { stereo: true, fec: true },
    pt: 111,
    rtx: None,
    feedback: Feedback { transport_cc: true, ..Feedback::NONE },
    red: None,
    flexfec: None,
}];

pub(crate) fn video<'a>(mid: Option<&'a str>, direction: Direction, codecs: &'a [LocalCodec]) -> Section<'a> {
    Section::Track(Track {
        mid,
        kind: MediaKind::Video,
        direction,
        codecs,
        extensions: ExtensionMap::new().with(Extension::Mid, 1).with(Extension::TransportSequence, 2),
        sending: Some(Sending {
            ssrc: 1,
            rtx_ssrc: Some(11),
            fec_ssrc: None,
            stream: "stream1",
            track: "video-stream",
            rids: &[],
        }),
    })
}

pub(crate) fn audio<'a>(mid: Option<&'a str>, direction: Direction) -> Section<'a> {
    Section::Track(Track {
        mid,
        kind: MediaKind::Audio,
        direction,
        codecs: &AUDIO_CODECS,
        extensions: ExtensionMap::new().with(Extension::Mid, 1),
        sending: Some(Sending {
            ssrc: 2,
            rtx_ssrc: None,
            fec_ssrc: None,
            stream: "stream1",
            track: "audio",
            rids: &[],
        }),
    })
}

pub(crate) fn data(mid: Option<&str>) -> Section<'_> {
    Section::Data(Data { mid, sctp_port: 5000, max_message_size: 65_536, sctp_init: Some("AQAAIA==") })
}

pub(crate) fn fingerprint() -> Fingerprint {
    Fingerprint::sha256([0xAB; 32])
}

pub(crate) fn local<'a>(sections: &'a [Section<'a>], fingerprint: &'a Fingerprint) -> Local<'a> {
    Local {
        session_id: 42,
        session_version: 1,
        ufrag: "abcd",
        pwd: "0123456789abcdef012345",
        lite: false,
        ice_options: "trickle",
        fingerprint,
        setup: Setup::ActPass,
        candidates: &["candidate:1 1 udp 2113937151 192.0.2.1 5004 typ host"],
        end_of_candidates: true,
        default_address: None,
        cname: "camera",
        sections: sections.into(),
    }
}

/// Negotiates an answer to `offer` and reads it back.
pub(crate) fn answer(offer: &str, sections: &[Section<'_>]) -> (Negotiated, String) {
    let fingerprint = fingerprint();
    let local = local(sections, &fingerprint);
    let offer = Session::parse(offer).expect("offer");
    let agreed = Negotiated::from_offer(&offer, &local).expect("negotiation");
    let mut room = vec![0; 32_768];
    let text = write_answer(&offer, &local, &agreed, &mut room).expect("answer").to_owned();
    let lines = Session::parse(&text).expect("own answer").media().count();
    assert_eq!(lines, offer.media().count(), "one answer for each m-line (RFC 3264 §6)");
    (agreed, text)
}

pub(crate) fn streamer() -> [Section<'static>; 3] {
    [video(None, Direction::SendOnly, &VIDEO_CODECS), audio(None, Direction::SendOnly), data(None)]
}
