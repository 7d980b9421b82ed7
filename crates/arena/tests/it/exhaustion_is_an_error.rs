//! Every container is made in an arena whose first, second, … allocation fails, and in regions that are too small by a
//! little: what comes is an error, and nothing is lost.

use barertc_arena::{
    AllocError, Allocator, Atomic, Box, ByteRing, Counting, FailNth, Fallback, Global, Heap, Label, Region, Ring,
    Shared, Slab, Vec,
};
use core::mem::MaybeUninit;

/// One of each, some inside others.
fn build<A: Allocator + Clone>(arena: A) -> Result<usize, AllocError> {
    let label = Label::try_new(arena.clone(), "everything")?;
    let mut vec = Vec::with_capacity(3, label.clone())?;
    let mut ring = Ring::with_capacity(4, arena.clone())?;
    let mut slab = Slab::with_capacity(5, arena.clone())?;
    let mut bytes = ByteRing::with_capacity(100, label)?;
    for i in 0..3u32 {
        vec.try_push(Box::try_new(i, arena.clone())?).map_err(|_| AllocError)?;
        let shared: Shared<_, _, Atomic> = Shared::try_new(i, arena.clone())?;
        slab.insert(Shared::downgrade(&shared)).map_err(|_| AllocError)?;
        ring.push_back(shared).map_err(|_| AllocError)?;
    }
    let frame = Shared::<[u8], A>::try_fill(300, arena.clone(), |frame| {
        frame.fill(3);
        Ok::<(), AllocError>(())
    })?;
    let copy = Box::<[u8], A>::try_from_slice(&frame, arena)?;
    Ok(bytes.write(&copy) + vec.len() + ring.len() + slab.len())
}

#[test]
fn the_nth_allocation_fails() {
    let arena = Counting::new(Global);
    let mut nth = 0;
    loop {
        nth += 1;
        let failing = FailNth::new(&arena, nth);
        let result = build(&failing);
        assert_eq!(arena.stats().live, 0, "allocation {nth}");
        if failing.attempts() < nth {
            assert_eq!((result, failing.has_failed()), (Ok(109), false));
            break;
        }
        assert_eq!((result, failing.has_failed()), (Err(AllocError), true));
    }
    assert_eq!(nth, 1 + 13);
}

#[test]
fn all_allocations_from_the_nth_on_fail() {
    for nth in 1..=13 {
        let failing = FailNth::from(Global, nth);
        assert_eq!(build(&failing), Err(AllocError));
        assert_eq!(failing.attempts(), nth);
    }
}

#[test]
fn a_region_of_every_size() {
    let mut memory = [MaybeUninit::uninit(); 4096];
    let (mut refused, mut failed, mut done) = (0, 0, 0);
    for size in (0..memory.len()).step_by(8) {
        let Ok(heap) = Heap::<barertc_arena::Unlocked>::new(&mut memory[..size]) else {
            refused += 1;
            continue;
        };
        match build(&heap) {
            Ok(_) => done += 1,
            Err(AllocError) => failed += 1,
        }
        let stats = heap.stats();
        assert_eq!((stats.live, stats.allocations), (0, stats.frees));
        assert!(stats.peak <= size);
    }
    assert!(refused > 0 && failed > 0 && done > 0, "{refused} {failed} {done}");
}

#[test]
fn what_does_not_fit_falls_back_and_returns_to_where_it_came_from() {
    let (mut external, mut internal) = ([MaybeUninit::uninit(); 1024], [MaybeUninit::uninit(); 4096]);
    let external: Heap = Heap::new(&mut external).unwrap();
    let internal: Heap = Heap::new(&mut internal).unwrap();
    let both = Fallback::new(&external, &internal);
    assert_eq!(build(&both), Ok(109));
    assert!(both.fallbacks() > 0);
    let (first, second, fallback) = (external.stats(), internal.stats(), both.fallback_stats());
    assert_eq!((first.live, second.live, fallback.live), (0, 0, 0));
    assert_eq!(second.allocations, both.fallbacks());
    assert_eq!(second.peak, fallback.peak);
    assert!(first.allocations > 0 && first.failures == both.fallbacks());

    let block = both.allocate(core::alloc::Layout::new::<[u8; 900]>()).unwrap();
    assert!(both.contains(block.cast()) && (external.contains(block.cast()) != internal.contains(block.cast())));
    // SAFETY: the block was taken above.
    unsafe { both.deallocate(block.cast(), core::alloc::Layout::new::<[u8; 900]>()) }
    // Too large for either: the failure is counted, nothing else happens.
    assert!(Box::<[u8], _>::try_zeroed(5000, &both).is_err());
    assert_eq!(both.fallback_stats().failures, 1);
}

#[test]
fn memory_is_counted_by_its_owner() {
    let arena = Counting::new(Global);
    let ice = Label::try_new(&arena, "ice").unwrap();
    let frames = Label::try_new(&arena, "frames").unwrap();
    let pairs = Vec::<u64, _>::with_capacity(10, ice.clone()).unwrap();
    let frame: Shared<[u8], _> = Shared::<[u8], _>::try_zeroed(1000, frames.clone()).unwrap();
    drop(Box::<[u8], _>::try_zeroed(500, ice.clone()).unwrap());
    let (ice_stats, frames_stats) = (ice.stats().unwrap(), frames.stats().unwrap());
    assert_eq!((ice_stats.live, ice_stats.peak, ice_stats.allocations, ice_stats.frees), (80, 580, 2, 1));
    assert_eq!(frames_stats.live, Shared::<[u8], Label<&Counting<Global>>>::bytes(1000));
    assert_eq!((ice.name(), frames.name()), (Some("ice"), Some("frames")));
    assert_eq!(arena.stats().live, 80 + frames_stats.live + 2 * Label::<&Counting<Global>>::BYTES);
    drop((pairs, frame, ice, frames));
    assert_eq!(arena.stats().live, 0);
}
