//! Any offer: what is agreed on can be said, and what is said can be read.
#![no_main]

use barertc_sdp::*;
use libfuzzer_sys::fuzz_target;

const CODECS: [LocalCodec; 2] = [
    LocalCodec {
        codec: Codec::H264(H264::CONSTRAINED_BASELINE),
        pt: 102,
        rtx: Some(103),
        feedback: Feedback::ALL,
        red: None,
        flexfec: None,
    },
    LocalCodec { codec: Codec::Vp8, pt: 96, rtx: None, feedback: Feedback::NONE, red: None, flexfec: None },
];
const AUDIO: [LocalCodec; 1] = [LocalCodec {
    codec: Codec::Opus { stereo: true, fec: true },
    pt: 111,
    rtx: None,
    feedback: Feedback::NONE,
    red: None,
    flexfec: None,
}];

fn track<'a>(mid: Option<&'a str>, kind: MediaKind, codecs: &'a [LocalCodec], direction: Direction) -> Section<'a> {
    let sending = Sending { ssrc: 1, rtx_ssrc: Some(2), fec_ssrc: None, stream: "s", track: "t", rids: &[] };
    let extensions = Extension::ALL.into_iter().zip(1..).fold(ExtensionMap::new(), |all, (e, id)| all.with(e, id));
    Section::Track(Track { mid, kind, direction, codecs, extensions, sending: Some(sending) })
}

fuzz_target!(|text: &str| {
    let Ok(offer) = Session::parse(text) else { return };
    let fingerprint = Fingerprint::sha256([0xAB; 32]);
    for (mid, direction) in [(None, Direction::SendOnly), (Some("0"), Direction::SendRecv)] {
        let sections = [
            track(mid, MediaKind::Video, &CODECS, direction),
            track(None, MediaKind::Audio, &AUDIO, direction),
            Section::Data(Data { mid: None, sctp_port: 5000, max_message_size: 65_536, sctp_init: Some("AQ==") }),
        ];
        let local = Local {
            session_id: 1,
            session_version: 1,
            ufrag: "abcd",
            pwd: "0123456789abcdef012345",
            lite: false,
            ice_options: "trickle",
            fingerprint: &fingerprint,
            setup: Setup::ActPass,
            candidates: &["candidate:1 1 udp 1 192.0.2.1 5004 typ host"],
            end_of_candidates: true,
            default_address: None,
            cname: "c",
            sections: sections[..].into(),
        };
        let _ = Negotiated::from_answer(&offer, &local);
        let Ok(agreed) = Negotiated::from_offer(&offer, &local) else { continue };
        let mut room = vec![0; 32 * text.len() + 8192];
        let answer = write_answer(&offer, &local, &agreed, &mut room).unwrap();
        sdp_types::Session::parse(answer.as_bytes()).unwrap();
        let read = Session::parse(answer).unwrap();
        assert_eq!(read.media().count(), offer.media().count());
        for media in read.media() {
            let kept = agreed.placeholder.as_ref().is_some_and(|p| p.index == media.index());
            assert_eq!(agreed.line_at(media.index()).is_some() || kept, !media.is_rejected());
        }
    }
});
