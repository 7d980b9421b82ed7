//! What of ours cannot be written is told by the rule that it breaks.

use crate::support::*;
use barertc_sdp::*;

fn offer(sections: &[Section<'_>], change: impl FnOnce(&mut Local<'_>)) -> Result<usize, Error> {
    let fingerprint = fingerprint();
    let mut local = local(sections, &fingerprint);
    change(&mut local);
    write_offer(&local, &mut [0; 8192]).map(str::len)
}

fn error(sections: &[Section<'_>]) -> Option<Error> {
    offer(sections, |_| {}).err()
}

fn section(index: usize, rule: SectionError) -> Option<Error> {
    Some(Error::Section { index, rule })
}

#[test]
fn an_offer_of_nothing_is_refused() {
    assert_eq!(error(&[]), Some(Error::EmptyOffer));
}

#[test]
fn sections_that_cannot_be_written_are_named() {
    assert_eq!(error(&[data(Some("0")), data(None)]), section(1, SectionError::NoMid));
    assert_eq!(error(&[data(Some(""))]), section(0, SectionError::Mid));
    assert_eq!(error(&[data(Some("a b"))]), section(0, SectionError::Mid));
    assert_eq!(error(&[data(Some("a\r\na=x"))]), section(0, SectionError::Mid));
    assert_eq!(error(&[data(Some("0")), data(Some("0"))]), section(1, SectionError::RepeatedMid));
    assert_eq!(error(&[video(Some("0"), Direction::SendOnly, &[])]), section(0, SectionError::NoCodec));
    let high = [LocalCodec::h264().with_payload_type(128)];
    let rule = SectionError::PayloadType { value: 128 };
    assert_eq!(error(&[video(Some("0"), Direction::SendOnly, &high)]), section(0, rule));
    let mut wrong = audio(Some("0"), Direction::SendOnly);
    if let Section::Track(track) = &mut wrong {
        track.kind = MediaKind::Image;
    }
    assert_eq!(error(&[wrong]), section(0, SectionError::Kind));
}

#[test]
fn two_streams_with_one_ssrc_are_refused() {
    let twice =
        [video(Some("0"), Direction::SendOnly, &VIDEO_CODECS), video(Some("1"), Direction::SendOnly, &VIDEO_CODECS)];
    assert_eq!(error(&twice), Some(Error::RepeatedSsrc { ssrc: 1 }));
    let fingerprint = fingerprint();
    let agreed = Negotiated::from_offer(&Session::parse(CHROMIUM_OFFER).unwrap(), &local(&twice, &fingerprint));
    assert_eq!(agreed.err(), Some(Error::RepeatedSsrc { ssrc: 1 }));
    let mut rtx = audio(Some("1"), Direction::SendOnly);
    if let Section::Track(Track { sending: Some(sending), .. }) = &mut rtx {
        sending.ssrc = 11;
    }
    let repaired = [video(Some("0"), Direction::SendOnly, &VIDEO_CODECS), rtx];
    assert_eq!(error(&repaired), Some(Error::RepeatedSsrc { ssrc: 11 }));
}

#[test]
fn strings_cannot_break_out_of_their_line() {
    let sections = [audio(Some("0"), Direction::SendOnly)];
    for bad in ["a\r\na=x", "a\nb", "a\0"] {
        assert_eq!(offer(&sections, |local| local.cname = bad), Err(Error::ControlCharacter), "{bad:?}");
        assert_eq!(offer(&sections, |local| local.ice_options = bad), Err(Error::ControlCharacter), "{bad:?}");
        let mut sections = sections.clone();
        if let Section::Track(Track { sending: Some(sending), .. }) = &mut sections[0] {
            sending.stream = bad;
        }
        assert_eq!(error(&sections), Some(Error::ControlCharacter), "{bad:?}");
    }
    const INJECTED: [&str; 1] = ["candidate:1 1 udp 1 192.0.2.1 5004 typ host\r\na=x"];
    assert_eq!(offer(&sections, |local| local.candidates = &INJECTED), Err(Error::ControlCharacter));
    assert_eq!(offer(&sections, |local| local.candidates = &["sendrecv"]), Err(Error::Candidate));
}

#[test]
fn too_many_sections_are_refused_with_the_limit() {
    let mids: Vec<String> = (0..=MAX_SECTIONS).map(|i| i.to_string()).collect();
    let sections: Vec<_> = mids.iter().map(|mid| data(Some(mid))).collect();
    assert_eq!(error(&sections), Some(Error::TooMany { what: "sections in use", limit: MAX_SECTIONS }));
    assert_eq!(error(&sections[1..]), None);
    // Ended ones take no room.
    let ended = Section::Ended { kind: MediaKind::Video };
    let sections: Vec<_> = std::iter::repeat_n(ended, 40).chain(sections[1..].iter().cloned()).collect();
    assert_eq!(error(&sections), None);
}

#[test]
fn a_short_buffer_is_told_what_is_needed() {
    let fingerprint = fingerprint();
    let sections = [video(Some("v"), Direction::SendOnly, &VIDEO_CODECS), data(Some("d"))];
    let local = local(&sections, &fingerprint);
    let mut room = [0; 4096];
    let needed = write_offer(&local, &mut room).unwrap().len();
    for len in 0..needed {
        assert_eq!(write_offer(&local, &mut room[..len]), Err(Error::BufferTooShort { needed }), "{len}");
    }
    assert!(write_offer(&local, &mut room[..needed]).is_ok());
}

#[test]
fn the_longest_description_is_known_beforehand() {
    const LONG: &str = "0123456789012345678901234567890123456789012345678901234567890123";
    assert_eq!(LONG.len(), MAX_NAME);
    let codecs = [
        LocalCodec {
            codec: Codec::H264(H264::CONSTRAINED_BASELINE),
            pt: 102,
            rtx: Some(103),
            feedback: Feedback::ALL,
            red: Some(120),
            flexfec: Some(127),
        },
        LocalCodec {
            codec: Codec::H265 { profile_id: 255, tier: 255, level_id: 255 },
            pt: 104,
            rtx: Some(105),
            feedback: Feedback::ALL,
            red: Some(120),
            flexfec: Some(127),
        },
        LocalCodec {
            codec: Codec::Opus { stereo: true, fec: true },
            pt: 106,
            rtx: Some(107),
            feedback: Feedback::ALL,
            red: Some(120),
            flexfec: Some(127),
        },
        LocalCodec {
            codec: Codec::Pcmu,
            pt: 108,
            rtx: Some(109),
            feedback: Feedback::ALL,
            red: Some(120),
            flexfec: Some(127),
        },
    ];
    let mids: Vec<String> = (0..4).map(|i| format!("{i}{}", &LONG[1..])).collect();
    let extensions = Extension::ALL.into_iter().zip(110..).fold(ExtensionMap::new(), |all, (e, id)| all.with(e, id));
    let mut sections: Vec<Section<'_>> = (0..3)
        .map(|i| {
            let ssrc = u32::MAX - 3 * i;
            let sending = Sending {
                ssrc,
                rtx_ssrc: Some(ssrc - 1),
                fec_ssrc: Some(ssrc - 2),
                stream: LONG,
                track: LONG,
                rids: &[],
            };
            Section::Track(Track {
                mid: Some(&mids[i as usize]),
                kind: MediaKind::Video,
                direction: Direction::SendRecv,
                codecs: &codecs,
                extensions,
                sending: Some(sending),
            })
        })
        .collect();
    let init = "A".repeat(500);
    sections.push(Section::Data(Data {
        mid: Some(&mids[3]),
        sctp_port: u16::MAX,
        max_message_size: u32::MAX,
        sctp_init: Some(&init),
    }));
    let candidate = format!("candidate:{}", "9".repeat(182));
    let candidates = [candidate.as_str(); 8];
    let fingerprint = Fingerprint::sha512([0xAB; 64]);
    let local = Local {
        session_id: u64::MAX,
        session_version: u64::MAX,
        ufrag: &LONG[..32],
        pwd: &LONG[..32],
        lite: true,
        ice_options: "trickle ice2 renomination",
        cname: LONG,
        candidates: &candidates,
        default_address: Some("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535".parse().unwrap()),
        ..local(&sections, &fingerprint)
    };
    let mut room = [0; 32_768];
    let len = write_offer(&local, &mut room).unwrap().len();
    let bound = DescriptionBounds { tracks: 3, codecs: 4, candidates: 8, rejected: 0 }.max_len();
    assert!(len <= bound, "{len} of {bound}");
    assert!(len * 4 > bound * 3, "{len} of {bound} is no close bound");
}
