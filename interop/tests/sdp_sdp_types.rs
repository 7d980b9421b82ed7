//! Session descriptions as `sdp-types` reads them: the same lines, the same attributes, and what we write is well-formed.

use barertc_sdp::*;
use proptest::prelude::*;
use sdp_types::Session as Oracle;

const CAPTURES: [&str; 9] = [
    include_str!("../../crates/sdp/tests/data/chromium-offer.sdp"),
    include_str!("../../crates/sdp/tests/data/chromium-offer-mdns.sdp"),
    include_str!("../../crates/sdp/tests/data/chromium-offer-dconly.sdp"),
    include_str!("../../crates/sdp/tests/data/chromium-offer-snap-sped-idata.sdp"),
    include_str!("../../crates/sdp/tests/data/chromium-offer-sendonly-h264-opus-dc.sdp"),
    include_str!("../../crates/sdp/tests/data/chromium-answer.sdp"),
    include_str!("../../crates/sdp/tests/data/chromium-answer-mdns.sdp"),
    include_str!("../../crates/sdp/tests/data/aiortc-offer.sdp"),
    include_str!("../../crates/sdp/tests/data/aiortc-answer.sdp"),
];

/// Both read the same where both read.
fn agree(ours: &Session<'_>, oracle: &Oracle) {
    assert_eq!(ours.media().count(), oracle.medias.len());
    for (a, b) in ours.media().zip(&oracle.medias) {
        // Word by word: a second space makes an empty word of theirs, and none of ours.
        let ours = format!("{} {} {} {}", a.kind_text(), a.port(), a.protocol(), a.formats());
        let theirs = format!("{} {} {} {}", b.media, b.port, b.proto, b.fmt);
        assert!(
            ours.split(' ').filter(|w| !w.is_empty()).eq(theirs.split(' ').filter(|w| !w.is_empty())),
            "{ours:?} {theirs:?}"
        );
        let mut attributes = b.attributes.iter();
        for (name, value) in a.attributes() {
            let theirs = attributes.next().expect("as many attributes");
            // We leave out spaces around a value, and behind a name without one.
            let (name, value) = (name.trim_end_matches(' '), value.trim_matches(' '));
            let theirs = (theirs.attribute.as_str(), theirs.value.as_deref().unwrap_or_default());
            assert_eq!((name, value), (theirs.0.trim_end_matches(' '), theirs.1.trim_matches(' ')));
        }
        assert!(attributes.next().is_none());
    }
    if let Some((id, version)) = ours.origin() {
        // A number to us, a text to them: zeros in front of it are no difference.
        assert_eq!((Ok(id), version), (oracle.origin.sess_id.parse(), oracle.origin.sess_version));
    }
}

#[test]
fn captures_are_read_alike() {
    for text in CAPTURES {
        let ours = Session::parse(text).expect("ours");
        agree(&ours, &Oracle::parse(text.as_bytes()).expect("theirs"));
    }
}

#[test]
fn a_second_space_in_a_media_line_is_no_difference() {
    for with in [" UDP/TLS/RTP/SAVPF  ", "  UDP/TLS/RTP/SAVPF "] {
        let text = CAPTURES[0].replacen(" UDP/TLS/RTP/SAVPF ", with, 1);
        assert_ne!(text, CAPTURES[0]);
        agree(&Session::parse(&text).expect("ours"), &Oracle::parse(text.as_bytes()).expect("theirs"));
    }
}

#[test]
fn a_second_space_in_the_origin_is_no_difference() {
    for with in ["o= 0 ", "o=-  "] {
        let text = CAPTURES[0].replacen("o=- ", with, 1);
        assert_ne!(text, CAPTURES[0]);
        agree(&Session::parse(&text).expect("ours"), &Oracle::parse(text.as_bytes()).expect("theirs"));
    }
}

