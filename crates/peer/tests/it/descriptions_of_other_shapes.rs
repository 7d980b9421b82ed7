//! Connections stand whatever shape the descriptions have in which the same is said.

use core::time::Duration;

use barertc::{Config, Error, MediaKind, TrackConfig};

use crate::support::{Identities, Pair, arena, h264, receiving, recv_tracks, send_tracks};

/// The description with these attributes in its m-line of this number only.
fn only_in(text: &str, number: usize, attributes: &[&str]) -> String {
    let mut m_lines = 0;
    let mut out = String::new();
    for line in text.lines() {
        m_lines += usize::from(line.starts_with("m="));
        let name = line.strip_prefix("a=").map(|a| a.split(':').next().unwrap_or(a));
        let moved = name.is_some_and(|name| attributes.contains(&name));
        if !moved {
            out += &format!("{line}\r\n");
        }
        if line.starts_with("m=") && m_lines == number + 1 {
            let said = text.lines().skip_while(|l| !l.starts_with("m="));
            for line in
                said.filter(|l| attributes.iter().any(|a| l.strip_prefix("a=").is_some_and(|l| l.starts_with(a))))
            {
                if !out.ends_with(&format!("{line}\r\n")) {
                    out += &format!("{line}\r\n");
                }
            }
        }
    }
    out
}

const TRANSPORT: &[&str] = &["ice-ufrag", "ice-pwd", "fingerprint", "setup", "candidate", "rtcp-mux", "rtcp-rsize"];

#[test]
fn the_transport_may_stand_in_the_tagged_line_of_offer_and_answer_only() {
    let (ids, arena) = (Identities::new(), arena(0));
    for tagged in 0..3 {
        let mut pair = Pair::new(&ids, [&arena; 2], &receiving(), 71).expect("enough memory");
        let [video, audio] = send_tracks(&mut pair.offerer).expect("room");
        pair.offerer.open("chat").expect("room");
        recv_tracks(&mut pair.answerer).expect("room");
        pair.answerer.add_data().expect("room");
        let mids = ["video audio data", "audio video data", "data audio video"][tagged];
        let shape = |text: &str| {
            let group = text.lines().find(|l| l.starts_with("a=group:BUNDLE")).expect("a group").to_owned();
            only_in(&text.replace(&group, &format!("a=group:BUNDLE {mids}")), tagged, TRANSPORT)
        };
        let offer = shape(&pair.offerer.offer().expect("an offer"));
        let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
        assert!(answer.contains(&format!("a=group:BUNDLE {mids}\r\n")), "{answer}");
        pair.offerer.answered(pair.now, &shape(&answer)).expect("it fits");
        assert!(pair.connect(), "{tagged}");
        assert!(pair.offerer.connection.is_sending(video) && pair.offerer.connection.is_sending(audio));
    }
}

#[test]
fn a_device_without_sound_and_picture_keeps_the_tagged_line_for_its_transport() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 72).expect("enough memory");
    let [video, _] = send_tracks(&mut pair.offerer).expect("room");
    pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    let offer = only_in(&pair.offerer.offer().expect("an offer"), 0, &["candidate"]);
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    pair.offerer.answered(pair.now, &answer).expect("it fits");
    assert!(pair.connect());
    assert!(!pair.offerer.connection.is_sending(video), "the line is inactive");
    assert!(pair.drive(Duration::from_secs(5), |p| !p.answerer.open_channels().is_empty()));
    // And so in the device's own later offer: what has the transport is not taken away.
    let offer = pair.answerer.offer().expect("an offer");
    assert!(offer.contains("a=group:BUNDLE video data\r\n") && offer.contains("m=audio 0 "), "{offer}");
    let answer = pair.offerer.answer(pair.now, &offer).expect("an answer");
    pair.answerer.answered(pair.now, &answer).expect("it fits");
    pair.pass(Duration::from_secs(2));
    assert!(pair.offerer.is_connected() && pair.answerer.is_connected());
}

#[test]
fn any_of_several_fingerprints_may_be_that_of_the_certificate() {
    let (ids, arena) = (Identities::new(), arena(0));
    let other = |byte: u8| format!("a=fingerprint:sha-256 {}", vec![format!("{byte:02X}"); 32].join(":"));
    for (others, connects) in [(0, true), (1, true), (2, true), (3, false)] {
        let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 73).expect("enough memory");
        pair.offerer.open("chat").expect("room");
        pair.answerer.add_data().expect("room");
        let more = |text: &str| {
            let lines: String = (0..others).map(|byte| other(byte) + "\r\n").collect();
            text.replace("a=fingerprint:", &format!("{lines}a=fingerprint:"))
        };
        let offer = more(&pair.offerer.offer().expect("an offer"));
        let answer = pair.answerer.answer(pair.now, &offer);
        if !connects {
            let limit = barertc::sdp::Fingerprints::MAX;
            let error = Error::Sdp(barertc::sdp::Error::TooMany { what: "fingerprints", limit });
            assert_eq!(answer, Err(error));
            continue;
        }
        pair.offerer.answered(pair.now, &more(&answer.expect("an answer"))).expect("it fits");
        assert!(pair.connect(), "{others}");
        // A later description may name one of them only, and no stranger.
        let offer = pair.offerer.offer().expect("an offer");
        let stranger = other(9);
        let line = offer.lines().find(|l| l.starts_with("a=fingerprint")).expect("a fingerprint");
        let answer = pair.answerer.answer(pair.now, &offer.replace(line, &stranger));
        assert_eq!(answer, Err(Error::CertificateChanged));
        assert!(pair.answerer.answer(pair.now, &offer).is_ok());
    }
}

#[test]
fn m_lines_may_be_named_by_uuids() {
    let (ids, arena) = (Identities::new(), arena(0));
    for name in ["5b1f7a0e-0f5d-4a8e-9f0e-6a3f1c2b7d90", "{5b1f7a0e-0f5d-4a8e-9f0e-6a3f1c2b7d90}"] {
        let mut pair = Pair::new(&ids, [&arena; 2], &receiving(), 74).expect("enough memory");
        let track = TrackConfig::sendonly(MediaKind::Video, name, "stream", [h264()]).expect("short enough");
        let video = pair.offerer.connection.add_track(pair.now, track).expect("room");
        recv_tracks(&mut pair.answerer).expect("room");
        pair.signal().expect("they agree");
        assert!(pair.connect());
        assert!(pair.offerer.connection.is_sending(video));
    }
}

#[test]
fn an_offer_of_many_lines_is_answered_with_what_fits() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &receiving(), 75).expect("enough memory");
    let [video, _] = send_tracks(&mut pair.offerer).expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    let mut offer = pair.offerer.offer().expect("an offer");
    for mid in 0..40 {
        let port = if mid % 3 == 0 { 9 } else { 0 };
        let line = "UDP/TLS/RTP/SAVPF 120\r\na=rtcp-mux\r\na=rtpmap:120 NOPE/90000\r\na=sendrecv";
        offer += &format!("m=video {port} {line}\r\na=mid:more{mid}\r\n{}", "a=x:padding\r\n".repeat(40));
    }
    assert!(offer.len() > 20_000);
    let mut room = vec![0; 32_768];
    let answer = pair.answerer.connection.create_answer(pair.now, &offer, &mut room).expect("an answer");
    let kept = answer.match_indices("\r\nm=").nth(2).expect("more lines").0 + 2;
    assert_eq!(answer[kept..].matches("m=video 0 ").count(), 40);
    pair.offerer.answered(pair.now, &answer[..kept]).expect("it fits what was offered");
    assert!(pair.connect());
    assert!(pair.offerer.connection.is_sending(video));
}
