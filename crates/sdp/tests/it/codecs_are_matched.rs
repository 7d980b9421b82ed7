//! Which codecs count as the same (RFC 6184 §8.2.2 and the like).

use crate::support::*;
use barertc_sdp::*;

/// The payload type that a track with `ours` gets from an offer with these formats, and what the answer says of it.
fn matched(ours: &[LocalCodec], direction: Direction, formats: &[(u8, &str, &str)]) -> Option<(u8, String)> {
    let pts: String = formats.iter().map(|(pt, ..)| format!(" {pt}")).collect();
    let lines: String =
        formats.iter().map(|(pt, map, fmtp)| format!("a=rtpmap:{pt} {map}\r\na=fmtp:{pt} {fmtp}\r\n")).collect();
    let head = &CHROMIUM_OFFER_DATA[..CHROMIUM_OFFER_DATA.find("m=").unwrap()];
    let offer = format!(
        "{head}m=video 9 UDP/TLS/RTP/SAVPF{pts}\r\na=mid:0\r\na=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789abcdef012345\r\n\
         a=setup:actpass\r\na=fingerprint:{}\r\n{lines}",
        fingerprint()
    );
    let (agreed, text) = answer(&offer, &[video(None, direction, ours)]);
    let codec = agreed.lines.first()?.codec()?;
    let prefix = format!("a=fmtp:{} ", codec.pt);
    let fmtp = text.lines().find_map(|l| l.strip_prefix(&prefix)).unwrap_or_default();
    Some((codec.pt, fmtp.to_owned()))
}

fn h264(id: &str, mode: u8, asymmetry: bool) -> LocalCodec {
    LocalCodec {
        codec: Codec::H264(H264 {
            profile_level_id: ProfileLevelId::parse(id).unwrap(),
            packetization_mode: mode,
            level_asymmetry_allowed: asymmetry,
        }),
        pt: 102,
        rtx: None,
        feedback: Feedback::NONE,
        red: None,
        flexfec: None,
    }
}

const ASYM: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=";

#[test]
fn profile_and_packetization_mode_must_be_equal() {
    let ours = [h264("42e01f", 1, true)];
    let offer = [
        (96, "H264/90000", "packetization-mode=0;profile-level-id=42e01f"),
        (97, "H264/90000", "packetization-mode=1;profile-level-id=64001f"),
        (98, "h264/90000", "packetization-mode=1; profile-level-id=42C01F"),
    ];
    assert_eq!(matched(&ours, Direction::SendRecv, &offer).map(|m| m.0), Some(98), "42c0 is 42e0");
    assert_eq!(matched(&ours, Direction::SendOnly, &offer[..1]), None);
}

#[test]
fn without_asymmetry_the_lower_level_holds() {
    let offer = |level: &str| format!("packetization-mode=1;profile-level-id=42e0{level}");
    let ours = [h264("42e01f", 1, true)];
    let said = |level: &str| matched(&ours, Direction::SendRecv, &[(96, "H264/90000", &offer(level))]).unwrap().1;
    assert_eq!(said("0d"), "packetization-mode=1;profile-level-id=42e00d");
    assert_eq!(said("28"), "packetization-mode=1;profile-level-id=42e01f");
    let (_, both) = matched(&ours, Direction::SendRecv, &[(96, "H264/90000", &format!("{ASYM}42e00d"))]).unwrap();
    assert_eq!(both, format!("{ASYM}42e01f"), "with it, each says its own");
}

