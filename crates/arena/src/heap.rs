//! A heap over a region of memory that the caller gives.

use crate::error::RegionError;
use crate::fallback::Region;
use crate::stats::Stats;
use crate::trace;
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::cell::UnsafeCell;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use rlsf::Tlsf;

/// First-level classes: a block has at most `rlsf::GRANULARITY << 22` bytes (64 MiB on a 32-bit machine). A larger
/// region is cut into blocks of that size.
const FIRST_LEVEL: usize = 22;
/// Second-level classes: sizes are told apart to one part in 16.
const SECOND_LEVEL: usize = 16;

/// How a heap protects itself against concurrent use: [`Unlocked`] or [`CriticalSection`].
pub trait Lock: sealed::Sealed {}

#[allow(unnameable_types)] // Nobody else implements it.
mod sealed {
    pub trait Sealed {
        fn with<R>(f: impl FnOnce() -> R) -> R;
    }
}

/// No lock. The heap stays on one thread: it is not `Sync`.
#[derive(Debug)]
pub struct Unlocked(());

/// A [`critical_section`] around each operation. Several cores, threads and interrupts may use the heap.
#[derive(Debug)]
pub struct CriticalSection(());

impl Lock for Unlocked {}
impl Lock for CriticalSection {}

impl sealed::Sealed for Unlocked {
    fn with<R>(f: impl FnOnce() -> R) -> R {
        f()
    }
}

impl sealed::Sealed for CriticalSection {
    fn with<R>(f: impl FnOnce() -> R) -> R {
        critical_section::with(|_| f())
    }
}

/// A heap over the region `'r`, by two-level segregated fit: each operation takes constant time. `&Heap` is the
/// [`Allocator`].
pub struct Heap<'r, L: Lock = Unlocked> {
    inner: UnsafeCell<Inner<'r>>,
    lock: PhantomData<L>,
}

struct Inner<'r> {
    tlsf: Tlsf<'r, u32, u16, FIRST_LEVEL, SECOND_LEVEL>,
    region: Option<NonNull<[u8]>>,
    stats: Stats,
}

// SAFETY: the heap owns its region, and `Unlocked` forbids sharing, not moving.
unsafe impl<L: Lock> Send for Heap<'_, L> {}
// SAFETY: every access to `inner` is inside a critical section.
unsafe impl Sync for Heap<'_, CriticalSection> {}

impl<'r> Heap<'r> {
    /// A heap over `region`, for one thread. [`Heap::with_lock`] makes one that threads and interrupts share.
    ///
    /// # Errors
    /// [`RegionError`] where the region is too small.
    pub fn new(region: &'r mut [MaybeUninit<u8>]) -> Result<Self, RegionError> {
        Self::with_lock(region)
    }
}

impl<'r, L: Lock> Heap<'r, L> {
    /// A heap without a region, for a `static`. [`Heap::give`] gives it one.
    pub const fn empty() -> Self {
        let inner = Inner { tlsf: Tlsf::new(), region: None, stats: Stats::ZERO };
        Self { inner: UnsafeCell::new(inner), lock: PhantomData }
    }

    /// A heap over `region`, with the lock that the type names.
    ///
    /// # Errors
    /// [`RegionError`] where the region is too small.
    pub fn with_lock(region: &'r mut [MaybeUninit<u8>]) -> Result<Self, RegionError> {
        let heap = Self::empty();
        heap.give(region)?;
        Ok(heap)
    }

    /// A heap over the `len` bytes from `start` on.
    ///
    /// # Safety
    /// The bytes are valid for reads and writes, and nothing else uses them, during `'r`.
    pub unsafe fn from_raw(start: *mut u8, len: usize) -> Result<Self, RegionError> {
        let heap = Self::empty();
        // SAFETY: the caller's promise is passed on.
        unsafe { heap.give_raw(start, len)? }
        Ok(heap)
    }

    /// Gives an empty heap its region.
    pub fn give(&self, region: &'r mut [MaybeUninit<u8>]) -> Result<(), RegionError> {
        // SAFETY: the region is borrowed exclusively for as long as the heap may live.
        unsafe { self.give_raw(region.as_mut_ptr().cast(), region.len()) }
    }

    /// Gives an empty heap the `len` bytes from `start` on.
    ///
    /// # Safety
    /// The bytes are valid for reads and writes, and nothing else uses them, during `'r`.
    pub unsafe fn give_raw(&self, start: *mut u8, len: usize) -> Result<(), RegionError> {
        let pointer = NonNull::new(start).ok_or(RegionError::Invalid)?;
        start.addr().checked_add(len).ok_or(RegionError::Invalid)?;
        self.with(|inner| {
            if inner.region.is_some() {
                return Err(RegionError::InUse);
            }
            let region = NonNull::slice_from_raw_parts(pointer, len);
            // SAFETY: the caller promises that the memory is valid and ours during `'r`.
            unsafe { inner.tlsf.insert_free_block_ptr(region) }.ok_or(RegionError::TooSmall)?;
            inner.region = Some(region);
            inner.stats.capacity = len;
            Ok(())
        })
    }

