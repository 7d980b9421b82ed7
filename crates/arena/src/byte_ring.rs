//! A queue of bytes that never grows.

use crate::boxed::Box;
use allocator_api2::alloc::{AllocError, Allocator};
use core::fmt;

/// A byte queue of fixed capacity.
pub struct ByteRing<A: Allocator> {
    buf: Box<[u8], A>,
    /// Below the capacity unless that is zero.
    head: usize,
    len: usize,
}

impl<A: Allocator> ByteRing<A> {
    /// Room for `capacity` bytes, taken from `alloc`.
    pub fn with_capacity(capacity: usize, alloc: A) -> Result<Self, AllocError> {
        Ok(Self { buf: Box::<[u8], A>::try_zeroed(capacity, alloc)?, head: 0, len: 0 })
    }

    /// Bytes that a ring of `capacity` takes from its allocator.
    pub const fn bytes(capacity: usize) -> usize {
        capacity
    }

    /// How many bytes fit.
    pub fn capacity(&self) -> usize {
        self.buf.len()
    }

    /// How many bytes wait.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no byte waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many more bytes fit.
    pub fn room(&self) -> usize {
        self.capacity().saturating_sub(self.len)
    }

    /// Appends as much of `data` as fits, and returns how many bytes that were.
    pub fn write(&mut self, data: &[u8]) -> usize {
        let count = data.len().min(self.room());
        let (data, _) = data.split_at_checked(count).unwrap_or_default();
        let (tail, front) = self.room_mut();
        let (first, second) = data.split_at_checked(tail.len()).unwrap_or((data, &[]));
        copy(first, tail);
        copy(second, front);
        self.len = self.len.saturating_add(count);
        count
    }

    /// The bytes that wait, in order. They lie in two parts.
    pub fn peek(&self) -> (&[u8], &[u8]) {
        let (wrapped, straight) = self.buf.split_at_checked(self.head).unwrap_or_default();
        let first = straight.get(..self.len).unwrap_or(straight);
        let second = wrapped.get(..self.len.saturating_sub(first.len())).unwrap_or_default();
        (first, second)
    }

    /// Copies up to `out.len()` bytes from `offset` on, without removing them. Returns how many bytes were copied.
    pub fn copy_at(&self, offset: usize, out: &mut [u8]) -> usize {
        let (first, second) = self.peek();
        let from_first = first.get(offset..).unwrap_or_default();
        let from_second = second.get(offset.saturating_sub(first.len())..).unwrap_or_default();
        let copied = copy(from_first, out);
        copied.saturating_add(copy(from_second, out.get_mut(copied..).unwrap_or_default()))
    }

    /// Removes up to `out.len()` bytes and returns how many.
    pub fn read(&mut self, out: &mut [u8]) -> usize {
        let count = self.copy_at(0, out);
        self.consume(count);
        count
    }

    /// Removes the first `count` bytes, or all when there are fewer.
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.len);
        // A slice is at most half the address space, so the sum does not overflow.
        let head = self.head.wrapping_add(count);
        self.head = head.checked_sub(self.capacity()).unwrap_or(head);
        self.len = self.len.saturating_sub(count);
        if self.len == 0 {
            self.head = 0;
        }
    }

    /// Drops everything.
    pub fn clear(&mut self) {
        self.consume(self.len);
    }

    /// The free room, in the order in which it is filled.
    fn room_mut(&mut self) -> (&mut [u8], &mut [u8]) {
        let room = self.room();
        let tail = self.head.wrapping_add(self.len);
        match tail.checked_sub(self.capacity()) {
            // What waits reaches around the end: the room is one piece.
            Some(tail) => (self.buf.get_mut(tail..self.head).unwrap_or_default(), &mut []),
            None => {
                let (front, back) = self.buf.split_at_mut_checked(tail).unwrap_or_default();
                let in_front = room.saturating_sub(back.len());
                (back, front.get_mut(..in_front).unwrap_or_default())
            }
        }
    }
}

/// Copies what fits and says how much that was.
fn copy(from: &[u8], to: &mut [u8]) -> usize {
    let count = from.len().min(to.len());
    if let (Some(from), Some(to)) = (from.get(..count), to.get_mut(..count)) {
        to.copy_from_slice(from);
    }
    count
}

impl<A: Allocator> fmt::Debug for ByteRing<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteRing").field("len", &self.len).field("capacity", &self.capacity()).finish()
    }
}
