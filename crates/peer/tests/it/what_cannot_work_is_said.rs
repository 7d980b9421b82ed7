//! A call that cannot have its effect says so, with the rule that it breaks.

use core::net::SocketAddr;

use barertc::config::{ConfigError, Rule};
use barertc::{Candidate, ChannelConfig, Config, Discard, Error, GatheringState, LocalCodec, MediaKind, TrackConfig};

use crate::support::{Identities, Pair, Side, arena, h264, opus, receiving, recv_tracks, send_tracks};

#[test]
fn an_offer_of_nothing_is_refused() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 81).expect("enough memory");
    let live = || arena.inner().stats().live;
    let before = live();
    assert_eq!(pair.offerer.offer(), Err(Error::NothingToOffer));
    assert_eq!(live(), before, "an offer that is not made takes no memory");
    pair.offerer.add_data().expect("room");
    let before = live();
    assert!(matches!(pair.offerer.connection.create_offer(pair.now, &mut [0; 100]), Err(Error::Sdp(_))));
    assert_eq!(live(), before, "neither does one that has no room");
    assert!(pair.offerer.offer().is_ok());
    let made = live();
    assert!(made > before);
    assert_eq!(pair.offerer.offer(), Err(Error::OfferPending));
    assert_eq!(live(), made);
}

#[test]
fn data_channels_that_were_not_added_are_no_channels() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 82).expect("enough memory");
    pair.offerer.open("chat").expect("room");
    let offer = pair.offerer.offer().expect("an offer");
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    assert!(answer.contains("m=application 0 "), "{answer}");
    assert_eq!(pair.answerer.connection.max_message_size(), None);
}

#[test]
fn a_channel_that_is_refused_leaves_no_data_channels_behind() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 84).expect("enough memory");
    let (live, label) = (arena.inner().stats().live, "x".repeat(70_000));
    let config = ChannelConfig { label: &label, ..ChannelConfig::default() };
    let refused = pair.offerer.connection.open_channel(pair.now, &config);
    assert!(matches!(refused, Err(Error::Sctp(_))), "{refused:?}");
    assert_eq!(arena.inner().stats().live, live);
    assert_eq!((pair.offerer.offer(), pair.offerer.connection.max_message_size()), (Err(Error::NothingToOffer), None));
    // One that is there stays.
    pair.offerer.open("chat").expect("room");
    assert!(pair.offerer.connection.open_channel(pair.now, &config).is_err());
    assert!(pair.offerer.offer().is_ok());
}

#[test]
fn each_mapped_candidate_is_told() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut side = Side::new(1, receiving(), &ids.0[0], &arena, 83).expect("enough memory");
    let address = |net: u8| SocketAddr::from(([10, 0, net, 7], 5_000));
    for net in 1..=4 {
        let public = SocketAddr::from(([192, 0, 2, net], 6_000));
        side.connection.add_mapped_candidate(side.now, address(net), public).expect("room");
    }
    let full = side.connection.add_mapped_candidate(side.now, address(9), address(10));
    assert_eq!(full, Err(Error::TooMany { what: "mapped candidates", limit: 4 }));
    recv_tracks(&mut side).expect("room");
    let offer = side.offer().expect("an offer");
    for net in 1..=4 {
        assert!(offer.contains(&format!(" 192.0.2.{net} 6000 typ host")), "{offer}");
        assert!(!offer.contains(&format!(" 10.0.{net}.7 ")), "{offer}");
    }
    side.connection.add_local_candidate(side.now, Candidate::host(address(1))).expect("it is known");
}

