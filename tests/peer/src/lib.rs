//! What the programs of this package share: the host's clock, and descriptions on standard input and output.

use core::time::Duration;
use std::io::{self, BufRead as _, Write as _};
use std::time::Instant;

use anyhow::{Result, bail};
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

/// Writes a description to standard output, and an empty line behind it.
///
/// # Errors
/// Those of standard output.
pub fn say(sdp: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{sdp}\r\n")?;
    out.flush()
}

/// Reads a description from standard input, up to an empty line.
///
/// # Errors
/// Those of standard input, and its end before the empty line.
pub fn hear() -> Result<String> {
    let mut sdp = String::new();
    for line in io::stdin().lock().lines() {
        match line?.trim_end() {
            "" => return Ok(sdp),
            line => sdp.extend([line, "\r\n"]),
        }
    }
    bail!("the input ended")
}
