//! What differs from board to board, and the clock that all have.

use core::fmt;
use core::net::SocketAddr;

use barertc::Instant;
use barertc::arena::Stats;
use barertc::rand_core::CryptoRng;
use barertc_runner::Clock;

/// What the chip brings.
pub trait Board {
    /// The chip's true random generator, or one that was seeded from a true one.
    type Rng: CryptoRng;

    /// Calls `f` with the generator.
    fn random<T>(&self, f: impl FnOnce(&mut Self::Rng) -> T) -> T;

    /// Writes a line to wherever somebody reads it.
    fn log(&self, line: fmt::Arguments<'_>);

    /// How deep the stack has been. All zero where nobody looks.
    fn stack(&self) -> Stats;
}

/// What is different from device to device.
#[derive(Clone, Copy, Debug)]
pub struct Settings<'a> {
    /// What pages must show: `?token=…` in their address.
    pub token: &'a str,
    /// The address by which others reach this device's UDP port, where that is not its own: behind a port forwarding.
    pub advertise: Option<SocketAddr>,
}

/// The clock of `embassy-time`.
pub(crate) struct Time;

impl Clock for Time {
    fn now(&self) -> Instant {
        Instant::from_micros(embassy_time::Instant::now().as_micros())
    }

    async fn sleep_until(&self, at: Instant) {
        embassy_time::Timer::at(embassy_time::Instant::from_micros(at.as_micros())).await;
    }
}