/// A device that moves has another address each time.
#[test]
fn mapped_candidates_that_are_gone_or_were_refused_take_no_place() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut side = Side::new(1, receiving(), &ids.0[0], &arena, 94).expect("enough memory");
    let (now, address) = (side.now, |net: u8| SocketAddr::from(([10, 0, net, 7], 5_000)));
    let public = |net: u8| SocketAddr::from(([192, 0, 2, net], 6_000));
    let nowhere = SocketAddr::from(([0; 4], 5_000));
    for net in 1..=6 {
        side.connection.add_mapped_candidate(now, address(net), public(net)).expect("room");
        side.connection.add_mapped_tcp_candidate(now, address(net), public(net)).expect("room");
        side.connection.remove_local_candidate(now, address(net)).expect("it was there");
        let refused = side.connection.add_mapped_candidate(now, nowhere, public(net));
        assert!(matches!(refused, Err(Error::Ice(_))), "{refused:?}");
    }
    side.connection.add_local_candidate(now, Candidate::host(address(1))).expect("room");
    side.connection.add_mapped_candidate(now, address(7), public(7)).expect("room");
    recv_tracks(&mut side).expect("room");
    let offer = side.offer().expect("an offer");
    assert!(offer.contains(" 10.0.1.7 5000 typ host") && offer.contains(" 192.0.2.7 6000 typ host"), "{offer}");
    assert!(!offer.contains(" 192.0.2.1 "), "{offer}");
}

#[test]
fn an_estimate_that_was_not_measured_is_none() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &receiving(), 84).expect("enough memory");
    send_tracks(&mut pair.offerer).expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    assert_eq!(pair.offerer.connection.available_outgoing_bitrate(), None);
    assert_eq!(pair.offerer.connection.stats().available_outgoing_bitrate, None);
}

#[test]
fn tracks_that_cannot_be_are_refused() {
    let (ids, arena) = (Identities::new(), arena(0));
    let config = Config { max_tracks: 2, ..Config::default() };
    let mut side = Side::new(1, config, &ids.0[0], &arena, 85).expect("enough memory");
    let video = |mid| TrackConfig::sendonly(MediaKind::Video, mid, "s", [h264()]).expect("short names");
    side.connection.add_track(side.now, video("a")).expect("room");
    assert_eq!(side.connection.add_track(side.now, video("a")), Err(Error::MidInUse));
    let g722 = TrackConfig::sendonly(MediaKind::Audio, "b", "s", [LocalCodec::g722()]).expect("short names");
    assert_eq!(side.connection.add_track(side.now, g722), Err(Error::CodecNotSupported));
    side.connection.add_track(side.now, video("c")).expect("room");
    let full = side.connection.add_track(side.now, video("d"));
    assert_eq!(full, Err(Error::TooMany { what: "tracks", limit: 2 }));
    assert!(matches!(TrackConfig::recvonly(MediaKind::Audio, "x", []), Err(Error::NoCodec)));
    let long = "x".repeat(barertc::MAX_NAME + 1);
    let limit = barertc::MAX_NAME;
    let error = TrackConfig::recvonly(MediaKind::Audio, &long, [opus()]).err();
    assert_eq!(error, Some(Error::Sdp(barertc::sdp::Error::NameTooLong { limit, value: limit + 1 })));
}

#[test]
fn a_configuration_names_the_field_the_limit_and_the_value() {
    let (ids, arena) = (Identities::new(), arena(0));
    let check = |config: Config| Side::new(1, config, &ids.0[0], &arena, 86).err();
    let error = |field, rule, value| Some(Error::Config(ConfigError { field, rule, value }));
    let arrivals = Config { arrivals: 2_000, ..Config::default() };
    assert_eq!(check(arrivals), error("arrivals", Rule::AtMost(1_024), 2_000));
    let tracks = Config { max_tracks: 200, ..Config::default() };
    assert!(matches!(check(tracks), Some(Error::Config(ConfigError { field: "max_tracks", .. }))));
    assert_eq!(arena.attempts(), 0, "nothing was allocated before the check");
}

