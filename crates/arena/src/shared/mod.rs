//! Reference counting inside an arena.

mod count;
#[cfg(all(test, feature = "std", not(loom)))]
mod tests;

pub use count::{Atomic, Count, Local};

use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;
use core::ptr::{self, NonNull};
use core::{fmt, hash, mem};

/// What lies in the arena: the counts, the allocator handle that releases the block, the value.
#[repr(C)]
struct Block<T: ?Sized, A, C> {
    counts: C,
    /// Moved out when the block is released.
    alloc: ManuallyDrop<A>,
    /// Dropped with the last strong reference.
    value: ManuallyDrop<T>,
}

/// A value with several owners, in memory from `A`. It is dropped with the last [`Shared`]; its memory returns to the
/// arena with the last [`Shared`] or [`Weak`].
///
/// The block's header takes 8 bytes for both counts plus the size of the allocator handle, and nothing more is
/// allocated. `C` says how references are counted: [`Atomic`] across threads and interrupts, [`Local`] on one thread.
/// With [`Atomic`] a reference is `Send` where the value and the allocator are `Send` and `Sync`.
pub struct Shared<T: ?Sized, A: Allocator, C: Count = Atomic> {
    block: NonNull<Block<T, A, C>>,
    /// We may drop a `T`.
    owns: PhantomData<Block<T, A, C>>,
}

/// A reference to a [`Shared`] value that does not keep the value alive. It keeps its memory.
pub struct Weak<T: ?Sized, A: Allocator, C: Count = Atomic> {
    block: NonNull<Block<T, A, C>>,
    owns: PhantomData<Block<T, A, C>>,
}

// SAFETY: the counts are atomic; the value is shared by, and the allocator may end on, any thread that has a reference.
unsafe impl<T: ?Sized + Send + Sync, A: Allocator + Send + Sync> Send for Shared<T, A, Atomic> {}
// SAFETY: as for `Send`, because a shared reference can be cloned.
unsafe impl<T: ?Sized + Send + Sync, A: Allocator + Send + Sync> Sync for Shared<T, A, Atomic> {}
// SAFETY: as for `Shared`, because a weak reference can be upgraded.
unsafe impl<T: ?Sized + Send + Sync, A: Allocator + Send + Sync> Send for Weak<T, A, Atomic> {}
// SAFETY: as for `Shared`, because a weak reference can be upgraded.
unsafe impl<T: ?Sized + Send + Sync, A: Allocator + Send + Sync> Sync for Weak<T, A, Atomic> {}

impl<T, A: Allocator, C: Count> Shared<T, A, C> {
    /// Bytes that a value takes from its allocator, header included.
    pub const BYTES: usize = size_of::<Block<T, A, C>>();

    /// Moves `value` into memory from `alloc`.
    pub fn try_new(value: T, alloc: A) -> Result<Self, AllocError> {
        let block: NonNull<Block<T, A, C>> = alloc.allocate(Layout::new::<Block<T, A, C>>())?.cast();
        let content = Block { counts: C::one(), alloc: ManuallyDrop::new(alloc), value: ManuallyDrop::new(value) };
        // SAFETY: the memory fits a block and is ours alone.
        unsafe { block.write(content) }
        Ok(Self { block, owns: PhantomData })
    }

    /// Moves the value out when this is the only strong reference. Weak references find no value from then on.
    pub fn try_into_inner(this: Self) -> Result<T, Self> {
        if !this.counts().take_last_strong() {
            return Err(this);
        }
        let this = ManuallyDrop::new(this);
        // SAFETY: we took the last strong reference away, so nobody else reads the value; the weak reference that all
        // strong ones held together becomes ours to drop.
        unsafe {
            let value = ptr::read(&raw const this.block.as_ref().value);
            drop(Weak { block: this.block, owns: PhantomData });
            Ok(ManuallyDrop::into_inner(value))
        }
    }
}

impl<T, A: Allocator, C: Count> Shared<[T], A, C> {
    /// Bytes that a slice of `len` takes from its allocator, header included; `usize::MAX` where it cannot exist.
    pub const fn bytes(len: usize) -> usize {
        let mask = align_of::<Block<[T; 0], A, C>>().wrapping_sub(1);
        let end = size_of::<T>().saturating_mul(len).saturating_add(mem::offset_of!(Block<[T; 0], A, C>, value));
        match end.checked_add(mask) {
            Some(end) => end & !mask,
            None => usize::MAX,
        }
    }

