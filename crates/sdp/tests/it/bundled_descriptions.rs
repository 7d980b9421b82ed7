//! One m-line of a BUNDLE group speaks for all (RFC 9143 §7.1.3, RFC 8829 §5.2.1).

use crate::support::*;
use barertc_sdp::*;

fn accepted(agreed: &Negotiated) -> Vec<usize> {
    agreed.lines.iter().map(|line| line.index).collect()
}

fn transport_of<'a>(offer: &'a str, agreed: &Negotiated) -> Transport<'a> {
    Session::parse(offer).unwrap().transport(agreed.transport.expect("something accepted")).unwrap()
}

fn viewer() -> [Section<'static>; 3] {
    let [mut video, mut audio, data] = streamer();
    for section in [&mut video, &mut audio] {
        if let Section::Track(track) = section {
            track.direction = Direction::RecvOnly;
        }
    }
    [video, audio, data]
}

/// The text with the lines of these attributes left out of every m-line but the first.
fn only_in_the_first(text: &str, attributes: &[&str]) -> String {
    let mut m_lines = 0;
    let mut out = String::new();
    for line in text.lines() {
        m_lines += usize::from(line.starts_with("m="));
        let named = |a: &&str| line.strip_prefix("a=").is_some_and(|l| l.split(':').next() == Some(a));
        if m_lines < 2 || !attributes.iter().any(named) {
            out += line;
            out += "\r\n";
        }
    }
    out
}

const TRANSPORT: &[&str] =
    &["ice-ufrag", "ice-pwd", "ice-options", "fingerprint", "setup", "candidate", "rtcp-mux", "rtcp-rsize"];

#[test]
fn attributes_of_the_transport_need_stand_in_the_tagged_line_only() {
    let (agreed, text) = answer(STRICT_OFFER, &streamer());
    assert_eq!((accepted(&agreed), agreed.transport), (vec![0, 1], Some(0)));
    assert!(agreed.lines.iter().all(|l| l.rtcp_reduced_size), "said once for the group");
    let read = Session::parse(&text).unwrap();
    assert_eq!(read.bundles().next().unwrap().mids().collect::<Vec<_>>(), ["a", "v"]);

    // The same of Chromium's offer, whichever of its lines we want. The tagged one stays, with nothing on it.
    let offer = only_in_the_first(CHROMIUM_OFFER, TRANSPORT);
    let all = transport_of(CHROMIUM_OFFER, &answer(CHROMIUM_OFFER, &streamer()).0).candidates().count();
    for (sections, lines) in
        [(&streamer()[..], vec![0, 1, 2]), (&streamer()[1..], vec![1, 2]), (&streamer()[2..], vec![2])]
    {
        let (agreed, text) = answer(&offer, sections);
        assert_eq!((accepted(&agreed), agreed.placeholder.is_some()), (lines.clone(), lines[0] != 0));
        let transport = transport_of(&offer, &agreed);
        assert_eq!((transport.ufrag, transport.media, transport.candidates().count()), ("GBL5", 0, all));
        let read = Session::parse(&text).unwrap();
        assert_eq!(read.transport(0).unwrap().candidates().count(), 1, "ours, in the tagged line");
    }
}

#[test]
fn the_tagged_line_is_the_first_of_the_group() {
    let (agreed, text) = answer(TAG_SECOND_OFFER, &streamer());
    assert_eq!((accepted(&agreed), agreed.transport), (vec![0, 1], Some(1)));
    assert_eq!(transport_of(TAG_SECOND_OFFER, &agreed).candidates().count(), 2);
    let read = Session::parse(&text).unwrap();
    // RFC 9143 §7.3.1: the tag of the answer is that of the offer.
    assert_eq!(read.bundles().next().unwrap().mids().collect::<Vec<_>>(), ["1", "0"]);
    let candidates = |index: usize| read.media_at(index).unwrap().attribute("candidate").is_some();
    assert_eq!((candidates(0), candidates(1)), (false, true));

    // The other way round: an answer with its transport in the second line.
    let sections = [audio(Some("0"), Direction::SendOnly), video(Some("1"), Direction::SendOnly, &VIDEO_CODECS)];
    let fingerprint = fingerprint();
    let remote =
        TAG_SECOND_OFFER.replace("actpass", "active").replace("m=audio 0", "m=audio 9").replace("a=bundle-only\n", "");
    let agreed = Negotiated::from_answer(&Session::parse(&remote).unwrap(), &local(&sections, &fingerprint)).unwrap();
    assert_eq!((accepted(&agreed), agreed.transport, agreed.setup), (vec![0, 1], Some(1), Setup::Passive));
}

