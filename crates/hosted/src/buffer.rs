//! Bytes that start at a cache line.

use barertc_arena::{AllocError, Allocator, Box};

/// A buffer for DMA: it starts at a multiple of the alignment asked for, and is as long as a multiple of it.
pub struct Buffer<A: Allocator> {
    memory: Box<[u8], A>,
    start: usize,
    len: usize,
}

impl<A: Allocator> Buffer<A> {
    /// What a buffer of `len` bytes takes from its allocator.
    pub(crate) const fn bytes(len: usize, alignment: usize) -> usize {
        // The room before the first aligned byte. Asking the allocator for the alignment would cost as much.
        len.next_multiple_of(alignment).saturating_add(alignment.saturating_sub(1))
    }

    /// `len` zero bytes, rounded up to a multiple of `alignment`.
    pub(crate) fn new(len: usize, alignment: usize, alloc: A) -> Result<Self, AllocError> {
        if !alignment.is_power_of_two() {
            return Err(AllocError);
        }
        let memory = Box::<[u8], A>::try_zeroed(Self::bytes(len, alignment), alloc)?;
        let start = memory.as_ptr().align_offset(alignment);
        Ok(Self { memory, start, len: len.next_multiple_of(alignment) })
    }

    /// How many bytes there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The whole buffer, from its aligned start.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        self.first_mut(self.len)
    }

    /// The first `len` bytes, or all if there are fewer.
    pub(crate) fn first(&self, len: usize) -> &[u8] {
        let end = self.start.saturating_add(len.min(self.len));
        self.memory.get(self.start..end).unwrap_or_default()
    }

    /// The first `len` bytes, or all if there are fewer.
    pub(crate) fn first_mut(&mut self, len: usize) -> &mut [u8] {
        let end = self.start.saturating_add(len.min(self.len));
        self.memory.get_mut(self.start..end).unwrap_or_default()
    }

    /// The bytes from `start` to `end`; none if there are not as many.
    pub(crate) fn range_mut(&mut self, start: usize, end: usize) -> &mut [u8] {
        self.as_mut_slice().get_mut(start..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_arena::{Counting, Global};

    #[test]
    fn starts_at_a_cache_line_and_takes_what_it_says() {
        for alignment in [1, 4, 64, 128] {
            for len in [1, 20, 1536, 1600] {
                let arena = Counting::new(Global);
                let mut buffer = Buffer::new(len, alignment, &arena).expect("memory");
                assert_eq!(buffer.first(1).as_ptr().addr() % alignment, 0);
                assert_eq!(buffer.as_mut_slice().len(), len.next_multiple_of(alignment));
                assert!(arena.stats().live <= Buffer::<&Counting<Global>>::bytes(len, alignment));
                drop(buffer);
                assert_eq!(arena.stats().live, 0);
            }
        }
        assert!(Buffer::new(10, 3, Global).is_err());
    }
}
