//! What a connection takes: never more than it said before, all of it back, and nothing while it streams.

use core::time::Duration;

use crate::support::{
    Arena, Connection, Identities, Pair, Sort, arena, arena_that_ends, audio, opus, receiving, recv_tracks,
    send_tracks, video,
};
use barertc::{Config, Error, MediaKind, MessageKind, TrackConfig};

const SECOND: Duration = Duration::from_secs(1);

/// Sessions in a row that must leave nothing behind.
const CYCLES: u64 = 1_000;

/// Both sides agree on media and data channels.
fn agreed<'m>(ids: &'m Identities, arenas: [&'m Arena; 2], config: &Config, seed: u64) -> Result<Pair<'m>, Error> {
    let mut pair = Pair::new(ids, arenas, config, seed)?;
    send_tracks(&mut pair.offerer)?;
    for label in ["one", "two"] {
        pair.offerer.open(label)?;
    }
    recv_tracks(&mut pair.answerer)?;
    pair.answerer.add_data()?;
    pair.signal()?;
    Ok(pair)
}

/// Half a second of video, sound and messages. What does not fit is left out, as an application would.
fn stream<'m>(pair: &mut Pair<'m>, frames: &'m Arena) -> Result<(), Error> {
    let [v, a] = pair.offerer.tracks.ok_or(Error::NoSuchTrack)?;
    for n in 0..10 {
        let key = n % 5 == 0;
        let (picture, sound) =
            (video(frames, key, if key { 9_000 } else { 2_500 }, n * 50)?, audio(frames, 160, n * 50)?);
        let now = pair.now;
        let _ = pair.offerer.connection.send_frame(now, v, &picture);
        let _ = pair.offerer.connection.send_frame(now, a, &sound);
        for side in [&mut pair.offerer, &mut pair.answerer] {
            if let Some(id) = side.open_channels().first() {
                let _ = side.connection.write_channel(side.now, *id, MessageKind::Binary, &[0x33; 3_000]);
            }
        }
        pair.pass(SECOND / 20);
    }
    Ok(())
}

#[test]
fn the_bound_holds_under_loss() {
    let ids = Identities::new();
    let config = receiving();
    let bound = Connection::worst_case_bytes(&config);
    // `PEER_SEEDS` runs more of them.
    let seeds = std::env::var("PEER_SEEDS").map_or(10, |v| v.parse().expect("a number"));
    for seed in 0..seeds {
        // Frames are the application's: they have an arena of their own.
        let [one, two, frames] = [arena(0), arena(0), arena(0)];
        let mut pair = agreed(&ids, [&one, &two], &config, seed).expect("enough memory");
        pair.loss = 100;
        assert!(pair.connect(), "seed {seed}: {:?} {:?}", pair.offerer.events, pair.answerer.events);
        let patience = SECOND * 20;
        assert!(pair.drive(patience, |p| !p.offerer.open_channels().is_empty()), "seed {seed}: no channel");
        stream(&mut pair, &frames).expect("enough memory");
        pair.offerer.restart_ice().expect("a restart");
        pair.signal().expect("they agree");
        stream(&mut pair, &frames).expect("enough memory");
        // The last packets may have been lost, and again.
        pair.drive(patience, |p| !p.answerer.messages.is_empty());
        let (messages, seen) = (pair.answerer.messages.len(), pair.answerer.frames.len());
        let packets = pair.offerer.count(Sort::Rtp);
        assert!(messages > 0 && seen > 0 && packets > 50, "seed {seed}: {messages} {seen} {packets}");
        for (name, arena) in [("offerer", &one), ("answerer", &two)] {
            let peak = arena.inner().stats().peak;
            assert!(peak <= bound, "{name}: {peak} of {bound}");
        }
        drop(pair);
        assert_eq!([&one, &two, &frames].map(|a| a.inner().stats().live), [0; 3], "seed {seed}");
    }
}