/// What damage by chance could make of a capture, one kind at a time.
#[test]
fn odd_spaces_and_numbers_are_read_alike_or_refused() {
    let text = "v=0\r\no=- 12 3 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:0\r\na=rtcp-mux\r\n";
    for (from, to) in [
        ("- 12 3", "- 0012 03"),
        ("- 12 3", "- +12 3"),
        ("- 12 3", "- 12 +3"),
        ("- 12 3", " - 12 3"),
        ("- 12 3", " 5 12 3"),
        ("- 12 3", "-  12 3"),
        ("- 12 3", "- 12  3"),
        ("- 12 3", "- 12"),
        (" 9 ", "  9 "),
        (" 9 ", " 9  "),
        (" 9 ", " +9 "),
        (" 9 ", " 009 "),
        (" 9 ", " 9/2 "),
        (" 9 ", " 9/ "),
        (" 96 97", "  96 97"),
        (" 96 97", " 96  97 "),
        (" 96 97", ""),
        (" 96 97", " "),
        ("video", " video"),
        ("video", ""),
        ("video", "video "),
        ("a=mid:0", "a=mid: 0 "),
        ("a=mid:0", "a= mid :0"),
        ("a=mid:0", "a=:0"),
        ("a=mid:0", "a="),
        ("a=mid:0", "a=mid::0"),
        ("a=mid:0", "a =mid:0"),
        ("a=mid:0", "A=mid:0"),
        ("a=rtcp-mux", "a=rtcp-mux:"),
        ("a=rtcp-mux", " a=rtcp-mux"),
        ("a=rtcp-mux", "a=rtcp-mux\tx"),
        ("s=-", "s="),
        ("s=-", "s=-\r\n"),
        ("v=0", "v=00"),
        ("v=0", "v=0 "),
        ("\r\n", "\n"),
        ("\r\n", "\n\r\n"),
        ("\r\n", "\r\r\n"),
    ] {
        let odd = text.replace(from, to);
        assert_ne!(odd, text);
        let (ours, oracle) = (Session::parse(&odd), Oracle::parse(odd.as_bytes()));
        if let (Ok(ours), Ok(oracle)) = (ours, oracle) {
            agree(&ours, &oracle);
        }
    }
}

#[test]
fn what_we_write_is_read_alike() {
    let fingerprint = Fingerprint::sha256([0xAB; 32]);
    let codecs = [LocalCodec {
        codec: Codec::H264(H264::CONSTRAINED_BASELINE),
        pt: 102,
        rtx: Some(103),
        feedback: Feedback::ALL,
        red: None,
        flexfec: None,
    }];
    let sending = Sending { ssrc: 1, rtx_ssrc: Some(2), fec_ssrc: None, stream: "s", track: "t", rids: &[] };
    let sections = [
        Section::Track(Track {
            mid: Some("0"),
            kind: MediaKind::Video,
            direction: Direction::SendOnly,
            codecs: &codecs,
            extensions: ExtensionMap::new().with(Extension::Mid, 1),
            sending: Some(sending),
        }),
        Section::Ended { kind: MediaKind::Audio },
        Section::Data(Data { mid: Some("2"), sctp_port: 5000, max_message_size: 65_536, sctp_init: None }),
    ];
    let local = Local {
        session_id: u64::MAX,
        session_version: 3,
        ufrag: "abcd",
        pwd: "0123456789abcdef012345",
        lite: true,
        ice_options: "trickle",
        fingerprint: &fingerprint,
        setup: Setup::ActPass,
        candidates: &["candidate:1 1 udp 2113937151 192.0.2.1 5004 typ host"],
        end_of_candidates: true,
        default_address: Some("[2001:db8::1]:5004".parse().expect("an address")),
        cname: "c",
        sections: sections[..].into(),
    };
    let mut room = [0; 4096];
    let offer = write_offer(&local, &mut room).expect("an offer");
    agree(&Session::parse(offer).expect("ours"), &Oracle::parse(offer.as_bytes()).expect("theirs"));
    for text in CAPTURES {
        let offer = Session::parse(text).expect("ours");
        let Ok(agreed) = Negotiated::from_offer(&offer, &local) else { continue };
        let mut room = [0; 4096];
        let answer = write_answer(&offer, &local, &agreed, &mut room).expect("an answer");
        let oracle = Oracle::parse(answer.as_bytes()).expect("theirs");
        assert_eq!(oracle.medias.len(), offer.media().count());
        agree(&Session::parse(answer).expect("ours"), &oracle);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_captures_are_read_alike_or_refused(
        which in 0..CAPTURES.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..30, "[ -~]{0,8}"), 1..5),
    ) {
        let mut text = CAPTURES[which].to_owned();
        for (at, len, new) in cuts {
            let start = at.index(text.len());
            let end = (start + len).min(text.len());
            text.replace_range(start..end, &new);
        }
        if let (Ok(ours), Ok(oracle)) = (Session::parse(&text), Oracle::parse(text.as_bytes())) {
            agree(&ours, &oracle);
        }
    }
}
