//! An allocator that keeps count of another.

use crate::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::stats::Stats;
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::ptr::NonNull;

/// An allocator that counts what is taken from `A`. Containers get `&Counting`, and [`Counting::stats`] tells the
/// counters at any time.
#[derive(Debug, Default)]
pub struct Counting<A> {
    inner: A,
    counters: Counters,
}

impl<A> Counting<A> {
    /// An allocator whose counters are zero.
    pub const fn new(inner: A) -> Self {
        Self { inner, counters: Counters::new() }
    }

    /// The counters as they are now. The capacity is not known here.
    pub fn stats(&self) -> Stats {
        self.counters.get()
    }

    /// Sets the peak to the bytes that are live now.
    pub fn reset_peak(&self) {
        self.counters.reset_peak();
    }

    /// The allocator that is counted.
    pub const fn inner(&self) -> &A {
        &self.inner
    }
}

// SAFETY: blocks come from `inner` and return to it unchanged.
unsafe impl<A: Allocator> Allocator for Counting<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let result = self.inner.allocate(layout);
        self.counters.allocation(layout.size(), result.is_ok());
        result
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let result = self.inner.allocate_zeroed(layout);
        self.counters.allocation(layout.size(), result.is_ok());
        result
    }

    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        self.counters.release(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { self.inner.deallocate(ptr, layout) }
    }
}

/// The figures, counted from any thread. Each is exact; read while others allocate they need not fit together.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    live: AtomicUsize,
    peak: AtomicUsize,
    allocations: AtomicUsize,
    frees: AtomicUsize,
    failures: AtomicUsize,
}

impl Counters {
    pub(crate) const fn new() -> Self {
        Self {
            live: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
            allocations: AtomicUsize::new(0),
            frees: AtomicUsize::new(0),
            failures: AtomicUsize::new(0),
        }
    }

    pub(crate) fn allocation(&self, bytes: usize, ok: bool) {
        if !ok {
            self.failures.fetch_add(1, Relaxed);
        } else if bytes != 0 {
            let live = self.live.fetch_add(bytes, Relaxed).wrapping_add(bytes);
            self.peak.fetch_max(live, Relaxed);
            self.allocations.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn release(&self, bytes: usize) {
        if bytes != 0 {
            self.live.fetch_sub(bytes, Relaxed);
            self.frees.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn reset_peak(&self) {
        self.peak.store(self.live.load(Relaxed), Relaxed);
    }

    pub(crate) fn get(&self) -> Stats {
        Stats {
            live: self.live.load(Relaxed),
            peak: self.peak.load(Relaxed),
            allocations: self.allocations.load(Relaxed),
            frees: self.frees.load(Relaxed),
            failures: self.failures.load(Relaxed),
            capacity: 0,
        }
    }
}
