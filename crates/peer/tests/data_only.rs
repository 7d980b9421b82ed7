//! A connection without the features `media`, `receive`, `turn`, and one version of DTLS: data channels work, what is left out is
//! refused by name. With `media`, the first holds all the same where there are no tracks.
//! `cargo test -p barertc --no-default-features --features dtls12 --test data_only`.
#![allow(dead_code)] // Of what the tests share.

#[path = "it/support.rs"]
mod support;

use barertc::{Config, MessageKind};
#[cfg(not(feature = "media"))]
use support::send_tracks;
use support::{Identities, Pair, Sort, arena};

/// No tracks: then there are no keys of SRTP, whatever the features.
#[test]
fn a_message_arrives() {
    let (ids, one, two) = (Identities::new(), arena(0), arena(0));
    let config = Config { max_tracks: 0, ..Config::default() };
    let mut pair = Pair::new(&ids, [&one, &two], &config, 1).expect("memory");
    let chat = pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    assert!(pair.drive(core::time::Duration::from_secs(5), |p| !p.offerer.open_channels().is_empty()));
    pair.offerer.connection.write_channel(pair.now, chat, MessageKind::Text, b"Hello").expect("room");
    assert!(pair.drive(core::time::Duration::from_secs(5), |p| !p.answerer.messages.is_empty()));
    assert_eq!(pair.answerer.messages[0].1, b"Hello");
    let bound = support::Connection::worst_case_bytes(&config);
    assert!([&one, &two].iter().all(|arena| arena.inner().stats().peak <= bound));
    assert_eq!(pair.offerer.count(Sort::Rtp) + pair.offerer.count(Sort::Rtcp), 0);
    let stats = pair.offerer.connection.stats();
    assert!(stats.transport.srtp_profile.is_none() && stats.discards.srtp.is_none(), "no keys of SRTP");
    drop(pair);
    assert_eq!([&one, &two].map(|arena| arena.inner().stats().live), [0; 2]);
}

#[cfg(all(feature = "media", not(feature = "receive")))]
#[test]
fn tracks_send_and_do_not_receive() {
    use barertc::config::RecvBounds;
    use barertc::{Direction, Event};
    let (ids, one, two) = (Identities::new(), arena(0), arena(0));
    let config = Config { recv_video: RecvBounds::video(1), ..Config::default() };
    let refused = config.check().expect_err("nothing is received").to_string();
    assert!(refused.contains("recv_video.count must be at most 0, but is 1"), "{refused}");

    let mut pair = Pair::new(&ids, [&one, &two], &Config::default(), 1).expect("memory");
    let expected = "too many tracks that receive: the feature `receive` is off: 0 is the limit";
    let refused = support::recv_tracks(&mut pair.answerer).expect_err("nothing is received");
    assert_eq!(refused.to_string(), expected);
    let [theirs, _] = support::send_tracks(&mut pair.offerer).expect("room");
    let [ours, _] = support::send_tracks(&mut pair.answerer).expect("room");
    let refused = pair.answerer.connection.set_direction(pair.now, ours, Direction::SendRecv).expect_err("as above");
    assert_eq!(refused.to_string(), expected);

    // A peer that would send and receive, as a browser: it is told that this side sends only.
    let offer = pair.offerer.offer().expect("an offer").replace("a=sendonly", "a=sendrecv");
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    assert_eq!(answer.matches("a=sendonly").count(), 2, "{answer}");
    // The other side of this pair has a track that sends, so that it hears of one that receives.
    pair.offerer.answered(pair.now, &answer.replace("a=sendonly", "a=recvonly")).expect("an answer to it");
    assert!(pair.connect());
    let sends = |p: &mut Pair<'_>| p.answerer.connection.is_sending(ours) && p.offerer.connection.is_sending(theirs);
    assert!(pair.drive(core::time::Duration::from_secs(5), sends));
    let frame = support::video(&two, true, 5_000, 40).expect("memory");
    pair.answerer.connection.send_frame(pair.now, ours, &frame).expect("room");
    let discarded = |p: &Pair<'_>| p.offerer.connection.stats().discards.connection.total();
    assert!(pair.drive(core::time::Duration::from_secs(5), |p| discarded(p) >= 5), "{}", discarded(&pair));
    assert!(pair.answerer.count(Sort::Rtp) >= 5 && pair.answerer.count(Sort::Rtcp) > 0);
    assert!(!pair.offerer.saw(&Event::FrameReceived(theirs)));
}

#[cfg(not(feature = "turn"))]
#[test]
fn turn_servers_are_refused() {
    use barertc::{Error, PeerConnection, Protocol, RustCrypto, TurnServer};
    use barertc_crypto::selftest::Predictable;
    let (ids, one, two) = (Identities::new(), arena(0), arena(0));
    let mut pair = Pair::new(&ids, [&one, &two], &Config::default(), 1).expect("memory");
    let addr = ([192, 0, 2, 1], 3_478).into();
    let server = TurnServer { addr, protocol: Protocol::Udp, username: "u", password: "p", ipv6: false };
    let refused = pair.offerer.connection.add_turn_server(pair.now, &server).expect_err("no server has room");
    assert!(refused.to_string().contains("the feature `turn` is off"), "{refused}");
    let mut config = Config::default();
    config.ice.max_relays = 1;
    let made = PeerConnection::new(config, &ids.0[0], &one, &RustCrypto, &mut Predictable::new(1));
    let refused = made.err().expect("there are no relays");
    assert!(matches!(refused, Error::Config(_)), "{refused}");
    assert!(refused.to_string().contains("max_relays must be at most 0, but is 1"), "{refused}");
}

#[cfg(not(all(feature = "dtls12", feature = "dtls13")))]
#[test]
fn a_version_that_is_left_out_is_refused() {
    use barertc::dtls::Version;
    use barertc::{PeerConnection, RustCrypto};
    use barertc_crypto::selftest::Predictable;
    let (ids, one) = (Identities::new(), arena(0));
    let mut config = Config::default();
    (config.dtls.min_version, config.dtls.max_version) = (Version::Dtls12, Version::Dtls13);
    let made = PeerConnection::new(config, &ids.0[0], &one, &RustCrypto, &mut Predictable::new(1));
    let refused = made.err().expect("there is one version").to_string();
    let expected =
        if cfg!(feature = "dtls12") { "max_version must be at most 0" } else { "min_version must be at least 1" };
    assert!(refused.contains(expected), "{refused}");
}

#[cfg(not(feature = "media"))]
#[test]
fn media_are_refused() {
    let (ids, one, two) = (Identities::new(), arena(0), arena(0));
    let mut pair = Pair::new(&ids, [&one, &two], &Config::default(), 1).expect("memory");
    let refused = send_tracks(&mut pair.offerer).expect_err("there is no room for a track");
    assert_eq!(refused.to_string(), "too many tracks: the feature `media` is off: 0 is the limit");
    pair.offerer.open("chat").expect("room");
    pair.answerer.add_data().expect("room");
    // A peer with media offers them all the same.
    let offer = pair.offerer.offer().expect("an offer");
    let video = "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:v\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\n";
    let offer = offer + video;
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    assert!(answer.contains("m=video 0 "), "{answer}");
    assert!(answer.contains("m=application 9 "), "{answer}");
}