    /// Takes the region from the heap, which is empty then.
    ///
    /// # Errors
    /// [`RegionError`] while a block is in use, and when the heap has no region.
    pub fn take_back(&self) -> Result<NonNull<[u8]>, RegionError> {
        self.with(|inner| {
            let region = inner.region.ok_or(RegionError::Invalid)?;
            if inner.stats.live != 0 {
                return Err(RegionError::InUse);
            }
            inner.tlsf = Tlsf::new();
            inner.region = None;
            inner.stats.capacity = 0;
            Ok(region)
        })
    }

    /// The counters as they are now.
    pub fn stats(&self) -> Stats {
        self.with(|inner| inner.stats)
    }

    /// Sets the peak to the bytes that are live now.
    pub fn reset_peak(&self) {
        self.with(|inner| inner.stats.peak = inner.stats.live);
    }

    fn with<R>(&self, f: impl FnOnce(&mut Inner<'r>) -> R) -> R {
        // SAFETY: the lock (or, for `Unlocked`, that the heap is not `Sync`) keeps others out, and no `f` in this file
        // calls code from outside that could come back here.
        L::with(|| f(unsafe { &mut *self.inner.get() }))
    }
}

/// Sizes, which are the same for every heap.
impl Heap<'_> {
    /// The most bytes of the region that a block of `layout` takes, with the header of the heap.
    pub const fn block_bytes(layout: Layout) -> usize {
        const UNIT: usize = rlsf::GRANULARITY;
        // A header of half a unit precedes the block; a stricter alignment than half a unit may skip room before it.
        let padding = layout.align().saturating_sub(UNIT / 2);
        let bytes = layout.size().saturating_add(padding).saturating_add(UNIT / 2);
        match bytes.checked_next_multiple_of(UNIT) {
            Some(bytes) if layout.size() != 0 => bytes,
            Some(_) => 0,
            None => usize::MAX,
        }
    }

    /// The size in bytes of a region for users that take at most `worst_case` bytes in at most `blocks` blocks at a
    /// time.
    ///
    /// It includes the header of each block, the rounding of its size, and [what is never a
    /// block](Self::region_overhead). It also includes a sixteenth for fragmentation: the heap does not search a class
    /// for a free block that is large enough.
    pub const fn region_bytes(worst_case: usize, blocks: usize) -> usize {
        let headers = blocks.saturating_mul(rlsf::GRANULARITY.saturating_mul(2));
        worst_case.saturating_add(worst_case / 16).saturating_add(headers).saturating_add(Self::region_overhead())
    }

    /// The bytes of a region that never become blocks: a header at its end, and the alignment of its start.
    pub const fn region_overhead() -> usize {
        // One unit each, less the byte that an unaligned start has at least.
        rlsf::GRANULARITY.saturating_mul(2)
    }
}

// SAFETY: all blocks lie in the region, and nobody else uses it.
unsafe impl<L: Lock> Region for Heap<'_, L> {
    fn contains(&self, pointer: NonNull<u8>) -> bool {
        let region = self.with(|inner| inner.region);
        region.is_some_and(|region| {
            // An address before the region wraps to an offset far behind it.
            let offset = pointer.as_ptr().addr().wrapping_sub(region.cast::<u8>().as_ptr().addr());
            offset < region.len()
        })
    }
}

impl<L: Lock> fmt::Debug for Heap<'_, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Heap").field(&self.stats()).finish()
    }
}

// SAFETY: blocks lie in the region, which outlives the heap, and don't overlap; a borrowed heap doesn't move. A
// zero-sized block is only an aligned address.
unsafe impl<L: Lock> Allocator for Heap<'_, L> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let size = layout.size();
        if size == 0 {
            let dangling = core::ptr::without_provenance_mut(layout.align());
            return NonNull::new(dangling).map(|ptr| NonNull::slice_from_raw_parts(ptr, 0)).ok_or(AllocError);
        }
        let ptr = self.with(|inner| {
            let ptr = inner.tlsf.allocate(layout);
            match ptr {
                Some(_) => inner.stats.allocated(size),
                None => inner.stats.failed(),
            }
            ptr
        });
        trace::allocation("heap", layout, ptr);
        ptr.map(|ptr| NonNull::slice_from_raw_parts(ptr, size)).ok_or(AllocError)
    }

    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        if layout.size() == 0 {
            return;
        }
        trace::release("heap", layout, ptr);
        self.with(|inner| {
            // SAFETY: the caller promises that the block came from this heap with this layout.
            unsafe { inner.tlsf.deallocate(ptr, layout.align()) }
            inner.stats.freed(layout.size());
        });
    }
}
