//! The daily life of a device: one viewer stays, others come and go, networks change, and the numbers that count up run over
//! their ends: sequence numbers of RTP, its timestamps, and milliseconds in 32 bits.
//!
//! `BARERTC_HOURS=24` makes it a whole day, which takes some minutes. Without it, it is long enough for each number to run over
//! once.
//!
//! What must hold:
//! - the viewer who stays hears all sound in order, sees all pictures, and gets each message once and in order;
//! - what a guest took is given back to the byte;
//! - what the viewer who stays takes does not grow: the peak of the whole time is that of the first minute;
//! - nobody is told of a failure;
//! - the numbers have run over their ends, or this was no proof. TSNs do in `barertc-sctp`'s `numbers_that_run_over`.

use core::time::Duration;

use crate::support::{Arena, Connection, Identities, Pair, arena, frame, picture, receiving, recv_tracks, send_tracks};
use barertc::{Event, Instant, MessageKind, PayloadFormat, TrackId};

const TICK: Duration = Duration::from_millis(20);
const MINUTE: u64 = 60_000 / 20;
/// Ticks of the short form: more packets of sound than there are sequence numbers.
const SHORT: u64 = 66_500;
/// How long before the end of 32 bits of milliseconds it begins.
const BEFORE: Duration = Duration::from_secs(90);
/// The same for the timestamps, in ticks of 20 ms.
const TICKS_BEFORE: u64 = 3_000;

/// Both sides are connected. The answerer's track of sound comes with them.
fn agreed<'m>(ids: &'m Identities, memory: &'m Arena, now: Instant, seed: u64) -> (Pair<'m>, TrackId) {
    let mut pair = Pair::new(ids, [memory, memory], &receiving(), seed).expect("memory");
    (pair.now, pair.offerer.now, pair.answerer.now) = (now, now, now);
    send_tracks(&mut pair.offerer).expect("room");
    pair.offerer.open("data").expect("room");
    let [_, sound] = recv_tracks(&mut pair.answerer).expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect(), "{:?} {:?}", pair.offerer.events, pair.answerer.events);
    let open = |p: &mut Pair<'_>| !p.answerer.open_channels().is_empty() && !p.offerer.open_channels().is_empty();
    assert!(pair.drive(Duration::from_secs(5), open));
    (pair, sound)
}

/// The timestamps of sound and video that a connection of `seed` writes for a frame of time 0 (RFC 3550 §5.1: a random one).
fn first_timestamps(ids: &Identities, now: Instant, seed: u64) -> [u32; 2] {
    let (memory, frames) = (arena(0), arena(0));
    let (mut pair, sound) = agreed(ids, &memory, now, seed);
    tick(&mut pair, &frames, TICKS_BEFORE, [0; 2]);
    pair.pass(TICK * 10);
    let first = |is_sound| {
        let mut all = pair.answerer.frames.iter().filter(|(track, _, _)| (*track == sound) == is_sound);
        all.next().expect("a frame").1.timestamp
    };
    [true, false].map(first)
}

/// Sends what is due in this tick, and lets the tick pass. `first`: see [`first_timestamps`].
fn tick<'m>(pair: &mut Pair<'m>, frames: &'m Arena, n: u64, first: [u32; 2]) {
    let [v, a] = pair.offerer.tracks.expect("it sends");
    // Of the clocks of both kinds of media, in 32 bits: what is written runs over after `TICKS_BEFORE`.
    let millis = (n.wrapping_sub(TICKS_BEFORE)).wrapping_mul(20);
    let at = |rate: u64, first: u32| (millis.wrapping_mul(rate) as u32).wrapping_sub(first);
    let now = pair.now;
    let mut send = |track: TrackId, frame: &_| pair.offerer.connection.send_frame(now, track, frame).map(drop);
    let sound = frame(frames, &[0xA5; 60], PayloadFormat::Opus, at(48, first[0])).expect("memory");
    send(a, &sound).expect("room for sound");
    if n.is_multiple_of(10) {
        let key = n.is_multiple_of(500);
        let bytes = picture(key, 900, n);
        let shown = frame(frames, &bytes, PayloadFormat::H264, at(90, first[1])).expect("memory");
        send(v, &shown).expect("room for a picture");
    }
    if n.is_multiple_of(50) {
        let id = pair.offerer.open_channels()[0];
        let number = n.to_be_bytes();
        pair.offerer.connection.write_channel(now, id, MessageKind::Binary, &number).expect("room for a message");
    }
    pair.pass(TICK);
}

