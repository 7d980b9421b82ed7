//! What one side sends the other one reads, byte for byte; what is lost is asked for; and directions change.

use core::time::Duration;

use crate::support::{
    Arena, Connection, Identities, Pair, Sort, arena, frame, opus, picture, receiving, recv_tracks, send_tracks, video,
};
use barertc::{Config, Direction, Error, Event, MediaKind, PayloadFormat, RecvBounds, TrackConfig, TrackId};

const SECOND: Duration = Duration::from_secs(1);
const FRAME: Duration = Duration::from_millis(40);

/// A sender that offers, and a receiver; agreed and connected.
fn connected<'m>(ids: &'m Identities, arenas: [&'m Arena; 2], config: &Config, seed: u64) -> (Pair<'m>, [TrackId; 2]) {
    let mut pair = Pair::new(ids, arenas, config, seed).expect("enough memory");
    send_tracks(&mut pair.offerer).expect("room for tracks");
    let tracks = recv_tracks(&mut pair.answerer).expect("room for tracks");
    pair.signal().expect("they agree");
    assert!(pair.connect(), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
    (pair, tracks)
}

/// Sends `count` frames of both kinds and returns their bytes.
fn stream<'m>(pair: &mut Pair<'m>, frames: &'m Arena, count: u32) -> [Vec<Vec<u8>>; 2] {
    let [v, a] = pair.offerer.tracks.expect("it sends");
    let mut sent = [Vec::new(), Vec::new()];
    for n in 0..count {
        let now = pair.now;
        let key = n == 0;
        let bytes = picture(key, if key { 20_000 } else { 3_000 + n as usize * 7 % 900 }, u64::from(n));
        let shown = frame(frames, &bytes, PayloadFormat::H264, n * 3_600).expect("a frame");
        pair.offerer.connection.send_frame(now, v, &shown).expect("room");
        sent[0].push(bytes);
        let bytes = picture(false, 120, u64::from(n) + 1_000);
        let heard = frame(frames, &bytes, PayloadFormat::Opus, n * 1_920).expect("a frame");
        pair.offerer.connection.send_frame(now, a, &heard).expect("room");
        sent[1].push(bytes);
        pair.pass(FRAME);
    }
    sent
}

/// What the answerer read of a track.
fn heard(pair: &Pair<'_>, track: TrackId) -> Vec<Vec<u8>> {
    pair.answerer.frames.iter().filter(|(id, _, _)| *id == track).map(|(_, _, bytes)| bytes.clone()).collect()
}

#[test]
fn every_byte_arrives_on_a_clean_path() {
    let (ids, one, two, frames) = (Identities::new(), arena(0), arena(0), arena(0));
    let (mut pair, [v, a]) = connected(&ids, [&one, &two], &receiving(), 1);
    let sent = stream(&mut pair, &frames, 100);
    pair.pass(2 * SECOND);
    for (sent, track) in sent.iter().zip([v, a]) {
        let heard = heard(&pair, track);
        assert_eq!(heard.len(), sent.len());
        assert!(heard == *sent, "other bytes");
    }
    assert!(pair.answerer.frames.iter().all(|(_, f, _)| f.complete && f.lost == 0));

    // Both sides agree on what happened.
    let [sv, _] = pair.offerer.tracks.expect("it sends");
    let sender = pair.offerer.connection.track_stats(sv).expect("a track");
    let receiver = pair.answerer.connection.track_stats(v).expect("a track");
    let (out, inbound) = (sender.outbound.expect("it sent"), receiver.inbound.expect("it received"));
    assert_eq!((out.packets_sent, out.bytes_sent), (inbound.packets_received, inbound.bytes_received));
    assert_eq!((inbound.frames_received.get(), inbound.packets_lost, inbound.nack_count.get()), (100, 0, 0));
    let remote = sender.remote_inbound.expect("reports");
    assert!(remote.reports_received >= 4 && remote.packets_lost == 0, "{remote:?}");
    let rtt = remote.round_trip_time.expect("measured");
    assert!((19..=25).contains(&rtt.as_millis()), "{rtt:?}");
    for side in [&pair.offerer, &pair.answerer] {
        let stats = side.connection.stats();
        assert_eq!(stats.discards.total(), 0, "{:?}", stats.discards);
        let path = stats.candidate_pair.expect("a path");
        assert!(path.bytes_sent > 0 && path.bytes_received > 0 && path.current_round_trip_time.is_some());
        assert!(stats.transport.dtls_connected && stats.transport.srtp_profile.is_some());
    }
}