    /// A slice of `len` values. `make` makes each from its index. When it fails, the values that were made are dropped.
    pub fn try_from_fn<E: From<AllocError>>(
        len: usize,
        alloc: A,
        mut make: impl FnMut(usize) -> Result<T, E>,
    ) -> Result<Self, E> {
        let mut unfinished = Unfinished::<T, A, C>::new(len, alloc)?;
        for index in 0..len {
            let value = make(index)?;
            // SAFETY: the slot is inside the block, and not initialised.
            unsafe { unfinished.values().add(index).write(value) }
            unfinished.made = index.saturating_add(1);
        }
        Ok(unfinished.finish())
    }

    /// A copy of `values`.
    pub fn try_from_slice(values: &[T], alloc: A) -> Result<Self, AllocError>
    where
        T: Copy,
    {
        let mut unfinished = Unfinished::<T, A, C>::new(values.len(), alloc)?;
        // SAFETY: the block has room for as many values, and is new.
        unsafe { ptr::copy_nonoverlapping(values.as_ptr(), unfinished.values(), values.len()) }
        unfinished.made = values.len();
        Ok(unfinished.finish())
    }
}

impl<A: Allocator, C: Count> Shared<[u8], A, C> {
    /// A slice of `len` zero bytes. [`Shared::get_mut`] fills them later.
    pub fn try_zeroed(len: usize, alloc: A) -> Result<Self, AllocError> {
        let mut unfinished = Unfinished::<u8, A, C>::new(len, alloc)?;
        // SAFETY: the block has room for as many bytes.
        unsafe { unfinished.values().write_bytes(0, len) }
        unfinished.made = len;
        Ok(unfinished.finish())
    }

    /// A slice of `len` bytes. `fill` writes them in their place. They are zero before.
    pub fn try_fill<E: From<AllocError>>(
        len: usize,
        alloc: A,
        fill: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, E> {
        let shared = Self::try_zeroed(len, alloc)?;
        // SAFETY: nobody has seen the new reference.
        fill(unsafe { &mut (*shared.block.as_ptr()).value })?;
        Ok(shared)
    }
}

impl<T: ?Sized, A: Allocator, C: Count> Shared<T, A, C> {
    /// A weak reference to the value.
    pub fn downgrade(this: &Self) -> Weak<T, A, C> {
        this.counts().add_weak();
        Weak { block: this.block, owns: PhantomData }
    }

    /// The value, to be changed. `None` when there is another reference, strong or weak.
    ///
    /// With [`Atomic`], a weak reference that another thread upgrades at the same moment may fail to upgrade once.
    pub fn get_mut(this: &mut Self) -> Option<&mut T> {
        if !this.counts().is_unique() {
            return None;
        }
        // SAFETY: this is the only reference and borrowed exclusively, so no other can come about.
        Some(unsafe { &mut (*this.block.as_ptr()).value })
    }

    /// Whether both refer to the same value.
    pub fn ptr_eq(this: &Self, other: &Self) -> bool {
        ptr::addr_eq(this.block.as_ptr(), other.block.as_ptr())
    }

    /// How many [`Shared`] there are.
    pub fn strong_count(this: &Self) -> usize {
        this.counts().strong() as usize
    }

    /// How many [`Weak`] there are.
    pub fn weak_count(this: &Self) -> usize {
        (this.counts().weak() as usize).saturating_sub(1)
    }

    /// The allocator that holds the value.
    pub fn allocator(this: &Self) -> &A {
        // SAFETY: the block is alive while a reference exists.
        unsafe { &this.block.as_ref().alloc }
    }

    fn counts(&self) -> &C {
        // SAFETY: the block is alive while a reference exists. Only the counts are borrowed: while the last strong
        // reference drops the value, weak ones may look at them.
        unsafe { &(*self.block.as_ptr()).counts }
    }
}

impl<T: ?Sized, A: Allocator, C: Count> Weak<T, A, C> {
    /// A strong reference, while the value lives.
    pub fn upgrade(&self) -> Option<Shared<T, A, C>> {
        self.counts().upgrade().then(|| Shared { block: self.block, owns: PhantomData })
    }

    /// How many [`Shared`] there are.
    pub fn strong_count(&self) -> usize {
        self.counts().strong() as usize
    }

    /// Whether both refer to the same value.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        ptr::addr_eq(self.block.as_ptr(), other.block.as_ptr())
    }

    fn counts(&self) -> &C {
        // SAFETY: the block is alive while a reference exists; the value next to the counts may be gone or going.
        unsafe { &(*self.block.as_ptr()).counts }
    }
}

impl<T: ?Sized, A: Allocator, C: Count> Clone for Shared<T, A, C> {
    fn clone(&self) -> Self {
        self.counts().add_strong();
        Self { block: self.block, owns: PhantomData }
    }
}

