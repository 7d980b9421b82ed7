//! What the programs of this package share: the host's clock.

use core::time::Duration;
use std::time::Instant;

use async_io::Timer;

/// The host's clock, which begins with 0.
#[derive(Clone, Copy, Debug)]
pub struct HostClock(Instant);

impl HostClock {
    /// Begins now.
    #[must_use]
    pub fn start() -> Self {
        Self(Instant::now())
    }
}

impl barertc_runner::Clock for HostClock {
    fn now(&self) -> barertc_wire::Instant {
        barertc_wire::Instant::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    async fn sleep_until(&self, at: barertc_wire::Instant) {
        match self.0.checked_add(Duration::from_micros(at.as_micros())) {
            Some(at) => Timer::at(at).await,
            None => Timer::never().await,
        };
    }
}