#[test]
fn feedback_about_the_path_reaches_the_estimate() {
    let (ids, one, two, frames) = (Identities::new(), arena(0), arena(0), arena(0));
    let (mut pair, _) = connected(&ids, [&one, &two], &receiving(), 2);
    let before = pair.offerer.connection.available_outgoing_bitrate();
    let start = pair.answerer.count(Sort::Rtcp);
    stream(&mut pair, &frames, 100);
    // Four seconds: forty reports about arrivals, more than the four about reception.
    let reports = pair.answerer.count(Sort::Rtcp) - start;
    assert!((30..60).contains(&reports), "{reports}");
    assert_ne!(pair.offerer.connection.available_outgoing_bitrate(), before);
}

#[test]
fn what_is_lost_comes_again() {
    let ids = Identities::new();
    for seed in 0..6 {
        let (one, two, frames) = (arena(0), arena(0), arena(0));
        let config = receiving();
        let (mut pair, [v, _]) = connected(&ids, [&one, &two], &config, seed);
        pair.loss = 50;
        let sent = stream(&mut pair, &frames, 100);
        pair.loss = 0;
        // One more, that shows whether the end was lost.
        let now = pair.now;
        let [sv, _] = pair.offerer.tracks.expect("it sends");
        let last = frame(&frames, &picture(false, 100, 9), PayloadFormat::H264, 500_000).expect("a frame");
        pair.offerer.connection.send_frame(now, sv, &last).expect("room");
        pair.pass(2 * SECOND);
        let heard = heard(&pair, v);
        assert!(heard[..heard.len() - 1] == sent[0], "seed {seed}: {} of {} frames", heard.len() - 1, sent[0].len());
        let stats = pair.answerer.connection.track_stats(v).and_then(|s| s.inbound).expect("it received");
        assert!(stats.nack_count > 0 && stats.retransmitted_packets_received > 5, "{stats:?}");
        let out = pair.offerer.connection.track_stats(sv).and_then(|s| s.outbound.copied()).expect("it sent");
        assert!(out.retransmitted_packets_sent >= stats.retransmitted_packets_received);
        let bound = Connection::worst_case_bytes(&config);
        for arena in [&one, &two] {
            let peak = arena.inner().stats().peak;
            assert!(peak <= bound, "{peak} of {bound}");
        }
        drop((pair, last));
        assert_eq!([&one, &two, &frames].map(|a| a.inner().stats().live), [0; 3]);
    }
}

#[test]
fn a_key_frame_that_is_asked_for_is_wanted_at_the_sender() {
    let (ids, arena) = (Identities::new(), arena(0));
    let (mut pair, [v, a]) = connected(&ids, [&arena; 2], &receiving(), 3);
    let [sv, _] = pair.offerer.tracks.expect("it sends");
    let wanted = Event::KeyFrameWanted(sv);
    stream(&mut pair, &arena, 3);
    assert!(!pair.offerer.saw(&wanted));
    pair.answerer.connection.request_key_frame(pair.now, v).expect("it receives");
    assert!(pair.drive(SECOND / 10, |p| p.offerer.saw(&wanted)), "{:?}", pair.offerer.events);
    assert_eq!(pair.answerer.connection.request_key_frame(pair.now, a), Err(Error::WrongDirection));
    assert_eq!(pair.offerer.connection.request_key_frame(pair.now, sv), Err(Error::WrongDirection));
    // It is asked for again until it comes, and then no more.
    let count = |p: &Pair<'_>| p.offerer.events.iter().filter(|e| **e == wanted).count();
    pair.pass(SECOND);
    assert!((3..=5).contains(&count(&pair)), "{}", count(&pair));
    let now = pair.now;
    let key = video(&arena, true, 2_000, 1_000).expect("a frame");
    pair.offerer.connection.send_frame(now, sv, &key).expect("room");
    pair.pass(SECOND);
    let before = count(&pair);
    pair.pass(2 * SECOND);
    assert_eq!(count(&pair), before);
}

