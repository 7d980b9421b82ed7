//! Descriptions built from bytes: each is well-formed, and where its attributes stand follows from the bytes. The fuzz
//! target `sdp_offer` includes this file.

use barertc_sdp::*;
use std::fmt::Write as _;

const FINGERPRINT: &str =
    "sha-256 0B:30:55:7A:9F:C4:E9:0E:33:58:7D:A2:C7:EC:11:36:5B:80:A5:CA:EF:14:39:5E:83:A8:CD:F2:17:3C:61:86";
/// Payload type, rtpmap, fmtp.
const VIDEO: [(u8, &str, &str); 4] = [
    (96, "VP8/90000", ""),
    (102, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"),
    (108, "H264/90000", "packetization-mode=0"),
    (120, "NOPE/90000", ""),
];
const AUDIO: [(u8, &str, &str); 3] =
    [(111, "opus/48000/2", "useinbandfec=1"), (0, "PCMU/8000", ""), (120, "NOPE/8000", "")];

struct Bytes<'b>(std::slice::Iter<'b, u8>);

impl Bytes<'_> {
    fn below(&mut self, n: u8) -> u8 {
        self.0.next().map_or(0, |b| b % n)
    }

    fn one_in(&mut self, n: u8) -> bool {
        self.below(n) == 1
    }
}

/// What of the transport a part of a description says.
fn transport(text: &mut String, b: &mut Bytes<'_>, name: &str) {
    let which = b.0.next().copied().unwrap_or(0xff);
    for (bit, line) in [
        (1, format!("a=ice-ufrag:{name}\r\n")),
        (2, "a=ice-pwd:q8GkH2mZ0xXw7bYt5LsVn1Pc\r\n".to_owned()),
        (4, format!("a=fingerprint:{FINGERPRINT}\r\n")),
        (8, "a=setup:actpass\r\n".to_owned()),
    ] {
        if which & bit != 0 {
            *text += &line;
        }
    }
}

/// A description with up to 8 m-lines.
pub(crate) fn describe(bytes: &[u8]) -> String {
    let mut b = Bytes(bytes.iter());
    let lines = b.below(9);
    let mut text = String::from("v=0\r\no=- 7 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n");
    for _ in 0..b.below(3) {
        text += "a=group:BUNDLE";
        for _ in 0..b.below(6) {
            // Mids of lines that are not there, and repeated ones, among them.
            let _ = write!(text, " {}", b.below(9));
        }
        text += "\r\n";
    }
    if b.one_in(3) {
        transport(&mut text, &mut b, "session");
    }
    for index in 0..lines {
        let (kind, protocol) = match b.below(4) {
            0 => ("application", "UDP/DTLS/SCTP"),
            1 => ("audio", "UDP/TLS/RTP/SAVPF"),
            2 => ("image", "udptl"),
            _ => ("video", "UDP/TLS/RTP/SAVPF"),
        };
        let codecs: &[_] = if kind == "audio" { &AUDIO } else { &VIDEO };
        let offset = usize::from(b.below(4));
        let formats = match kind {
            "application" => " webrtc-datachannel".to_owned(),
            "image" => " t38".to_owned(),
            _ => codecs.iter().cycle().skip(offset).take(codecs.len()).map(|(pt, ..)| format!(" {pt}")).collect(),
        };
        let port = if b.one_in(4) { 0 } else { 9 };
        let _ = write!(text, "m={kind} {port} {protocol}{formats}\r\nc=IN IP4 0.0.0.0\r\n");
        if !b.one_in(8) {
            let mid = if b.one_in(8) { b.below(9) } else { index };
            let _ = write!(text, "a=mid:{mid}\r\n");
        }
        if b.one_in(4) {
            text += "a=bundle-only\r\n";
        }
        let name = format!("line{}", if b.one_in(2) { 0 } else { index });
        transport(&mut text, &mut b, &name);
        for candidate in 0..b.below(3) {
            let _ = write!(
                text,
                "a=candidate:{candidate} 1 udp 1 192.0.2.{index} {} typ host\r\n",
                5000 + u16::from(candidate)
            );
        }
        text += ["a=sendrecv\r\n", "a=sendonly\r\n", "a=recvonly\r\n", "a=inactive\r\n", ""][usize::from(b.below(5))];
        if kind == "application" {
            text += "a=sctp-port:5000\r\n";
            continue;
        }
        if !b.one_in(3) {
            text += "a=rtcp-mux\r\n";
        }
        for (pt, map, fmtp) in codecs {
            let _ = write!(text, "a=rtpmap:{pt} {map}\r\n");
            if !fmtp.is_empty() {
                let _ = write!(text, "a=fmtp:{pt} {fmtp}\r\n");
            }
        }
    }
    text
}

fn track<'a>(mid: Option<&'a str>, kind: MediaKind, codecs: &'a [LocalCodec], ssrc: u32) -> Section<'a> {
    let sending = Sending { ssrc, rtx_ssrc: Some(ssrc + 1), fec_ssrc: None, stream: "s", track: "t", rids: &[] };
    let extensions = ExtensionMap::new().with(Extension::Mid, 1);
    Section::Track(Track { mid, kind, direction: Direction::SendRecv, codecs, extensions, sending: Some(sending) })
}

