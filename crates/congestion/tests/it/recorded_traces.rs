//! The estimate on recorded runs: Chromium's feedback to the streamer behind an impairing proxy, video of 1.6 Mbit/s.

use crate::trace::{Moment, replay};
use std::time::Duration;

const START: u64 = 4_000_000;
const MEDIA: u64 = 1_660_000;

fn after(moments: &[Moment], seconds: u64) -> impl Iterator<Item = &Moment> {
    moments.iter().filter(move |moment| moment.at > Duration::from_secs(seconds))
}

fn lowest(moments: &[Moment], seconds: u64) -> u64 {
    after(moments, seconds).map(|moment| moment.estimate).min().unwrap()
}

fn highest(moments: &[Moment], seconds: u64) -> u64 {
    after(moments, seconds).map(|moment| moment.estimate).max().unwrap()
}

#[test]
fn loss_and_jitter_on_a_wide_path_cost_nothing() {
    for trace in [include_str!("../traces/loss-5.txt"), include_str!("../traces/jitter.txt")] {
        let moments = replay(trace, START);
        assert!(moments.last().unwrap().at > Duration::from_secs(10));
        assert!(lowest(&moments, 0) > MEDIA * 5 / 4, "{}", lowest(&moments, 0));
    }
}

#[test]
fn a_narrow_path_is_found_within_two_seconds() {
    for (trace, rate) in
        [(include_str!("../traces/rate-2.txt"), 2_000_000), (include_str!("../traces/rate-1.txt"), 1_000_000)]
    {
        let moments = replay(trace, START);
        assert!(moments.last().unwrap().at > Duration::from_secs(10));
        assert!(highest(&moments, 2) < rate * 11 / 10, "{rate}: {}", highest(&moments, 2));
        assert!(lowest(&moments, 0) > rate / 3, "{rate}: {}", lowest(&moments, 0));
        // Never far below what arrives all the same.
        assert!(moments.iter().all(|m| m.estimate * 10 >= m.arriving * 7), "{rate}");
    }
}
