//! Several viewers of one source: a frame is in memory once however many they are, and one who is slow holds up nobody.

use core::time::Duration;

use crate::support::{Arena, Identities, Pair, arena, receiving, recv_tracks, send_tracks, video};
use barertc::ice::stun::{Builder, Class, Method, TransactionId, attr};
use barertc::{Config, Error, Route, TrackId};

const FRAME: Duration = Duration::from_millis(33);
const KEY_FRAME: usize = 100_000;
const PICTURE: usize = 6_000;
/// A key frame each so many frames.
const GROUP: u32 = 30;
const FRAMES: u32 = 120;

struct Viewer<'m> {
    pair: Pair<'m>,
    from: TrackId,
    to: TrackId,
    refused: usize,
}

fn viewers<'m>(ids: &'m Identities, memory: &'m Arena, count: usize) -> Vec<Viewer<'m>> {
    let config = Config { recv_video: barertc::RecvBounds { packets: 512, ..receiving().recv_video }, ..receiving() };
    let connect = |n: usize| {
        let mut pair = Pair::new(ids, [memory; 2], &config, n as u64 + 50).expect("enough memory");
        let [from, _] = send_tracks(&mut pair.offerer).expect("room");
        let [to, _] = recv_tracks(&mut pair.answerer).expect("room");
        pair.signal().expect("they agree");
        assert!(pair.connect());
        Viewer { pair, from, to, refused: 0 }
    };
    (0..count).map(connect).collect()
}

/// Plays to all of them; the most bytes that frames took at any time.
fn play<'m>(viewers: &mut [Viewer<'m>], frames: &'m Arena) -> usize {
    let mut most = 0;
    for n in 0..FRAMES {
        let key = n % GROUP == 0;
        let frame = video(frames, key, if key { KEY_FRAME } else { PICTURE }, n * 33).expect("a frame");
        for viewer in &mut *viewers {
            match viewer.pair.offerer.connection.send_frame(viewer.pair.now, viewer.from, &frame) {
                Ok(()) => {}
                Err(Error::WouldBlock) => viewer.refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        most = most.max(frames.inner().stats().live);
        drop(frame);
        for viewer in &mut *viewers {
            viewer.pair.pass(FRAME);
        }
    }
    most
}

fn arrived(viewer: &Viewer<'_>) -> usize {
    viewer.pair.answerer.frames.iter().filter(|(track, frame, _)| *track == viewer.to && frame.complete).count()
}

#[test]
fn payload_memory_does_not_grow_with_the_viewers() {
    let ids = Identities::new();
    let [one, eight] = [1, 8].map(|count| {
        let (memory, frames) = (arena(0), arena(0));
        let mut all = viewers(&ids, &memory, count);
        let most = play(&mut all, &frames);
        for viewer in &all {
            assert_eq!(arrived(viewer), FRAMES as usize);
            assert_eq!(viewer.refused, 0);
        }
        drop(all);
        assert_eq!(frames.inner().stats().live, 0, "every frame is given back with its last viewer");
        most
    });
    println!("frames took {one} bytes with one viewer and {eight} with eight");
    // The histories of all hold the same frames; viewers differ by a frame that one has sent and another not yet.
    assert!(eight <= one + KEY_FRAME, "{one} bytes with one viewer, {eight} with eight");
}

#[test]
fn a_slow_viewer_slows_no_other() {
    let ids = Identities::new();
    let (memory, frames) = (arena(0), arena(0));
    let mut all = viewers(&ids, &memory, 3);
    // One whose path has died, and one whose socket takes a tenth of what there is.
    all[0].pair.loss = 1_000;
    all[1].pair.narrow = true;
    all[1].pair.latency = Duration::from_millis(200);
    let alone = {
        let mut one = viewers(&ids, &memory, 1);
        play(&mut one, &frames)
    };
    let most = play(&mut all, &frames);
    assert_eq!(arrived(&all[0]), 0);
    assert_eq!((arrived(&all[2]), all[2].refused), (FRAMES as usize, 0));
    // What the slow ones keep is bounded by their own queues and histories.
    let config = Config::default().video;
    let queues = config.queue_frames * PICTURE + config.queue_frames.div_ceil(GROUP as usize) * KEY_FRAME;
    let bound = alone + 2 * (queues + config.history.bytes);
    println!("frames took {most} bytes, {alone} without the slow ones; bound {bound}");
    assert!(most <= bound, "{most} bytes, bound {bound}");
}

/// A STUN message with the user name that a check of `from` has for `to`.
fn named(class: Class, from: &str, to: &str) -> Vec<u8> {
    let mut room = [0; 128];
    let mut message = Builder::new(&mut room, class, Method::BINDING, TransactionId([7; 12])).expect("room");
    message.parts(attr::USERNAME, &[to.as_bytes(), b":", from.as_bytes()]).expect("room");
    let len = message.finish();
    room[..len].to_vec()
}

#[test]
fn a_response_belongs_to_its_senders_connection_whatever_name_it_has() {
    let (ids, memory) = (Identities::new(), arena(0));
    let all = viewers(&ids, &memory, 2);
    let [ours, other] = [&all[0].pair, &all[1].pair];
    let [us, peer] = [&ours.offerer, &ours.answerer];
    let (from, to) = (other.answerer.connection.remote_ufrag(), us.connection.remote_ufrag());
    let (from, to) = (from.expect("connected"), to.expect("connected"));
    let known = Route::udp(us.address, peer.address);
    let strange = Route::udp(us.address, "203.0.113.9:9".parse().expect("an address"));
    // libnice repeats the name of the check: the peer's fragment stands first.
    let ours_alone = peer.connection.remote_ufrag().expect("connected");
    for class in [Class::Success, Class::Error, Class::Indication] {
        let response = named(class, ours_alone, to);
        assert!(us.connection.is_for_us(known, &response), "{class:?}");
        assert!(!us.connection.is_for_us(strange, &response), "{class:?} of a stranger");
    }
    // A check belongs to whom it names, wherever it comes from.
    let check = named(Class::Request, to, ours_alone);
    assert!(us.connection.is_for_us(known, &check) && us.connection.is_for_us(strange, &check));
    let others = named(Class::Request, to, from);
    assert!(!us.connection.is_for_us(known, &others));
}
