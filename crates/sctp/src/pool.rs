//! Payload memory: one region cut into blocks, handed out as chains.
//!
//! A chain grows at its end and shrinks at its front by whole blocks; both take constant time a block, and there is
//! nothing that could fragment.

use barertc_arena::{AllocError, Allocator, Box, Vec};

const NONE: u32 = u32::MAX;

/// The memory behind the chains.
pub(crate) struct Pool<A: Allocator> {
    memory: Box<[u8], A>,
    /// The block after each block, in its chain or in the list of free ones.
    next: Vec<u32, A>,
    free: u32,
    free_blocks: u32,
    block: u32,
}

/// A run of bytes in the pool. Must be given back with [`Pool::release`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chain {
    head: u32,
    tail: u32,
    blocks: u32,
    /// Bytes of the first block already consumed.
    skip: u32,
    /// Bytes of the last block in use.
    fill: u32,
    len: u32,
}

/// A place in a chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    block: u32,
    offset: u32,
}

impl Cursor {
    /// The start of a chain that may not have a block yet.
    pub(crate) const START: Self = Self { block: NONE, offset: 0 };
}

impl Chain {
    pub(crate) const EMPTY: Self = Self { head: NONE, tail: NONE, blocks: 0, skip: 0, fill: 0, len: 0 };

    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }
}

impl<A: Allocator + Clone> Pool<A> {
    pub(crate) fn new(blocks: usize, block: u16, alloc: A) -> Result<Self, AllocError> {
        let count = u32::try_from(blocks).map_err(|_| AllocError)?;
        let memory = Box::try_zeroed(blocks.saturating_mul(usize::from(block)), alloc.clone())?;
        let mut next = Vec::with_capacity(blocks, alloc)?;
        for i in 0..count {
            let after = i.saturating_add(1);
            next.try_push(if after == count { NONE } else { after }).map_err(|_| AllocError)?;
        }
        let free = if count == 0 { NONE } else { 0 };
        Ok(Self { memory, next, free, free_blocks: count, block: u32::from(block) })
    }
}

impl<A: Allocator> Pool<A> {
    /// Bytes that a pool takes from its allocator.
    pub(crate) const fn bytes(blocks: usize, block: u16) -> usize {
        Box::<[u8], A>::bytes(blocks.saturating_mul(block as usize)).saturating_add(Vec::<u32, A>::bytes(blocks))
    }

    /// Bytes in blocks that nobody has.
    pub(crate) fn room(&self) -> usize {
        self.free_blocks.saturating_mul(self.block) as usize
    }

    /// Bytes in a block.
    pub(crate) const fn block(&self) -> usize {
        self.block as usize
    }

    /// Bytes in all blocks.
    pub(crate) fn capacity(&self) -> usize {
        self.memory.len()
    }

    fn block_mut(&mut self, block: u32) -> &mut [u8] {
        let start = (block as usize).saturating_mul(self.block as usize);
        self.memory.get_mut(start..start.saturating_add(self.block as usize)).unwrap_or_default()
    }

    fn block_ref(&self, block: u32) -> &[u8] {
        let start = (block as usize).saturating_mul(self.block as usize);
        self.memory.get(start..start.saturating_add(self.block as usize)).unwrap_or_default()
    }

    fn next_of(&self, block: u32) -> u32 {
        self.next.get(block as usize).copied().unwrap_or(NONE)
    }

    fn set_next(&mut self, block: u32, to: u32) {
        if let Some(n) = self.next.get_mut(block as usize) {
            *n = to;
        }
    }

    /// Adds a block to the end of `chain`.
    fn grow(&mut self, chain: &mut Chain) -> bool {
        let block = self.free;
        if block == NONE {
            return false;
        }
        self.free = self.next_of(block);
        self.free_blocks = self.free_blocks.saturating_sub(1);
        self.set_next(block, NONE);
        if chain.tail == NONE {
            chain.head = block;
        } else {
            self.set_next(chain.tail, block);
        }
        chain.tail = block;
        chain.fill = 0;
        chain.blocks = chain.blocks.saturating_add(1);
        true
    }

    /// Appends up to `want` bytes that `fill` writes in place; returns how many there were. `fill` gets the room of one
    /// block after the other, and says how much of it it used; less than all ends the call.
    pub(crate) fn append_with(
        &mut self,
        chain: &mut Chain,
        want: usize,
        mut fill: impl FnMut(&mut [u8]) -> usize,
    ) -> usize {
        let mut done = 0usize;
        while done < want {
            if (chain.tail == NONE || chain.fill >= self.block) && !self.grow(chain) {
                break;
            }
            let from = chain.fill as usize;
            let left = want.saturating_sub(done);
            let room = self.block_mut(chain.tail).get_mut(from..).unwrap_or_default();
            let n = room.len().min(left);
            let used = fill(room.get_mut(..n).unwrap_or_default()).min(n);
            chain.fill = chain.fill.saturating_add(as_u32(used));
            chain.len = chain.len.saturating_add(as_u32(used));
            done = done.saturating_add(used);
            if used < n {
                break;
            }
        }
        done
    }

    /// Appends as much of `bytes` as there is room for.
    pub(crate) fn append(&mut self, chain: &mut Chain, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        self.append_with(chain, bytes.len(), |room| {
            let (head, tail) = rest.split_at_checked(room.len()).unwrap_or((rest, &[]));
            if let Some(room) = room.get_mut(..head.len()) {
                room.copy_from_slice(head);
            }
            rest = tail;
            head.len()
        })
    }

