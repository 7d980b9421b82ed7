//! Any sequence of allocations, releases and references in a heap over any part of a buffer: blocks are apart, aligned and
//! intact, and the figures are exact.
#![no_main]

use barertc_arena::{Allocator, Fallback, Heap, Region, Shared, Weak};
use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    /// How much of the two buffers the heaps get, and where they begin.
    skip: u8,
    first: u16,
    second: u8,
    ops: Vec<Op>,
}

#[derive(Arbitrary, Debug)]
enum Op {
    Take { size: u16, shift: u8 },
    Give { which: u8 },
    Share { len: u8 },
    Clone { which: u8 },
    Downgrade { which: u8 },
    Upgrade { which: u8 },
    Drop { which: u8 },
    DropWeak { which: u8 },
}

type Both<'h> = Fallback<&'h Heap<'h>, &'h Heap<'h>>;

struct Block {
    ptr: NonNull<[u8]>,
    layout: Layout,
    fill: u8,
}

impl Block {
    fn release(self, both: &Both<'_>) {
        // SAFETY: the block is in use and was filled.
        assert!(unsafe { self.ptr.as_ref() }.iter().all(|byte| *byte == self.fill));
        // SAFETY: it came from this allocator with this layout.
        unsafe { both.deallocate(self.ptr.cast(), self.layout) }
    }

    fn overlaps(&self, other: &Self) -> bool {
        let (a, b) = (self.ptr.cast::<u8>().as_ptr().addr(), other.ptr.cast::<u8>().as_ptr().addr());
        a < b + other.layout.size() && b < a + self.layout.size()
    }
}

fn at<T>(list: &[T], which: u8) -> Option<usize> {
    usize::from(which).checked_rem(list.len())
}

fuzz_target!(|input: Input| {
    let (mut first, mut second) = ([MaybeUninit::uninit(); 16 << 10], [MaybeUninit::uninit(); 2 << 10]);
    let skip = usize::from(input.skip);
    let first = &mut first[skip..][..usize::from(input.first) % (15 << 10)];
    let second = &mut second[skip..][..usize::from(input.second) * 4];
    let (Ok(first), Ok(second)) = (Heap::new(first), Heap::new(second)) else { return };
    let both = Both::new(&first, &second);

    let mut blocks: Vec<Block> = Vec::new();
    let mut strong: Vec<Shared<[u8], &Both<'_>>> = Vec::new();
    let mut weak: Vec<Weak<[u8], &Both<'_>>> = Vec::new();
    for (step, op) in input.ops.iter().enumerate() {
        let fill = step as u8;
        match *op {
            Op::Take { size, shift } => {
                let layout = Layout::from_size_align(usize::from(size), 1 << (shift % 12)).unwrap();
                let Ok(mut ptr) = both.allocate(layout) else { continue };
                // SAFETY: the block is ours.
                unsafe { ptr.as_mut() }.fill(fill);
                let block = Block { ptr, layout, fill };
                assert_eq!((ptr.len(), ptr.cast::<u8>().as_ptr().addr() % layout.align()), (layout.size(), 0));
                assert!(size == 0 || both.contains(ptr.cast()));
                assert!(size == 0 || !blocks.iter().any(|other| other.overlaps(&block)));
                blocks.push(block);
            }
            Op::Give { which } => {
                if let Some(which) = at(&blocks, which) {
                    blocks.swap_remove(which).release(&both);
                }
            }
            Op::Share { len } => strong.extend(Shared::<[u8], _>::try_from_slice(&vec![len; len.into()], &both)),
            Op::Clone { which } => strong.extend(at(&strong, which).map(|which| strong[which].clone())),
            Op::Downgrade { which } => weak.extend(at(&strong, which).map(|which| Shared::downgrade(&strong[which]))),
            Op::Upgrade { which } => strong.extend(at(&weak, which).and_then(|which| weak[which].upgrade())),
            Op::Drop { which } => drop(at(&strong, which).map(|which| strong.swap_remove(which))),
            Op::DropWeak { which } => drop(at(&weak, which).map(|which| weak.swap_remove(which))),
        }
        assert!(strong.iter().all(|shared| shared.iter().all(|byte| usize::from(*byte) == shared.len())));
        let taken: usize = blocks.iter().map(|block| block.layout.size()).sum();
        assert!(first.stats().live + second.stats().live >= taken);
    }
    blocks.into_iter().for_each(|block| block.release(&both));
    drop((strong, weak));
    for stats in [first.stats(), second.stats()] {
        assert_eq!((stats.live, stats.allocations), (0, stats.frees));
        assert!(stats.peak <= stats.capacity);
    }
    assert_eq!((both.fallback_stats().live, both.fallbacks()), (0, second.stats().allocations));
});