#[test]
fn a_tagged_line_that_nobody_wants_stays_for_its_transport() {
    // OBS: credentials in the session part, candidates in the audio line, for which a device without sound has no use.
    let (agreed, text) = answer(OBS_OFFER, &viewer()[..1]);
    let placeholder = Placeholder { index: 0, kind: MediaKind::Audio, mid: "0".try_into().unwrap() };
    assert_eq!((accepted(&agreed), agreed.placeholder.as_ref()), (vec![1], Some(&placeholder)));
    let transport = transport_of(OBS_OFFER, &agreed);
    assert_eq!((transport.candidates().count(), transport.ufrag, transport.media), (2, "Jkd3", 0));
    assert!(transport.has_option("trickle") && transport.has_option("ice2"), "OBS writes commas");
    assert_eq!(agreed.setup, Setup::Active);
    let read = Session::parse(&text).unwrap();
    let audio = read.media_at(0).unwrap();
    assert_eq!((audio.is_rejected(), audio.direction(), audio.formats()), (false, Direction::Inactive, "111"));
    assert_eq!(audio.payloads()[0].map.encoding, "opus");
    assert!(audio.rtcp_mux() && audio.attribute("candidate").is_some() && audio.attribute("ssrc").is_none());
    assert_eq!(read.bundles().next().unwrap().mids().collect::<Vec<_>>(), ["0", "1"]);
    assert!(read.media_at(1).unwrap().attribute("candidate").is_none());

    // RFC 9725: the second line is bundle-only and says nothing of the transport.
    let (agreed, _) = answer(RFC9725_OFFER, &viewer()[..1]);
    assert_eq!((accepted(&agreed), agreed.placeholder.map(|p| p.index)), (vec![1], Some(0)));
    let (agreed, _) = answer(RFC9725_OFFER, &viewer());
    assert_eq!((accepted(&agreed), agreed.transport, agreed.placeholder), (vec![0, 1], Some(0), None));

    // GStreamer's and Chromium's max-bundle.
    let (agreed, _) = answer(GSTREAMER_OFFER, &streamer()[2..]);
    assert_eq!((accepted(&agreed), agreed.placeholder.as_ref().map(|p| p.index)), (vec![2], Some(0)));
    assert_eq!(transport_of(GSTREAMER_OFFER, &agreed).candidates().count(), 9);
    let offer = only_in_the_first(CHROMIUM_OFFER, &["candidate"]);
    let (agreed, _) = answer(&offer, &streamer()[2..]);
    assert_eq!((accepted(&agreed), agreed.placeholder.as_ref().map(|p| p.index)), (vec![2], Some(0)));
    assert!(transport_of(&offer, &agreed).candidates().count() > 0);

    // Nothing is kept for nothing.
    let (agreed, text) = answer(OBS_OFFER, &streamer()[2..]);
    assert!(agreed.placeholder.is_none() && agreed.transport.is_none());
    assert_eq!(text.matches(" 0 UDP/TLS/RTP/SAVPF").count(), 2);
}

#[test]
fn a_placeholder_is_offered_again_as_inactive() {
    let sections = [Section::Inactive { kind: MediaKind::Video, mid: "0" }, audio(Some("1"), Direction::SendOnly)];
    let fingerprint = fingerprint();
    let local = local(&sections, &fingerprint);
    let mut room = [0; 4096];
    let text = write_offer(&local, &mut room).unwrap();
    let read = Session::parse(text).unwrap();
    let video = read.media_at(0).unwrap();
    assert_eq!((video.port(), video.direction(), video.formats()), (9, Direction::Inactive, "96"));
    assert!(text.contains("a=group:BUNDLE 0 1\r\n") && video.attribute("candidate").is_some());
    // A payload type means one codec in the group.
    let mut opus = LocalCodec::opus();
    opus.pt = 96;
    let codecs = [opus];
    let mut sections = sections.clone();
    if let Section::Track(track) = &mut sections[1] {
        track.codecs = &codecs;
    }
    let local = Local { sections: sections[..].into(), ..local };
    let text = write_offer(&local, &mut room).unwrap();
    assert!(text.contains("m=video 9 UDP/TLS/RTP/SAVPF 97\r\n") && text.contains("a=rtpmap:97 VP8/90000\r\n"));
    // And its answer is read.
    let answer = text.replace("actpass", "active").replace("sendonly", "recvonly");
    let agreed = Negotiated::from_answer(&Session::parse(&answer).unwrap(), &local).unwrap();
    assert_eq!(agreed.lines.iter().map(|l| (l.index, l.section)).collect::<Vec<_>>(), [(1, 1)]);
}

