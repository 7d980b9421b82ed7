//! Two connections of ours find each other whoever offers, talk, change their minds, and part.

use core::time::Duration;

use crate::support::{Arena, Identities, Pair, Side, Sort, arena, audio, receiving, recv_tracks, send_tracks, video};
use barertc::ice::FailureReason;
use barertc::{Config, ConnectionState, Error, Event, Failure, MessageKind};

const SECOND: Duration = Duration::from_secs(1);

/// A sender with video, audio and a data channel, a receiver with tracks, and all that agreed on and connected.
fn connected<'m>(ids: &'m Identities, arena: &'m Arena, sender_offers: bool) -> Pair<'m> {
    let mut pair = Pair::new(ids, [arena; 2], &receiving(), 7).expect("enough memory");
    let sender = if sender_offers { &mut pair.offerer } else { &mut pair.answerer };
    send_tracks(sender).expect("room for tracks");
    sender.open("chat").expect("room for a channel");
    let receiver = if sender_offers { &mut pair.answerer } else { &mut pair.offerer };
    recv_tracks(receiver).expect("room for tracks");
    receiver.add_data().expect("room for data");
    pair.signal().expect("they agree");
    assert!(pair.connect(), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
    pair
}

/// One message each way.
fn talk(pair: &mut Pair<'_>) {
    let both_open = |p: &mut Pair<'_>| [&p.offerer, &p.answerer].iter().all(|s| !s.open_channels().is_empty());
    assert!(pair.drive(10 * SECOND, both_open), "a channel opens on both sides");
    let before = [pair.offerer.messages.len(), pair.answerer.messages.len()];
    for side in [&mut pair.offerer, &mut pair.answerer] {
        let id = side.open_channels()[0];
        let text = format!("from {}", side.address);
        side.connection.write_channel(side.now, id, MessageKind::Text, text.as_bytes()).expect("room for a message");
    }
    assert!(
        pair.drive(10 * SECOND, |p| p.offerer.messages.len() > before[0] && p.answerer.messages.len() > before[1]),
        "both hear"
    );
    let addresses = [pair.answerer.address, pair.offerer.address];
    for (side, other) in [&pair.offerer, &pair.answerer].iter().zip(addresses) {
        assert_eq!(side.messages.last().expect("a message").1, format!("from {other}").as_bytes());
    }
}

#[test]
fn whoever_offers_media_and_messages_pass() {
    let ids = Identities::new();
    for sender_offers in [true, false] {
        let arena = arena(0);
        let mut pair = connected(&ids, &arena, sender_offers);
        talk(&mut pair);
        let now = pair.now;
        let (sender, receiver) = match sender_offers {
            true => (&mut pair.offerer, &pair.answerer),
            false => (&mut pair.answerer, &pair.offerer),
        };
        assert_eq!(receiver.count(Sort::Rtp), 0);
        let [v, a] = sender_tracks(sender);
        assert!(sender.connection.is_sending(v) && sender.connection.is_sending(a));
        sender.connection.send_frame(now, v, &video(&arena, true, 5_000, 0).expect("a frame")).expect("a place");
        sender.connection.send_frame(now, a, &audio(&arena, 100, 0).expect("a frame")).expect("a place");
        pair.pass(SECOND);
        let sender = if sender_offers { &pair.offerer } else { &pair.answerer };
        // Parameter sets, five thousand bytes of video, and one packet of audio.
        assert_eq!(sender.count(Sort::Rtp), 7);
        assert!(sender.count(Sort::Rtcp) > 0, "reports");
        for side in [&pair.offerer, &pair.answerer] {
            assert!(!side.saw_failure());
        }
    }
}

/// The numbers of tracks go by the order in which they were added.
fn sender_tracks(sender: &Side<'_>) -> [barertc::TrackId; 2] {
    sender.tracks.expect("it sends")
}

#[test]
fn each_side_has_the_sctp_port_it_likes() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut config = Config::default();
    config.sctp.local_port = 5_001;
    let mut pair = Pair::new(&ids, [&arena; 2], &config, 9).expect("enough memory");
    config.sctp.local_port = 6_000;
    pair.answerer = Side::new(2, config, &ids.0[1], &arena, 9).expect("enough memory");
    pair.offerer.open("chat").expect("room for a channel");
    pair.answerer.add_data().expect("room for data");
    let offer = pair.offerer.offer().expect("an offer");
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    assert!(offer.contains("a=sctp-port:5001\r\n") && answer.contains("a=sctp-port:6000\r\n"));
    pair.offerer.answered(pair.now, &answer).expect("they agree");
    assert!(pair.connect());
    talk(&mut pair);
}