/// The mids of the group that the m-line belongs to, as a plain reading of the text has it.
fn group_of<'t>(text: &'t str, mid: Option<&str>) -> Vec<&'t str> {
    let groups = text.lines().filter_map(|l| l.strip_prefix("a=group:BUNDLE"));
    let groups = groups.map(|mids| mids.split(' ').filter(|m| !m.is_empty()).collect::<Vec<_>>());
    groups.into_iter().find(|mids| mid.is_some_and(|mid| mids.contains(&mid))).unwrap_or_default()
}

/// The value that holds for an m-line, as a plain reading of RFC 9143 §7.1.3 has it: its own, that of its group, that of
/// the session.
fn inherited<'t>(text: &'t str, line: usize, name: &str) -> Option<&'t str> {
    let parts: Vec<&str> = text.split("\r\nm=").collect();
    let value = |part: &'t str, name: &str| {
        let prefix = format!("a={name}:");
        part.lines().find_map(|l| l.strip_prefix(prefix.as_str()))
    };
    let own = parts[line + 1];
    let in_use = |part: &str| part.split(' ').nth(1) != Some("0") || part.contains("a=bundle-only");
    let member = |mid: &str| parts[1..].iter().copied().find(|part| value(part, "mid") == Some(mid));
    let group = group_of(text, value(own, "mid")).into_iter().filter_map(member).filter(|part| in_use(part));
    value(own, name).or_else(|| group.into_iter().find_map(|part| value(part, name))).or_else(|| value(parts[0], name))
}

/// Negotiates an offer and holds the answer against RFC 9143 and RFC 3264.
pub(crate) fn check(text: &str) {
    let offer = Session::parse(text).unwrap_or_else(|e| panic!("{e}:\n{text}"));
    let fingerprint = Fingerprint::sha256([0xAB; 32]);
    let video = [LocalCodec::h264(), LocalCodec::vp8()];
    let audio = [LocalCodec::opus(), LocalCodec::pcmu()];
    let sections = [
        track(None, MediaKind::Video, &video, 1),
        track(Some("1"), MediaKind::Audio, &audio, 11),
        track(None, MediaKind::Video, &video, 21),
        Section::Data(Data { mid: None, sctp_port: 5000, max_message_size: 65_536, sctp_init: None }),
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
    let agreed = match Negotiated::from_offer(&offer, &local) {
        Ok(agreed) => agreed,
        // Only the transport can be in the way.
        Err(Error::Transport(_)) => return,
        Err(e) => panic!("{e}:\n{text}"),
    };
    let mut room = vec![0; 32 * text.len() + 8192];
    let written = write_answer(&offer, &local, &agreed, &mut room).expect("what was agreed on can be written");
    let answer = Session::parse(written).expect("and read");
    assert_eq!(answer.media().count(), offer.media().count(), "RFC 3264 §6");
    for (asked, said) in offer.media().zip(answer.media()) {
        assert_eq!((asked.kind_text(), asked.mid(), asked.protocol()), (said.kind_text(), said.mid(), said.protocol()));
        let is_placeholder = agreed.placeholder.as_ref().is_some_and(|p| p.index == said.index());
        assert_eq!(agreed.line_at(said.index()).is_some() || is_placeholder, !said.is_rejected());
        assert!(!is_placeholder || said.direction() == Direction::Inactive);
        assert!(!asked.is_rejected() || said.is_rejected(), "what has ended stays so");
        let formats: Vec<&str> = asked.formats().split(' ').collect();
        assert!(said.formats().split(' ').all(|f| formats.contains(&f)), "RFC 3264 §6.1");
        if !said.is_rejected() && said.is_rtp() {
            let flows = asked.direction().reversed();
            assert_eq!(said.direction().intersect(flows), said.direction());
        }
    }
    let accepted: Vec<Option<&str>> =
        agreed.lines.iter().map(|l| answer.media_at(l.index).and_then(|m| m.mid())).collect();
    let Some(index) = agreed.transport else {
        assert!(accepted.is_empty());
        return;
    };
    // RFC 9143 §7.3: one group of the offer, in its order, less what was rejected. Its first has the transport.
    let group = group_of(text, accepted[0]);
    assert!(accepted.len() == 1 || accepted.iter().all(|mid| mid.is_some_and(|mid| group.contains(&mid))));
    let placeholder = agreed.placeholder.as_ref().map(|placeholder| placeholder.mid.as_str());
    let in_use = |mid: &str| accepted.contains(&Some(mid)) || placeholder == Some(mid);
    let expected: Vec<&str> = group.iter().copied().filter(|mid| in_use(mid)).collect();
    let said: Vec<&str> = answer.bundles().next().map(|bundle| bundle.mids().collect()).unwrap_or_default();
    assert_eq!(said, expected);
    let tagged = answer.media_at(index).expect("its m-line");
    assert!(tagged.attribute("candidate").is_some());
    assert!(expected.first().is_none_or(|tag| tagged.mid() == Some(tag)));
    let theirs = offer.transport(index).expect("it was read before");
    assert_eq!(Some(theirs.ufrag), inherited(text, index, "ice-ufrag"));
    assert_eq!(Some(theirs.pwd), inherited(text, index, "ice-pwd"));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]

        #[test]
        fn answers_follow_rfc_9143(bytes in prop::collection::vec(any::<u8>(), 0..160)) {
            super::check(&super::describe(&bytes));
        }
    }
}