#[test]
fn a_tagged_line_that_cannot_stay_still_has_the_transport() {
    // Data channels that we do not have cannot be accepted for show, and what is no RTP neither.
    let tag_last = |offer: &str| only_in_the_first(offer, &[]).replace("BUNDLE 0 1 2", "BUNDLE 2 1 0");
    let offer = tag_last(CHROMIUM_OFFER);
    let (agreed, text) = answer(&offer, &streamer()[..2]);
    assert_eq!((accepted(&agreed), agreed.transport, agreed.placeholder), (vec![0, 1], Some(1), None));
    assert!(text.contains("a=group:BUNDLE 1 0\r\n"));
    // Where the line that takes over has no candidates, those of the tagged one count.
    let first = only_in_the_first(CHROMIUM_OFFER, &["candidate"]);
    let offer = first.replace("m=video 41507 UDP/TLS/RTP/SAVPF", "m=image 41507 UDP/TLS/RTP/SAVPF");
    let (agreed, _) = answer(&offer, &streamer()[1..]);
    assert_eq!((accepted(&agreed), agreed.transport), (vec![1, 2], Some(1)));
    assert!(transport_of(&offer, &agreed).candidates().count() > 0);
    // Candidates of a line with other credentials belong to another agent.
    let offer = offer.replacen("a=ice-ufrag:GBL5", "a=ice-ufrag:elsewhere", 1);
    let (agreed, _) = answer(&offer, &streamer()[1..]);
    assert_eq!(transport_of(&offer, &agreed).candidates().count(), 0);
    // A line with candidates of its own keeps them.
    let offer = CHROMIUM_OFFER.replace("m=video 41507 UDP/TLS/RTP/SAVPF", "m=image 41507 UDP/TLS/RTP/SAVPF");
    let (agreed, _) = answer(&offer, &streamer()[1..]);
    let candidate = transport_of(&offer, &agreed).candidates().next().unwrap();
    let audio = Session::parse(&offer).unwrap().media_at(1).unwrap();
    assert!(candidate.contains(&format!(" {} typ host", audio.port())), "{candidate}");
}

#[test]
fn what_the_offerer_has_ended_speaks_for_nobody() {
    let offer =
        CHROMIUM_OFFER.replacen("m=video 41507", "m=video 0", 1).replacen("a=ice-ufrag:GBL5", "a=ice-ufrag:ended", 1);
    let (agreed, _) = answer(&offer, &streamer());
    assert_eq!((accepted(&agreed), agreed.transport), (vec![1, 2], Some(1)));
    let offer = only_in_the_first(CHROMIUM_OFFER, TRANSPORT).replacen("m=video 41507", "m=video 0", 1);
    let fingerprint = fingerprint();
    let sections = streamer();
    let agreed = Negotiated::from_offer(&Session::parse(&offer).unwrap(), &local(&sections, &fingerprint));
    // Without rtcp-mux the audio line is nothing, and the data line has no transport.
    assert_eq!(agreed.err(), Some(Error::Transport(TransportError::NoUfrag)));
}