impl<T: ?Sized, A: Allocator, C: Count> Clone for Weak<T, A, C> {
    fn clone(&self) -> Self {
        self.counts().add_weak();
        Self { block: self.block, owns: PhantomData }
    }
}

impl<T: ?Sized, A: Allocator, C: Count> Drop for Shared<T, A, C> {
    fn drop(&mut self) {
        if !self.counts().drop_strong() {
            return;
        }
        // The weak reference that all strong ones held together; it releases the memory even if the value's drop panics.
        let _weak = Weak { block: self.block, owns: PhantomData };
        // SAFETY: the last strong reference is gone, so nobody else reads the value, and it is dropped once.
        unsafe { ptr::drop_in_place(&raw mut (*self.block.as_ptr()).value as *mut T) }
    }
}

impl<T: ?Sized, A: Allocator, C: Count> Drop for Weak<T, A, C> {
    fn drop(&mut self) {
        if !self.counts().drop_weak() {
            return;
        }
        // SAFETY: the last reference of either kind is gone. The metadata of the pointer gives the layout even though
        // the value is dropped, and the allocator moves out before its block is released.
        unsafe {
            let layout = Layout::for_value(self.block.as_ref());
            let alloc = ptr::read(&raw const (*self.block.as_ptr()).alloc);
            ManuallyDrop::into_inner(alloc).deallocate(self.block.cast(), layout);
        }
    }
}

impl<T: ?Sized, A: Allocator, C: Count> Deref for Shared<T, A, C> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the value lives while a strong reference exists.
        unsafe { &self.block.as_ref().value }
    }
}

impl<T: ?Sized, A: Allocator, C: Count> AsRef<T> for Shared<T, A, C> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: ?Sized + fmt::Debug, A: Allocator, C: Count> fmt::Debug for Shared<T, A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized, A: Allocator, C: Count> fmt::Debug for Weak<T, A, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(Weak)")
    }
}

impl<T: ?Sized + PartialEq, A: Allocator, C: Count> PartialEq for Shared<T, A, C> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: ?Sized + Eq, A: Allocator, C: Count> Eq for Shared<T, A, C> {}

impl<T: ?Sized + hash::Hash, A: Allocator, C: Count> hash::Hash for Shared<T, A, C> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

/// A slice that is being made; dropping it drops the values made so far and releases the block.
struct Unfinished<T, A: Allocator, C: Count> {
    block: NonNull<Block<[T], A, C>>,
    made: usize,
}

impl<T, A: Allocator, C: Count> Unfinished<T, A, C> {
    /// A block whose header is written and whose values are not.
    fn new(len: usize, alloc: A) -> Result<Self, AllocError> {
        let header = Layout::new::<Block<[T; 0], A, C>>();
        let values = Layout::array::<T>(len).map_err(|_| AllocError)?;
        // The values begin where they begin in a block of the array type: `Block` is `repr(C)`, and the empty array
        // has the alignment of its elements. `header` may be padded behind them, so it isn't extended itself.
        let offset = mem::offset_of!(Block<[T; 0], A, C>, value);
        let end = offset.checked_add(values.size()).ok_or(AllocError)?;
        let layout = Layout::from_size_align(end, header.align()).map_err(|_| AllocError)?.pad_to_align();
        let start: NonNull<u8> = alloc.allocate(layout)?.cast();
        let block = ptr::slice_from_raw_parts_mut(start.as_ptr(), len) as *mut Block<[T], A, C>;
        // SAFETY: the memory fits the header, is aligned for it, and is not null.
        unsafe {
            (&raw mut (*block).counts).write(C::one());
            (&raw mut (*block).alloc).write(ManuallyDrop::new(alloc));
            Ok(Self { block: NonNull::new_unchecked(block), made: 0 })
        }
    }

    fn values(&mut self) -> *mut T {
        // SAFETY: the place is inside the block; nothing is read.
        unsafe { (&raw mut (*self.block.as_ptr()).value) as *mut T }
    }

    /// All values are made.
    fn finish(self) -> Shared<[T], A, C> {
        Shared { block: ManuallyDrop::new(self).block, owns: PhantomData }
    }
}

impl<T, A: Allocator, C: Count> Drop for Unfinished<T, A, C> {
    fn drop(&mut self) {
        let _block = Weak { block: self.block, owns: PhantomData };
        // SAFETY: the first `made` values are initialised and nobody else has them.
        unsafe { ptr::drop_in_place(ptr::slice_from_raw_parts_mut(self.values(), self.made)) }
    }
}
