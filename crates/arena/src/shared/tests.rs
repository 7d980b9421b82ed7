//! Counts at their limit, which no test can reach by counting.

use super::count::STUCK;
use super::{Atomic, Count, Local, Shared};
use crate::counting::Counting;
use crate::global::Global;
use core::cell::Cell;

const SATURATED: u32 = 1 << 31;

struct Witness<'a>(&'a Cell<bool>);

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

fn strong_count_at_its_limit<C: Count>() {
    let (arena, dropped) = (Counting::new(Global), Cell::new(false));
    let shared: Shared<_, _, C> = Shared::try_new(Witness(&dropped), &arena).unwrap();
    shared.counts().force(SATURATED - 1, 1);
    // One more reference, and one less than there would be if the count still moved.
    let last = shared.clone();
    for _ in 0..3 {
        drop(shared.clone());
    }
    let weak = Shared::downgrade(&last);
    drop((shared, last));
    assert!(weak.strong_count() >= SATURATED as usize);
    let mut upgraded = weak.upgrade().unwrap();
    assert!(Shared::get_mut(&mut upgraded).is_none());
    let upgraded = Shared::try_into_inner(upgraded).err().unwrap();
    assert!(!dropped.get());
    // The value has leaked, which is what the limit promises. Take it back so that the test doesn't.
    upgraded.counts().force(1, 2);
    drop((weak, upgraded));
    assert!(dropped.get());
    assert_eq!(arena.stats().live, 0);
}

fn weak_count_at_its_limit<C: Count>() {
    let (arena, dropped) = (Counting::new(Global), Cell::new(false));
    let shared: Shared<_, _, C> = Shared::try_new(Witness(&dropped), &arena).unwrap();
    shared.counts().force(1, SATURATED - 1);
    let weak = Shared::downgrade(&shared);
    for _ in 0..3 {
        drop(weak.clone());
    }
    drop(shared);
    // The value ends with its last strong reference all the same; only the memory stays.
    assert!(dropped.get() && weak.upgrade().is_none());
    assert!(weak.counts().weak() >= SATURATED && arena.stats().live > 0);
    weak.counts().force(0, 1);
    drop(weak);
    assert_eq!(arena.stats().live, 0);
}

/// However near the end of its range a count got, the next reference puts it back to the middle of the stuck part.
fn a_stuck_count_stays_away_from_the_end<C: Count>() {
    let arena = Counting::new(Global);
    let shared: Shared<_, _, C> = Shared::try_new(7, &arena).unwrap();
    for count in [SATURATED, STUCK, u32::MAX - 1, u32::MAX] {
        shared.counts().force(count, count);
        let (clone, weak) = (shared.clone(), Shared::downgrade(&shared));
        assert_eq!((shared.counts().strong(), shared.counts().weak()), (STUCK, STUCK));
        drop((clone, weak));
        assert_eq!((shared.counts().strong(), shared.counts().weak()), (STUCK, STUCK));
    }
    shared.counts().force(1, 1);
    drop(shared);
    assert_eq!(arena.stats().live, 0);
}

#[test]
fn a_count_at_its_limit_leaks_and_never_frees_early() {
    strong_count_at_its_limit::<Local>();
    strong_count_at_its_limit::<Atomic>();
    weak_count_at_its_limit::<Local>();
    weak_count_at_its_limit::<Atomic>();
    a_stuck_count_stays_away_from_the_end::<Local>();
    a_stuck_count_stays_away_from_the_end::<Atomic>();
}
