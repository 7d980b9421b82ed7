//! A peer that gets another address in the middle of a call is followed, with media running.

use core::net::SocketAddr;
use core::time::Duration;

use crate::support::{Arena, Identities, Pair, arena, receiving, recv_tracks, send_tracks, video};
use barertc::ice::FailureReason;
use barertc::{Candidate, Config, ConnectionState, Error, Event, Stage, TrackId};

const FRAME: Duration = Duration::from_millis(33);

fn connected<'m>(ids: &'m Identities, memory: &'m Arena, config: &Config, seed: u64) -> (Pair<'m>, [TrackId; 2]) {
    let mut pair = Pair::new(ids, [memory; 2], config, seed).expect("enough memory");
    let [from, _] = send_tracks(&mut pair.offerer).expect("room");
    let [to, _] = recv_tracks(&mut pair.answerer).expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    pair.pass(Duration::from_secs(1));
    (pair, [from, to])
}

/// Plays `count` frames, and how long the longest time without a frame was at the receiver.
fn play<'m>(pair: &mut Pair<'m>, frames: &'m Arena, [from, to]: [TrackId; 2], count: u32) -> Duration {
    let (mut longest, mut last) = (Duration::ZERO, pair.now);
    for n in 0..count {
        let frame = video(frames, n == 0, 5_000, n * 33).expect("a frame");
        match pair.offerer.connection.send_frame(pair.now, from, &frame) {
            Ok(()) | Err(Error::WouldBlock) => {}
            Err(error) => panic!("{error}"),
        }
        let before = pair.answerer.frames.len();
        pair.pass(FRAME);
        if pair.answerer.frames[before..].iter().any(|(track, _, _)| *track == to) {
            longest = longest.max(pair.now - last);
            last = pair.now;
        }
    }
    longest.max(pair.now - last)
}

#[test]
fn a_viewer_behind_a_nat_that_forgets_is_followed_within_round_trips() {
    let (ids, memory, frames) = (Identities::new(), arena(0), arena(0));
    // Consent of both sides would notice the change in four seconds at the earliest.
    let (mut pair, tracks) = connected(&ids, &memory, &receiving(), 31);
    pair.latency = Duration::from_millis(25);
    play(&mut pair, &frames, tracks, 60);
    for port in [5_000, 6_000, 7_000] {
        pair.alias = Some(SocketAddr::from(([10, 0, 0, 2], port)));
        let stop = play(&mut pair, &frames, tracks, 120);
        println!("the longest time without a picture: {stop:?}");
        assert!(stop < Duration::from_millis(500), "{stop:?}");
        assert_eq!(pair.offerer.connection.stats().candidate_pair.map(|p| p.route.remote), pair.alias);
    }
    assert!(!pair.offerer.saw(&Event::ConnectionState(ConnectionState::Disconnected)));
    assert!(!pair.offerer.saw_failure());
}

#[test]
fn a_datagram_that_only_looks_like_the_peers_moves_nothing() {
    let (ids, memory, frames) = (Identities::new(), arena(0), arena(0));
    let (mut pair, tracks) = connected(&ids, &memory, &receiving(), 32);
    play(&mut pair, &frames, tracks, 30);
    let before = pair.offerer.connection.stats().candidate_pair.map(|p| p.route.remote);
    let stranger = SocketAddr::from(([10, 0, 0, 66], 4_000));
    for n in 0..100u8 {
        let mut forged = [0x80 | (n & 1), 201, 0, 1, 0, 0, 0, 1, 9, 9, 9, 9, n, 9, 9, 9, 0x80, 0, 0, 1, 7, 7, 7, 7];
        let route = barertc::Route::udp(pair.offerer.address, stranger);
        let _ = pair.offerer.connection.handle(pair.now, route, &mut forged);
        pair.pass(Duration::from_millis(30));
    }
    assert_eq!(pair.offerer.connection.stats().candidate_pair.map(|p| p.route.remote), before);
    assert!(pair.offerer.is_connected());
}

#[test]
fn an_ice_restart_does_not_stop_the_picture() {
    let (ids, memory, frames) = (Identities::new(), arena(0), arena(0));
    for back in [false, true] {
        let (mut pair, tracks) = connected(&ids, &memory, &receiving(), 33);
        pair.latency = Duration::from_millis(25);
        play(&mut pair, &frames, tracks, 60);
        let side = if back { &mut pair.answerer } else { &mut pair.offerer };
        side.restart_ice().expect("a restart");
        if back { pair.signal_back() } else { pair.signal() }.expect("they agree");
        let stop = play(&mut pair, &frames, tracks, 120);
        assert!(stop <= FRAME + FRAME, "{stop:?}");
    }
}

#[test]
fn a_new_socket_and_a_restart_move_the_call() {
    let (ids, memory, frames) = (Identities::new(), arena(0), arena(0));
    let (mut pair, tracks) = connected(&ids, &memory, &receiving(), 34);
    pair.latency = Duration::from_millis(25);
    play(&mut pair, &frames, tracks, 60);
    // The sender's network changes: its old address is gone, the new one is a candidate of the restart.
    let new = SocketAddr::from(([10, 0, 1, 1], 4_000));
    pair.offerer.restart_ice().expect("a restart");
    pair.offerer.connection.add_local_candidate(pair.now, Candidate::host(new)).expect("room");
    pair.offerer.connection.remove_local_candidate(pair.now, pair.offerer.address).expect("it was there");
    pair.offerer.address = new;
    pair.signal().expect("they agree");
    let stop = play(&mut pair, &frames, tracks, 120);
    println!("the longest time without a picture: {stop:?}");
    assert!(stop < Duration::from_millis(500), "{stop:?}");
    assert!(pair.offerer.is_connected());
}

