//! An allocator that fails on purpose.

use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// An allocator that lets chosen allocations fail. A test shows with it that a program survives a failure: it repeats
/// the program with `nth` = 1, 2, … until [`FailNth::attempts`] stays below `nth`.
#[derive(Debug)]
pub struct FailNth<A> {
    inner: A,
    first: usize,
    last: usize,
    attempts: AtomicUsize,
}

impl<A> FailNth<A> {
    /// An allocator whose `nth` allocation fails. The first one is 1, and 0 lets none fail.
    pub const fn new(inner: A, nth: usize) -> Self {
        Self { inner, first: nth, last: nth, attempts: AtomicUsize::new(0) }
    }

    /// An allocator whose `nth` allocation and all later ones fail. The first one is 1.
    pub const fn from(inner: A, nth: usize) -> Self {
        Self { inner, first: nth, last: usize::MAX, attempts: AtomicUsize::new(0) }
    }

    /// How many allocations were asked for, failed ones included. Allocations of zero bytes are not counted.
    pub fn attempts(&self) -> usize {
        self.attempts.load(Relaxed)
    }

    /// Whether an allocation has failed on purpose.
    pub fn has_failed(&self) -> bool {
        self.first != 0 && self.attempts() >= self.first
    }

    /// The allocator behind.
    pub const fn inner(&self) -> &A {
        &self.inner
    }

    /// Counts an attempt and says whether it may go on.
    fn admit(&self, layout: Layout) -> Result<(), AllocError> {
        if layout.size() == 0 {
            return Ok(());
        }
        // Load and store apart: some machines have no atomic addition, and order between threads is not promised.
        let attempt = self.attempts.load(Relaxed).saturating_add(1);
        self.attempts.store(attempt, Relaxed);
        if (self.first..=self.last).contains(&attempt) { Err(AllocError) } else { Ok(()) }
    }
}

// SAFETY: blocks come from `inner` and return to it unchanged.
unsafe impl<A: Allocator> Allocator for FailNth<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.admit(layout)?;
        self.inner.allocate(layout)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.admit(layout)?;
        self.inner.allocate_zeroed(layout)
    }

    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { self.inner.deallocate(ptr, layout) }
    }
}