#[test]
fn renegotiation_from_either_side_keeps_the_connection() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = connected(&ids, &arena, true);
    talk(&mut pair);
    let handshakes = [pair.offerer.events.len(), pair.answerer.events.len()];
    pair.signal().expect("the same again");
    talk(&mut pair);
    pair.signal_back().expect("from the other side");
    talk(&mut pair);
    pair.pass(20 * SECOND);
    for (side, before) in [&pair.offerer, &pair.answerer].iter().zip(handshakes) {
        assert!(side.is_connected());
        let changes = side.events[before..].iter().filter(|e| matches!(e, Event::ConnectionState(_)));
        assert_eq!(changes.count(), 0, "{:?}", &side.events[before..]);
    }
}

#[test]
fn an_answer_keeps_the_part_in_dtls_that_was_agreed_on() {
    // RFC 8842 §5.5: another part would ask for another association.
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = connected(&ids, &arena, true);
    let offer = pair.answerer.offer().expect("an offer");
    assert!(offer.contains("a=setup:actpass"), "{offer}");
    let answer = pair.offerer.answer(pair.now, &offer).expect("an answer");
    assert!(answer.contains("a=setup:passive") && !answer.contains("a=setup:active"), "{answer}");
}

#[test]
fn data_channels_can_be_added_later() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 8).expect("enough memory");
    send_tracks(&mut pair.offerer).expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    pair.offerer.open("late").expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree again");
    talk(&mut pair);
}

#[test]
fn an_ice_restart_keeps_the_connection() {
    let (ids, arena) = (Identities::new(), arena(0));
    for back in [false, true] {
        let mut pair = connected(&ids, &arena, true);
        talk(&mut pair);
        let side = if back { &mut pair.answerer } else { &mut pair.offerer };
        side.restart_ice().expect("a restart");
        let (offer, answer) = if back {
            let offer = pair.answerer.offer().expect("an offer");
            let answer = pair.offerer.answer(pair.now, &offer).expect("an answer");
            pair.answerer.answered(pair.now, &answer).expect("it fits");
            (offer, answer)
        } else {
            let offer = pair.offerer.offer().expect("an offer");
            let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
            pair.offerer.answered(pair.now, &answer).expect("it fits");
            (offer, answer)
        };
        assert_ne!(ufrag(&offer), ufrag(&answer));
        pair.pass(20 * SECOND);
        for side in [&pair.offerer, &pair.answerer] {
            assert!(side.is_connected(), "{:?}", side.events);
            assert!(!side.saw_failure());
        }
        talk(&mut pair);
    }
}

#[test]
fn a_path_that_was_lost_for_good_is_found_again_by_an_ice_restart() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = connected(&ids, &arena, true);
    talk(&mut pair);
    pair.loss = 1_000;
    let failed = |p: &mut Pair<'_>| {
        [&p.offerer, &p.answerer].iter().all(|s| {
            s.connection.connection_state() == ConnectionState::Failed(Failure::Ice(FailureReason::ConsentLost))
        })
    };
    assert!(pair.drive(120 * SECOND, failed), "consent ends");
    pair.loss = 0;
    pair.offerer.restart_ice().expect("a restart");
    pair.signal().expect("they agree");
    assert!(pair.connect(), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
    talk(&mut pair);
}

#[test]
fn both_sides_have_new_credentials_after_a_restart() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 9).expect("enough memory");
    pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    let mut seen = Vec::new();
    for _ in 0..3 {
        let offer = pair.offerer.offer().expect("an offer");
        let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
        pair.offerer.answered(pair.now, &answer).expect("it fits");
        assert!(pair.connect());
        pair.pass(SECOND);
        for text in [&offer, &answer] {
            let ufrag = ufrag(text).to_owned();
            assert!(!seen.contains(&ufrag), "used before: {ufrag}");
            seen.push(ufrag);
        }
        pair.offerer.restart_ice().expect("a restart");
    }
}

/// The description with every fingerprint's first digit changed.
fn other_certificate(sdp: &str) -> String {
    let key = "a=fingerprint:sha-256 ";
    let at = sdp.find(key).expect("a fingerprint") + key.len();
    let digits = &sdp[at..at + 3];
    let wrong = if digits.starts_with('0') { "1" } else { "0" };
    sdp.replace(&format!("{key}{digits}"), &format!("{key}{wrong}{}", &digits[1..]))
}

fn ufrag(sdp: &str) -> &str {
    sdp.lines().find_map(|l| l.strip_prefix("a=ice-ufrag:")).expect("a user name fragment")
}