#[test]
fn a_sender_may_use_a_wider_profiles_name() {
    let ours = [h264("42e01f", 1, true)];
    let baseline = [(102, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f")];
    assert_eq!(matched(&ours, Direction::SendOnly, &baseline), Some((102, format!("{ASYM}42001f"))));
    assert_eq!(matched(&ours, Direction::SendRecv, &baseline), None, "a receiver may not");
    let both =
        [baseline[0], (108, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")];
    assert_eq!(matched(&ours, Direction::SendOnly, &both).map(|m| m.0), Some(108), "the exact one is preferred");
}

#[test]
fn unsaid_parameters_have_their_defaults() {
    // As libwebrtc has them: Constrained Baseline, level 3.1, packetization mode 0.
    let ours = [h264("42e01f", 0, false)];
    assert_eq!(matched(&ours, Direction::SendRecv, &[(96, "H264/90000", "x=1")]).map(|m| m.0), Some(96));
    assert_eq!(matched(&[h264("42000a", 0, false)], Direction::SendRecv, &[(96, "H264/90000", "x=1")]), None);
    // Janus and cameras leave only the profile out.
    let ours = [h264("42e01f", 1, true)];
    let said = matched(&ours, Direction::SendOnly, &[(96, "H264/90000", "packetization-mode=1")]);
    assert_eq!(said, Some((96, "packetization-mode=1;profile-level-id=42e01f".to_owned())));
}

#[test]
fn packetization_mode_0_can_only_be_received() {
    let ours = [h264("42e01f", 1, true)];
    let offer = [(96, "H264/90000", "profile-level-id=42e01f")];
    let expected = Some((96, "packetization-mode=0;profile-level-id=42e01f".to_owned()));
    assert_eq!(matched(&ours, Direction::RecvOnly, &offer), expected);
    assert_eq!(matched(&ours, Direction::SendRecv, &offer), expected, "and the answer is recvonly");
    assert_eq!(matched(&ours, Direction::SendOnly, &offer), None, "frames above a packet cannot be sent in mode 0");
    let (agreed, _) = answer(JANUS_OFFER, &[video(None, Direction::SendRecv, &VIDEO_CODECS)]);
    assert_eq!((agreed.lines[0].direction, agreed.lines[0].codecs[0].pt), (Direction::RecvOnly, 96));
}

#[test]
fn each_codec_of_ours_gets_a_payload_type_before_one_gets_two() {
    // Chromium lists VP8 once and H.264 by several names: all that match count, up to the bound.
    let vp8 = LocalCodec::vp8();
    let many: Vec<(u8, &str, &str)> = (100..108).map(|pt| (pt, "H264/90000", "packetization-mode=1")).collect();
    let offer = [&many[..], &[(98, "VP8/90000", "")]].concat();
    let pts: String = offer.iter().map(|(pt, ..)| format!(" {pt}")).collect();
    let lines: String =
        offer.iter().map(|(pt, map, fmtp)| format!("a=rtpmap:{pt} {map}\r\na=fmtp:{pt} {fmtp}\r\n")).collect();
    let text = STRICT_OFFER.replace("SAVPF 96", &format!("SAVPF{pts}")).replace("a=rtpmap:96 H264/90000\r\n", &lines);
    let (agreed, answer) = answer(&text, &[video(None, Direction::SendOnly, &[LocalCodec::h264(), vp8])]);
    let codecs: Vec<_> = agreed.lines[0].codecs.iter().map(|c| (c.pt, c.local)).collect();
    assert_eq!(codecs, [(100, 0), (98, 1), (101, 0), (102, 0)]);
    assert!(answer.contains("SAVPF 100 98 101 102\r\n"), "and the answer says so: {answer}");
}

#[test]
fn our_order_of_preference_decides() {
    let vp8 = LocalCodec { codec: Codec::Vp8, pt: 96, rtx: None, feedback: Feedback::NONE, red: None, flexfec: None };
    let h265 = LocalCodec {
        codec: Codec::H265 { profile_id: 1, tier: 0, level_id: 93 },
        pt: 97,
        rtx: None,
        feedback: Feedback::NONE,
        red: None,
        flexfec: None,
    };
    let offer = [(100, "VP8/90000", ""), (101, "H265/90000", "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST")];
    assert_eq!(matched(&[h265, vp8], Direction::SendRecv, &offer).map(|m| m.0), Some(101));
    assert_eq!(matched(&[vp8, h265], Direction::SendRecv, &offer).map(|m| m.0), Some(100));
    let multiple = [(101, "H265/90000", "tx-mode=MRST")];
    assert_eq!(matched(&[h265], Direction::SendRecv, &multiple), None);
}

#[test]
fn vp9_and_av1_match_by_their_profiles() {
    // As Chromium offers them.
    let offer = [
        (98, "VP9/90000", "profile-id=0"),
        (100, "VP9/90000", "profile-id=2"),
        (45, "AV1/90000", "level-idx=5;profile=0;tier=0"),
        (110, "AV1/90000", "level-idx=8;profile=1;tier=0"),
    ];
    let pt = |codec: Codec, offer: &[(u8, &str, &str)]| {
        let ours = [LocalCodec { codec, ..LocalCodec::vp9() }];
        let sends = matched(&ours, Direction::SendOnly, offer);
        assert_eq!(sends, matched(&ours, Direction::SendRecv, offer));
        sends
    };
    let said = |pt, fmtp: &str| Some((pt, fmtp.to_owned()));
    assert_eq!(pt(LocalCodec::vp9().codec, &offer), said(98, "profile-id=0"));
    assert_eq!(pt(Codec::Vp9 { profile_id: 2 }, &offer), said(100, "profile-id=2"));
    assert_eq!(pt(Codec::Vp9 { profile_id: 1 }, &offer), None);
    assert_eq!(pt(LocalCodec::av1().codec, &offer), said(45, "level-idx=5;profile=0;tier=0"));
    let high = Codec::Av1 { profile: 1, level_idx: 5, tier: 0 };
    assert_eq!(pt(high, &offer), said(110, "level-idx=5;profile=1;tier=0"), "levels may differ");
    assert_eq!(pt(Codec::Av1 { profile: 0, level_idx: 5, tier: 1 }, &offer), None);
    // What is not said has its default.
    let unsaid = [(98, "VP9/90000", "x=1"), (45, "AV1/90000", "x=1")];
    assert_eq!(pt(LocalCodec::vp9().codec, &unsaid), said(98, "profile-id=0"));
    assert_eq!(pt(LocalCodec::av1().codec, &unsaid), said(45, "level-idx=5;profile=0;tier=0"));
    let broken = [(98, "VP9/90000", "profile-id=256"), (45, "AV1/90000", "profile=x")];
    assert_eq!(pt(LocalCodec::vp9().codec, &broken), None);
    assert_eq!(pt(LocalCodec::av1().codec, &broken), None);
}

#[test]
fn g711_needs_no_rtpmap() {
    let pcma =
        [LocalCodec { codec: Codec::Pcma, pt: 8, rtx: None, feedback: Feedback::NONE, red: None, flexfec: None }];
    let offer = AIORTC_OFFER.replace("a=rtpmap:8 PCMA/8000\r\n", "");
    let track = Section::Track(Track {
        mid: None,
        kind: MediaKind::Audio,
        direction: Direction::SendRecv,
        codecs: &pcma,
        extensions: ExtensionMap::new(),
        sending: None,
    });
    let (agreed, text) = answer(&offer, &[track]);
    assert_eq!(agreed.lines[0].codec().map(|c| c.pt), Some(8));
    assert!(text.contains("a=rtpmap:8 PCMA/8000\r\n"));
}
