//! Time: that of the machine, for the connections, and that of the processor, for what is measured.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The machine's clock, which jumps over the time in which both connections only wait.
pub struct Clock {
    start: Instant,
    skipped: Duration,
}

impl Clock {
    pub fn new() -> Self {
        Self { start: Instant::now(), skipped: Duration::ZERO }
    }

    pub fn now(&self) -> Instant {
        Instant::now() + self.skipped
    }

    /// Time since the start.
    pub fn elapsed(&self) -> Duration {
        self.start.elapsed() + self.skipped
    }

    /// Jumps to `at`, counted from the start, if that is ahead.
    pub fn skip_to(&mut self, at: Duration) {
        self.skipped += at.saturating_sub(self.elapsed());
    }

    pub fn skip(&mut self, time: Duration) {
        self.skipped += time;
    }
}

/// What this thread has had of the processor.
pub fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}
