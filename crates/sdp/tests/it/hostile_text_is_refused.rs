//! Text from an enemy gets an error, and never a panic.

use crate::support::*;
use barertc_sdp::*;
use proptest::prelude::*;

#[test]
fn what_is_no_description_is_refused() {
    let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    for (text, error) in [
        ("", Error::Version),
        ("v=1\r\n", Error::Version),
        ("o=- 1 1 IN IP4 0.0.0.0\r\n", Error::Version),
        ("v=0\r\n", Error::Structure),
        ("v=0\r\ns=-\r\no=-\r\nt=0 0\r\n", Error::Structure),
        ("v=0\r\no=-\r\ns=-\r\n", Error::Structure),
        ("v=0\r\nv=0\r\n", Error::Structure),
        ("v=0\r\nnonsense\r\n", Error::Line { number: 2 }),
        ("v=0\r\nA=x\r\n", Error::Line { number: 2 }),
        ("v=0\r\na=x\0\r\n", Error::Line { number: 2 }),
        ("v=0\r\na=x\ry\r\n", Error::Line { number: 2 }),
    ] {
        assert_eq!(Session::parse(text).err(), Some(error), "{text:?}");
    }
    for media in [
        "",
        "video",
        "video 9",
        "video 9 UDP",
        "video 70000 UDP x",
        "video x UDP x",
        "video +9 UDP x",
        "video -9 UDP x",
        "vi(deo 9 UDP x",
        "video 9 U//P x",
    ] {
        let text = format!("{head}m={media}\r\n");
        assert_eq!(Session::parse(&text).err(), Some(Error::Media { number: 5 }), "{media:?}");
    }
    assert!(Session::parse(&format!("{head}m=video 9/2 UDP x\r\n")).is_ok());
    assert!(Session::parse(&head.replace("\r\n", "\n")).is_ok(), "bare line feeds are accepted");
}

/// The grammars of RFC 8866 §9, RFC 8841 §9 and RFC 5576 §10 have digits without a sign.
#[test]
fn numbers_with_a_sign_are_none() {
    let head = "v=0\r\no=- +1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    let text = format!(
        "{head}m=video 9 UDP/TLS/RTP/SAVPF +96 97\r\na=rtpmap:+97 VP8/90000\r\na=extmap:+3 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
         a=ssrc:+1 cname:x\r\na=sctp-port:+5000\r\na=max-message-size:+1\r\n"
    );
    let session = Session::parse(&text).unwrap();
    assert_eq!(session.origin(), None);
    let media = session.media_at(0).unwrap();
    assert!(media.payloads().is_empty() && media.ssrcs().is_empty());
    assert_eq!((media.sctp_port(), media.max_message_size()), (None, 65_536));
    assert_eq!(media.extensions(), barertc_wire::ExtensionMap::new());
    let plain = text.replace('+', "");
    let session = Session::parse(&plain).unwrap();
    assert_eq!(session.origin(), Some((1, 1)));
    let media = session.media_at(0).unwrap();
    assert_eq!((media.payloads().len(), media.ssrcs().len()), (1, 1));
    assert_eq!((media.sctp_port(), media.max_message_size()), (Some(5_000), 1));
    assert_ne!(media.extensions(), barertc_wire::ExtensionMap::new());
}

#[test]
fn long_texts_are_read_in_linear_time() {
    // 1 MB each: were anything here quadratic, this would take minutes.
    let fingerprint = fingerprint();
    let sections = streamer();
    let local = local(&sections, &fingerprint);
    let head = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";
    let mids: String = (0..100_000).map(|i| format!(" {i}")).collect();
    let media = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtcp-mux\r\na=rtpmap:96 nope/90000\r\n";
    for text in [
        format!("{head}{}", "a=x\r\n".repeat(200_000)),
        format!("{head}{}", "m=x 9 y z\r\n".repeat(100_000)),
        format!(
            "{head}a=group:BUNDLE{mids}\r\n{}",
            (0..8_000).map(|i| format!("{media}a=mid:{i}\r\n")).collect::<String>()
        ),
        format!("{head}{media}{}", "a=ssrc-group:FID 1 2\r\na=ssrc:2 cname:x\r\n".repeat(25_000)),
        format!("{head}{media}{}", "a=rtpmap:96 H264/90000\r\n".repeat(40_000)),
    ] {
        let session = Session::parse(&text).unwrap();
        let agreed = Negotiated::from_offer(&session, &local).unwrap();
        assert_eq!((agreed.lines.len(), agreed.media), (0, session.media().count()));
        let mut room = vec![0; 2 * text.len() + 4096 + 512 * agreed.media];
        let answer = write_answer(&session, &local, &agreed, &mut room).unwrap();
        assert_eq!(Session::parse(answer).unwrap().media().count(), agreed.media);
        for media in session.media().take(3) {
            let _ = (media.ssrcs(), media.payloads(), session.transport(media.index()).is_ok());
        }
    }
}

/// Everything a peer can make us do with a description.
fn exercise(text: &str) {
    let Ok(session) = Session::parse(text) else { return };
    let bundled: usize = session.bundles().map(|bundle| bundle.mids().count()).sum();
    let _ = (session.origin(), session.extmap_allow_mixed(), bundled);
    for media in session.media() {
        let _ = (media.mid(), media.direction(), media.extensions(), media.payloads(), media.ssrcs());
        let _ = (media.max_message_size(), media.sctp_port(), media.msid(), media.is_rejected());
        if let Ok(transport) = session.transport(media.index()) {
            let _ = (transport.fingerprints().count(), transport.candidates().count(), transport.options().count());
        }
    }
    let fingerprint = fingerprint();
    for sections in [
        streamer(),
        [video(Some("0"), Direction::SendRecv, &VIDEO_CODECS), audio(Some("1"), Direction::SendRecv), data(Some("2"))],
    ] {
        let local = local(&sections, &fingerprint);
        if let Ok(agreed) = Negotiated::from_offer(&session, &local) {
            let mut room = vec![0; 65_536];
            let text = write_answer(&session, &local, &agreed, &mut room).expect("what was agreed can be said");
            let read = Session::parse(text).expect("and read");
            assert_eq!(read.media().count(), session.media().count());
            for media in read.media() {
                let kept = agreed.placeholder.as_ref().is_some_and(|p| p.index == media.index());
                assert_eq!(agreed.line_at(media.index()).is_some() || kept, !media.is_rejected());
            }
        }
        let _ = Negotiated::from_answer(&session, &local);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn damaged_captures_are_survived(
        which in 0..ALL.len(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, "[ -~\r\n=:/]{0,12}"), 1..8),
    ) {
        let mut text = ALL[which].1.to_owned();
        for (at, len, new) in cuts {
            let start = at.index(text.len().max(1)).min(text.len());
            let end = (start + len).min(text.len());
            text.replace_range(start..end, &new);
        }
        exercise(&text);
    }

    #[test]
    fn shuffled_lines_are_survived(which in 0..ALL.len(), order in prop::collection::vec(any::<prop::sample::Index>(), 1..120)) {
        let lines: Vec<&str> = ALL[which].1.lines().collect();
        let head = lines[..4].join("\r\n");
        let tail: Vec<&str> = order.iter().map(|i| lines[4 + i.index(lines.len() - 4)]).collect();
        exercise(&format!("{head}\r\n{}\r\n", tail.join("\r\n")));
    }
}
