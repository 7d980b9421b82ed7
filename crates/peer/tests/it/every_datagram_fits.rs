//! No datagram is longer than the configuration says, whatever is in it; and media are not split finer than that needs.

use core::time::Duration;

use crate::support::{Identities, Pair, Sort, arena, audio, receiving, recv_tracks, send_tracks, video};
use barertc::config::{ConfigError, Rule};
use barertc::{Config, Error, MessageKind};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn none_is_longer_than_the_mtu() {
    let ids = Identities::new();
    for mtu in [576, 600, 999, 1_000, 1_200, 1_201, 1_280, 1_452, 1_472] {
        let [arena, frames] = [arena(0), arena(0)];
        let config = Config { mtu, ..receiving() };
        let mut pair = Pair::new(&ids, [&arena; 2], &config, mtu.into()).expect("enough memory");
        let [v, a] = send_tracks(&mut pair.offerer).expect("room");
        let chat = pair.offerer.open("chat").expect("room");
        recv_tracks(&mut pair.answerer).expect("room");
        pair.answerer.add_data().expect("room");
        pair.signal().expect("they agree");
        assert!(pair.connect(), "{mtu}: {:?}", pair.offerer.events);
        // The search for the path MTU ends.
        pair.pass(SECOND / 10);
        for n in 0..20 {
            let now = pair.now;
            pair.offerer
                .connection
                .send_frame(
                    now,
                    v,
                    &video(&frames, n == 0, if n == 0 { 60_000 } else { 3_000 }, n * 33).expect("a frame"),
                )
                .expect("room");
            pair.offerer.connection.send_frame(now, a, &audio(&frames, 200, n * 33).expect("a frame")).expect("room");
            let _ = pair.offerer.connection.write_channel(pair.now, chat, MessageKind::Binary, &[7; 5_000]);
            pair.pass(SECOND / 30);
        }
        pair.pass(5 * SECOND);
        let longest = |sort| {
            let lengths = [&pair.offerer, &pair.answerer].into_iter().flat_map(|s| &s.sent);
            lengths.filter(|(_, s, _)| *s == sort).map(|(_, _, len)| *len).max().unwrap_or(0)
        };
        for sort in [Sort::Ice, Sort::Dtls, Sort::Rtp, Sort::Rtcp] {
            let len = longest(sort);
            assert!((1..=usize::from(mtu)).contains(&len), "{mtu}: {sort:?} of {len} bytes");
        }
        // Room is kept for a TURN channel, alignment, and header extensions that this frame does not have; and its pieces
        // are of one size, so that each is short by a share of what the last would have lacked.
        for sort in [Sort::Dtls, Sort::Rtp] {
            assert!(longest(sort) + 96 > mtu.into(), "{mtu}: {sort:?} of {} bytes at most", longest(sort));
        }
        assert!(!pair.answerer.messages.is_empty());
    }
}

#[test]
fn what_cannot_carry_a_handshake_is_refused() {
    let (ids, arena) = (Identities::new(), arena(0));
    let config = Config { mtu: 575, ..Config::default() };
    assert_eq!(
        Pair::new(&ids, [&arena; 2], &config, 1).err(),
        Some(Error::Config(ConfigError { field: "mtu", rule: Rule::AtLeast(576), value: 575 }))
    );
    assert_eq!(arena.attempts(), 0);
}
