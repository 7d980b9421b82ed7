//! Every interleaving of a few threads that share atomic references.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p barertc-arena --release --test loom
//! ```
#![cfg(loom)]

use barertc_arena::{AllocError, Allocator, Atomic, Shared};
use core::alloc::Layout;
use core::ptr::NonNull;
use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// loom's heap: it notices blocks that leak or are released twice. The number is that of blocks in use.
#[derive(Clone)]
struct Arena(Arc<AtomicUsize>);

// SAFETY: blocks come from loom's heap and return to it with the same layout.
unsafe impl Allocator for Arena {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        // SAFETY: no block here has zero size: each has a header.
        let ptr = NonNull::new(unsafe { loom::alloc::alloc(layout) }).ok_or(AllocError)?;
        Ok(NonNull::slice_from_raw_parts(ptr, layout.size()))
    }

    unsafe fn deallocate(&self, ptr: NonNull<u8>, layout: Layout) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: the block was allocated above with this layout.
        unsafe { loom::alloc::dealloc(ptr.as_ptr(), layout) }
    }
}

/// A value whose reads, writes and end loom checks for races.
struct Value {
    cell: UnsafeCell<u32>,
    drops: Arc<AtomicUsize>,
}

// SAFETY: this is what the test is about; loom fails it where accesses overlap.
unsafe impl Sync for Value {}

impl Value {
    fn read(&self) -> u32 {
        // SAFETY: loom tracks the access.
        self.cell.with(|value| unsafe { *value })
    }

    fn write(&mut self, new: u32) {
        // SAFETY: loom tracks the access.
        self.cell.with_mut(|value| unsafe { *value = new });
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.write(u32::MAX);
        self.drops.fetch_add(1, Ordering::Relaxed);
    }
}

type Reference = Shared<Value, Arena, Atomic>;

/// Runs `test` in all interleavings; at the end of each the value was dropped once and no block is left.
fn model(test: impl Fn(Reference) + Send + Sync + 'static) {
    loom::model(move || {
        let (arena, drops) = (Arena(Arc::new(AtomicUsize::new(0))), Arc::new(AtomicUsize::new(0)));
        let value = Value { cell: UnsafeCell::new(7), drops: drops.clone() };
        test(Shared::try_new(value, arena.clone()).ok().unwrap());
        assert_eq!((drops.load(Ordering::Relaxed), arena.0.load(Ordering::Relaxed)), (1, 0));
    });
}

#[test]
fn the_last_of_three_drops_the_value_after_all_reads() {
    model(|shared| {
        let threads =
            [shared.clone(), shared.clone()].map(|shared| thread::spawn(move || assert_eq!(shared.read(), 7)));
        assert_eq!(shared.read(), 7);
        drop(shared);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn an_upgrade_finds_the_value_whole_or_not_at_all() {
    model(|shared| {
        let weak = Shared::downgrade(&shared);
        let thread = thread::spawn(move || {
            if let Some(shared) = weak.upgrade() {
                assert_eq!(shared.read(), 7);
            }
        });
        drop(shared);
        thread.join().unwrap();
    });
}

#[test]
fn two_upgrades_and_the_end() {
    model(|shared| {
        let weak = Shared::downgrade(&shared);
        let again = weak.clone();
        let threads = [weak, again].map(|weak| {
            thread::spawn(move || {
                let shared = weak.upgrade();
                drop(weak);
                shared.map(|shared| assert_eq!(shared.read(), 7));
            })
        });
        drop(shared);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

#[test]
fn whoever_writes_is_alone() {
    model(|mut shared| {
        let other = shared.clone();
        let thread = thread::spawn(move || {
            assert_eq!(other.read(), 7);
            let weak = Shared::downgrade(&other);
            drop(other);
            // The other thread may be writing; it isn't while the upgrade holds.
            if let Some(shared) = weak.upgrade() {
                assert!(matches!(shared.read(), 7 | 8));
            }
        });
        if let Some(value) = Shared::get_mut(&mut shared) {
            value.write(8);
        }
        drop(shared);
        thread.join().unwrap();
    });
}

#[test]
fn whoever_writes_is_alone_with_a_weak_reference_that_comes_and_goes() {
    model(|mut shared| {
        let weak = Shared::downgrade(&shared);
        let thread = thread::spawn(move || {
            let Some(shared) = weak.upgrade() else { return };
            drop(weak);
            let weak = Shared::downgrade(&shared);
            drop(shared);
            drop(weak);
        });
        if let Some(value) = Shared::get_mut(&mut shared) {
            value.write(8);
        }
        assert!(matches!(shared.read(), 7 | 8));
        drop(shared);
        thread.join().unwrap();
    });
}

#[test]
fn a_value_is_taken_out_once() {
    model(|shared| {
        let other = shared.clone();
        let weak = Shared::downgrade(&shared);
        let take = |shared: Reference| Shared::try_into_inner(shared).map(|value| value.read()).ok();
        let thread = thread::spawn(move || take(other));
        let mine = take(shared);
        let theirs = thread.join().unwrap();
        // Both may find the other's reference still there, but never do both take the value.
        assert!(!(mine.is_some() && theirs.is_some()));
        assert!(weak.upgrade().is_none());
    });
}
