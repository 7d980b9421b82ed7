//! Somebody on the path who sees each datagram and sends more behind it: again, late, cut, longer, changed in a bit, from
//! another address, and back to who sent it. The true datagrams arrive. Then nothing else may be the result: the connection
//! stands, all that was sent arrives once and in order, and what he made is counted.

use core::time::Duration;

use crate::support::{Arena, Identities, Pair, arena, audio, receiving, recv_tracks, send_tracks, video};
use barertc::MessageKind;
use barertc_crypto::selftest::Predictable;

const SECOND: Duration = Duration::from_secs(1);

fn lives(ids: &Identities, seed: u64) {
    let (memory, frames): (Arena, Arena) = (arena(0), arena(0));
    let mut pair = Pair::new(ids, [&memory, &memory], &receiving(), seed).expect("memory");
    pair.attacker = Some(Predictable::new(seed ^ 0x5EED));
    let [v, a] = send_tracks(&mut pair.offerer).expect("room");
    pair.offerer.open("data").expect("room");
    recv_tracks(&mut pair.answerer).expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect(), "seed {seed}: {:?} {:?}", pair.offerer.events, pair.answerer.events);
    assert!(pair.drive(5 * SECOND, |p| !p.offerer.open_channels().is_empty()), "seed {seed}: no channel");
    let channel = pair.offerer.open_channels()[0];
    let mut sent = 0_u32;
    for n in 0..100_u32 {
        let now = pair.now;
        let picture = video(&frames, n % 50 == 0, 3_000, n * 40).expect("memory");
        pair.offerer.connection.send_frame(now, v, &picture).expect("room");
        pair.offerer.connection.send_frame(now, a, &audio(&frames, 100, n * 40).expect("memory")).expect("room");
        if pair.offerer.connection.write_channel(now, channel, MessageKind::Binary, &n.to_be_bytes()).is_ok() {
            sent += 1;
        }
        if n == 50 {
            pair.offerer.restart_ice().expect("a restart");
            pair.signal().expect("they agree");
        }
        pair.pass(SECOND / 25);
    }
    pair.pass(5 * SECOND);
    for side in [&pair.offerer, &pair.answerer] {
        assert!(side.is_connected() && !side.saw_failure(), "seed {seed}: {:?}", side.events);
    }
    let numbers: Vec<_> = pair.answerer.messages.iter().map(|(_, bytes)| bytes.clone()).collect();
    let expected: Vec<_> = (0..100_u32).map(|n| n.to_be_bytes().to_vec()).collect();
    assert_eq!((sent, numbers), (100, expected), "seed {seed}");
    let all = &pair.answerer.frames;
    let complete = all.iter().filter(|(_, frame, _)| frame.complete).count();
    assert_eq!((all.len(), complete), (200, 200), "seed {seed}");
    assert!(pair.forgeries > 500, "seed {seed}: {} forgeries", pair.forgeries);
    drop(pair);
    assert_eq!(memory.inner().stats().live, 0, "seed {seed}");
}

#[test]
fn nothing_of_his_has_an_effect() {
    let ids = Identities::new();
    let seeds = std::env::var("PEER_SEEDS").map_or(12, |v| v.parse().expect("a number"));
    (0..seeds).for_each(|seed| lives(&ids, seed));
}
