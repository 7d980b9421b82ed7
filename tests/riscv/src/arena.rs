//! Shared objects in a large external memory before a small internal one, and what the arena's operations cost.

use barertc_arena::{AllocError, Allocator, Atomic, Fallback, Heap, Lock, Region, Ring, Shared, Vec, Weak, selftest};
use core::alloc::Layout;
use core::hint::black_box;
use core::ptr::NonNull;

use crate::bench::Bench;
use crate::machine::{PSRAM, Psram};

/// How many objects are shared at once.
const OBJECTS: usize = 1_000;
/// What the block of a shared object starts with, beside the handle of its allocator.
const HEADER: usize = 8;

pub fn run(bench: &mut Bench) {
    let (psram, internal) = (bench.psram, bench.internal);
    bench.test("containers in PSRAM", || selftest::containers(psram));
    bench.test("1,000 shared, counted atomically", || selftest::thousand_shared::<_, Atomic>(psram));
    let memory = Fallback::new(bench.psram, bench.internal);
    let internal_is_unused = || bench.internal.stats().allocations == 0 && memory.fallbacks() == 0;
    let by_reference = (
        shared_objects::<4, _, _>(&memory, bench.psram, internal_is_unused),
        shared_objects::<16, _, _>(&memory, bench.psram, internal_is_unused),
    );
    let by_zero_sized_handle = (
        shared_objects::<4, _, _>(Psram, &PSRAM, internal_is_unused),
        shared_objects::<16, _, _>(Psram, &PSRAM, internal_is_unused),
    );
    thousand(bench, "1,000 shared, 4 bytes, handle by reference", by_reference.0);
    thousand(bench, "1,000 shared, 4 bytes, handle of no size", by_zero_sized_handle.0);
    thousand(bench, "1,000 shared, 16 bytes, handle by reference", by_reference.1);
    thousand(bench, "1,000 shared, 16 bytes, handle of no size", by_zero_sized_handle.1);
    bench.test("containers in internal memory", || selftest::containers(internal));
    bench.test("falls back when PSRAM is full, and only then", || falls_back(psram, internal));
    costs(bench);
}

fn thousand(bench: &mut Bench, name: &str, result: Result<usize, &'static str>) {
    if let Ok(bytes) = result {
        bench.figure(name, bytes, "B");
    }
    bench.test(name, || result.map(|_| ()));
}

/// 1,000 shared objects of `N` bytes, each with a weak reference: the bytes that they take of `heap`, or what is wrong.
fn shared_objects<const N: usize, A: Allocator + Clone, L: Lock>(
    memory: A,
    heap: &Heap<'static, L>,
    internal_is_unused: impl Fn() -> bool,
) -> Result<usize, &'static str> {
    let no_room = |_| "no room";
    let mut strong = Vec::with_capacity(OBJECTS, memory.clone()).map_err(no_room)?;
    let mut weak: Vec<Weak<[u8; N], A>, A> = Vec::with_capacity(OBJECTS, memory.clone()).map_err(no_room)?;
    let before = heap.stats();

    for i in 0..OBJECTS {
        let object = Shared::<[u8; N], A>::try_new([i as u8; N], memory.clone()).map_err(no_room)?;
        is("an object outside PSRAM", heap.contains(NonNull::from(&*object).cast()))?;
        weak.try_push(Shared::downgrade(&object)).map_err(|_| "full")?;
        strong.try_push(object).map_err(|_| "full")?;
    }
    let bytes = heap.stats().live - before.live;
    is("a header of more than 8 bytes and the handle", bytes == OBJECTS * (HEADER + size_of::<A>() + N))?;
    is("weak references took memory of their own", heap.stats().allocations - before.allocations == OBJECTS)?;
    is("internal memory was used", internal_is_unused())?;
    is("an object is damaged", strong.iter().enumerate().all(|(i, object)| **object == [i as u8; N]))?;

    // The values die with the last strong reference, their blocks stay with the weak ones.
    strong.clear();
    is("a weak reference lost its memory", heap.stats().live - before.live == bytes)?;
    is("a dead object came back", weak.iter().all(|weak| weak.upgrade().is_none()))?;
    drop((strong, weak));
    is("memory is left", heap.stats().live == 0)?;
    Ok(bytes)
}

