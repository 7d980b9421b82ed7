//! How long a small reliable message takes over a lossy path: 64 bytes there and back, 50 ms round trip.
//!
//! `cargo test --release -p barertc-sctp --test it latency -- --nocapture` prints the table; `SCTP_PINGS=n` is for more.

use std::time::Duration;

use crate::support::{Assoc, Link, Net, pair};
use barertc_sctp::{ChannelConfig, Config, Congestion, Event, MessageKind};
use barertc_wire::Instant;

/// Milliseconds of `count` pings, sorted.
fn pings(config: Config, loss: u64, count: usize) -> Vec<f64> {
    let link = Link { loss, delay: Duration::from_millis(25), ..Link::default() };
    let mut net: Net<Assoc, Assoc> = pair([config.clone(), config], link, 17);
    let id = net.left.open(net.now, &ChannelConfig::default()).expect("a channel");
    let mut times = vec![];
    let mut asked: Option<Instant> = None;
    let mut next = net.now + Duration::from_secs(1);
    let message = [9u8; 64];
    let mut room = [0u8; 64];
    let done = net.run_until(Duration::from_secs(count as u64), |net| {
        while net.left.poll_event().is_some() {}
        while let Some(event) = net.right.poll_event() {
            let Event::Readable(id) = event else { continue };
            while net.right.read(net.now, id, &mut room).is_ok() {
                net.right.write(net.now, id, MessageKind::Binary, &room).expect("room");
            }
        }
        while net.left.read(net.now, id, &mut room).is_ok_and(|r| r.end_of_message) {
            let asked = asked.take().expect("a question before its answer");
            times.push((net.now - asked).as_micros() as f64 / 1e3);
            next = net.now + Duration::from_millis(100);
        }
        if asked.is_none() && net.now >= next {
            asked = Some(net.now);
            net.left.write(net.now, id, MessageKind::Binary, &message).expect("room");
        }
        if asked.is_none() {
            net.wake_at = Some(next);
        }
        times.len() == count
    });
    assert!(done, "{} of {count}", times.len());
    times.sort_by(f64::total_cmp);
    times
}

#[test]
fn ping_over_a_lossy_path() {
    let count = std::env::var("SCTP_PINGS").map_or(2_000, |v| v.parse().expect("a number"));
    println!("64 bytes there and back at 50 ms, each packet lost with the same probability; {count} pings");
    println!("| loss | congestion | p50 | p90 | p99 | p99.9 | worst (ms) |");
    for loss in [0, 10, 50, 100] {
        for congestion in [Congestion::Rfc9260, Congestion::Paced] {
            let mut config = Config::default();
            config.congestion = congestion;
            let times = pings(config, loss, count);
            let at = |p: f64| times[((times.len() - 1) as f64 * p) as usize];
            println!(
                "| {} % | {congestion:?} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} |",
                loss / 10,
                at(0.5),
                at(0.9),
                at(0.99),
                at(0.999),
                at(1.0)
            );
            if loss == 50 {
                // libdatachannel: 50 and 251.
                assert!(at(0.5) < 51.0 && at(0.99) < 180.0, "{} {}", at(0.5), at(0.99));
            }
        }
    }
}
