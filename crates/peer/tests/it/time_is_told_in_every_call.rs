//! No call acts on a time that another call has told.

use core::time::Duration;

use barertc::{ChannelConfig, Config, MessageKind, Reliability};

use crate::support::{Identities, Pair, arena};

const SECOND: Duration = Duration::from_secs(1);

/// Data channels alone, agreed on and connected.
fn connected<'m>(ids: &'m Identities, arena: &'m crate::support::Arena) -> Pair<'m> {
    let mut pair = Pair::new(ids, [arena; 2], &Config::default(), 41).expect("enough memory");
    let config = ChannelConfig { label: "news", reliability: Reliability::MaxLifetime(100), ..Default::default() };
    pair.offerer.connection.open_channel(pair.now, &config).expect("room");
    pair.answerer.add_data().expect("room");
    pair.signal().expect("they agree");
    assert!(pair.connect());
    assert!(pair.drive(SECOND, |p| !p.answerer.open_channels().is_empty()));
    pair
}

#[test]
fn the_life_of_a_message_begins_when_it_is_written() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = connected(&ids, &arena);
    pair.pass(3 * SECOND);
    // The loop has not turned for longer than the message may live.
    pair.now += Duration::from_millis(850);
    let channel = pair.offerer.open_channels()[0];
    pair.offerer.connection.write_channel(pair.now, channel, MessageKind::Text, b"in time").expect("room");
    assert!(pair.drive(SECOND, |p| p.answerer.messages.iter().any(|(_, m)| m == b"in time")));
}

#[test]
fn data_channels_without_data_wake_nobody_for_reports() {
    let (ids, arena) = (Identities::new(), arena(0));
    let mut pair = connected(&ids, &arena);
    pair.pass(5 * SECOND);
    for (name, longest) in {
        let mut longest = [("offerer", Duration::ZERO), ("answerer", Duration::ZERO)];
        for _ in 0..600 {
            pair.pass(SECOND / 10);
            for (side, (_, longest)) in [&pair.offerer, &pair.answerer].iter().zip(&mut longest) {
                let wait = side.connection.timeout().map(|at| at.saturating_since(pair.now));
                *longest = (*longest).max(wait.unwrap_or(Duration::MAX));
            }
        }
        longest
    } {
        assert!(longest > 3 * SECOND, "the {name} never waits longer than {longest:?}");
    }
}