#[test]
fn closing_is_told_to_the_other_side_and_ends_all_sending() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = connected(&ids, &arena, true);
    talk(&mut pair);
    pair.offerer.connection.close(pair.now);
    let closed = Event::ConnectionState(ConnectionState::Closed);
    assert!(pair.drive(SECOND, |p| p.answerer.saw(&closed)), "{:?}", pair.answerer.events);
    assert!(pair.offerer.saw(&closed));
    pair.pass(SECOND);
    let sent = [pair.offerer.sent.len(), pair.answerer.sent.len()];
    (0..60).for_each(|_| pair.pass(SECOND));
    assert_eq!([pair.offerer.sent.len(), pair.answerer.sent.len()], sent, "nothing more is said");
    assert_eq!([pair.offerer.connection.timeout(), pair.answerer.connection.timeout()], [None; 2]);
}

#[test]
fn a_certificate_other_than_announced_fails_and_nothing_opens() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 10).expect("enough memory");
    let tracks = send_tracks(&mut pair.offerer).expect("room");
    pair.offerer.open("chat").expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    pair.answerer.add_data().expect("room");
    let offer = pair.offerer.offer().expect("an offer");
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    let answer = other_certificate(&answer);
    pair.offerer.answered(pair.now, &answer).expect("it cannot be told yet");
    let reason = Failure::Dtls(barertc::dtls::Error::FingerprintMismatch);
    let failed = Event::ConnectionState(ConnectionState::Failed(reason));
    assert!(pair.drive(30 * SECOND, |p| p.offerer.saw(&failed)), "{:?}", pair.offerer.events);
    pair.pass(60 * SECOND);
    for side in [&pair.offerer, &pair.answerer] {
        assert!(side.open_channels().is_empty());
        assert_eq!(side.count(Sort::Rtp) + side.count(Sort::Rtcp), 0);
    }
    assert_eq!(pair.offerer.connection.connection_state(), ConnectionState::Failed(reason));
    assert!(!pair.offerer.saw(&Event::ConnectionState(ConnectionState::Connected)));
    let frame = video(&arena, true, 100, 0).expect("a frame");
    assert_eq!(pair.offerer.connection.send_frame(pair.now, tracks[0], &frame), Err(Error::Failed(reason)));
}

#[test]
fn answers_without_an_offer_and_offers_during_one_are_refused() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 11).expect("enough memory");
    pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    let offer = pair.offerer.offer().expect("an offer");
    assert_eq!(pair.offerer.offer(), Err(Error::OfferPending));
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    assert_eq!(pair.answerer.answered(pair.now, &answer), Err(Error::NoOffer));
    pair.offerer.answered(pair.now, &answer).expect("it fits");
    assert_eq!(pair.offerer.answered(pair.now, &answer), Err(Error::NoOffer));
    talk(&mut pair);
}

#[test]
fn hostile_descriptions_are_errors_and_spoil_nothing() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = connected(&ids, &arena, true);
    talk(&mut pair);
    let offer = pair.offerer.offer().expect("an offer");
    let no_fingerprint: String =
        offer.lines().filter(|l| !l.contains("fingerprint")).map(|l| format!("{l}\r\n")).collect();
    let other = offer.replacen("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 00:", 1);
    // Somebody else's certificate, in what else would be an ICE restart.
    let foreign = other_certificate(&offer).replace(ufrag(&offer), "stranger");
    let known = pair.answerer.answer(pair.now, &offer).expect("an answer");
    assert_eq!(pair.answerer.answer(pair.now, &foreign), Err(Error::CertificateChanged));
    let hostile = ["", "v=0", "\u{0}\u{0}\u{0}", "m=video 9 x\r\n", &"a=".repeat(5_000), &no_fingerprint, &other];
    for text in hostile {
        assert!(pair.answerer.answer(pair.now, text).is_err(), "{text}");
        assert!(pair.offerer.answered(pair.now, text).is_err(), "{text}");
    }
    for cut in (0..offer.len()).step_by(37).filter(|at| offer.is_char_boundary(*at)) {
        // A cut off description may still be one; it must not end what is there.
        let _ = pair.answerer.answer(pair.now, &offer[..cut]);
    }
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    assert_eq!(ufrag(&answer), ufrag(&known), "a restart has begun");
    pair.offerer.answered(pair.now, &answer).expect("it fits");
    pair.pass(20 * SECOND);
    assert!(pair.offerer.is_connected() && pair.answerer.is_connected());
    talk(&mut pair);
}
