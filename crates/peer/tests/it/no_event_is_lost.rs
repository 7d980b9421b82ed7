//! Events stand for changes of state: an application that asks late hears of all of them.

use core::time::Duration;

use barertc::ice::FailureReason;
use barertc::{Config, ConnectionState, Event, MessageKind, Stage};

use crate::support::{Identities, Pair, arena, receiving, recv_tracks, send_tracks};

const SECOND: Duration = Duration::from_secs(1);

fn many_channels() -> Config {
    let mut config = Config::default();
    config.sctp = barertc::config::SctpConfig::with_buffers(64 << 10, 64 << 10);
    config.sctp.max_channels = 36;
    config
}

#[test]
fn thirty_six_channels_that_nobody_asks_for_are_all_told() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &many_channels(), 51).expect("enough memory");
    pair.answerer.late = true;
    let channels: Vec<_> = (0..36).map(|n| pair.offerer.open(&format!("channel {n}")).expect("room")).collect();
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    let all_open = |p: &mut Pair<'_>| p.offerer.open_channels().len() == 36;
    assert!(pair.drive(20 * SECOND, all_open), "{:?}", pair.offerer.events);
    for id in &channels {
        pair.offerer.connection.write_channel(pair.now, *id, MessageKind::Binary, &[7; 100]).expect("room");
    }
    pair.pass(5 * SECOND);
    assert!(pair.answerer.events.is_empty());
    pair.offerer.connection.close(pair.now);
    pair.pass(5 * SECOND);

    pair.answerer.late = false;
    pair.answerer.fetch(pair.now);
    let events = &pair.answerer.events;
    let count = |wanted: fn(&Event) -> bool| events.iter().filter(|e| wanted(e)).count();
    assert_eq!(count(|e| matches!(e, Event::ChannelOpen(_))), 36, "{events:?}");
    assert_eq!(pair.answerer.messages.len(), 36);
    assert_eq!(count(|e| matches!(e, Event::ChannelClosed(_))), 36, "{events:?}");
    assert_eq!(count(|e| *e == Event::ConnectionState(ConnectionState::Closed)), 1, "{events:?}");
    // What has changed several times is told as it is now.
    assert_eq!(count(|e| matches!(e, Event::ConnectionState(_))), 1, "{events:?}");
}

#[test]
fn a_peer_that_does_not_answer_is_told_of_once() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 52).expect("enough memory");
    pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    pair.loss = 1_000;
    pair.signal().expect("they agree");
    let began = pair.now;
    let silent = Event::PeerSilent(Stage::Ice(FailureReason::Unanswered));
    assert!(pair.drive(20 * SECOND, |p| p.offerer.saw(&silent) && p.answerer.saw(&silent)));
    let waited = pair.now.saturating_since(began);
    assert!(waited < 11 * SECOND, "{waited:?}");
    pair.pass(10 * SECOND);
    assert_eq!(pair.offerer.events.iter().filter(|e| **e == silent).count(), 1);
}

#[test]
fn what_was_agreed_on_about_a_track_is_told() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &receiving(), 53).expect("enough memory");
    let [v, a] = send_tracks(&mut pair.offerer).expect("room");
    let [to, _] = recv_tracks(&mut pair.answerer).expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    for track in [v, a] {
        assert!(pair.offerer.saw(&Event::TrackNegotiated(track)));
        assert!(!pair.offerer.saw(&Event::RemoteTrack(track)));
    }
    assert!(pair.answerer.saw(&Event::TrackNegotiated(to)) && pair.answerer.saw(&Event::RemoteTrack(to)));
    let info = pair.answerer.connection.track(to).expect("a track");
    assert_eq!((info.mid, info.payload_type), ("video", Some(102)));
    // The same again is no news.
    let before = [pair.offerer.events.len(), pair.answerer.events.len()];
    pair.signal().expect("they agree");
    pair.pass(SECOND);
    for (side, before) in [&pair.offerer, &pair.answerer].iter().zip(before) {
        let news = side.events[before..].iter();
        assert_eq!(news.filter(|e| matches!(e, Event::TrackNegotiated(_) | Event::RemoteTrack(_))).count(), 0);
    }
}
