//! Handles without size.

/// Declares a zero-sized handle to an allocator in a `static`. Containers spend no byte on the handle. The header
/// of a [`Shared`](crate::Shared) is then only its two counts.
///
/// ```
/// use barertc_arena::{CriticalSection, Heap, Shared};
///
/// static HEAP: Heap<'static, CriticalSection> = Heap::empty();
/// barertc_arena::handle! {
///     /// The large memory beside the chip.
///     pub struct Psram => HEAP
/// }
///
/// # fn memory() -> &'static mut [core::mem::MaybeUninit<u8>] { vec![core::mem::MaybeUninit::uninit(); 4096].leak() }
/// HEAP.give(memory()).expect("large enough");
/// let shared: Shared<[u8; 16], Psram> = Shared::try_new([7; 16], Psram).expect("room for one");
/// assert_eq!(HEAP.stats().live, 8 + 16);
/// # drop(shared);
/// ```
#[macro_export]
macro_rules! handle {
    ($(#[$meta:meta])* $vis:vis struct $name:ident => $heap:path) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default)]
        $vis struct $name;

        // SAFETY: all instances stand for the same allocator, which lives as long as the program: `&'static` rules out
        // a constant that would be a new allocator at each use.
        unsafe impl $crate::Allocator for $name {
            fn allocate(
                &self,
                layout: ::core::alloc::Layout,
            ) -> ::core::result::Result<::core::ptr::NonNull<[u8]>, $crate::AllocError> {
                let heap: &'static _ = &$heap;
                $crate::Allocator::allocate(heap, layout)
            }

            unsafe fn deallocate(&self, ptr: ::core::ptr::NonNull<u8>, layout: ::core::alloc::Layout) {
                let heap: &'static _ = &$heap;
                // SAFETY: the caller's promise is passed on.
                unsafe { $crate::Allocator::deallocate(heap, ptr, layout) }
            }
        }
    };
}