#[test]
fn there_is_one_transport() {
    // Several groups: the one of the first line that we take.
    let offer = CHROMIUM_OFFER.replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 0\r\na=group:BUNDLE 2 1");
    let (agreed, text) = answer(&offer, &streamer());
    assert_eq!((accepted(&agreed), agreed.transport), (vec![0], Some(0)));
    assert!(text.contains("a=group:BUNDLE 0\r\n") && !text.contains("a=group:BUNDLE 2"));
    let (agreed, text) = answer(&offer, &streamer()[1..]);
    assert_eq!((accepted(&agreed), agreed.transport), (vec![1, 2], Some(2)), "the group's first is its tag");
    assert!(text.contains("a=group:BUNDLE 2 1\r\n"));

    // None: the first line that we take, and no group in the answer.
    let offer = CHROMIUM_OFFER.replace("a=group:BUNDLE 0 1 2\r\n", "");
    let (agreed, text) = answer(&offer, &streamer()[1..]);
    assert_eq!((accepted(&agreed), agreed.transport, agreed.placeholder), (vec![1], Some(1), None));
    assert!(!text.contains("a=group"));
    // A mid in two groups belongs to the first of them.
    let offer = CHROMIUM_OFFER.replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE 1\r\na=group:BUNDLE 2 1");
    assert_eq!(accepted(&answer(&offer, &streamer()[1..]).0), [1]);
    // Other kinds of groups are none (RFC 5888 §8).
    let offer =
        CHROMIUM_OFFER.replace("a=group:BUNDLE 0 1 2", "a=group:LS 0 1\r\na=group:BUNDLE 1 2\r\na=group:BUNDLEX 0");
    assert_eq!(accepted(&answer(&offer, &streamer()).0), [0]);
    // A bundle-only line outside of any group has nothing to run on.
    let offer = RFC9725_OFFER.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0");
    assert!(accepted(&answer(&offer, &viewer()[..1]).0).is_empty());
}

#[test]
fn a_tag_of_an_unknown_mid_is_passed_over() {
    let offer = CHROMIUM_OFFER.replace("a=group:BUNDLE 0 1 2", "a=group:BUNDLE nobody 1 0 2");
    let (agreed, _) = answer(&offer, &streamer());
    assert_eq!((accepted(&agreed), agreed.transport), (vec![0, 1, 2], Some(1)));
}

#[test]
fn all_payload_types_of_all_agreed_codecs_are_in_the_result() {
    let codecs = [LocalCodec::vp8(), LocalCodec::h264()];
    let (agreed, text) = answer(CHROMIUM_OFFER, &[video(None, Direction::SendRecv, &codecs)]);
    let pts: Vec<_> = agreed.lines[0].codecs.iter().map(|c| (c.pt, c.rtx_pt)).collect();
    assert_eq!(pts, [(96, Some(97)), (108, Some(109))]);
    // Repair packets protect all of them under one payload type.
    assert!(text.contains("SAVPF 96 97 108 109 49\r\n"));
    for (pt, codec, rtx) in [(96, 96, false), (97, 96, true), (108, 108, false), (109, 108, true)] {
        assert_eq!(agreed.lines[0].by_payload_type(pt).map(|(c, rtx)| (c.pt, rtx)), Some((codec, rtx)));
    }
}

#[test]
fn large_offers_are_answered_with_what_fits() {
    // Three video sections of Chromium: 17 KB.
    let head = &CHROMIUM_OFFER[..CHROMIUM_OFFER.find("m=video").unwrap()];
    let section = &CHROMIUM_OFFER[CHROMIUM_OFFER.find("m=video").unwrap()..CHROMIUM_OFFER.find("m=audio").unwrap()];
    let lines = |mids: std::ops::Range<usize>| -> String {
        mids.map(|mid| section.replace("a=mid:0", &format!("a=mid:{mid}"))).collect()
    };
    let offer = head.replace("BUNDLE 0 1 2", "BUNDLE 0 1 2 3") + &lines(0..4);
    assert!(offer.len() > 16 * 1024, "{}", offer.len());
    let (agreed, text) = answer(&offer, &streamer());
    assert_eq!(accepted(&agreed), [0], "one track, one line");
    assert_eq!(text.matches("m=video 0 ").count(), 3);

    // 21 lines of which 17 have ended.
    let ended =
        |mid: usize| format!("m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=inactive\r\n");
    let offer: String = (0..17).map(ended).collect();
    let offer = head.replace("BUNDLE 0 1 2", "BUNDLE 17 18 19 20") + &offer + &lines(17..21);
    let (agreed, text) = answer(&offer, &streamer());
    assert_eq!((accepted(&agreed), agreed.media), (vec![17], 21));
    assert_eq!(text.matches("\nm=").count(), 21);

    // More lines than are looked at.
    let offer = head.to_owned() + &(0..MAX_MEDIA).map(ended).collect::<String>() + section;
    let (agreed, _) = answer(&offer, &streamer());
    assert_eq!((accepted(&agreed).len(), agreed.media), (0, MAX_MEDIA + 1));
    let offer = head.to_owned() + &(1..MAX_MEDIA).map(ended).collect::<String>() + section;
    assert_eq!(accepted(&answer(&offer, &streamer()).0), [MAX_MEDIA - 1]);
}

