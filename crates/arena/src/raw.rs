//! The one place where containers take and release their memory.

use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::mem::ManuallyDrop;
use core::ptr::{self, NonNull};

/// Room for `capacity` values of `T`, uninitialised. Dropping releases the room and does not look at the values.
pub(crate) struct RawBuf<T, A: Allocator> {
    ptr: NonNull<T>,
    capacity: usize,
    alloc: A,
}

// SAFETY: the buffer owns its memory exclusively, so it may move to another thread with its values and allocator.
unsafe impl<T: Send, A: Allocator + Send> Send for RawBuf<T, A> {}
// SAFETY: a shared buffer gives out shared access only.
unsafe impl<T: Sync, A: Allocator + Sync> Sync for RawBuf<T, A> {}

impl<T, A: Allocator> RawBuf<T, A> {
    /// Takes room for `capacity` values; nothing is taken where that is zero bytes.
    pub(crate) fn new(capacity: usize, alloc: A) -> Result<Self, AllocError> {
        let layout = Layout::array::<T>(capacity).map_err(|_| AllocError)?;
        let ptr = if layout.size() == 0 { NonNull::dangling() } else { alloc.allocate(layout)?.cast() };
        Ok(Self { ptr, capacity, alloc })
    }

    /// Bytes that a buffer of `capacity` takes; `usize::MAX` where it cannot exist.
    pub(crate) const fn bytes(capacity: usize) -> usize {
        capacity.saturating_mul(size_of::<T>())
    }

    pub(crate) const fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) const fn ptr(&self) -> NonNull<T> {
        self.ptr
    }

    pub(crate) const fn allocator(&self) -> &A {
        &self.alloc
    }

    /// Gives up ownership of the block.
    pub(crate) fn into_raw_parts(self) -> (NonNull<T>, A) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so the allocator moves out once.
        (this.ptr, unsafe { ptr::read(&raw const this.alloc) })
    }

    /// The address of slot `index`.
    ///
    /// # Safety
    /// `index <= capacity`.
    pub(crate) const unsafe fn slot(&self, index: usize) -> *mut T {
        debug_assert!(index <= self.capacity);
        // SAFETY: the caller promises that the result is inside the allocation or one past its end.
        unsafe { self.ptr.as_ptr().add(index) }
    }
}

impl<T, A: Allocator> Drop for RawBuf<T, A> {
    fn drop(&mut self) {
        // The layout existed when the buffer was made.
        if let Ok(layout) = Layout::array::<T>(self.capacity)
            && layout.size() != 0
        {
            // SAFETY: the block was allocated from this allocator with this layout, and only here it is released.
            unsafe { self.alloc.deallocate(self.ptr.cast(), layout) }
        }
    }
}
