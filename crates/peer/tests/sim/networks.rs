//! What must hold on each network. The figures are those of the player here, not of a browser.

use std::time::Duration;

use barertc::config::GccConfig;
use barertc_impair::{Loss, Outage, Profile};

use crate::world::{Trial, run_all};

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn path(rtt: u64) -> Profile {
    Profile { delay: ms(rtt / 2), queue: ms(300), ..Profile::default() }
}

fn lossy(rtt: u64, loss: f64) -> Profile {
    Profile { loss: Loss::Independent(loss), ..path(rtt) }
}

fn narrow(rate: u64) -> Profile {
    Profile { rate: Some(rate), ..path(50) }
}

fn low(trial: Trial) -> Trial {
    Trial { latency: ms(50), seconds: 30, ..trial }
}

#[test]
fn what_only_a_full_queue_drops_has_no_repair_packets() {
    // A newcomer begins with the small rendition, which fills no queue. Where there is none, one does fill.
    for (renditions, rate, overflowed) in
        [(true, 2_000_000, 0..100), (true, 1_000_000, 0..100), (false, 1_800_000, 100..u64::MAX)]
    {
        for outcome in run_all(&low(Trial { renditions, ..Trial::new("narrow", narrow(rate)) }), 1..=2) {
            assert!(overflowed.contains(&outcome.link.overflowed), "{rate}: {} overflowed", outcome.link.overflowed);
            assert!(outcome.repair < 0.01, "{rate}: {}", outcome.repair);
        }
    }
}

#[test]
fn repair_packets_keep_within_their_bounds() {
    for (rtt, loss, least, most) in [(50, 0.01, 0.05, 0.15), (50, 0.05, 0.25, 0.4), (200, 0.05, 0.3, 0.55)] {
        for outcome in run_all(&low(Trial::new("lossy", lossy(rtt, loss))), 1..=2) {
            assert!((least..=most).contains(&outcome.repair), "{loss} at {rtt} ms: {}", outcome.repair);
            assert!(outcome.again <= 0.15, "{}", outcome.again);
        }
    }
    assert_eq!(run_all(&low(Trial::new("clean", path(50))), 1..=1)[0].repair, 0.0);
}

/// A key frame leaves before the next pictures are due where the path has room, and no faster where it has not.
#[test]
fn a_wide_path_that_loses_a_fifth_stops_the_picture_seldom() {
    for outcome in run_all(&Trial { seconds: 30, ..Trial::new("20 %", lossy(50, 0.2)) }, 1..=2) {
        assert!(outcome.shown.freezes <= 8, "{outcome:?}");
        assert!(outcome.shown.added_delay() <= ms(145), "{outcome:?}");
    }
    for outcome in run_all(&low(Trial::new("jitter", Profile { jitter: ms(30), ..path(50) })), 1..=1) {
        assert_eq!((outcome.shown.freezes, outcome.shown.gaps), (0, 0), "{outcome:?}");
    }
}

#[test]
fn an_estimate_of_nothing_is_no_spiral() {
    // As of a chip whose float helpers were wrong. Key frames that nobody asks for come every two seconds.
    let bandwidth = GccConfig { start: 0, min: 0, max: 0 };
    // (The pacer believes no less than 100 kbit/s.)
    for outcome in run_all(&low(Trial { bandwidth, ..Trial::new("estimate 0", path(50)) }), 1..=2) {
        assert!(outcome.asked_key_frames <= 1, "{} in five seconds", outcome.asked_key_frames);
        assert_eq!(outcome.shown.wide, 0, "smaller pictures");
        assert!(outcome.shown.pictures > 10 && outcome.repair == 0.0, "{outcome:?}");
    }
}

#[test]
fn a_processor_that_is_too_slow_is_no_spiral() {
    // A quarter and a half of the 230 datagrams a second that pictures and sound take; sound alone takes fifty.
    for (processor, pictures) in [(58, 5), (115, 200)] {
        for outcome in run_all(&low(Trial { processor: Some(processor), ..Trial::new("slow", path(50)) }), 1..=2) {
            assert!(outcome.asked_key_frames <= 1, "{} in five seconds", outcome.asked_key_frames);
            assert!(outcome.shown.pictures >= pictures, "{outcome:?}");
        }
    }
}

/// All of them, three seeds each: for the table of what is simulated.
#[test]
#[ignore = "prints a table; a minute"]
fn table() {
    let bursts = Profile { loss: Loss::Bursts { start: 0.0105, end: 0.2 }, ..path(50) };
    let outage = Profile { outage: Some(Outage { start: ms(20_000), length: ms(3_000) }), ..path(50) };
    let trials = [
        Trial::new("50 ms", path(50)),
        low(Trial::new("50 ms, 1 %", lossy(50, 0.01))),
        low(Trial::new("50 ms, 5 %", lossy(50, 0.05))),
        Trial { repair: false, ..Trial::new("5 %, no FEC", lossy(50, 0.05)) },
        Trial::new("50 ms, 10 %", lossy(50, 0.1)),
        Trial::new("50 ms, 20 %", lossy(50, 0.2)),
        Trial::new("bursts of 5, 5 %", bursts),
        Trial::new("200 ms, 1 %", lossy(200, 0.01)),
        Trial::new("200 ms, 5 %", lossy(200, 0.05)),
        Trial { latency: ms(0), ..Trial::new("5 %, latency 0", lossy(50, 0.05)) },
        Trial::new("jitter 30", Profile { jitter: ms(30), ..path(50) }),
        Trial::new("2 Mbit/s", narrow(2_000_000)),
        low(Trial::new("2 Mbit/s, latency 50", narrow(2_000_000))),
        Trial::new("1 Mbit/s", narrow(1_000_000)),
        Trial::new("outage 3 s", outage),
        Trial::new("3 Mbit/s", narrow(3_000_000)),
        Trial::new("4 Mbit/s", narrow(4_000_000)),
        Trial::new("6 Mbit/s", narrow(6_000_000)),
        Trial::new("8 Mbit/s", narrow(8_000_000)),
    ];
    let wanted = std::env::var("ROWS").unwrap_or_default();
    for trial in trials.into_iter().filter(|trial| trial.name.contains(&wanted)) {
        let trial = Trial { seconds: 60, ..trial };
        run_all(&trial, 1..=3);
    }
}
