//! Who holds the memory.

use crate::fallback::Region;
use crate::stats::Stats;
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::fmt;
use core::ptr::NonNull;

/// An allocator with the name of its owner, such as "ice", "dtls" or "frames". It counts live and peak bytes for each
/// owner.
///
/// With the feature `labels`, the counters lie in a small block of the arena that all clones of the label share.
/// Without it, a label is the allocator that it wraps: it takes no more memory and counts nothing, and [`Label::stats`]
/// is `None`.
#[derive(Clone)]
pub struct Label<A: Allocator + Clone> {
    inner: A,
    #[cfg(feature = "labels")]
    owner: owner::Shared<A>,
}

impl<A: Allocator + Clone> Label<A> {
    /// Bytes that a label itself takes from its allocator.
    #[cfg(feature = "labels")]
    pub const BYTES: usize = owner::Shared::<A>::BYTES;
    /// Bytes that a label itself takes from its allocator.
    #[cfg(not(feature = "labels"))]
    pub const BYTES: usize = 0;

    /// A handle like `inner` whose memory is counted as `name`'s. Fails only where labels are counted.
    #[cfg(feature = "labels")]
    pub fn try_new(inner: A, name: &'static str) -> Result<Self, AllocError> {
        let owner = owner::Shared::try_new(owner::Owner::new(name), inner.clone())?;
        Ok(Self { inner, owner })
    }

    /// A handle like `inner` whose memory is counted as `name`'s. Fails only where labels are counted.
    #[cfg(not(feature = "labels"))]
    pub fn try_new(inner: A, name: &'static str) -> Result<Self, AllocError> {
        let _ = name;
        Ok(Self { inner })
    }

    /// The counters of this owner. `None` without the feature `labels`.
    pub fn stats(&self) -> Option<Stats> {
        #[cfg(feature = "labels")]
        return Some(self.owner.counters.get());
        #[cfg(not(feature = "labels"))]
        None
    }

    /// The name of this owner. `None` without the feature `labels`.
    pub fn name(&self) -> Option<&'static str> {
        #[cfg(feature = "labels")]
        return Some(self.owner.name);
        #[cfg(not(feature = "labels"))]
        None
    }

    /// The allocator without its label.
    pub const fn inner(&self) -> &A {
        &self.inner
    }

    fn allocated(&self, layout: Layout, result: Result<NonNull<[u8]>, AllocError>) {
        #[cfg(feature = "labels")]
        {
            self.owner.counters.allocation(layout.size(), result.is_ok());
            crate::trace::allocation(self.owner.name, layout, result.ok().map(NonNull::cast));
        }
        #[cfg(not(feature = "labels"))]
        let _ = (layout, result);
    }
}

// SAFETY: blocks come from `inner` and return to it unchanged; a clone wraps a clone of `inner`.
unsafe impl<A: Allocator + Clone> Allocator for Label<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let result = self.inner.allocate(layout);
        self.allocated(layout, result);
        result
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let result = self.inner.allocate_zeroed(layout);
        self.allocated(layout, result);
        result
    }

    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        #[cfg(feature = "labels")]
        {
            self.owner.counters.release(layout.size());
            crate::trace::release(self.owner.name, layout, ptr);
        }
        // SAFETY: the caller's promise is passed on.
        unsafe { self.inner.deallocate(ptr, layout) }
    }
}

// SAFETY: the blocks are those of the allocator that is asked.
unsafe impl<A: Allocator + Clone + Region> Region for Label<A> {
    fn contains(&self, pointer: NonNull<u8>) -> bool {
        self.inner.contains(pointer)
    }
}

impl<A: Allocator + Clone> fmt::Debug for Label<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Label").field("name", &self.name()).field("stats", &self.stats()).finish()
    }
}

/// The promise of the release build: a label is its handle.
#[cfg(not(feature = "labels"))]
const _: () = assert!(size_of::<Label<&crate::heap::Heap<'static>>>() == size_of::<&crate::heap::Heap<'static>>());

#[cfg(feature = "labels")]
mod owner {
    use crate::counting::Counters;

    pub(super) struct Owner {
        pub(super) name: &'static str,
        pub(super) counters: Counters,
    }

    impl Owner {
        pub(super) const fn new(name: &'static str) -> Self {
            Self { name, counters: Counters::new() }
        }
    }

    /// Atomic, so that a label may go wherever its handle may.
    pub(super) type Shared<A> = crate::shared::Shared<Owner, A, crate::shared::Atomic>;
}