#[test]
fn a_track_pauses_and_goes_on_as_the_same_stream() {
    let (ids, arena) = (Identities::new(), arena(0));
    let (mut pair, [v, a]) = connected(&ids, [&arena; 2], &receiving(), 4);
    let [sv, sa] = pair.offerer.tracks.expect("it sends");
    let held = arena.inner().stats().live;
    for (offers, direction) in [(false, Direction::Inactive), (true, Direction::Inactive)] {
        stream(&mut pair, &arena, 3);
        pair.pass(SECOND);
        let packets = |p: &Pair<'_>| {
            p.offerer
                .connection
                .track_stats(sv)
                .and_then(|s| s.outbound.map(|o| o.packets_sent.get()))
                .expect("it sent")
        };
        let before = packets(&pair);
        let turn = |pair: &mut Pair<'_>, to: Option<Direction>| {
            if offers {
                pair.offerer
                    .connection
                    .set_direction(pair.now, sv, to.unwrap_or(Direction::SendOnly))
                    .expect("a track");
                pair.signal().expect("they agree");
            } else {
                pair.answerer
                    .connection
                    .set_direction(pair.now, v, to.unwrap_or(Direction::RecvOnly))
                    .expect("a track");
                pair.signal_back().expect("they agree");
            }
        };
        turn(&mut pair, Some(direction));
        assert!(!pair.offerer.connection.is_sending(sv) && pair.offerer.connection.is_sending(sa));
        let picture = video(&arena, true, 2_000, 5_000).expect("a frame");
        let now = pair.now;
        assert_eq!(pair.offerer.connection.send_frame(now, sv, &picture), Err(Error::NotReady));
        assert_eq!(pair.answerer.connection.read_frame(now, v, &mut [0; 10]), Err(Error::WrongDirection));
        assert!(arena.inner().stats().live < held, "the buffers of what is not received are given back");
        pair.pass(SECOND);
        assert_eq!(packets(&pair), before);
        turn(&mut pair, None);
        pair.pass(SECOND);
        assert!(pair.offerer.connection.is_sending(sv));
        assert!(pair.offerer.saw(&Event::KeyFrameWanted(sv)));
        let now = pair.now;
        pair.offerer.connection.send_frame(now, sv, &picture).expect("room");
        pair.answerer.frames.clear();
        pair.pass(SECOND);
        assert_eq!(packets(&pair), before + 3, "the same stream");
        assert_eq!(heard(&pair, v).len(), 1);
        assert!(heard(&pair, a).is_empty());
        pair.offerer.events.clear();
    }
}

#[test]
fn sources_that_nobody_announced_are_found_by_the_name_of_their_track() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &receiving(), 5).expect("enough memory");
    send_tracks(&mut pair.offerer).expect("room for tracks");
    let [v, a] = recv_tracks(&mut pair.answerer).expect("room for tracks");
    let offer = pair.offerer.offer().expect("an offer");
    let silent: String = offer.lines().filter(|l| !l.starts_with("a=ssrc")).map(|l| format!("{l}\r\n")).collect();
    assert_ne!(silent.len(), offer.len());
    let answer = pair.answerer.answer(pair.now, &silent).expect("an answer");
    pair.offerer.answered(pair.now, &answer).expect("it fits");
    assert!(pair.connect());
    pair.loss = 30;
    let sent = stream(&mut pair, &arena, 50);
    pair.loss = 0;
    pair.pass(SECOND);
    assert!(heard(&pair, v).len() >= 49, "{} of {}", heard(&pair, v).len(), sent[0].len());
    assert!(heard(&pair, a).len() > 40);
    let stats = pair.answerer.connection.track_stats(v).and_then(|s| s.inbound).expect("it received");
    assert!(stats.retransmitted_packets_received > 0, "{stats:?}");
}

