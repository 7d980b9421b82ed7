//! A thousand reference-counted objects in a large external memory, with a small internal one behind it: what they cost,
//! and that the internal memory is not touched. `docs/memory.md` has the figures beside those of `std::shared_ptr`.

use barertc_arena::selftest::{OBJECTS, Payload, containers, thousand_shared};
use barertc_arena::{Allocator, Atomic, Count, CriticalSection, Fallback, Heap, Local, Shared};
use core::alloc::Layout;
use core::mem::MaybeUninit;

type Locked = Heap<'static, CriticalSection>;

static EXTERNAL: Locked = Heap::empty();
static INTERNAL: Locked = Heap::empty();
static BOTH: Fallback<&Locked, &Locked> = Fallback::new(&EXTERNAL, &INTERNAL);

barertc_arena::handle! {
    /// Both memories, as a handle without size.
    struct Memory => BOTH
}

/// Runs the experiment in fresh regions and checks the figures.
fn run<A: Allocator + Clone, C: Count>(alloc: A, header: usize) {
    assert_eq!(Shared::<Payload, A, C>::BYTES, header + size_of::<Payload>());
    let before = (EXTERNAL.stats(), INTERNAL.stats());
    EXTERNAL.reset_peak();
    assert_eq!(thousand_shared::<A, C>(alloc), Ok(()));
    let (external, internal) = (EXTERNAL.stats(), INTERNAL.stats());
    assert_eq!((external.live, external.peak), (0, OBJECTS * (header + 16)));
    // One allocation an object: its weak reference takes none.
    assert_eq!(external.allocations - before.0.allocations, OBJECTS);
    assert_eq!(external.frees - before.0.frees, OBJECTS);
    assert_eq!((internal.peak, internal.allocations, BOTH.fallbacks()), (0, 0, 0));
}

#[test]
fn the_header_is_eight_bytes_and_internal_memory_is_untouched() {
    EXTERNAL.give(vec![MaybeUninit::uninit(); 128 << 10].leak()).unwrap();
    INTERNAL.give(vec![MaybeUninit::uninit(); 16 << 10].leak()).unwrap();
    run::<_, Local>(Memory, 8);
    run::<_, Atomic>(Memory, 8);
    run::<_, Local>(&BOTH, 8 + size_of::<usize>());
    run::<_, Atomic>(&BOTH, 8 + size_of::<usize>());
    assert_eq!(containers(Memory), Ok(()));
    assert_eq!(INTERNAL.stats().allocations, 0);

    // An external memory that is too small: the experiment still passes, and says how often it fell back.
    let region = EXTERNAL.take_back().unwrap();
    let block = Heap::block_bytes(Layout::new::<[u8; 24]>());
    // SAFETY: the region was leaked above, and the heap has just given it back.
    unsafe { EXTERNAL.give_raw(region.cast().as_ptr(), 900 * block + Heap::region_overhead()) }.unwrap();
    assert_eq!(thousand_shared::<_, Local>(Memory), Ok(()));
    assert!((98..=100).contains(&BOTH.fallbacks()), "{}", BOTH.fallbacks());
    assert_eq!((EXTERNAL.stats().live, INTERNAL.stats().live), (0, 0));
    assert_eq!(INTERNAL.stats().peak, BOTH.fallbacks() * 24);
}

#[test]
fn a_region_is_not_taken_back_while_a_block_is_in_use() {
    let mut memory = [MaybeUninit::uninit(); 4096];
    let heap: Heap = Heap::new(&mut memory).unwrap();
    let shared: Shared<_, _> = Shared::try_new(1, &heap).unwrap();
    assert!(heap.take_back().is_err());
    drop(shared);
    assert_eq!(heap.take_back().unwrap().len(), 4096);
    assert!(Shared::<_, _>::try_new(1, &heap).is_err());
    assert!(heap.take_back().is_err());
}