/// Ethernet is unplugged, and WiFi stays.
#[test]
fn a_side_with_two_addresses_loses_the_one_in_use_and_the_picture_stays() {
    let (ids, memory, frames) = (Identities::new(), arena(0), arena(0));
    for sender in [true, false] {
        let mut pair = Pair::new(&ids, [&memory; 2], &receiving(), 35).expect("enough memory");
        let [from, _] = send_tracks(&mut pair.offerer).expect("room");
        let [to, _] = recv_tracks(&mut pair.answerer).expect("room");
        let other = SocketAddr::from(([10, 0, 1, 1], 4_000));
        pair.latency = Duration::from_millis(25);
        let side = if sender { &mut pair.offerer } else { &mut pair.answerer };
        side.other = Some(other);
        side.connection.add_local_candidate(side.now, Candidate::host(other)).expect("room");
        pair.signal().expect("they agree");
        assert!(pair.connect());
        play(&mut pair, &frames, [from, to], 60);
        let side = if sender { &mut pair.offerer } else { &mut pair.answerer };
        let used = side.connection.stats().candidate_pair.expect("a path").route.local;
        // Nothing comes to that address any more, and its interface says so.
        let left = if used == other { side.address } else { other };
        (side.address, side.other) = (left, None);
        side.connection.remove_local_candidate(pair.now, used).expect("it was there");
        let stop = play(&mut pair, &frames, [from, to], 120);
        println!("the longest time without a picture: {stop:?}");
        // Who sends needs two round trips, and a picture that was not there yet. Where it is the receiver that has moved, its
        // reports tell, and the path of before has a second to answer.
        let limit = if sender { Duration::from_millis(100) + FRAME } else { Duration::from_millis(2_500) };
        assert!(stop <= limit, "sender {sender}: {stop:?}");
        let side = if sender { &pair.offerer } else { &pair.answerer };
        assert_eq!(side.connection.stats().candidate_pair.map(|p| p.route.local), Some(left));
        assert!(!pair.offerer.saw_failure() && !pair.answerer.saw_failure());
    }
}

/// WiFi roams: for a while there is no address, then another one.
#[test]
fn a_side_without_an_address_says_so_and_goes_on_with_the_next_one() {
    let (ids, memory, frames) = (Identities::new(), arena(0), arena(0));
    for (seconds, failed) in [(2, false), (60, true)] {
        let (mut pair, tracks) = connected(&ids, &memory, &receiving(), 36);
        pair.latency = Duration::from_millis(25);
        play(&mut pair, &frames, tracks, 60);
        let events = pair.offerer.events.len();
        let (now, old) = (pair.now, pair.offerer.address);
        pair.offerer.connection.remove_local_candidate(now, old).expect("it was there");
        assert_eq!(pair.offerer.connection.connection_state(), ConnectionState::Disconnected);
        pair.offerer.address = SocketAddr::from(([10, 0, 9, 9], 9));
        pair.pass(Duration::from_secs(seconds));
        let told = &pair.offerer.events[events..];
        let is_failure = |e: &Event| matches!(e, Event::ConnectionState(ConnectionState::Failed(_)));
        let is_silence = |e: &Event| matches!(e, Event::PeerSilent(Stage::Ice(FailureReason::NoLocalCandidate)));
        assert!(told.contains(&Event::ConnectionState(ConnectionState::Disconnected)), "{told:?}");
        assert_eq!([told.iter().any(is_failure), told.iter().any(is_silence)], [failed; 2], "{told:?}");
        // No description is needed: the peer sees who comes from the new address.
        let new = SocketAddr::from(([10, 0, 1, 1], 4_000));
        pair.offerer.address = new;
        pair.offerer.connection.add_local_candidate(pair.now, Candidate::host(new)).expect("room");
        let before = pair.now;
        assert!(pair.drive(Duration::from_secs(1), |p| p.offerer.is_connected()), "{:?}", pair.offerer.events);
        assert!(pair.now - before <= Duration::from_millis(51), "a round trip: {:?}", pair.now - before);
        if !failed {
            let there = pair.answerer.frames.len();
            while pair.answerer.frames.len() == there {
                play(&mut pair, &frames, tracks, 1);
            }
            let stop = pair.now - before;
            println!("the picture is back {stop:?} after the address is there");
            assert!(stop < Duration::from_millis(1_000), "{stop:?}");
            assert!(pair.answerer.is_connected());
        }
    }
}

/// The lid is closed and opened again. The time that passes while a machine sleeps counts, or it does not: the clock of many
/// machines stops. Either way the other side has given up meanwhile.
#[test]
fn a_laptop_that_sleeps_for_a_minute_is_back_within_three_seconds() {
    let (ids, memory, frames) = (Identities::new(), arena(0), arena(0));
    for sender in [true, false] {
        let (mut pair, tracks) = connected(&ids, &memory, &receiving(), 37);
        pair.latency = Duration::from_millis(25);
        play(&mut pair, &frames, tracks, 60);
        (if sender { &mut pair.offerer } else { &mut pair.answerer }).asleep = true;
        pair.pass(Duration::from_secs(60));
        (if sender { &mut pair.offerer } else { &mut pair.answerer }).asleep = false;
        let (woken, there) = (pair.now, pair.answerer.frames.len());
        while pair.answerer.frames.len() == there && pair.now - woken < Duration::from_secs(10) {
            play(&mut pair, &frames, tracks, 1);
        }
        let stop = pair.now - woken;
        println!("sender {sender}: the picture is back {stop:?} after the laptop wakes");
        assert!(stop < Duration::from_secs(3), "sender {sender}: {stop:?}");
        assert!(pair.offerer.is_connected() && pair.answerer.is_connected());
    }
}
