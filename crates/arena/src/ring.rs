//! A double-ended queue that never grows.

use crate::raw::RawBuf;
use allocator_api2::alloc::{AllocError, Allocator};
use core::{fmt, mem, ptr, slice};

/// A double-ended queue of fixed capacity.
pub struct Ring<T, A: Allocator> {
    buf: RawBuf<T, A>,
    /// Slot of the first value; below the capacity unless that is zero.
    head: usize,
    /// The `len` slots from `head` on (around the end) are initialised.
    len: usize,
}

impl<T, A: Allocator> Ring<T, A> {
    /// Room for `capacity` values, taken from `alloc`.
    pub fn with_capacity(capacity: usize, alloc: A) -> Result<Self, AllocError> {
        Ok(Self { buf: RawBuf::new(capacity, alloc)?, head: 0, len: 0 })
    }

    /// Bytes that a ring of `capacity` takes from its allocator.
    pub const fn bytes(capacity: usize) -> usize {
        RawBuf::<T, A>::bytes(capacity)
    }

    /// How many values fit.
    pub const fn capacity(&self) -> usize {
        self.buf.capacity()
    }

    /// How many values there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether nothing more fits.
    pub const fn is_full(&self) -> bool {
        self.len >= self.capacity()
    }

    /// How many more values fit.
    pub const fn room(&self) -> usize {
        self.capacity().saturating_sub(self.len)
    }

    /// The allocator that holds the values.
    pub const fn allocator(&self) -> &A {
        self.buf.allocator()
    }

    /// Appends a value, or returns it when there is no room.
    pub fn push_back(&mut self, value: T) -> Result<(), T> {
        if self.is_full() {
            return Err(value);
        }
        // SAFETY: the slot behind the last value is inside the buffer and free.
        unsafe { self.buf.slot(self.wrap(self.len)).write(value) }
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    /// Puts a value before the first, or returns it when there is no room.
    pub fn push_front(&mut self, value: T) -> Result<(), T> {
        if self.is_full() {
            return Err(value);
        }
        self.head = self.head.checked_sub(1).unwrap_or(self.capacity().saturating_sub(1));
        // SAFETY: the slot before the first value is inside the buffer and free.
        unsafe { self.buf.slot(self.head).write(value) }
        self.len = self.len.saturating_add(1);
        Ok(())
    }

    /// Removes the first value.
    pub fn pop_front(&mut self) -> Option<T> {
        let left = self.len.checked_sub(1)?;
        let slot = self.head;
        self.head = self.wrap(1);
        self.len = left;
        // SAFETY: the slot was initialised and has left the range that we own.
        Some(unsafe { self.buf.slot(slot).read() })
    }

    /// Removes the last value.
    pub fn pop_back(&mut self) -> Option<T> {
        self.len = self.len.checked_sub(1)?;
        // SAFETY: the slot was initialised and has left the range that we own.
        Some(unsafe { self.buf.slot(self.wrap(self.len)).read() })
    }

    /// The first value.
    pub fn front(&self) -> Option<&T> {
        self.get(0)
    }

    /// The first value.
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.get_mut(0)
    }

    /// The last value.
    pub fn back(&self) -> Option<&T> {
        self.get(self.len.checked_sub(1)?)
    }

    /// The last value.
    pub fn back_mut(&mut self) -> Option<&mut T> {
        self.get_mut(self.len.checked_sub(1)?)
    }

    /// The value `index` places behind the first.
    pub fn get(&self, index: usize) -> Option<&T> {
        if index >= self.len {
            return None;
        }
        // SAFETY: the slot holds one of the `len` values.
        Some(unsafe { &*self.buf.slot(self.wrap(index)) })
    }

