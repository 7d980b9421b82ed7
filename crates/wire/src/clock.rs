use core::future::Future;

use crate::time::Instant;

/// The clock of the board: it tells the time and waits.
pub trait Clock {
    /// The time now. It never goes back.
    fn now(&self) -> Instant;

    /// Returns at `at` or later; at once when `at` has passed. The future may be dropped before it is ready.
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
