//! Recorded runs: what a browser's feedback told of each packet (`cargo xtask traces` makes them and says how they are
//! written).

use barertc_congestion::{Gcc, GccConfig, PacketObserver, PacketResult};
use barertc_wire::Instant;
use std::time::Duration;

/// What was known after a message.
pub struct Moment {
    /// Since the first message.
    pub at: Duration,
    /// Bits a second of the estimate.
    pub estimate: u64,
    /// Bits a second that arrived.
    pub arriving: u64,
}

/// Lets an estimator see the trace as the sender saw it then.
pub fn replay(trace: &str, start: u64) -> Vec<Moment> {
    let mut estimator = Gcc::new(GccConfig { start, min: 50_000, ..GccConfig::default() });
    estimator.set_round_trip_time(Instant::ZERO, Duration::from_millis(55));
    let (mut sent, mut ticks, mut first) = (0i64, 0i64, None);
    let mut moments = Vec::new();
    let number = |word: &str| word.parse::<i64>().expect("a number");
    for line in trace.lines() {
        match line.split(' ').collect::<Vec<_>>()[..] {
            ["=", now] => {
                let now = Instant::from_micros(((sent + number(now)) * 10) as u64);
                estimator.feedback_done(now);
                let at = now.saturating_since(*first.get_or_insert(now));
                let arriving = estimator.stats().arriving.unwrap_or(0);
                moments.push(Moment { at, estimate: estimator.bitrate(), arriving });
            }
            [since, bytes, arrived] => {
                sent += number(since);
                let arrived = (arrived != "-").then(|| {
                    ticks += number(arrived);
                    ticks * 250
                });
                let sent = Instant::from_micros((sent * 10) as u64);
                estimator.packet(sent, &PacketResult { sequence: 0, sent, bytes: number(bytes) as usize, arrived });
            }
            _ => panic!("not understood: {line}"),
        }
    }
    moments
}