#[test]
fn tracks_without_room_to_receive_cost_nothing_and_descriptions_say_so() {
    let (ids, one, two, frames) = (Identities::new(), arena(0), arena(0), arena(0));
    let config = Config { recv_audio: RecvBounds::audio(1), ..Config::default() };
    assert!(Connection::worst_case_bytes(&config) < Connection::worst_case_bytes(&Config::default()) + (48 << 10));
    let (mut pair, [v, a]) = connected(&ids, [&one, &two], &config, 6);
    let direction = |pair: &Pair<'_>, track| pair.answerer.connection.track(track).map(|t| t.current_direction);
    assert_eq!([direction(&pair, v), direction(&pair, a)], [Some(Direction::Inactive), Some(Direction::RecvOnly)]);
    let [video, audio] = pair.offerer.tracks.expect("it sends");
    assert!(!pair.offerer.connection.is_sending(video), "nobody would hear it");
    for n in 0..5 {
        let sound =
            frame(&frames, &picture(false, 120, u64::from(n)), PayloadFormat::Opus, n * 1_920).expect("a frame");
        pair.offerer.connection.send_frame(pair.now, audio, &sound).expect("room");
        pair.pass(FRAME);
    }
    pair.pass(SECOND);
    assert_eq!((heard(&pair, v).len(), heard(&pair, a).len()), (0, 5));
    // An offer says the same.
    let offer = pair.answerer.offer().expect("an offer");
    let lines: Vec<&str> = offer.split("\r\nm=").skip(1).collect();
    assert!(lines[0].starts_with("video ") && lines[0].contains("a=inactive\r\n"), "{offer}");
    assert!(lines[1].starts_with("audio ") && lines[1].contains("a=recvonly\r\n"), "{offer}");
}

/// Two tracks want to receive where there is room for one: the one that does keeps it.
#[test]
fn of_two_tracks_one_receives_where_there_is_room_for_one() {
    let (ids, arena) = (Identities::new(), arena(0));
    let config = Config { recv_audio: RecvBounds::audio(1), ..Config::default() };
    for offers in [false, true] {
        let mut pair = Pair::new(&ids, [&arena; 2], &config, 16).expect("enough memory");
        let now = pair.now;
        for name in ["one", "two"] {
            let sends = TrackConfig::sendonly(MediaKind::Audio, name, "s", [opus()]).expect("short names");
            pair.offerer.connection.add_track(now, sends).expect("room");
        }
        let takes = |name| TrackConfig::sendrecv(MediaKind::Audio, name, "s", [opus()]).expect("short names");
        let add = |pair: &mut Pair<'_>, name| pair.answerer.connection.add_track(now, takes(name)).expect("room");
        let tracks = [add(&mut pair, "one"), add(&mut pair, "two")];
        let signal = |pair: &mut Pair<'_>| if offers { pair.signal_back() } else { pair.signal() };
        signal(&mut pair).expect("they agree");
        assert!(pair.connect());
        let directions =
            |pair: &Pair<'_>| tracks.map(|t| pair.answerer.connection.track(t).map(|t| t.current_direction));
        // The peer only sends, so there is nothing but to receive.
        assert_eq!(directions(&pair), [Some(Direction::RecvOnly), Some(Direction::Inactive)], "{offers}");
        // Where the first gives its place up, the description behind that has the second in it.
        pair.answerer.connection.set_direction(now, tracks[0], Direction::SendOnly).expect("a track");
        signal(&mut pair).expect("they agree");
        assert_eq!(directions(&pair), [Some(Direction::Inactive); 2], "{offers}");
        signal(&mut pair).expect("they agree");
        assert_eq!(directions(&pair), [Some(Direction::Inactive), Some(Direction::RecvOnly)], "{offers}");
        // It keeps it when the first wants it back.
        pair.answerer.connection.set_direction(now, tracks[0], Direction::SendRecv).expect("a track");
        signal(&mut pair).expect("they agree");
        assert_eq!(directions(&pair), [Some(Direction::Inactive), Some(Direction::RecvOnly)], "{offers}");
    }
}

