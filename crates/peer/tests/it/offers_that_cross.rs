//! Offers of both sides that cross: one of the two takes its own back (RFC 8829 §4.1.10.2).

use core::time::Duration;

use barertc::{Error, MediaKind, MessageKind, TrackConfig};

use crate::support::{Identities, Pair, arena, opus, receiving, recv_tracks, send_tracks};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn the_polite_side_answers_and_offers_again() {
    let (ids, arena) = (Identities::new(), arena(0));
    for connected_before in [false, true] {
        let mut pair = Pair::new(&ids, [&arena; 2], &receiving(), 61).expect("enough memory");
        send_tracks(&mut pair.offerer).expect("room");
        pair.offerer.open("chat").expect("room");
        recv_tracks(&mut pair.answerer).expect("room");
        pair.answerer.add_data().expect("room");
        if connected_before {
            pair.signal().expect("they agree");
            assert!(pair.connect());
        }
        let voice = TrackConfig::sendonly(MediaKind::Audio, "voice", "me", [opus()]).expect("short names");
        let voice = pair.answerer.connection.add_track(pair.now, voice).expect("room");
        // Both offer; the answerer is polite.
        let theirs = pair.offerer.offer().expect("an offer");
        pair.answerer.offer().expect("an offer");
        let answer = pair.answerer.answer(pair.now, &theirs).expect("its own is taken back");
        pair.offerer.answered(pair.now, &answer).expect("it fits");
        assert!(pair.connect(), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
        let [v, a] = pair.offerer.tracks.expect("it sends");
        assert!(pair.offerer.connection.is_sending(v) && pair.offerer.connection.is_sending(a));
        // What it wanted to say it says now.
        let late = TrackConfig::recvonly(MediaKind::Audio, "", [opus()]).expect("short names");
        pair.offerer.connection.add_track(pair.now, late).expect("room");
        pair.signal_back().expect("they agree");
        assert!(pair.answerer.connection.is_sending(voice));
        let channel = {
            assert!(pair.drive(5 * SECOND, |p| !p.offerer.open_channels().is_empty()));
            pair.offerer.open_channels()[0]
        };
        pair.offerer.connection.write_channel(pair.now, channel, MessageKind::Text, b"both").expect("room");
        assert!(pair.drive(5 * SECOND, |p| p.answerer.messages.iter().any(|(_, m)| m == b"both")));
    }
}

#[test]
fn an_offer_that_is_refused_leaves_our_own_in_force() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &receiving(), 62).expect("enough memory");
    send_tracks(&mut pair.offerer).expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    let offer = pair.offerer.offer().expect("an offer");
    let back = pair.answerer.offer().expect("an offer");
    let broken = back.replace("a=fingerprint:sha-256 ", "a=fingerprint:sha-0 ");
    assert!(pair.offerer.answer(pair.now, &broken).is_err());
    assert!(matches!(pair.offerer.connection.create_answer(pair.now, &back, &mut [0; 100]), Err(Error::Sdp(_))));
    pair.answerer.connection.rollback(pair.now).expect("there is an offer");
    assert_eq!(pair.answerer.connection.rollback(pair.now), Err(Error::NoOffer));
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    pair.offerer.answered(pair.now, &answer).expect("our offer still stands");
    assert!(pair.connect());
}

fn connected<'m>(ids: &'m Identities, arena: &'m crate::support::Arena, seed: u64) -> Pair<'m> {
    let mut pair = Pair::new(ids, [arena; 2], &receiving(), seed).expect("enough memory");
    pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    assert!(pair.drive(5 * SECOND, |p| !p.offerer.open_channels().is_empty()));
    pair
}

fn ufrag(sdp: &str) -> &str {
    sdp.split("a=ice-ufrag:").nth(1).and_then(|rest| rest.split("\r\n").next()).expect("one")
}

/// Both sides stay connected for longer than consent lasts (RFC 7675 §5.1), and a message passes.
fn stays(pair: &mut Pair<'_>, text: &str) {
    pair.pass(60 * SECOND);
    for side in [&pair.offerer, &pair.answerer] {
        assert!(side.is_connected() && !side.saw_failure(), "{text}: {:?}", side.events);
    }
    let channel = pair.offerer.open_channels()[0];
    pair.offerer.connection.write_channel(pair.now, channel, MessageKind::Text, text.as_bytes()).expect("room");
    assert!(pair.drive(5 * SECOND, |p| p.answerer.messages.iter().any(|(_, m)| m == text.as_bytes())), "{text}");
}

#[test]
fn an_ice_restart_that_is_taken_back_leaves_the_path_and_is_offered_again() {
    let (ids, arena) = (Identities::new(), arena(0));
    for again in [1, 2] {
        let mut pair = connected(&ids, &arena, 63);
        let before = pair.offerer.offer().expect("an offer");
        pair.offerer.connection.rollback(pair.now).expect("there is an offer");
        for _ in 0..again {
            pair.offerer.restart_ice().expect("a restart");
            pair.offerer.offer().expect("an offer");
            pair.offerer.connection.rollback(pair.now).expect("there is an offer");
        }
        stays(&mut pair, "before");
        let offer = pair.offerer.offer().expect("an offer");
        assert_ne!(ufrag(&offer), ufrag(&before));
        let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
        pair.offerer.answered(pair.now, &answer).expect("it fits");
        stays(&mut pair, "after");
    }
}

#[test]
fn ice_restarts_of_either_side_and_of_both_may_cross() {
    let (ids, arena) = (Identities::new(), arena(0));
    for (polite, impolite) in [(true, false), (false, true), (true, true)] {
        let mut pair = connected(&ids, &arena, 64);
        for (restarts, side) in [(polite, &mut pair.offerer), (impolite, &mut pair.answerer)] {
            if restarts {
                side.restart_ice().expect("a restart");
            }
            side.offer().expect("an offer");
        }
        pair.answerer.connection.rollback(pair.now).expect("there is an offer");
        let theirs = pair.answerer.offer().expect("an offer");
        let answer = pair.offerer.answer(pair.now, &theirs).expect("its own is taken back");
        pair.answerer.answered(pair.now, &answer).expect("it fits");
        stays(&mut pair, "crossed");
        // What was taken back is offered now.
        pair.signal().expect("they agree");
        stays(&mut pair, "again");
    }
}
