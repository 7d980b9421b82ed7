//! Whatever is taken from and given back to a heap: blocks lie in the region, are aligned, don't overlap, keep their
//! content, and the figures are exact.

use barertc_arena::{Allocator, CriticalSection, Heap, Lock, Region, RegionError, Stats};
use core::alloc::Layout;
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use proptest::prelude::*;

const REGION: usize = 16 << 10;

#[derive(Clone, Debug)]
enum Op {
    Take { size: usize, align: usize },
    Give { which: usize },
}

fn op() -> impl Strategy<Value = Op> {
    let size =
        prop_oneof![8 => 0..256usize, 2 => 256..4096usize, 1 => Just(REGION), 1 => Just(isize::MAX as usize - 4095)];
    prop_oneof![
        3 => (size, 0..10u32).prop_map(|(size, shift)| Op::Take { size, align: 1 << shift }),
        2 => any::<usize>().prop_map(|which| Op::Give { which }),
    ]
}

struct Block {
    ptr: NonNull<[u8]>,
    layout: Layout,
    fill: u8,
}

impl Block {
    fn range(&self) -> core::ops::Range<usize> {
        let start = self.ptr.cast::<u8>().as_ptr().addr();
        start..start + self.layout.size()
    }

    fn is_intact(&self) -> bool {
        // SAFETY: the block is in use and was filled.
        unsafe { self.ptr.as_ref() }.iter().all(|byte| *byte == self.fill)
    }
}

/// Runs `ops` on a heap over `region` and checks after each.
fn run<L: Lock>(region: &mut [MaybeUninit<u8>], ops: &[Op]) {
    let (start, end) = (region.as_ptr().addr(), region.as_ptr().addr() + region.len());
    let fresh = largest(&Heap::<L>::with_lock(region).unwrap());
    let heap = Heap::<L>::with_lock(region).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut expected = Stats { capacity: end - start, ..Stats::default() };
    for (step, op) in ops.iter().enumerate() {
        match *op {
            Op::Take { size, align } => {
                let layout = Layout::from_size_align(size, align).unwrap();
                let Ok(mut ptr) = heap.allocate(layout) else {
                    assert_ne!(size, 0);
                    expected.failures += 1;
                    continue;
                };
                let block = Block { ptr, layout, fill: step as u8 };
                assert_eq!((ptr.len(), block.range().start % align), (size, 0));
                if size != 0 {
                    assert!(start <= block.range().start && block.range().end <= end);
                    assert!(heap.contains(ptr.cast()));
                    for other in blocks.iter().filter(|other| other.layout.size() != 0) {
                        assert!(other.range().end <= block.range().start || block.range().end <= other.range().start);
                    }
                    expected.allocations += 1;
                    expected.live += size;
                    expected.peak = expected.peak.max(expected.live);
                }
                // SAFETY: the block is ours.
                unsafe { ptr.as_mut() }.fill(block.fill);
                blocks.push(block);
            }
            Op::Give { which } if !blocks.is_empty() => {
                let block = blocks.swap_remove(which % blocks.len());
                assert!(block.is_intact());
                give(&heap, block, &mut expected);
            }
            Op::Give { .. } => {}
        }
        assert_eq!(heap.stats(), expected);
    }
    assert!(blocks.iter().all(Block::is_intact));
    for block in blocks {
        give(&heap, block, &mut expected);
    }
    assert_eq!((heap.stats(), expected.live), (expected, 0));
    // Nothing is lost to splitting: as much can be taken at once as from a heap that was never used.
    assert_eq!(largest(&heap), fresh);
}

fn give<L: Lock>(heap: &Heap<'_, L>, block: Block, expected: &mut Stats) {
    // SAFETY: the block came from this heap with this layout and isn't used any more.
    unsafe { heap.deallocate(block.ptr.cast(), block.layout) }
    if block.layout.size() != 0 {
        expected.live -= block.layout.size();
        expected.frees += 1;
    }
}

/// The largest block that can be had at once.
fn largest<L: Lock>(heap: &Heap<'_, L>) -> usize {
    let fits = |size: &usize| {
        let layout = Layout::from_size_align(*size, 1).unwrap();
        let block = heap.allocate(layout);
        // SAFETY: the block was taken on the line before.
        block.map(|block| unsafe { heap.deallocate(block.cast(), layout) }).is_ok()
    };
    (0..=heap.stats().capacity).rev().step_by(16).find(fits).unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn without_lock(ops in prop::collection::vec(op(), 1..200), skip in 0..64usize) {
        let mut region = vec![MaybeUninit::uninit(); REGION];
        run::<barertc_arena::Unlocked>(&mut region[skip..], &ops);
    }

    #[test]
    fn in_critical_sections(ops in prop::collection::vec(op(), 1..60)) {
        run::<CriticalSection>(&mut vec![MaybeUninit::uninit(); REGION], &ops);
    }
}