/// An answer is about what was offered: a direction that is set behind an offer counts from the next description on, and takes
/// no other track's room.
#[test]
fn a_direction_that_is_set_behind_an_offer_waits_for_the_next_one() {
    let (ids, arena) = (Identities::new(), arena(0));
    let config = Config { recv_audio: RecvBounds::audio(1), ..Config::default() };
    let mut pair = Pair::new(&ids, [&arena; 2], &config, 17).expect("enough memory");
    let now = pair.now;
    for name in ["one", "two"] {
        let sends = TrackConfig::sendonly(MediaKind::Audio, name, "s", [opus()]).expect("short names");
        pair.answerer.connection.add_track(now, sends).expect("room");
    }
    let one = TrackConfig::sendonly(MediaKind::Audio, "one", "s", [opus()]).expect("short names");
    let two = TrackConfig::recvonly(MediaKind::Audio, "two", [opus()]).expect("short names");
    let tracks = [one, two].map(|track| pair.offerer.connection.add_track(now, track).expect("room"));
    let directions = |pair: &Pair<'_>| tracks.map(|t| pair.offerer.connection.track(t).map(|t| t.current_direction));
    let offer = pair.offerer.offer().expect("an offer");
    pair.offerer.connection.set_direction(now, tracks[0], Direction::SendRecv).expect("a track");
    let answer = pair.answerer.answer(now, &offer).expect("an answer");
    pair.offerer.answered(now, &answer).expect("it fits");
    assert_eq!(directions(&pair), [Some(Direction::Inactive), Some(Direction::RecvOnly)]);
    assert!(pair.connect());
    // The next offer has it, and the room is the second's.
    pair.signal().expect("they agree");
    assert_eq!(directions(&pair), [Some(Direction::Inactive), Some(Direction::RecvOnly)]);
}

#[test]
fn frames_that_nobody_reads_keep_nobody_busy() {
    let (ids, one, two, frames) = (Identities::new(), arena(0), arena(0), arena(0));
    let (mut pair, [v, _]) = connected(&ids, [&one, &two], &receiving(), 7);
    (pair.answerer.deaf, pair.loss) = (true, 100);
    // With every step the bench sees that nothing is due in the past.
    stream(&mut pair, &frames, 200);
    let told = |p: &Pair<'_>| p.answerer.events.iter().filter(|e| **e == Event::FrameReceived(v)).count();
    assert_eq!(told(&pair), 1);
    (pair.answerer.deaf, pair.loss) = (false, 0);
    let mut room = vec![0; 100_000];
    while pair.answerer.connection.read_frame(pair.now, v, &mut room).is_ok() {}
    stream(&mut pair, &frames, 5);
    pair.pass(SECOND);
    assert!(told(&pair) > 1 && heard(&pair, v).len() >= 5);
}

#[test]
fn sound_goes_both_ways_and_each_reports_in_what_it_sends() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = Pair::new(&ids, [&arena; 2], &receiving(), 8).expect("enough memory");
    let track = TrackConfig::sendrecv(MediaKind::Audio, "voice", "talk", [opus()]).expect("short names");
    let one = pair.offerer.connection.add_track(pair.now, track.clone()).expect("room");
    let two = pair.answerer.connection.add_track(pair.now, track).expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    let mut said = [Vec::new(), Vec::new()];
    for n in 0..150 {
        let now = pair.now;
        for (side, (track, said)) in
            [&mut pair.offerer, &mut pair.answerer].into_iter().zip([one, two].into_iter().zip(&mut said))
        {
            let bytes = picture(false, 80, u64::from(n) << 8 | said.len() as u64);
            let sound = frame(&arena, &bytes, PayloadFormat::Opus, n * 960).expect("a frame");
            side.connection.send_frame(now, track, &sound).expect("room");
            said.push(bytes);
        }
        pair.pass(FRAME / 2);
    }
    pair.pass(2 * SECOND);
    for (side, (track, said)) in [&pair.answerer, &pair.offerer].iter().zip([two, one].into_iter().zip(&said)) {
        let heard: Vec<_> = side.frames.iter().map(|(_, _, bytes)| bytes.clone()).collect();
        assert!(heard == *said, "{} of {}", heard.len(), said.len());
        let stats = side.connection.track_stats(track).and_then(|s| s.remote_inbound).expect("it sends");
        assert!(stats.reports_received >= 3 && stats.round_trip_time.is_some(), "{stats:?}");
    }
}
