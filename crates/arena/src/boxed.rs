//! One value, or a slice of them, in memory of its own.

use crate::raw::RawBuf;
use crate::vec::Vec;
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::{fmt, ptr};

/// A value in memory of its own. Its address does not change.
pub struct Box<T: ?Sized, A: Allocator> {
    ptr: NonNull<T>,
    alloc: A,
}

// SAFETY: the box owns its value exclusively, so it may move to another thread with its value and allocator.
unsafe impl<T: ?Sized + Send, A: Allocator + Send> Send for Box<T, A> {}
// SAFETY: a shared box gives out shared access only.
unsafe impl<T: ?Sized + Sync, A: Allocator + Sync> Sync for Box<T, A> {}

impl<T, A: Allocator> Box<T, A> {
    /// Moves `value` into memory from `alloc`.
    pub fn try_new(value: T, alloc: A) -> Result<Self, AllocError> {
        let layout = Layout::new::<T>();
        let ptr: NonNull<T> = if layout.size() == 0 { NonNull::dangling() } else { alloc.allocate(layout)?.cast() };
        // SAFETY: the block fits a `T` and is ours alone.
        unsafe { ptr.write(value) }
        Ok(Self { ptr, alloc })
    }

    /// Makes a value in its place. `make` is called when there is memory for the value, and the value then moves once.
    /// With [`try_new`](Self::try_new) it moves through every function that it passes, and takes space on each of their
    /// stacks. An error of `make` is converted here, because `map_err` would move the value once more.
    ///
    /// # Errors
    /// [`AllocError`] as `E`, or the error of `make`.
    pub fn try_init<E, F>(alloc: A, make: impl FnOnce() -> Result<T, F>) -> Result<Self, E>
    where
        E: From<AllocError> + From<F>,
    {
        let place = Box::<MaybeUninit<T>, A>::try_new(MaybeUninit::uninit(), alloc)?;
        match make() {
            // SAFETY: the block fits a `T` and is ours alone.
            Ok(value) => unsafe { place.ptr.cast::<T>().write(value) },
            // The block is released with `place`.
            Err(error) => return Err(error.into()),
        }
        let (ptr, alloc) = Box::into_raw(place);
        Ok(Self { ptr: ptr.cast(), alloc })
    }

    /// Takes the value out and releases the memory.
    pub fn into_inner(self) -> T {
        let (ptr, alloc) = Self::into_raw(self);
        // SAFETY: the value moves out here; the box that releases the memory has none any more.
        unsafe {
            let value = ptr.read();
            drop(Box::<MaybeUninit<T>, A>::from_raw(ptr.cast(), alloc));
            value
        }
    }
}

impl<A: Allocator> Box<[u8], A> {
    /// A slice of `len` zero bytes.
    pub fn try_zeroed(len: usize, alloc: A) -> Result<Self, AllocError> {
        let layout = Layout::array::<u8>(len).map_err(|_| AllocError)?;
        let ptr = if len == 0 { NonNull::dangling() } else { alloc.allocate_zeroed(layout)?.cast() };
        Ok(Self { ptr: NonNull::slice_from_raw_parts(ptr, len), alloc })
    }
}

impl<T, A: Allocator> Box<[T], A> {
    /// A slice of `len` values. `make` makes each from its index.
    pub fn try_from_fn(len: usize, alloc: A, mut make: impl FnMut(usize) -> T) -> Result<Self, AllocError> {
        let mut values = Vec::with_capacity(len, alloc)?;
        for index in 0..len {
            values.try_push(make(index)).map_err(|_| AllocError)?;
        }
        // The vector is full, so its buffer and the slice have the same layout.
        let (buf, alloc) = values.into_raw_parts();
        Ok(Self { ptr: NonNull::slice_from_raw_parts(buf, len), alloc })
    }

    /// A copy of `values`.
    pub fn try_from_slice(values: &[T], alloc: A) -> Result<Self, AllocError>
    where
        T: Clone,
    {
        let mut vec = Vec::with_capacity(values.len(), alloc)?;
        vec.try_extend(values.iter().cloned()).map_err(|_| AllocError)?;
        let (buf, alloc) = vec.into_raw_parts();
        Ok(Self { ptr: NonNull::slice_from_raw_parts(buf, values.len()), alloc })
    }

    /// Bytes that `len` values take from their allocator.
    pub const fn bytes(len: usize) -> usize {
        RawBuf::<T, A>::bytes(len)
    }
}

impl<T: ?Sized, A: Allocator> Box<T, A> {
    /// The allocator that holds the value.
    pub const fn allocator(&self) -> &A {
        &self.alloc
    }

    /// Gives up ownership of the value.
    pub fn into_raw(self) -> (NonNull<T>, A) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so the allocator moves out once.
        (this.ptr, unsafe { ptr::read(&raw const this.alloc) })
    }

    /// Takes ownership of a value.
    ///
    /// # Safety
    /// `ptr` came from [`Box::into_raw`] (it may have been cast to a type of the same layout, or to a trait object of
    /// its value) with `alloc` or a clone of it, and nobody else owns the value.
    pub const unsafe fn from_raw(ptr: NonNull<T>, alloc: A) -> Self {
        Self { ptr, alloc }
    }
}

impl<T: ?Sized, A: Allocator> Drop for Box<T, A> {
    fn drop(&mut self) {
        let layout = Layout::for_value::<T>(self);
        // SAFETY: the value is initialised and the block was allocated with its layout; both end here.
        unsafe {
            ptr::drop_in_place(self.ptr.as_ptr());
            if layout.size() != 0 {
                self.alloc.deallocate(self.ptr.cast(), layout);
            }
        }
    }
}

impl<T: ?Sized, A: Allocator> Deref for Box<T, A> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the value is initialised and lives as long as the box.
        unsafe { self.ptr.as_ref() }
    }
}

impl<T: ?Sized, A: Allocator> DerefMut for Box<T, A> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the value is initialised, lives as long as the box, and the box is borrowed exclusively.
        unsafe { self.ptr.as_mut() }
    }
}

impl<T: ?Sized, A: Allocator> AsRef<T> for Box<T, A> {
    fn as_ref(&self) -> &T {
        self
    }
}

impl<T: ?Sized, A: Allocator> AsMut<T> for Box<T, A> {
    fn as_mut(&mut self) -> &mut T {
        self
    }
}

impl<T: ?Sized + fmt::Debug, A: Allocator> fmt::Debug for Box<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
