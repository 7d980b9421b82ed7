//! A vector that never grows.

use crate::error::Full;
use crate::raw::RawBuf;
use allocator_api2::alloc::{AllocError, Allocator};
use core::fmt;
use core::mem;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};
use core::ptr::NonNull;
use core::{ptr, slice};

/// A vector whose capacity is allocated once.
pub struct Vec<T, A: Allocator> {
    buf: RawBuf<T, A>,
    /// The first `len` slots are initialised.
    len: usize,
}

impl<T, A: Allocator> Vec<T, A> {
    /// Room for `capacity` values, taken from `alloc`.
    pub fn with_capacity(capacity: usize, alloc: A) -> Result<Self, AllocError> {
        Ok(Self { buf: RawBuf::new(capacity, alloc)?, len: 0 })
    }

    /// Bytes that a vector of `capacity` takes from its allocator.
    pub const fn bytes(capacity: usize) -> usize {
        RawBuf::<T, A>::bytes(capacity)
    }

    /// How many values fit.
    pub const fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// How many more values fit.
    pub const fn room(&self) -> usize {
        self.buf.capacity().saturating_sub(self.len)
    }

    /// Whether nothing more fits.
    pub const fn is_full(&self) -> bool {
        self.room() == 0
    }

    /// The allocator that holds the values.
    pub const fn allocator(&self) -> &A {
        self.buf.allocator()
    }

    /// The values.
    pub const fn as_slice(&self) -> &[T] {
        // SAFETY: the first `len` slots are initialised.
        unsafe { slice::from_raw_parts(self.buf.ptr().as_ptr(), self.len) }
    }

    /// The values.
    pub const fn as_mut_slice(&mut self) -> &mut [T] {
        // SAFETY: the first `len` slots are initialised, and `self` is borrowed exclusively.
        unsafe { slice::from_raw_parts_mut(self.buf.ptr().as_ptr(), self.len) }
    }

    /// Appends a value, or returns it when there is no room.
    pub fn try_push(&mut self, value: T) -> Result<(), T> {
        if self.is_full() {
            return Err(value);
        }
        // SAFETY: `len < capacity`, and the slot is not initialised.
        unsafe { self.buf.slot(self.len).write(value) }
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    /// Puts a value before the one at `index`. Returns it when there is no room or `index` is past the end.
    pub fn try_insert(&mut self, index: usize, value: T) -> Result<(), T> {
        if self.is_full() || index > self.len {
            return Err(value);
        }
        // SAFETY: `index <= len < capacity`: the values from `index` on move into the free slot behind them.
        unsafe {
            let slot = self.buf.slot(index);
            ptr::copy(slot, slot.add(1), self.len.wrapping_sub(index));
            slot.write(value);
        }
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    /// Appends the values of the iterator until it ends or there is no more room.
    pub fn try_extend(&mut self, values: impl IntoIterator<Item = T>) -> Result<(), Full> {
        values.into_iter().try_for_each(|value| self.try_push(value).map_err(|_| Full))
    }

    /// Takes the last value.
    pub fn pop(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: the slot was initialised, and the shorter length gives its value to us.
        Some(unsafe { self.buf.slot(self.len).read() })
    }

    /// Drops all values.
    pub fn clear(&mut self) {
        self.truncate(0);
    }

    /// Drops the values from `len` on.
    pub fn truncate(&mut self, len: usize) {
        let Some(count) = self.len.checked_sub(len) else { return };
        self.len = len;
        // SAFETY: these slots were initialised, and the shorter length (set first, should a drop panic) forgets them.
        unsafe { ptr::drop_in_place(ptr::slice_from_raw_parts_mut(self.buf.slot(len), count)) }
    }

    /// Removes the value at `index` and moves the last one into its place.
    pub fn swap_remove(&mut self, index: usize) -> Option<T> {
        if index >= self.len {
            return None;
        }
        let last = self.pop()?;
        match self.as_mut_slice().get_mut(index) {
            Some(place) => Some(mem::replace(place, last)),
            // It was the last value that was asked for.
            None => Some(last),
        }
    }

    /// Removes the value at `index` and moves the later ones forward.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        if index >= self.len {
            return None;
        }
        self.as_mut_slice().get_mut(index..)?.rotate_left(1);
        self.pop()
    }

    /// Keeps the values that `keep` says yes to, in order.
    pub fn retain(&mut self, mut keep: impl FnMut(&T) -> bool) {
        self.retain_mut(|value| keep(value));
    }

    /// Keeps the values that `keep` says yes to, in order; it may change them.
    pub fn retain_mut(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        let mut kept = 0usize;
        for index in 0..self.len {
            let Some(value) = self.as_mut_slice().get_mut(index) else { break };
            if keep(value) {
                // Equal places are refused, and then there is nothing to swap.
                if let Ok([to, from]) = self.as_mut_slice().get_disjoint_mut([kept, index]) {
                    mem::swap(to, from);
                }
                kept = kept.saturating_add(1);
            }
        }
        self.truncate(kept);
    }

