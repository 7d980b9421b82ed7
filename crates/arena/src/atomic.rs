//! The machine's atomics, or those of `portable-atomic` on a chip without compare-and-swap.

#[cfg(target_has_atomic = "ptr")]
pub(crate) use core::sync::atomic::{AtomicU32, AtomicUsize};
pub(crate) use core::sync::atomic::{Ordering, fence};
#[cfg(not(target_has_atomic = "ptr"))]
pub(crate) use portable_atomic::{AtomicU32, AtomicUsize};