/// One candidate that cannot be used spoils nothing, and is counted: from a description, and one that was trickled.
#[test]
fn candidates_that_are_not_used_are_counted() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 86).expect("enough memory");
    pair.offerer.add_data().expect("room");
    pair.answerer.add_data().expect("room");
    let offer = pair.offerer.offer().expect("an offer");
    let odd = [
        "a=candidate:1 1 udp 1 0f9a1c2e-1b3d-4c5e-8f70-123456789abc.local 5000 typ host",
        "a=candidate:2 1 tcp 1 192.0.2.1 9 typ host tcptype active",
        "a=candidate:3 1 udp 1 not.an.address:7 5000 typ host",
        "a=candidate:4 one",
    ];
    let offer: String = offer
        .lines()
        .flat_map(|line| if line.starts_with("a=candidate") { [&odd[..], &[line]].concat() } else { vec![line] })
        .map(|line| format!("{line}\r\n"))
        .collect();
    let answer = pair.answerer.answer(pair.now, &offer).expect("an answer");
    let counted = |pair: &Pair<'_>| pair.answerer.connection.stats().discards.connection.get(Discard::Candidate);
    // All but the active one over TCP: the peer connects from that (RFC 6544 §4.5), and nobody connects to it.
    let of_offer = offer.matches("not.an.address").count() as u32 * 3;
    assert_eq!(counted(&pair), of_offer);
    let now = pair.now;
    let name = "candidate:9 1 udp 1 7a9a1c2e-1b3d-4c5e-8f70-123456789abc.local 5000 typ host";
    pair.answerer.connection.add_remote_candidate(now, name).expect("a name is no error");
    assert_eq!(counted(&pair), of_offer + 1);
    assert!(pair.answerer.connection.add_remote_candidate(now, "candidate:4 one").is_err());
    pair.offerer.answered(now, &answer).expect("they agree");
    assert!(pair.connect());
}

/// Servers are asked by the first socket that comes, however late it is.
#[test]
fn a_socket_behind_the_offer_asks_the_servers() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &Config::default(), 93).expect("enough memory");
    let (now, side) = (pair.now, &mut pair.offerer);
    let server = SocketAddr::from(([198, 51, 100, 1], 3_478));
    side.connection.remove_local_candidate(now, side.address).expect("it was there");
    let again = side.connection.remove_local_candidate(now, side.address);
    assert_eq!(again, Err(Error::Ice(barertc::ice::Error::UnknownLocal(side.address))));
    side.connection.add_stun_server(now, server).expect("room");
    side.add_data().expect("room");
    side.offer().expect("an offer");
    assert_eq!(side.connection.ice_gathering_state(), GatheringState::New);
    side.connection.add_local_candidate(now, Candidate::host(side.address)).expect("room");
    assert_eq!(side.connection.ice_gathering_state(), GatheringState::Gathering);
    let mut room = [0; 1_500];
    let asked = side.connection.poll_transmit(now, &mut room).expect("a request");
    assert_eq!(asked.route.remote, server);
}

#[test]
fn after_the_end_no_call_says_that_it_was_done() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut side = Side::new(1, receiving(), &ids.0[0], &arena, 87).expect("enough memory");
    let [video, _] = recv_tracks(&mut side).expect("room");
    let (now, c) = (side.now, &mut side.connection);
    c.close(now);
    let address = SocketAddr::from(([10, 0, 0, 9], 5_000));
    let line = "candidate:1 1 udp 1 192.0.2.1 5000 typ host";
    let turn = barertc::TurnServer {
        addr: address,
        protocol: barertc::Protocol::Udp,
        username: "user",
        password: "password",
        ipv6: false,
    };
    for (name, said) in [
        ("add_local_candidate", c.add_local_candidate(now, Candidate::host(address))),
        ("add_mapped_candidate", c.add_mapped_candidate(now, address, address)),
        ("add_remote_candidate", c.add_remote_candidate(now, line)),
        ("add_stun_server", c.add_stun_server(now, address)),
        ("add_turn_server", c.add_turn_server(now, &turn)),
        ("renew_turn_server", c.renew_turn_server(now, &turn)),
        ("gather", c.gather(now)),
        ("set_direction", c.set_direction(now, video, barertc::Direction::Inactive)),
        ("request_key_frame", c.request_key_frame(now, video)),
        ("restart_ice", c.restart_ice(now)),
        ("add_data", c.add_data(now)),
    ] {
        assert_eq!(said, Err(Error::Closed), "{name}");
    }
}