#[test]
fn a_device_lives_through_it() {
    let hours: Option<u64> = std::env::var("BARERTC_HOURS").ok().map(|v| v.parse().expect("a number"));
    let ticks = hours.map_or(SHORT, |hours| hours * 60 * MINUTE);
    let (ids, memory, frames) = (Identities::new(), arena(0), arena(0));
    let start = Instant::from_millis(1 << 32);
    let start = Instant::from_micros(start.as_micros() - BEFORE.as_micros() as u64);
    let first = first_timestamps(&ids, start, 1);
    let (mut stays, sound) = agreed(&ids, &memory, start, 1);
    let (mut sounds, mut pictures, mut messages, mut guests, mut moves) = (0u64, 0u64, 0u64, 0u64, 0u64);
    let (mut last_sound, mut early_peak) = (None::<u32>, 0);
    let (mut last_picture, mut wraps) = (None::<u32>, [0u64; 2]);
    for n in 0..ticks {
        tick(&mut stays, &frames, n, first);
        // A guest in each minute, for five seconds. Some say that they leave, and some do not.
        if n % MINUTE == MINUTE / 2 && (hours.is_some() || (n / MINUTE).is_multiple_of(4)) {
            let before = memory.inner().stats().live;
            let (mut guest, _) = agreed(&ids, &memory, stays.now, 1_000 + n);
            (0..250).for_each(|m| tick(&mut guest, &frames, m, [0; 2]));
            assert!(guest.answerer.frames.len() > 240, "guest {guests}: {} frames", guest.answerer.frames.len());
            if guests.is_multiple_of(2) {
                guest.answerer.connection.close(guest.now);
                guest.pass(TICK * 10);
            }
            drop(guest);
            assert_eq!(memory.inner().stats().live, before, "guest {guests}");
            guests += 1;
        }
        // Now and then the viewer comes from another network.
        if n % (7 * MINUTE) == 7 * MINUTE - 1 {
            stays.offerer.restart_ice().expect("a restart");
            stays.signal().expect("they agree");
            moves += 1;
        }
        if n == MINUTE {
            early_peak = memory.inner().stats().live;
        }
        if n.is_multiple_of(50) {
            for (track, frame, _) in stays.answerer.frames.drain(..) {
                if track == sound {
                    let is_next = last_sound.is_none_or(|last| frame.timestamp.wrapping_sub(last) == 960);
                    assert!(is_next, "tick {n}: sound {last_sound:?}, then {}", frame.timestamp);
                    wraps[0] += u64::from(last_sound.is_some_and(|last| frame.timestamp < last));
                    last_sound = Some(frame.timestamp);
                    sounds += 1;
                } else {
                    assert!(frame.complete, "tick {n}: {frame:?}");
                    wraps[1] += u64::from(last_picture.is_some_and(|last| frame.timestamp < last));
                    last_picture = Some(frame.timestamp);
                    pictures += 1;
                }
            }
            for (_, bytes) in stays.answerer.messages.drain(..) {
                assert_eq!(bytes, (messages * 50).to_be_bytes(), "tick {n}");
                messages += 1;
            }
            for side in [&mut stays.offerer, &mut stays.answerer] {
                assert!(!side.saw_failure(), "tick {n}: {:?}", side.events);
                side.sent.clear();
                // Only what is asked for again is kept: each look at all events of a day costs more than the day.
                side.events.retain(|event| matches!(event, Event::ChannelOpen(_)));
            }
        }
    }
    let peak = memory.inner().stats().peak;
    let bound = 4 * Connection::worst_case_bytes(&receiving());
    assert!(peak <= bound, "{peak} bytes of {bound}");
    assert!(sounds + 60 >= ticks && pictures + 12 >= ticks / 10 && messages + 2 >= ticks / 50);
    assert_eq!(memory.inner().stats().live, early_peak, "what stays does not grow");
    let rounds = sounds >> 16;
    assert!(rounds > 0 && wraps.iter().all(|wraps| *wraps > 0), "{sounds} packets, timestamps over the end: {wraps:?}");
    let millis = [start, stays.now].map(|at| at.as_micros() / 1_000);
    assert!(millis[0] < 1 << 32 && millis[1] > 1 << 32, "{millis:?}");
    println!(
        "figure: {} simulated minutes: {sounds} packets of sound, {pictures} pictures, {messages} messages, {guests} guests, \
         {moves} restarts; {peak} bytes at most; sequence numbers ran over {rounds} times, timestamps {wraps:?} times, milliseconds once",
        ticks / MINUTE
    );
    drop(stays);
    assert_eq!([&memory, &frames].map(|arena| arena.inner().stats().live), [0, 0]);
}