#[test]
fn mids_may_be_uuids() {
    for mid in ["5b1f7a0e-0f5d-4a8e-9f0e-6a3f1c2b7d90", "{5b1f7a0e-0f5d-4a8e-9f0e-6a3f1c2b7d90}", &"m".repeat(MAX_NAME)]
    {
        let offer = CHROMIUM_OFFER.replace("a=group:BUNDLE 0 1 2", &format!("a=group:BUNDLE {mid} 1 2"));
        let offer = offer.replace("a=mid:0", &format!("a=mid:{mid}"));
        let (agreed, text) = answer(&offer, &streamer());
        assert_eq!((accepted(&agreed), agreed.lines[0].mid.as_str()), (vec![0, 1, 2], mid));
        assert!(text.contains(&format!("a=mid:{mid}\r\n")));
    }
    let long = "m".repeat(MAX_NAME + 1);
    let offer =
        CHROMIUM_OFFER.replace("BUNDLE 0", &format!("BUNDLE {long}")).replace("a=mid:0", &format!("a=mid:{long}"));
    let (agreed, text) = answer(&offer, &streamer());
    assert_eq!(accepted(&agreed), [1, 2], "one that is too long costs its line only");
    assert!(text.contains(&format!("a=mid:{long}\r\n")));
}

#[test]
fn ice_strings_outside_of_the_grammar_are_read_and_not_written() {
    let offer = CHROMIUM_OFFER_DATA.replace("a=ice-pwd:9v8RCsbOQfXPUt4yPZl9l+8R", "a=ice-pwd:9v8R-sbO_fXPUt4yPZl9l==#");
    let (agreed, _) = answer(&offer, &streamer());
    assert_eq!(transport_of(&offer, &agreed).pwd, "9v8R-sbO_fXPUt4yPZl9l==#");
    let fingerprint = fingerprint();
    let sections = streamer();
    let mut room = [0; 4096];
    for (ufrag, pwd, rule) in [
        ("ab-d", "0123456789abcdef012345", TransportError::Ufrag),
        ("abcd", "0123456789abcdef01234=", TransportError::Pwd),
    ] {
        let offer = Session::parse(CHROMIUM_OFFER).unwrap();
        let local = Local { ufrag, pwd, ..local(&sections, &fingerprint) };
        let agreed = Negotiated::from_offer(&offer, &local).unwrap();
        assert_eq!(write_answer(&offer, &local, &agreed, &mut room), Err(Error::Transport(rule)));
    }
}

#[test]
fn sections_that_are_made_when_they_are_looked_at_give_the_same_as_a_list() {
    let (fingerprint, list) = (fingerprint(), viewer());
    let named = ["v", "a", "d"];
    let make = |index: usize| {
        let mut section = list.get(index)?.clone();
        match &mut section {
            Section::Track(track) => track.mid = Some(named[index]),
            Section::Data(data) => data.mid = Some(named[index]),
            _ => {}
        }
        Some(section)
    };
    let listed: Vec<_> = (0..3).filter_map(make).collect();
    let made = Local { sections: Sections::made(3, &make), ..local(&listed, &fingerprint) };
    let listed = local(&listed, &fingerprint);
    let mut rooms = [[0; 4096]; 2];
    let [a, b] = &mut rooms;
    let texts = [write_offer(&made, a).unwrap(), write_offer(&listed, b).unwrap()];
    assert_eq!(texts[0], texts[1]);
    assert!(texts[0].contains("a=group:BUNDLE v a d\r\n"));
    let offer = Session::parse(CHROMIUM_OFFER).unwrap();
    let agreed = [&made, &listed].map(|local| accepted(&Negotiated::from_offer(&offer, local).unwrap()));
    assert_eq!(agreed[0], agreed[1]);
    // They end where there is none, and are no more than was said.
    assert_eq!(Sections::made(9, &make).iter().count(), 3);
    assert_eq!((Sections::made(2, &make).iter().count(), Sections::made(2, &make).get(2).is_some()), (2, false));
    assert!(Sections::made(0, &make).is_empty() && format!("{:?}", made.sections) == format!("{:?}", listed.sections));
}