/// Every size at every address of a cache line.
#[test]
fn a_region_of_any_size_and_alignment_is_refused_or_works() {
    #[repr(align(64))]
    struct Aligned([MaybeUninit<u8>; 576]);
    let mut memory = Aligned([MaybeUninit::uninit(); 576]);
    for (skip, len) in (0..64).flat_map(|skip| (0..512).map(move |len| (skip, len))) {
        let region = &mut memory.0[skip..skip + len];
        let end = region.as_ptr().addr() + len;
        match Heap::<barertc_arena::Unlocked>::new(region) {
            Err(error) => {
                assert_eq!(error, RegionError::TooSmall);
                assert!(len < 2 * Heap::region_overhead(), "{len} bytes behind {skip}");
            }
            Ok(heap) => {
                while let Ok(block) = heap.allocate(Layout::new::<u64>()) {
                    assert!(block.cast::<u8>().as_ptr().addr() + 8 <= end);
                    assert_eq!(block.cast::<u8>().as_ptr().addr() % 8, 0);
                }
                let live = heap.stats().live;
                assert!(live > 0 && live <= len, "{live} of {len} bytes behind {skip}");
            }
        }
    }
}

#[test]
fn a_region_is_given_once_and_must_be_memory() {
    static HEAP: Heap<'static, CriticalSection> = Heap::empty();
    assert!(HEAP.allocate(Layout::new::<u8>()).is_err());
    // SAFETY: a null pointer and a wrapping region are refused before anything is touched.
    unsafe {
        assert_eq!(HEAP.give_raw(core::ptr::null_mut(), 4096), Err(RegionError::Invalid));
        assert_eq!(HEAP.give_raw(core::ptr::without_provenance_mut(usize::MAX - 10), 4096), Err(RegionError::Invalid));
    }
    assert_eq!(HEAP.give(&mut []), Err(RegionError::TooSmall));
    assert_eq!(HEAP.give(vec![MaybeUninit::uninit(); 4096].leak()), Ok(()));
    // SAFETY: refused before anything is touched.
    unsafe { assert_eq!(HEAP.give_raw([0u8; 4096].as_mut_ptr(), 4096), Err(RegionError::InUse)) }
    assert!(HEAP.allocate(Layout::new::<u8>()).is_ok());
    assert_eq!(HEAP.stats().failures, 1);
}

#[test]
fn a_block_takes_what_block_bytes_says() {
    for (size, align) in [(1, 1), (8, 8), (16, 8), (17, 1), (28, 4), (100, 16), (1200, 4)] {
        let layout = Layout::from_size_align(size, align).unwrap();
        let bytes = Heap::block_bytes(layout);
        let mut memory = vec![MaybeUninit::uninit(); Heap::region_overhead() + 50 * bytes];
        let heap: Heap = Heap::new(&mut memory).unwrap();
        let blocks = core::iter::from_fn(|| heap.allocate(layout).ok()).count();
        // At least the 50 that were planned for; exactly so where no alignment padding was reserved.
        assert!(blocks >= 50, "{blocks} blocks of {size}");
        assert!(align > 16 || bytes >= 64 || blocks <= 52, "{blocks} blocks of {size}");
    }
}

/// The figures of `docs/memory.md`.
#[test]
#[cfg(target_pointer_width = "64")]
fn a_heap_costs_what_the_documentation_says() {
    assert_eq!(size_of::<Heap<'static>>(), 2_928);
    assert_eq!(Heap::region_overhead(), 64);
    assert_eq!(Heap::block_bytes(Layout::new::<[u8; 16]>()), 32);
    assert_eq!(Heap::block_bytes(Layout::new::<[u8; 17]>()), 64);
}

#[test]
fn threads_share_a_heap_in_critical_sections() {
    let mut memory = vec![MaybeUninit::uninit(); 1 << 20];
    let heap = Heap::<CriticalSection>::with_lock(&mut memory).unwrap();
    std::thread::scope(|scope| {
        for thread in 1..=4u8 {
            let heap = &heap;
            scope.spawn(move || {
                for round in 0..2000usize {
                    let size = 1 + round % 300;
                    let block = barertc_arena::Box::<[u8], _>::try_from_fn(size, heap, |_| thread).unwrap();
                    assert!(block.iter().all(|byte| *byte == thread));
                }
            });
        }
    });
    let stats = heap.stats();
    assert_eq!((stats.live, stats.allocations, stats.frees, stats.failures), (0, 8000, 8000, 0));
}