    /// Copies `out.len()` bytes from `cursor` on, and returns the place behind them. The chain must be that long.
    pub(crate) fn copy(&self, chain: &Chain, cursor: Cursor, mut out: &mut [u8]) -> Cursor {
        let mut at = self.resolve(chain, cursor);
        while !out.is_empty() {
            let from = self.block_ref(at.block).get(at.offset as usize..).unwrap_or_default();
            let n = from.len().min(out.len());
            if n == 0 {
                let next = self.next_of(at.block);
                if next == NONE {
                    break; // Asked for more than there is: a bug of the caller, who gets what there is.
                }
                at = Cursor { block: next, offset: 0 };
                continue;
            }
            let (head, tail) = out.split_at_mut_checked(n).unwrap_or_default();
            head.copy_from_slice(from.get(..n).unwrap_or_default());
            at.offset = at.offset.saturating_add(as_u32(n));
            out = tail;
        }
        at
    }

    /// The place `n` bytes behind `cursor`.
    pub(crate) fn advance(&self, chain: &Chain, cursor: Cursor, n: usize) -> Cursor {
        let mut at = self.resolve(chain, cursor);
        let mut left = as_u32(n);
        loop {
            let here = self.block.saturating_sub(at.offset);
            if left <= here {
                at.offset = at.offset.saturating_add(left);
                return at;
            }
            let next = self.next_of(at.block);
            if next == NONE {
                return at;
            }
            left = left.saturating_sub(here);
            at = Cursor { block: next, offset: 0 };
        }
    }

    /// The place that `cursor` means: where the chain starts now, for [`Cursor::START`].
    pub(crate) fn resolve(&self, chain: &Chain, cursor: Cursor) -> Cursor {
        if cursor.block == NONE { Cursor { block: chain.head, offset: chain.skip } } else { cursor }
    }

    /// The longest run at the front of `chain` that lies together.
    pub(crate) fn front(&self, chain: &Chain) -> &[u8] {
        if chain.head == NONE {
            return &[];
        }
        let (block, skip) = match chain.skip >= self.block && chain.head != chain.tail {
            true => (self.next_of(chain.head), 0),
            false => (chain.head, chain.skip),
        };
        let end = if block == chain.tail { chain.fill } else { self.block };
        self.block_ref(block).get(skip as usize..end as usize).unwrap_or_default()
    }

    /// Drops `n` bytes off the front. A block stays until a byte behind it is dropped: a [`Cursor`] at its end is still
    /// good.
    pub(crate) fn consume(&mut self, chain: &mut Chain, n: usize) {
        chain.len = chain.len.saturating_sub(as_u32(n));
        chain.skip = chain.skip.saturating_add(as_u32(n));
        while chain.skip > self.block && chain.head != chain.tail {
            let block = chain.head;
            chain.head = self.next_of(block);
            chain.skip = chain.skip.saturating_sub(self.block);
            chain.blocks = chain.blocks.saturating_sub(1);
            self.set_next(block, self.free);
            self.free = block;
            self.free_blocks = self.free_blocks.saturating_add(1);
        }
    }

    /// Gives everything back.
    pub(crate) fn release(&mut self, chain: &mut Chain) {
        if chain.head != NONE {
            self.set_next(chain.tail, self.free);
            self.free = chain.head;
            self.free_blocks = self.free_blocks.saturating_add(chain.blocks);
        }
        *chain = Chain::EMPTY;
    }
}

fn as_u32(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use barertc_arena::Global;

    #[test]
    fn chains_give_back_what_they_took() {
        let mut pool = Pool::new(8, 16, Global).unwrap();
        let data: [u8; 100] = core::array::from_fn(|i| i as u8);
        let (mut a, mut b) = (Chain::EMPTY, Chain::EMPTY);
        assert_eq!(pool.append(&mut a, &data[..40]), 40);
        assert_eq!(pool.append(&mut b, &data), 80, "five blocks are left");
        assert_eq!(pool.room(), 0);
        assert_eq!(pool.append(&mut a, &data[40..]), 8);
        let mut out = [0u8; 48];
        pool.copy(&a, Cursor::START, &mut out);
        assert_eq!(out, data[..48]);
        let at = pool.advance(&a, Cursor::START, 17);
        let mut two = [0u8; 2];
        pool.copy(&a, at, &mut two);
        assert_eq!(two, [17, 18]);
        pool.consume(&mut a, 33);
        assert_eq!((pool.room(), a.len(), pool.front(&a)), (32, 15, &data[33..48]));
        pool.release(&mut a);
        pool.release(&mut b);
        assert_eq!(pool.room(), pool.capacity());
    }

    #[test]
    fn a_cursor_outlives_what_is_before_it() {
        let mut pool = Pool::new(2, 16, Global).unwrap();
        let mut a = Chain::EMPTY;
        pool.append(&mut a, &[1; 16]);
        let end = pool.advance(&a, Cursor::START, 16);
        assert_eq!(pool.append(&mut a, &[2; 4]), 4);
        pool.consume(&mut a, 16);
        let mut b = Chain::EMPTY;
        assert_eq!(pool.append(&mut b, &[3; 4]), 0, "the block that the cursor is in has not been given away");
        let mut out = [0u8; 4];
        pool.copy(&a, end, &mut out);
        assert_eq!((out, pool.front(&a)), ([2; 4], &[2u8; 4][..]));
        pool.consume(&mut a, 4);
        pool.release(&mut a);
        assert_eq!(pool.room(), 32);
    }
}
