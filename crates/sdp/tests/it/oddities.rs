//! Descriptions as they are met: nothing in them is against the rules, or nothing that changes what they mean.

use barertc_sdp::Session;
use barertc_wire::Extension;

use crate::support::*;

/// The same lines with `change` made to each.
fn each_line(text: &str, change: impl Fn(&str) -> String) -> String {
    text.lines().map(|line| change(line) + "\r\n").collect()
}

#[test]
fn spaces_around_values_and_either_end_of_a_line_change_nothing() {
    let plain = answer(CHROMIUM_OFFER, &streamer());
    let trailing =
        each_line(CHROMIUM_OFFER, |line| if line.starts_with("a=") { format!("{line} ") } else { line.into() });
    let leading = each_line(CHROMIUM_OFFER, |line| match line.strip_prefix("a=").and_then(|a| a.split_once(':')) {
        Some((name, value)) => format!("a={name}:  {value}"),
        None => line.into(),
    });
    let wide =
        each_line(CHROMIUM_OFFER, |line| if line.starts_with("m=") { line.replace(' ', "  ") } else { line.into() });
    let bare = CHROMIUM_OFFER.replace("\r\n", "\n");
    let (mixed, blank) = (bare.replacen('\n', "\r\n", 9), CHROMIUM_OFFER.replace("\r\n", "\r\n\r\n"));
    for (name, offer) in [
        ("trailing", trailing),
        ("leading", leading),
        ("wide", wide),
        ("bare", bare),
        ("mixed", mixed),
        ("blank", blank),
    ] {
        assert!(offer != CHROMIUM_OFFER);
        let (agreed, text) = answer(&offer, &streamer());
        assert_eq!(text, plain.1, "{name}");
        assert_eq!(format!("{agreed:?}"), format!("{:?}", plain.0), "{name}");
        let (ours, theirs) = (Session::parse(CHROMIUM_OFFER).unwrap(), Session::parse(&offer).unwrap());
        let (ours, theirs) = (ours.transport(0).unwrap(), theirs.transport(0).unwrap());
        assert_eq!((ours.ufrag, ours.pwd, ours.setup), (theirs.ufrag, theirs.pwd, theirs.setup), "{name}");
        assert_eq!(ours.candidates().count(), theirs.candidates().count(), "{name}");
    }
}

#[test]
fn attributes_and_lines_that_nobody_knows_change_nothing() {
    let plain = answer(CHROMIUM_OFFER, &streamer());
    let more = each_line(CHROMIUM_OFFER, |line| {
        let unknown = "a=x-google-flag:conference\r\na=\r\na=:\r\na=candidate:\r\na=extmap:99 urn:x\r\na=fmtp:200 a=b\r\n\
                       a=rtcp-fb:* x-unknown\r\na=ssrc-group:SIM 1\r\na=ssrc:x cname:y\r\nb=AS:30\r\nk=prompt";
        if line.starts_with("a=mid") { format!("{line}\r\n{unknown}") } else { line.into() }
    });
    let (agreed, text) = answer(&more, &streamer());
    assert_eq!(text, plain.1);
    assert_eq!(format!("{agreed:?}"), format!("{:?}", plain.0));
}

#[test]
fn formats_may_be_described_before_they_are_named() {
    // `fmtp` and `rtcp-fb` above `rtpmap`, and retransmissions above what they repeat.
    let turned = |offer: &str| {
        let mut lines: Vec<_> = offer.lines().collect();
        let mut at = 0;
        while at < lines.len() {
            let of_format = |l: &str| ["a=rtpmap", "a=fmtp", "a=rtcp-fb"].iter().any(|name| l.starts_with(name));
            let end = at + lines[at..].iter().take_while(|l| of_format(l)).count();
            lines[at..end].reverse();
            at = end + 1;
        }
        lines.join("\r\n") + "\r\n"
    };
    let offer = turned(CHROMIUM_OFFER);
    assert!(offer != CHROMIUM_OFFER);
    assert_eq!(answer(&offer, &streamer()).1, answer(CHROMIUM_OFFER, &streamer()).1);
    // Retransmissions of nothing (RFC 4588 §8.6 wants `apt`) are not agreed on.
    let without = each_line(CHROMIUM_OFFER, |line| if line.contains("apt=") { "a=x".into() } else { line.into() });
    assert!(answer(&without, &streamer()).0.lines[0].codecs.iter().all(|codec| codec.rtx_pt.is_none()));
}

#[test]
fn extensions_of_the_session_are_of_every_line() {
    let offer = CHROMIUM_OFFER.replace("a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\n", "");
    assert!(offer != CHROMIUM_OFFER);
    let mid = |offer: &str, line: usize| answer(offer, &streamer()).0.lines[line].extensions.id(Extension::Mid);
    assert_eq!((mid(&offer, 0), mid(&offer, 1)), (None, None));
    let session = offer.replace("a=group:", "a=extmap:12 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=group:");
    assert_eq!((mid(&session, 0), mid(&session, 1)), (Some(12), Some(12)));
    // Numbers that need headers of two bytes are left out; what an m-line says itself counts before.
    let high = offer.replace("a=group:", "a=extmap:15 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=group:");
    assert_eq!(mid(&high, 0), None);
    let both = CHROMIUM_OFFER.replace("a=group:", "a=extmap:13 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=group:");
    assert_eq!(mid(&both, 0), Some(9));
}

#[test]
fn ports_say_nothing_but_zero() {
    // RFC 8829 §5.2.1: 9 before there are candidates.
    let nine = each_line(CHROMIUM_OFFER, |line| match line.strip_prefix("m=") {
        Some(m) => format!("m={} 9 {}", m.split(' ').next().unwrap(), m.splitn(3, ' ').nth(2).unwrap()),
        None => line.into(),
    });
    assert_eq!(answer(&nine, &streamer()).1, answer(CHROMIUM_OFFER, &streamer()).1);
    let none = nine.replace(" 9 ", " 0 ");
    assert!(answer(&none, &streamer()).0.lines.is_empty());
    assert!(Session::parse(&nine.replacen(" 9 ", " 65536 ", 1)).is_err());
}
