//! Data channels end with their association, and everybody hears of it; and there can be another one.

use core::time::Duration;

use barertc::ice::FailureReason;
use barertc::{Config, ConnectionState, Error, Event, Failure, MessageKind};

use crate::support::{Arena, Identities, Pair, arena};

const SECOND: Duration = Duration::from_secs(1);

fn connected<'m>(ids: &'m Identities, arena: &'m Arena, seed: u64) -> Pair<'m> {
    let mut pair = Pair::new(ids, [arena; 2], &Config::default(), seed).expect("enough memory");
    pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    assert!(pair.drive(5 * SECOND, |p| [&p.offerer, &p.answerer].iter().all(|s| !s.open_channels().is_empty())));
    pair
}

#[test]
fn a_network_that_was_away_too_long_closes_every_channel_and_a_restart_makes_new_ones() {
    let (ids, arena) = (Identities::new(), arena(0));
    for both_write in [false, true] {
        let mut pair = connected(&ids, &arena, 71);
        let [one, two] = [pair.offerer.open_channels()[0], pair.answerer.open_channels()[0]];
        pair.loss = 1_000;
        pair.offerer.connection.write_channel(pair.now, one, MessageKind::Text, b"lost").expect("room");
        if both_write {
            pair.answerer.connection.write_channel(pair.now, two, MessageKind::Text, b"lost").expect("room");
        }
        pair.pass(200 * SECOND);
        assert!(pair.offerer.saw(&Event::ChannelClosed(one)), "{:?}", pair.offerer.events);
        let unreachable = Event::DataClosed(Some(barertc::sctp::Failure::PeerUnreachable));
        assert!(pair.offerer.saw(&unreachable), "{:?}", pair.offerer.events);
        let write = pair.offerer.connection.write_channel(pair.now, one, MessageKind::Text, b"again");
        assert!(write.is_err());
        assert_eq!(
            pair.offerer.connection.connection_state(),
            ConnectionState::Failed(Failure::Ice(FailureReason::ConsentLost))
        );

        pair.loss = 0;
        pair.offerer.restart_ice().expect("a restart");
        pair.signal().expect("they agree");
        assert!(pair.connect(), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
        pair.pass(2 * SECOND);
        assert!(pair.answerer.saw(&Event::ChannelClosed(two)), "{:?}", pair.answerer.events);
        let new = pair.offerer.open("again").expect("room");
        assert_ne!(new, one);
        let open = |p: &mut Pair<'_>| p.offerer.saw(&Event::ChannelOpen(new)) && p.answerer.open_channels().len() == 2;
        assert!(pair.drive(10 * SECOND, open), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
        pair.offerer.connection.write_channel(pair.now, new, MessageKind::Text, b"hello").expect("room");
        assert!(pair.drive(5 * SECOND, |p| p.answerer.messages.iter().any(|(_, m)| m == b"hello")));
        // The number of before means nothing any more.
        let write = pair.offerer.connection.write_channel(pair.now, one, MessageKind::Text, b"again");
        assert_eq!(write, Err(Error::NoSuchChannel));
    }
}

#[test]
fn nothing_is_written_after_the_end() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = connected(&ids, &arena, 72);
    let [one, two] = [pair.offerer.open_channels()[0], pair.answerer.open_channels()[0]];
    pair.offerer.connection.close(pair.now);
    let write = pair.offerer.connection.write_channel(pair.now, one, MessageKind::Text, b"late");
    assert_eq!(write, Err(Error::Closed));
    assert_eq!(pair.offerer.connection.begin_message(pair.now, one, MessageKind::Text), Err(Error::Closed));
    assert_eq!(pair.offerer.open("late"), Err(Error::Closed));
    assert_eq!(pair.offerer.offer(), Err(Error::Closed));
    pair.pass(SECOND);
    assert!(pair.offerer.saw(&Event::ChannelClosed(one)), "{:?}", pair.offerer.events);
    // The other side has been told.
    assert!(pair.answerer.saw(&Event::ChannelClosed(two)), "{:?}", pair.answerer.events);
    let write = pair.answerer.connection.write_channel(pair.now, two, MessageKind::Text, b"late");
    assert_eq!(write, Err(Error::Closed));
}

/// Gives the offerer a new offer of the other side with another `a=sctp-port`; the answer.
fn with_port(pair: &mut Pair<'_>, port: &str) -> String {
    let offer = pair.answerer.offer().expect("an offer");
    let other = offer.replace("a=sctp-port:5000\r\n", port);
    assert_ne!(offer, other);
    let answer = pair.offerer.answer(pair.now, &other).expect("an answer");
    pair.answerer.connection.rollback(pair.now).expect("there was an offer");
    pair.pass(SECOND);
    answer
}

#[test]
fn another_port_of_the_peer_is_another_association() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = connected(&ids, &arena, 76);
    let [one, two] = [pair.offerer.open_channels()[0], pair.answerer.open_channels()[0]];
    // The same port changes nothing.
    pair.signal_back().expect("they agree");
    pair.pass(SECOND);
    assert!(!pair.offerer.saw(&Event::ChannelClosed(one)), "{:?}", pair.offerer.events);

    with_port(&mut pair, "a=sctp-port:6000\r\n");
    assert!(pair.offerer.saw(&Event::ChannelClosed(one)), "{:?}", pair.offerer.events);
    assert!(pair.offerer.saw(&Event::DataClosed(None)), "{:?}", pair.offerer.events);
    assert!(pair.answerer.saw(&Event::ChannelClosed(two)), "{:?}", pair.answerer.events);
    let write = pair.offerer.connection.write_channel(pair.now, one, MessageKind::Text, b"late");
    assert_eq!(write, Err(Error::NoSuchChannel));

    // And back again.
    pair.signal().expect("they agree");
    pair.pass(SECOND);
    let new = pair.offerer.open("again").expect("room");
    let open = |p: &mut Pair<'_>| p.offerer.saw(&Event::ChannelOpen(new));
    assert!(pair.drive(10 * SECOND, open), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
}

#[test]
fn a_port_that_none_can_have_ends_the_association() {
    // RFC 8841 §9.3 and §5.2.
    for port in ["a=sctp-port:0\r\n", "a=sctp-port:65536\r\n", "a=sctp-port:five\r\n"] {
        let (ids, arena) = (Identities::new(), arena(0));
        let mut pair = connected(&ids, &arena, 77);
        let one = pair.offerer.open_channels()[0];
        let answer = with_port(&mut pair, port);
        assert!(answer.contains("m=application 0 "), "{answer}");
        assert!(pair.offerer.saw(&Event::ChannelClosed(one)), "{port}: {:?}", pair.offerer.events);
        assert!(pair.offerer.saw(&Event::DataClosed(None)), "{:?}", pair.offerer.events);
    }
}

#[test]
fn a_peer_that_ends_data_channels_and_keeps_media_closes_every_channel() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &crate::support::receiving(), 78).expect("enough memory");
    crate::support::send_tracks(&mut pair.offerer).expect("room");
    crate::support::recv_tracks(&mut pair.answerer).expect("room");
    pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    assert!(pair.drive(5 * SECOND, |p| !p.offerer.open_channels().is_empty()));
    let one = pair.offerer.open_channels()[0];
    let answer = with_port(&mut pair, "a=sctp-port:0\r\n");
    assert!(answer.contains("m=application 0 ") && !answer.contains("m=video 0 "), "{answer}");
    assert!(pair.offerer.saw(&Event::ChannelClosed(one)), "{:?}", pair.offerer.events);
    assert!(pair.offerer.is_connected());
    // The next description has them again.
    pair.signal().expect("they agree");
    pair.pass(SECOND);
    let new = pair.offerer.open("again").expect("room");
    let open = |p: &mut Pair<'_>| p.offerer.saw(&Event::ChannelOpen(new));
    assert!(pair.drive(10 * SECOND, open), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
}