/// A whole session in one arena: connected, streaming, one more channel and one more track by a later description of each side,
/// an ICE restart, the end. What it comes to may be an error.
fn session(ids: &Identities, arena: &Arena, seed: u64) -> Result<bool, Error> {
    let mut pair = agreed(ids, [arena; 2], &receiving(), seed)?;
    let connected = pair.connect();
    stream(&mut pair, arena)?;
    pair.offerer.open("later")?;
    let sound = TrackConfig::sendonly(MediaKind::Audio, "later", "stream", [opus()])?;
    pair.answerer.connection.add_track(pair.now, sound)?;
    pair.signal()?;
    pair.signal_back()?;
    pair.pass(SECOND / 10);
    stream(&mut pair, arena)?;
    pair.offerer.restart_ice()?;
    pair.signal()?;
    pair.pass(SECOND);
    pair.offerer.connection.close(pair.now);
    pair.pass(SECOND);
    Ok(connected)
}

#[test]
fn any_allocation_may_fail() {
    let ids = Identities::new();
    let whole = arena(0);
    assert_eq!(session(&ids, &whole, 3), Ok(true));
    let attempts = whole.attempts();
    assert!(attempts > 40, "only {attempts} allocations in a session");
    let (mut errors, mut unconnected) = (0, 0);
    for nth in 1..=attempts {
        let arena = arena(nth);
        match session(&ids, &arena, 3) {
            Ok(true) => {}
            Ok(false) => unconnected += 1,
            Err(_) => errors += 1,
        }
        assert!(arena.has_failed(), "allocation {nth} of {attempts} was not reached");
        assert_eq!(arena.inner().stats().live, 0, "allocation {nth} failed, and something is kept");
        // There is memory again.
        let mut next = agreed(&ids, [&arena; 2], &receiving(), 4).expect("enough memory");
        assert!(next.connect(), "after allocation {nth} failed, no connection comes any more");
    }
    println!(
        "figure: {attempts} allocations: {errors} failed as an error, {unconnected} as a connection that did not come"
    );
    assert!(errors > 0);
}

#[test]
fn memory_may_run_out_for_good_at_any_allocation() {
    let ids = Identities::new();
    let whole = arena(0);
    assert_eq!(session(&ids, &whole, 3), Ok(true));
    for nth in 1..=whole.attempts() {
        let arena = arena_that_ends(nth);
        let outcome = session(&ids, &arena, 3);
        assert!(arena.has_failed() && outcome != Ok(true), "allocation {nth}: {outcome:?}");
        assert_eq!(arena.inner().stats().live, 0, "allocations from {nth} on failed, and something is kept");
    }
}

#[test]
fn a_thousand_sessions_leave_nothing_behind() {
    let (ids, arena) = (Identities::new(), arena(0));
    let config = receiving();
    let start = arena.inner().stats().live;
    for seed in 0..CYCLES {
        let mut pair = agreed(&ids, [&arena; 2], &config, seed).expect("enough memory");
        assert!(pair.connect());
        let [v, _] = pair.offerer.tracks.expect("it sends");
        let now = pair.now;
        let frame = video(&arena, true, 2_000, 0).expect("a frame");
        pair.offerer.connection.send_frame(now, v, &frame).expect("a place");
        drop(frame);
        pair.pass(SECOND / 20);
        pair.offerer.connection.close(pair.now);
        pair.pass(SECOND / 20);
        assert_eq!(pair.offerer.count(Sort::Rtp), 3);
        drop(pair);
        assert_eq!(arena.inner().stats().live, start, "session {seed}");
    }
    let stats = arena.inner().stats();
    assert_eq!(stats.allocations, stats.frees);
    println!("figure: {CYCLES} sessions, {} allocations, {} bytes left", stats.allocations, stats.live - start);
}

#[test]
fn streaming_allocates_nothing() {
    let (ids, one, two, frames) = (Identities::new(), arena(0), arena(0), arena(0));
    let mut pair = agreed(&ids, [&one, &two], &receiving(), 5).expect("enough memory");
    assert!(pair.connect());
    stream(&mut pair, &frames).expect("enough memory");
    let before = [&one, &two].map(|a| a.attempts());
    let sent = [Sort::Rtp, Sort::Dtls].map(|s| pair.offerer.count(s));
    for _ in 0..20 {
        stream(&mut pair, &frames).expect("enough memory");
    }
    let sent = [Sort::Rtp, Sort::Dtls].map(|s| pair.offerer.count(s)).iter().zip(sent).map(|(a, b)| a - b).min();
    assert!(sent > Some(400), "{sent:?} packets");
    assert_eq!([&one, &two].map(|a| a.attempts()), before, "allocations");
}
