//! Setting up over a path that loses packets: it takes as long as the losses make it, and no longer.
//!
//! `SCTP_SEEDS=n` runs more of them; the figures are those of
//! `SCTP_SEEDS=20000 cargo test --release -p barertc-sctp --test it setup -- --nocapture`.

use std::time::Duration;

use crate::support::{Assoc, Link, Net, Peer, association, pair};
use barertc_sctp::{ChannelConfig, ChannelId, Config, Congestion, Event, MessageKind};
use barertc_wire::Instant;

const MS: Duration = Duration::from_millis(1);

fn both(link: Link, congestion: Congestion, seed: u64) -> (Net<Assoc, Assoc>, ChannelId) {
    let mut config = Config::with_buffers(16 << 10, 16 << 10);
    config.congestion = congestion;
    let mut net = pair([config.clone(), config], link, seed);
    let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
    (net, id)
}

/// From both sides' first INIT to a message that was written as soon as that was possible.
fn first_message(congestion: Congestion, seed: u64) -> Duration {
    let link = Link { loss: 100, delay: MS * 10, ..Link::default() };
    let (mut net, id) = both(link, congestion, seed);
    let start = net.now;
    let arrived = net.run_until(MS * 100_000, |net| {
        while let Some(event) = net.left.poll_event() {
            if matches!(event, Event::ChannelOpened { .. }) {
                net.left.write(net.now, id, MessageKind::Binary, &[1; 3_000]).expect("room");
            }
        }
        std::iter::from_fn(|| net.right.poll_event()).any(|event| matches!(event, Event::Readable(_)))
    });
    assert!(arrived, "seed {seed}");
    net.now - start
}

#[test]
fn a_first_message_comes_soon_with_a_tenth_lost() {
    let seeds = std::env::var("SCTP_SEEDS").map_or(2_000, |v| v.parse().expect("a number"));
    for congestion in [Congestion::Rfc9260, Congestion::Paced] {
        let mut times: Vec<Duration> = (0..seeds).map(|seed| first_message(congestion, seed)).collect();
        times.sort();
        let at = |permille: usize| times[(times.len() * permille / 1_000).min(times.len() - 1)];
        println!(
            "{congestion:?}, {seeds} seeds: p50 {:?}, p90 {:?}, p99 {:?}, p99.9 {:?}, worst {:?}",
            at(500),
            at(900),
            at(990),
            at(999),
            at(1_000)
        );
        // With time-outs of half a second that double, and data that a side dropped until it had COOKIE ACK, one in fifty
        // took a second and a half and the worst of ten thousand fifteen.
        assert!(at(980) < MS * 1_000 && at(1_000) < MS * 8_000);
    }
}

#[test]
fn data_stands_in_for_a_cookie_ack_that_was_lost() {
    let (mut net, id) = both(Link::default(), Congestion::Paced, 1);
    // The right side is the first to be established; what it answers COOKIE ECHO with is lost.
    let (mut left, mut right) = (vec![], vec![]);
    let mut now = net.now;
    let mut deliver = |net: &mut Net<Assoc, Assoc>, drop_acks: bool| {
        now += MS;
        left.extend(std::iter::from_fn(|| net.left.output(now)));
        right.extend(std::iter::from_fn(|| net.right.output(now)));
        for mut packet in left.drain(..) {
            net.right.input(now, &mut packet);
        }
        for mut packet in right.drain(..) {
            // COOKIE ACK is chunk type 11, and the right side's INIT 1: it shall not begin the same from its side.
            if !(drop_acks && matches!(packet[12], 1 | 11)) {
                net.left.input(now, &mut packet);
            }
        }
    };
    for _ in 0..4 {
        deliver(&mut net, true);
    }
    assert!(net.right.is_established() && !net.left.is_established());
    let there = net.right.open(net.now, &ChannelConfig::default()).expect("a channel");
    assert_ne!(id, there);
    deliver(&mut net, true);
    assert!(net.left.is_established(), "OPEN came, as DATA");
}

/// ICE measures while the first INIT is on its way.
#[test]
fn a_timer_that_runs_follows_the_round_trip_of_ice() {
    let (mut a, _heap) = association(Config::default(), 5);
    let at = Instant::from_millis;
    a.connect(at(1_000));
    let mut out = [0; 1_200];
    assert!(a.poll_transmit(at(1_000), &mut out).is_some(), "INIT");
    assert_eq!(a.timeout(), Some(at(1_500)));
    assert!(a.wants_round_trip_time());
    a.set_round_trip_time(at(1_020), Duration::from_millis(80));
    assert_eq!(a.timeout(), Some(at(1_180)));
    assert!(!a.wants_round_trip_time());
    // A longer one delays nothing that waits already.
    a.set_round_trip_time(at(1_030), Duration::from_millis(400));
    assert_eq!(a.timeout(), Some(at(1_180)));
}