    /// Gives up the buffer; the values in it are forgotten, not dropped.
    fn into_buf(self) -> RawBuf<T, A> {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is never dropped, so the buffer has one owner.
        unsafe { ptr::read(&raw const this.buf) }
    }

    /// Gives up the buffer and its allocator: a block of `capacity` values, the first `len` of them initialised.
    pub(crate) fn into_raw_parts(self) -> (NonNull<T>, A) {
        self.into_buf().into_raw_parts()
    }

    /// Drops the first `count` values, or all when there are fewer, and moves the others forward.
    pub fn remove_front(&mut self, count: usize) {
        let count = count.min(self.len);
        self.as_mut_slice().rotate_left(count);
        self.truncate(self.len.saturating_sub(count));
    }
}

impl<T: Copy, A: Allocator> Vec<T, A> {
    /// A vector of exactly these values.
    pub fn try_from_slice(values: &[T], alloc: A) -> Result<Self, AllocError> {
        let mut vec = Self::with_capacity(values.len(), alloc)?;
        vec.try_extend_from_slice(values).map_err(|Full| AllocError)?;
        Ok(vec)
    }

    /// Appends all values or none.
    pub fn try_extend_from_slice(&mut self, values: &[T]) -> Result<(), Full> {
        if values.len() > self.room() {
            return Err(Full);
        }
        // SAFETY: there is room behind `len`; a slice and the free room of an exclusively borrowed vector don't overlap.
        unsafe { ptr::copy_nonoverlapping(values.as_ptr(), self.buf.slot(self.len), values.len()) }
        self.len = self.len.saturating_add(values.len());
        Ok(())
    }

    /// Makes the vector `len` long, with copies of `value` where it grows.
    pub fn try_resize(&mut self, len: usize, value: T) -> Result<(), Full> {
        if len > self.capacity() {
            return Err(Full);
        }
        self.truncate(len);
        while self.len < len {
            self.try_push(value).map_err(|_| Full)?;
        }
        Ok(())
    }
}

impl<T, A: Allocator> Drop for Vec<T, A> {
    fn drop(&mut self) {
        self.clear();
    }
}

impl<T, A: Allocator> Deref for Vec<T, A> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T, A: Allocator> DerefMut for Vec<T, A> {
    fn deref_mut(&mut self) -> &mut [T] {
        self.as_mut_slice()
    }
}

impl<T, A: Allocator> AsRef<[T]> for Vec<T, A> {
    fn as_ref(&self) -> &[T] {
        self
    }
}

impl<T, A: Allocator> AsMut<[T]> for Vec<T, A> {
    fn as_mut(&mut self) -> &mut [T] {
        self
    }
}

impl<T: fmt::Debug, A: Allocator> fmt::Debug for Vec<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl<T: PartialEq, A: Allocator, B: AsRef<[T]> + ?Sized> PartialEq<B> for Vec<T, A> {
    fn eq(&self, other: &B) -> bool {
        self.as_slice() == other.as_ref()
    }
}

impl<T: Eq, A: Allocator> Eq for Vec<T, A> {}

/// Text is written whole or not at all.
impl<A: Allocator> fmt::Write for Vec<u8, A> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.try_extend_from_slice(text.as_bytes()).map_err(|Full| fmt::Error)
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a Vec<T, A> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a mut Vec<T, A> {
    type Item = &'a mut T;
    type IntoIter = slice::IterMut<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

impl<T, A: Allocator> IntoIterator for Vec<T, A> {
    type Item = T;
    type IntoIter = IntoIter<T, A>;

    fn into_iter(self) -> IntoIter<T, A> {
        let end = self.len;
        IntoIter { buf: self.into_buf(), start: 0, end }
    }
}

/// The values of a [`Vec`] that was given away.
pub struct IntoIter<T, A: Allocator> {
    buf: RawBuf<T, A>,
    /// The slots `start..end` are initialised.
    start: usize,
    end: usize,
}

impl<T, A: Allocator> fmt::Debug for IntoIter<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoIter").field("left", &self.end.saturating_sub(self.start)).finish_non_exhaustive()
    }
}

impl<T, A: Allocator> Iterator for IntoIter<T, A> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.start >= self.end {
            return None;
        }
        let index = self.start;
        self.start = index.saturating_add(1);
        // SAFETY: the slot was initialised and is not ours any more after `start` moved on.
        Some(unsafe { self.buf.slot(index).read() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.end.saturating_sub(self.start);
        (left, Some(left))
    }
}

impl<T, A: Allocator> ExactSizeIterator for IntoIter<T, A> {}

impl<T, A: Allocator> Drop for IntoIter<T, A> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}