    /// The value `index` places behind the first.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        if index >= self.len {
            return None;
        }
        // SAFETY: the slot holds one of the `len` values, and `self` is borrowed exclusively.
        Some(unsafe { &mut *self.buf.slot(self.wrap(index)) })
    }

    /// Exchanges two values; nothing happens where one of them doesn't exist.
    pub fn swap(&mut self, a: usize, b: usize) {
        if a < self.len && b < self.len {
            // SAFETY: both slots are initialised; they may be the same.
            unsafe { ptr::swap(self.buf.slot(self.wrap(a)), self.buf.slot(self.wrap(b))) }
        }
    }

    /// Removes the value at `index` and moves the later ones forward.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        if index >= self.len {
            return None;
        }
        for at in index..self.len.saturating_sub(1) {
            self.swap(at, at.saturating_add(1));
        }
        self.pop_back()
    }

    /// Puts a value before the one at `index`. Returns it when there is no room or `index` is past the end.
    pub fn insert(&mut self, index: usize, value: T) -> Result<(), T> {
        if index > self.len {
            return Err(value);
        }
        self.push_back(value)?;
        for at in (index..self.len.saturating_sub(1)).rev() {
            self.swap(at, at.saturating_add(1));
        }
        Ok(())
    }

    /// Keeps the values for which `keep` returns `true`, in order. `keep` may change them.
    pub fn retain_mut(&mut self, mut keep: impl FnMut(&mut T) -> bool) {
        let mut kept = 0usize;
        for index in 0..self.len {
            let Some(value) = self.get_mut(index) else { break };
            if keep(value) {
                self.swap(kept, index);
                kept = kept.saturating_add(1);
            }
        }
        self.truncate(kept);
    }

    /// Drops the values from place `len` on.
    pub fn truncate(&mut self, len: usize) {
        while self.len > len {
            drop(self.pop_back());
        }
    }

    /// Drops all values.
    pub fn clear(&mut self) {
        self.truncate(0);
        self.head = 0;
    }

    /// The values in order. They lie in two slices.
    pub fn as_slices(&self) -> (&[T], &[T]) {
        let (first, second) = self.pieces();
        // SAFETY: both pieces cover initialised slots only.
        unsafe {
            (slice::from_raw_parts(self.buf.slot(self.head), first), slice::from_raw_parts(self.buf.slot(0), second))
        }
    }

    /// The values in order. They lie in two slices.
    pub fn as_mut_slices(&mut self) -> (&mut [T], &mut [T]) {
        let (first, second) = self.pieces();
        // SAFETY: both pieces cover initialised slots only, don't overlap, and `self` is borrowed exclusively.
        unsafe {
            (
                slice::from_raw_parts_mut(self.buf.slot(self.head), first),
                slice::from_raw_parts_mut(self.buf.slot(0), second),
            )
        }
    }

    /// The values, first to last.
    pub fn iter(&self) -> Iter<'_, T> {
        let (first, second) = self.as_slices();
        Iter { first: first.iter(), second: second.iter() }
    }

    /// The values, first to last.
    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        let (first, second) = self.as_mut_slices();
        IterMut { first: first.iter_mut(), second: second.iter_mut() }
    }

    /// Lengths of the piece that starts at `head` and of the one that starts at slot 0.
    fn pieces(&self) -> (usize, usize) {
        let first = self.len.min(self.capacity().saturating_sub(self.head));
        (first, self.len.saturating_sub(first))
    }

    /// The slot `offset` behind the head. `offset <= capacity`.
    fn wrap(&self, offset: usize) -> usize {
        // Compared by room so that nothing overflows with zero-sized values, whose capacity may be anything.
        let to_end = self.capacity().wrapping_sub(self.head);
        if offset < to_end { self.head.wrapping_add(offset) } else { offset.wrapping_sub(to_end) }
    }
}

impl<T, A: Allocator> Drop for Ring<T, A> {
    fn drop(&mut self) {
        self.clear();
    }
}

impl<T: fmt::Debug, A: Allocator> fmt::Debug for Ring<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a Ring<T, A> {
    type Item = &'a T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a mut Ring<T, A> {
    type Item = &'a mut T;
    type IntoIter = IterMut<'a, T>;

    fn into_iter(self) -> IterMut<'a, T> {
        self.iter_mut()
    }
}

macro_rules! iterator {
    ($(#[$doc:meta])* $name:ident, $slice:ty, $item:ty) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<'a, T> {
            first: $slice,
            second: $slice,
        }

        impl<'a, T> Iterator for $name<'a, T> {
            type Item = $item;

            fn next(&mut self) -> Option<$item> {
                if self.first.len() == 0 {
                    mem::swap(&mut self.first, &mut self.second);
                }
                self.first.next()
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                let left = self.first.len().saturating_add(self.second.len());
                (left, Some(left))
            }
        }

        impl<T> DoubleEndedIterator for $name<'_, T> {
            fn next_back(&mut self) -> Option<Self::Item> {
                self.second.next_back().or_else(|| self.first.next_back())
            }
        }

        impl<T> ExactSizeIterator for $name<'_, T> {}
    };
}

iterator!(
    /// The values of a [`Ring`], first to last.
    Iter, slice::Iter<'a, T>, &'a T
);
iterator!(
    /// The values of a [`Ring`], first to last, to be changed.
    IterMut, slice::IterMut<'a, T>, &'a mut T
);
