//! The two reference counts of a shared value.
//!
//! A count that reaches [`SATURATED`] stays there: the value (or, for the weak count, its memory) is then never
//! released. A leak after two thousand million references is harmless where an overflow would free memory in use.

use core::cell::Cell;

/// From here on a count is stuck. Half of the range below it is left for threads that are late to notice.
const SATURATED: u32 = 1 << 31;
/// Where a stuck count is put back to, far from both ends of the stuck range.
pub(super) const STUCK: u32 = SATURATED | SATURATED >> 1;

/// How references are counted: [`Local`] or [`Atomic`].
///
/// The strong count is the number of `Shared`. The weak count is the number of `Weak`, and one more while there is a
/// `Shared`.
pub trait Count: sealed::Sealed {}

#[allow(unnameable_types)] // Nobody else implements it.
pub(super) mod sealed {
    /// The operations. Decrements say whether the count has reached zero.
    pub trait Sealed {
        fn one() -> Self;
        fn add_strong(&self);
        fn drop_strong(&self) -> bool;
        /// Drops the caller's strong reference if it is the last, else leaves it.
        fn take_last_strong(&self) -> bool;
        /// Adds a strong reference unless there is none.
        fn upgrade(&self) -> bool;
        fn add_weak(&self);
        fn drop_weak(&self) -> bool;
        /// Whether the caller's strong reference is the only reference of either kind. What others did with theirs
        /// before they dropped it happened before.
        fn is_unique(&self) -> bool;
        fn strong(&self) -> u32;
        fn weak(&self) -> u32;
        #[cfg(test)]
        fn force(&self, strong: u32, weak: u32);
    }
}

/// Counts for references that stay on one thread, or in one interrupt priority.
#[derive(Debug)]
pub struct Local {
    strong: Cell<u32>,
    weak: Cell<u32>,
}

impl Local {
    fn add(count: &Cell<u32>) {
        let old = count.get();
        count.set(if old >= SATURATED { STUCK } else { old.wrapping_add(1) });
    }

    fn drop(count: &Cell<u32>) -> bool {
        let old = count.get();
        if old >= SATURATED {
            return false;
        }
        count.set(old.wrapping_sub(1));
        old == 1
    }
}

impl Count for Local {}

impl sealed::Sealed for Local {
    fn one() -> Self {
        Self { strong: Cell::new(1), weak: Cell::new(1) }
    }

    fn add_strong(&self) {
        Self::add(&self.strong);
    }

    fn drop_strong(&self) -> bool {
        Self::drop(&self.strong)
    }

    fn take_last_strong(&self) -> bool {
        self.strong.get() == 1 && self.drop_strong()
    }

    fn upgrade(&self) -> bool {
        let alive = self.strong.get() != 0;
        if alive {
            self.add_strong();
        }
        alive
    }

    fn add_weak(&self) {
        Self::add(&self.weak);
    }

    fn drop_weak(&self) -> bool {
        Self::drop(&self.weak)
    }

    fn is_unique(&self) -> bool {
        self.strong.get() == 1 && self.weak.get() == 1
    }

    fn strong(&self) -> u32 {
        self.strong.get()
    }

    fn weak(&self) -> u32 {
        self.weak.get()
    }

    #[cfg(test)]
    fn force(&self, strong: u32, weak: u32) {
        self.strong.set(strong);
        self.weak.set(weak);
    }
}

pub use atomic::Atomic;

mod atomic {
    use super::{Count, SATURATED, STUCK, sealed::Sealed};
    #[cfg(not(loom))]
    use crate::atomic::{AtomicU32, Ordering, fence};
    #[cfg(loom)]
    use loom::sync::atomic::{AtomicU32, Ordering, fence};

    /// Counts for references that move between threads, cores or interrupt priorities. No operation waits for another
    /// one, so that interrupt handlers may use them. A chip without compare-and-swap does each operation in a critical
    /// section.
    #[derive(Debug)]
    pub struct Atomic {
        strong: AtomicU32,
        weak: AtomicU32,
    }

    impl Atomic {
        fn add(count: &AtomicU32) {
            // Relaxed: whoever adds a reference holds one, so nothing can be released meanwhile.
            if count.fetch_add(1, Ordering::Relaxed) >= SATURATED {
                count.store(STUCK, Ordering::Relaxed);
            }
        }

        fn drop(count: &AtomicU32) -> bool {
            // Release: what we did to the value happens before its end …
            let old = count.fetch_sub(1, Ordering::Release);
            if old >= SATURATED {
                count.store(STUCK, Ordering::Relaxed);
                return false;
            }
            if old == 1 {
                // … and Acquire: what the others did to it happens before the end that we are to bring about.
                fence(Ordering::Acquire);
            }
            old == 1
        }
    }

    impl Count for Atomic {}

    impl Sealed for Atomic {
        fn one() -> Self {
            Self { strong: AtomicU32::new(1), weak: AtomicU32::new(1) }
        }

        fn add_strong(&self) {
            Self::add(&self.strong);
        }

        fn drop_strong(&self) -> bool {
            Self::drop(&self.strong)
        }

        fn take_last_strong(&self) -> bool {
            // Acquire: what the others did to the value happens before we take it.
            self.strong.compare_exchange(1, 0, Ordering::Acquire, Ordering::Relaxed).is_ok()
        }

        fn upgrade(&self) -> bool {
            let mut count = self.strong.load(Ordering::Relaxed);
            loop {
                if count == 0 {
                    return false;
                }
                if count >= SATURATED {
                    return true;
                }
                // Acquire: what `is_unique`'s caller wrote before it let the others in again.
                match self.strong.compare_exchange_weak(
                    count,
                    count.wrapping_add(1),
                    Ordering::Acquire,
                    Ordering::Relaxed,
                ) {
                    Ok(_) => return true,
                    Err(now) => count = now,
                }
            }
        }

        fn add_weak(&self) {
            Self::add(&self.weak);
        }

        fn drop_weak(&self) -> bool {
            Self::drop(&self.weak)
        }

        fn is_unique(&self) -> bool {
            if self.weak.load(Ordering::Acquire) != 1 {
                return false;
            }
            // Both counts have to be one at the same time. Whoever could raise the weak count holds a strong or a weak
            // reference: taking the last strong one away shows that no other of that kind is left, and keeps a weak one
            // that was made in between from being upgraded while we look for it.
            if !self.take_last_strong() {
                return false;
            }
            let unique = self.weak.load(Ordering::Acquire) == 1;
            self.strong.store(1, Ordering::Release);
            unique
        }

        fn strong(&self) -> u32 {
            self.strong.load(Ordering::Acquire)
        }

        fn weak(&self) -> u32 {
            self.weak.load(Ordering::Acquire)
        }

        #[cfg(test)]
        fn force(&self, strong: u32, weak: u32) {
            self.strong.store(strong, Ordering::Relaxed);
            self.weak.store(weak, Ordering::Relaxed);
        }
    }
}
