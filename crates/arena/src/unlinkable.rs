//! The proof that nobody uses the global heap.

use core::alloc::{GlobalAlloc, Layout};

/// A global allocator that cannot be linked.
///
/// Its methods call a function that exists nowhere. A program without a path to the global heap loses the methods to
/// the optimiser and links; any other program doesn't, and the linker's message says where the path begins. Build with
/// link-time optimisation (`lto = true`, `panic = "abort"`, optimised).
///
/// ```no_run
/// #[global_allocator]
/// static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Unlinkable;

unsafe extern "C" {
    /// Exists nowhere: its name is the message.
    fn the_global_heap_is_used_but_this_program_must_not_have_one(bytes: usize) -> *mut u8;
}

// SAFETY: no program that calls one of these methods exists.
unsafe impl GlobalAlloc for Unlinkable {
    // Inlined, so that the machine code is only in programs that have this as their global allocator: a library with it
    // in an archive would miss the function for everybody.
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: never executed, because it doesn't link.
        unsafe { the_global_heap_is_used_but_this_program_must_not_have_one(layout.size()) }
    }

    #[inline]
    unsafe fn dealloc(&self, _: *mut u8, layout: Layout) {
        // SAFETY: never executed, because it doesn't link.
        unsafe { the_global_heap_is_used_but_this_program_must_not_have_one(layout.size()) };
    }
}
