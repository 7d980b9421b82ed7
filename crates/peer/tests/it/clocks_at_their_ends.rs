//! Clocks that begin at their origin, that come to their end, and that do not go as a clock should.
//!
//! The caller's clock must be monotonic. One that is not may cost a connection, and no more than that: no panic, no datagrams
//! without end, no memory above the bound, and all of it back.

use core::time::Duration;

use crate::support::{Connection, Identities, Pair, arena, audio, receiving, recv_tracks, send_tracks, video};
use barertc::{Instant, MessageKind, Route};
use barertc_crypto::{rand_core::Rng, selftest::Predictable};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// Both sides agree on media and a channel at `now`.
fn agreed<'m>(ids: &'m Identities, memory: &'m crate::support::Arena, now: Instant, seed: u64) -> Pair<'m> {
    let mut pair = Pair::new(ids, [memory, memory], &receiving(), seed).expect("memory");
    (pair.now, pair.offerer.now, pair.answerer.now) = (now, now, now);
    send_tracks(&mut pair.offerer).expect("room");
    pair.offerer.open("data").expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    pair
}

/// Connects at `start`, and streams for some seconds.
fn lives_at(start: Instant) {
    let (ids, memory, frames) = (Identities::new(), arena(0), arena(0));
    let mut pair = agreed(&ids, &memory, start, 41);
    assert!(pair.connect(), "{start:?}: {:?} {:?}", pair.offerer.events, pair.answerer.events);
    assert!(pair.drive(5 * SECOND, |p| !p.offerer.open_channels().is_empty()), "{start:?}: no channel");
    let [v, a] = pair.offerer.tracks.expect("it sends");
    let channel = pair.offerer.open_channels()[0];
    for n in 0..100 {
        let now = pair.now;
        let picture = video(&frames, n % 50 == 0, 3_000, n * 40).expect("memory");
        pair.offerer.connection.send_frame(now, v, &picture).expect("room");
        pair.offerer.connection.send_frame(now, a, &audio(&frames, 100, n * 40).expect("memory")).expect("room");
        if n % 10 == 0 {
            pair.offerer.connection.write_channel(now, channel, MessageKind::Binary, &[7; 2_000]).expect("room");
        }
        pair.pass(SECOND / 25);
    }
    pair.pass(SECOND);
    let (frames, messages) = (pair.answerer.frames.len(), pair.answerer.messages.len());
    assert!(frames >= 195 && messages == 10, "{start:?}: {frames} frames, {messages} messages");
    pair.offerer.restart_ice().expect("a restart");
    pair.signal().expect("they agree");
    pair.pass(30 * SECOND);
    assert!(pair.offerer.is_connected() && pair.answerer.is_connected(), "{start:?}: {:?}", pair.answerer.events);
}

#[test]
fn a_connection_lives_at_the_origin_of_its_clock() {
    lives_at(Instant::ZERO);
    lives_at(Instant::from_micros(1));
}

#[test]
fn a_connection_lives_shortly_before_the_end_of_its_clock() {
    lives_at(Instant::FAR_FUTURE - HOUR);
}

/// What a clock tells after `now`, when it is one of `kind`.
fn jump(now: Instant, kind: u32, random: u64) -> Instant {
    match kind % 60 {
        0 => Instant::ZERO,
        1 => Instant::FAR_FUTURE,
        2 => Instant::FAR_FUTURE - Duration::from_micros(random % 1_000_000),
        3 => now - Duration::from_micros(random % 100_000_000),
        4 => now + Duration::from_secs(random % 1_000_000),
        5 => Instant::from_micros(random),
        6 => Instant::from_millis((1 << 32) - 1 + random % 3),
        _ => now + Duration::from_micros(random % 30_000),
    }
}

#[test]
fn a_clock_that_jumps_costs_no_more_than_the_connection() {
    let (ids, config) = (Identities::new(), receiving());
    let bound = 2 * Connection::worst_case_bytes(&config);
    for seed in 0..40 {
        let (memory, frames) = (arena(0), arena(0));
        let mut chance = Predictable::new(seed);
        let mut pair = agreed(&ids, &memory, Instant::from_millis(5_000), seed);
        // Some jump while they connect, some behind that.
        if seed % 2 == 0 {
            assert!(pair.connect());
            pair.pass(SECOND);
        }
        let (mut now, mut room) = (pair.now, [0; 2_048]);
        let tracks = pair.offerer.tracks.expect("it sends");
        for step in 0..150 {
            for turn in 0..2 {
                now = jump(now, chance.next_u32(), chance.next_u64());
                let (from, to) = if turn == 0 {
                    (&mut pair.offerer, &mut pair.answerer)
                } else {
                    (&mut pair.answerer, &mut pair.offerer)
                };
                from.connection.handle_timeout(now);
                let _ = from.connection.timeout();
                if turn == 0 {
                    let frame = video(&frames, true, 5_000, step * 40).expect("memory");
                    let _ = from.connection.send_frame(now, tracks[0], &frame);
                    let _ = from.connection.send_frame(now, tracks[1], &audio(&frames, 100, step).expect("memory"));
                }
                if let Some(id) = from.open_channels().last() {
                    let _ = from.connection.write_channel(now, *id, MessageKind::Text, &[b'x'; 1_000]);
                }
                if chance.next_u32().is_multiple_of(40) {
                    let _ = from.connection.restart_ice(now);
                }
                from.fetch(now);
                let mut sent = 0;
                while let Some(transmit) = from.connection.poll_transmit(now, &mut room) {
                    sent += 1;
                    assert!(sent < 2_000, "seed {seed}, step {step}, {now:?}: datagrams without end");
                    let then = if chance.next_u32().is_multiple_of(8) {
                        jump(now, chance.next_u32(), chance.next_u64())
                    } else {
                        now
                    };
                    let route = Route::udp(transmit.route.remote, transmit.route.local);
                    let _ = to.connection.handle(then, route, &mut room[..transmit.len]);
                }
                from.fetch(now);
                from.events.truncate(64);
            }
            pair.offerer.now = now;
            let _ = (step % 50 == 49).then(|| pair.signal());
        }
        let peak = memory.inner().stats().peak;
        assert!(peak <= bound, "seed {seed}: {peak} of {bound}");
        pair.offerer.connection.close(now);
        drop(pair);
        assert_eq!([&memory, &frames].map(|a| a.inner().stats().live), [0; 2], "seed {seed}");
    }
}
