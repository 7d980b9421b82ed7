//! The trait of clocks.

use core::future::Future;

use crate::time::Instant;

/// The clock of a board: it tells the time, and waits until a time.
pub trait Clock {
    /// The current time. It never goes back.
    fn now(&self) -> Instant;

    /// Waits until `at` or a little longer. Returns at once when `at` has passed. The caller may drop the future before it
    /// is ready.
    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()>;
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now(&self) -> Instant {
        (**self).now()
    }

    fn sleep_until(&self, at: Instant) -> impl Future<Output = ()> {
        (**self).sleep_until(at)
    }
}