fn falls_back(psram: &Heap<'static>, internal: &Heap<'static>) -> Result<(), &'static str> {
    let memory = Fallback::new(psram, internal);
    let large = Layout::from_size_align(1 << 20, 4).map_err(|_| "layout")?;
    let mut taken: Ring<(NonNull<u8>, Layout), _> = Ring::with_capacity(64, internal).map_err(|_| "no room")?;
    let mut layout = large;
    // Smaller and smaller blocks, until PSRAM has not even 64 bytes.
    while layout.size() >= 64 {
        match memory.first().allocate(layout) {
            Ok(block) => taken.push_back((block.cast(), layout)).map_err(|_| "full")?,
            Err(AllocError) => layout = Layout::from_size_align(layout.size() / 2, 4).map_err(|_| "layout")?,
        }
    }
    let object = Shared::<[u8; 64], _>::try_new([7; 64], &memory).map_err(|_| "no fallback");
    let outcome = object.and_then(|object| {
        is("not from internal memory", internal.contains(NonNull::from(&*object).cast()))?;
        is("not counted", memory.fallbacks() == 1)
    });
    for (block, layout) in taken.iter() {
        // SAFETY: the block came from this allocator with this layout, and is released once.
        unsafe { memory.deallocate(*block, *layout) };
    }
    outcome
}

fn costs(bench: &mut Bench) {
    let heap = bench.psram;
    bench.figure("state of a heap", size_of::<Heap<'static>>(), "B");
    for (name, size) in [("24 B in the heap", 24), ("28 B in the heap", 28), ("1,200 B in the heap", 1_200)] {
        bench.figure(name, Layout::from_size_align(size, 4).map_or(0, Heap::block_bytes), "B");
    }
    let block = Layout::new::<[u8; 1_200]>();
    let taken = bench.within("heap, take 1200 B", 400, || heap.allocate(black_box(block))).expect("room");
    // SAFETY: taken on the line above.
    bench.within("heap, release 1200 B", 400, || unsafe { heap.deallocate(taken.cast(), block) });
    let object =
        bench.measure("Shared::try_new, atomic", || Shared::<_, _, Atomic>::try_new([1u8; 16], heap)).expect("room");
    let clone = bench.within("Shared::clone, atomic", 30, || object.clone());
    bench.within("Shared drop, atomic, not the last", 30, || drop(clone));
    drop(object);
    let object = bench.measure("Shared::try_new", || Shared::<[u8; 16], _>::try_new([1; 16], heap)).expect("room");
    let clone = bench.within("Shared::clone", 30, || object.clone());
    bench.within("Shared drop, not the last", 30, || drop(clone));
    let weak = Shared::downgrade(&object);
    bench.within("Weak::upgrade and drop", 60, || drop(weak.upgrade()));
    drop(weak);
    bench.measure("Shared drop, the last", || drop(object));
    let frame = bench.measure("Shared slice of 1200 B", || Shared::<[u8], _>::try_from_slice(&[1; 1_200], heap));
    drop(frame);
    let mut ring: Ring<u32, _> = Ring::with_capacity(8, heap).expect("room");
    let popped = bench.within("Ring push and pop", 60, || ring.push_back(black_box(1)).map(|()| ring.pop_front()));
    bench.test("a ring gives back what it took", || if popped == Ok(Some(1)) { Ok(()) } else { Err(popped) });
}

fn is(what: &'static str, holds: bool) -> Result<(), &'static str> {
    if holds { Ok(()) } else { Err(what) }
}
