//! What an allocation and a shared reference cost: this crate's heap and `Shared` beside the global heap and `Arc`/`Rc`.

use barertc_arena::{Allocator, Atomic, Count, CriticalSection, Heap, Local, Lock, Shared, Unlocked};
use core::alloc::Layout;
use core::mem::MaybeUninit;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, criterion_group, criterion_main, measurement::WallTime};
use std::collections::VecDeque;
use std::hint::black_box;
use std::rc::Rc;
use std::sync::{Arc, Weak};

/// A small object, a packet, a frame.
const SIZES: [usize; 3] = [24, 1_200, 40_000];
const REGION: usize = 8 << 20;

/// Takes a block and releases it at once: the best case of every heap.
fn pairs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("allocate and release");
    for size in SIZES {
        let layout = Layout::from_size_align(size, 8).unwrap();
        heap_pair::<Unlocked>(&mut group, "heap", layout);
        heap_pair::<CriticalSection>(&mut group, "heap, critical section", layout);
        group.bench_function(BenchmarkId::new("global", size), |b| {
            b.iter(|| {
                let block = global_allocate(black_box(layout));
                // SAFETY: allocated on the line above.
                unsafe { std::alloc::dealloc(black_box(block), layout) }
            });
        });
    }
    group.finish();
}

fn heap_pair<L: Lock>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, layout: Layout) {
    let mut region = vec![MaybeUninit::uninit(); REGION];
    let heap = Heap::<L>::with_lock(&mut region).unwrap();
    group.bench_function(BenchmarkId::new(name, layout.size()), |b| {
        b.iter(|| {
            let block = heap.allocate(black_box(layout)).unwrap();
            // SAFETY: allocated on the line above.
            unsafe { heap.deallocate(black_box(block).cast(), layout) }
        });
    });
}

/// Blocks of mixed sizes, 256 of them alive, released in the order in which they came: a queue of packets.
fn queue(criterion: &mut Criterion) {
    let layouts: Vec<Layout> =
        (0..1021u64).map(|i| Layout::from_size_align(16 + (i * i * 7919 % 1500) as usize, 8).unwrap()).collect();
    let mut group = criterion.benchmark_group("256 blocks of 16 to 1,515 bytes, one in, one out");

    let mut region = vec![MaybeUninit::uninit(); REGION];
    let heap: Heap = Heap::new(&mut region).unwrap();
    group.bench_function("heap", |b| {
        let mut blocks = VecDeque::with_capacity(257);
        let mut next = layouts.iter().cycle();
        b.iter(|| {
            let layout = *next.next().unwrap();
            blocks.push_back((heap.allocate(layout).unwrap().cast(), layout));
            if blocks.len() > 256 {
                let (block, layout) = blocks.pop_front().unwrap();
                // SAFETY: allocated above with this layout.
                unsafe { heap.deallocate(block, layout) }
            }
        });
        for (block, layout) in blocks {
            // SAFETY: allocated above with this layout.
            unsafe { heap.deallocate(block, layout) }
        }
    });
    assert_eq!(heap.stats().live, 0);

    group.bench_function("global", |b| {
        let mut blocks = VecDeque::with_capacity(257);
        let mut next = layouts.iter().cycle();
        b.iter(|| {
            let layout = *next.next().unwrap();
            blocks.push_back((global_allocate(layout), layout));
            if blocks.len() > 256 {
                let (block, layout) = blocks.pop_front().unwrap();
                // SAFETY: allocated above with this layout.
                unsafe { std::alloc::dealloc(block, layout) }
            }
        });
        for (block, layout) in blocks {
            // SAFETY: allocated above with this layout.
            unsafe { std::alloc::dealloc(block, layout) }
        }
    });
    group.finish();
}

fn global_allocate(layout: Layout) -> *mut u8 {
    // SAFETY: no layout here has zero size.
    let block = unsafe { std::alloc::alloc(layout) };
    assert!(!block.is_null());
    block
}

/// References to one value of 16 bytes.
fn references(criterion: &mut Criterion) {
    let mut region = vec![MaybeUninit::uninit(); REGION];
    let heap: Heap = Heap::new(&mut region).unwrap();

    let mut group = criterion.benchmark_group("clone and drop");
    shared_clone::<Local>(&mut group, "Shared, local", &heap);
    shared_clone::<Atomic>(&mut group, "Shared, atomic", &heap);
    let (rc, arc) = (Rc::new([1u32; 4]), Arc::new([1u32; 4]));
    group.bench_function("Rc", |b| b.iter(|| drop(black_box(black_box(&rc).clone()))));
    group.bench_function("Arc", |b| b.iter(|| drop(black_box(black_box(&arc).clone()))));
    group.finish();

    let mut group = criterion.benchmark_group("upgrade and drop");
    shared_upgrade::<Local>(&mut group, "Shared, local", &heap);
    shared_upgrade::<Atomic>(&mut group, "Shared, atomic", &heap);
    let weak: Weak<_> = Arc::downgrade(&arc);
    group.bench_function("Arc", |b| b.iter(|| drop(black_box(black_box(&weak).upgrade()))));
    group.finish();

    let mut group = criterion.benchmark_group("make and drop");
    shared_new::<Local>(&mut group, "Shared, local", &heap);
    shared_new::<Atomic>(&mut group, "Shared, atomic", &heap);
    group.bench_function("Rc", |b| b.iter(|| drop(black_box(Rc::new(black_box([1u32; 4]))))));
    group.bench_function("Arc", |b| b.iter(|| drop(black_box(Arc::new(black_box([1u32; 4]))))));
    group.finish();

    let mut group = criterion.benchmark_group("share 40,000 bytes");
    let frame = vec![7u8; 40_000];
    group.bench_function("Shared, atomic", |b| {
        b.iter(|| drop(black_box(Shared::<[u8], _, Atomic>::try_from_slice(black_box(&frame), &heap).unwrap())));
    });
    group.bench_function("Arc", |b| b.iter(|| drop(black_box(Arc::<[u8]>::from(black_box(&*frame))))));
    group.finish();
}

fn shared_clone<C: Count>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, heap: &Heap<'_>) {
    let shared: Shared<_, _, C> = Shared::try_new([1u32; 4], heap).unwrap();
    group.bench_function(name, |b| b.iter(|| drop(black_box(black_box(&shared).clone()))));
}

fn shared_upgrade<C: Count>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, heap: &Heap<'_>) {
    let shared: Shared<_, _, C> = Shared::try_new([1u32; 4], heap).unwrap();
    let weak = Shared::downgrade(&shared);
    group.bench_function(name, |b| b.iter(|| drop(black_box(black_box(&weak).upgrade()))));
}

fn shared_new<C: Count>(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, heap: &Heap<'_>) {
    group.bench_function(name, |b| {
        b.iter(|| drop(black_box(Shared::<_, _, C>::try_new(black_box([1u32; 4]), heap).unwrap())));
    });
}

criterion_group!(benches, pairs, queue, references);
criterion_main!(benches);
