//! One allocator in front of another.

use crate::counting::Counters;
use crate::counting::Counting;
use crate::failing::FailNth;
use crate::stats::Stats;
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::ptr::{self, NonNull};

/// An allocator that knows its own blocks by their address.
///
/// # Safety
/// [`Region::contains`] is true for every block of this allocator that is in use. It is false for every address that
/// the allocator may not take back. [`Fallback`] relies on both.
pub unsafe trait Region {
    /// Whether `pointer` points into the memory of this allocator.
    fn contains(&self, pointer: NonNull<u8>) -> bool;
}

// SAFETY: the blocks are those of the allocator that is asked.
unsafe impl<R: Region + ?Sized> Region for &R {
    fn contains(&self, pointer: NonNull<u8>) -> bool {
        (**self).contains(pointer)
    }
}

// SAFETY: the blocks are those of the allocator that is asked.
unsafe impl<R: Region> Region for Counting<R> {
    fn contains(&self, pointer: NonNull<u8>) -> bool {
        self.inner().contains(pointer)
    }
}

// SAFETY: the blocks are those of the allocator that is asked.
unsafe impl<R: Region> Region for FailNth<R> {
    fn contains(&self, pointer: NonNull<u8>) -> bool {
        self.inner().contains(pointer)
    }
}

/// An allocator that takes memory from `A`, and from `B` when `A` has none. An example is a large external memory with
/// a small internal one behind it. A block returns to its own allocator, which `A` recognises by the address.
#[derive(Debug)]
pub struct Fallback<A, B> {
    first: A,
    second: B,
    /// What `second` was asked for.
    counters: Counters,
}

impl<A: Region, B> Fallback<A, B> {
    /// An allocator that asks `first`, and then `second`.
    pub const fn new(first: A, second: B) -> Self {
        Self { first, second, counters: Counters::new() }
    }

    /// How many blocks were taken from `second`.
    pub fn fallbacks(&self) -> usize {
        self.fallback_stats().allocations
    }

    /// The counters of what was taken from `second`. Its failures are failures of both. The capacity is not known here.
    pub fn fallback_stats(&self) -> Stats {
        self.counters.get()
    }

    /// The allocator that is asked first.
    pub const fn first(&self) -> &A {
        &self.first
    }

    /// The allocator that is asked where the first has failed.
    pub const fn second(&self) -> &B {
        &self.second
    }
}

// SAFETY: every block is one of the two allocators'.
unsafe impl<A: Region, B: Region> Region for Fallback<A, B> {
    fn contains(&self, pointer: NonNull<u8>) -> bool {
        self.first.contains(pointer) || self.second.contains(pointer)
    }
}

// SAFETY: a block comes from one of the two and returns to it: `first` knows its own by their address, which no block
// of another allocator can have while it is in use. A zero-sized block is only an aligned address.
unsafe impl<A: Allocator + Region, B: Allocator> Allocator for Fallback<A, B> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        if layout.size() == 0 {
            let dangling = NonNull::new(ptr::without_provenance_mut(layout.align())).ok_or(AllocError)?;
            return Ok(NonNull::slice_from_raw_parts(dangling, 0));
        }
        self.first.allocate(layout).or_else(|AllocError| {
            let result = self.second.allocate(layout);
            self.counters.allocation(layout.size(), result.is_ok());
            result
        })
    }

    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        if self.first.contains(ptr) {
            // SAFETY: the block is one of `first`'s; the caller's promise is passed on.
            unsafe { self.first.deallocate(ptr, layout) }
        } else {
            self.counters.release(layout.size());
            // SAFETY: the block is not one of `first`'s, so it came from `second`; the caller's promise is passed on.
            unsafe { self.second.deallocate(ptr, layout) }
        }
    }
}
