//! Retransmission time-out (RFC 9260 §6.3).

use core::time::Duration;

use crate::config::Config;

/// A duration in microseconds.
fn micros(d: Duration) -> u64 {
    d.as_secs().saturating_mul(1_000_000).saturating_add(d.subsec_micros().into())
}

/// The `n`th part of a duration.
pub(crate) fn part(d: Duration, n: u32) -> Duration {
    Duration::from_micros(micros(d).checked_div(n.into()).unwrap_or_default())
}

/// Less is not waited on another protocol's word: the peer may be busy with its keys.
const SHORTEST_GUESS: Duration = Duration::from_millis(100);

/// Round-trip estimate and the time-out that follows from it.
#[derive(Clone, Debug)]
pub(crate) struct Rto {
    srtt: Option<Duration>,
    rttvar: Duration,
    rto: Duration,
    initial: Duration,
    /// `initial` is what another protocol has measured.
    guessed: bool,
    min: Duration,
    max: Duration,
}

impl Rto {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            srtt: None,
            rttvar: Duration::ZERO,
            rto: config.rto_initial,
            initial: config.rto_initial,
            guessed: false,
            min: config.rto_min,
            max: config.rto_max,
        }
    }

    /// What somebody else has measured on the same path: twice that is waited until there is a sample of our own.
    pub(crate) fn guess(&mut self, rtt: Duration) {
        if self.srtt.is_none() {
            self.guessed = true;
            self.initial = rtt.saturating_mul(2).max(SHORTEST_GUESS).min(self.max);
            self.restart();
        }
    }

    /// Nothing is known of the path yet.
    pub(crate) const fn is_blind(&self) -> bool {
        self.srtt.is_none() && !self.guessed
    }

    /// A measured round trip (rules C2 and C3).
    pub(crate) fn sample(&mut self, rtt: Duration) {
        // In microseconds: adding and dividing durations has paths that panic.
        let rtt = micros(rtt.min(self.max));
        let (srtt, rttvar) = match self.srtt.map(micros) {
            None => (rtt, rtt / 2),
            Some(srtt) => (
                srtt.saturating_mul(7).saturating_add(rtt) / 8,
                micros(self.rttvar).saturating_mul(3).saturating_add(srtt.abs_diff(rtt)) / 4,
            ),
        };
        self.rttvar = Duration::from_micros(rttvar);
        self.srtt = Some(Duration::from_micros(srtt));
        self.restart();
    }

    /// Forgets how often the timer expired: what it is for now is something else (as RFC 6298 §5.7).
    pub(crate) fn restart(&mut self) {
        let Some(srtt) = self.srtt else {
            self.rto = self.initial;
            return;
        };
        // G: the clock granularity, here a millisecond.
        let margin = self.rttvar.saturating_mul(4).max(Duration::from_millis(1));
        self.rto = srtt.saturating_add(margin).max(self.min).min(self.max);
    }

    /// The timer has expired (rule E2).
    pub(crate) fn back_off(&mut self) {
        self.rto = self.rto.saturating_mul(2).min(self.max);
    }

    /// The time-out.
    pub(crate) const fn get(&self) -> Duration {
        self.rto
    }

    /// When an acknowledgement that was asked for at once should have come: as the PTO of RFC 9002 §6.2.1, with a
    /// margin for paths without any variance.
    pub(crate) fn probe(&self) -> Option<Duration> {
        let srtt = self.srtt?;
        let margin = self.rttvar.saturating_mul(4).max(part(srtt, 8)).max(Duration::from_millis(5));
        Some(srtt.saturating_add(margin))
    }

    /// The smoothed round trip.
    pub(crate) const fn srtt(&self) -> Option<Duration> {
        self.srtt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn what_another_protocol_has_measured_counts_until_the_first_sample() {
        let mut rto = Rto::new(&Config::default());
        rto.guess(MS * 200);
        assert_eq!(rto.get(), MS * 400);
        rto.guess(MS * 3);
        assert_eq!(rto.get(), SHORTEST_GUESS);
        rto.guess(MS * 60_000);
        assert_eq!(rto.get(), Config::default().rto_max);
        rto.sample(MS * 100);
        let measured = rto.get();
        rto.guess(MS * 200);
        assert_eq!(rto.get(), measured);
    }

    #[test]
    fn follows_the_rules() {
        let config = Config { rto_min: MS * 10, ..Config::default() };
        let mut rto = Rto::new(&config);
        assert_eq!(rto.get(), config.rto_initial);
        rto.sample(MS * 100);
        assert_eq!(rto.get(), MS * 300); // 100 + 4 * 50
        rto.sample(MS * 100);
        assert_eq!(rto.srtt(), Some(MS * 100));
        assert_eq!(rto.get(), MS * 250); // variance 37.5
        assert_eq!(rto.probe(), Some(MS * 250));
        rto.back_off();
        assert_eq!(rto.get(), MS * 500);
        for _ in 0..100 {
            rto.back_off();
        }
        assert_eq!(rto.get(), config.rto_max);
        for _ in 0..200 {
            rto.sample(Duration::ZERO);
        }
        assert_eq!(rto.get(), MS * 10);
        assert_eq!(rto.probe(), Some(MS * 5), "with some margin");
    }
}
