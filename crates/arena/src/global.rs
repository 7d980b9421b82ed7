//! The desktop's heap, for tests.

use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::ptr::NonNull;

/// The standard library's heap. Tests wrap it: `Counting::new(Global)`.
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Global;

// SAFETY: the standard library's allocator keeps the contract; a zero-sized block is never dereferenced or released.
unsafe impl Allocator for Global {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let ptr = match layout.size() {
            0 => NonNull::new(core::ptr::without_provenance_mut(layout.align())),
            // SAFETY: the size is not zero.
            _ => NonNull::new(unsafe { std::alloc::alloc(layout) }),
        };
        ptr.map(|ptr| NonNull::slice_from_raw_parts(ptr, layout.size())).ok_or(AllocError)
    }

    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        if layout.size() != 0 {
            // SAFETY: the block was allocated above with this layout.
            unsafe { std::alloc::dealloc(ptr.as_ptr(), layout) }
        }
    }
}