/// A peer without data channels: what was opened for it ends, and is told of.
#[test]
fn channels_that_an_answer_refuses_are_closed() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &crate::support::receiving(), 79).expect("enough memory");
    crate::support::send_tracks(&mut pair.offerer).expect("room");
    crate::support::recv_tracks(&mut pair.answerer).expect("room");
    let chat = pair.offerer.open("chat").expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    assert!(pair.offerer.saw(&Event::ChannelClosed(chat)), "{:?}", pair.offerer.events);
    // Later it has some.
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    pair.pass(SECOND);
    let new = pair.offerer.open("again").expect("room");
    let open = |p: &mut Pair<'_>| p.offerer.saw(&Event::ChannelOpen(new));
    assert!(pair.drive(10 * SECOND, open), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
}

/// A second line for data channels that is rejected leaves those of the first alone.
#[test]
fn another_line_for_data_that_is_over_ends_nothing() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = connected(&ids, &arena, 80);
    let one = pair.offerer.open_channels()[0];
    let offer = pair.answerer.offer().expect("an offer");
    let more = "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:over\r\n";
    let answer = pair.offerer.answer(pair.now, &format!("{offer}{more}")).expect("an answer");
    assert_eq!(answer.matches("m=application").count(), 2, "{answer}");
    pair.answerer.connection.rollback(pair.now).expect("there was an offer");
    pair.pass(SECOND);
    assert!(!pair.offerer.saw(&Event::ChannelClosed(one)), "{:?}", pair.offerer.events);
    pair.offerer.connection.write_channel(pair.now, one, MessageKind::Text, b"still").expect("it is open");
    assert!(pair.drive(5 * SECOND, |p| p.answerer.messages.iter().any(|(_, m)| m == b"still")));
}

#[test]
fn a_path_that_swallows_large_datagrams_is_told() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = connected(&ids, &arena, 79);
    let id = pair.offerer.open_channels()[0];
    pair.largest = 600;
    pair.offerer.connection.write_channel(pair.now, id, MessageKind::Binary, &[7; 3_000]).expect("room");
    let told = |e: &Event| matches!(e, Event::PathMtuExceeded { size } if *size > 500);
    assert!(pair.drive(5 * SECOND, |p| p.offerer.events.iter().any(told)), "{:?}", pair.offerer.events);
    let over = Event::DataClosed(Some(barertc::sctp::Failure::PathMtu));
    assert!(pair.drive(120 * SECOND, |p| p.offerer.saw(&over)), "{:?}", pair.offerer.events);
}
