//! The containers in brief; `tests/` holds them against models.

use crate::boxed::Box;
use crate::byte_ring::ByteRing;
use crate::counting::Counting;
use crate::failing::FailNth;
use crate::global::Global;
use crate::heap::Heap;
use crate::ring::Ring;
use crate::shared::{Shared, Weak};
use crate::slab::Slab;
use crate::vec::Vec;
use core::mem::MaybeUninit;

#[test]
fn everything_returns() {
    let mut region = [MaybeUninit::uninit(); 65536];
    let heap: Heap = Heap::new(&mut region).unwrap();
    let count = Counting::new(&heap);
    {
        let mut v = Vec::with_capacity(4, &count).unwrap();
        for i in 0..4 {
            v.try_push(Box::try_new(i, &count).unwrap()).unwrap();
        }
        assert!(v.try_push(Box::try_new(4, &count).unwrap()).is_err());
        assert_eq!(*v.remove(1).unwrap(), 1);
        assert_eq!(*v.swap_remove(0).unwrap(), 0);
        assert_eq!(v.iter().map(|b| **b).collect::<std::vec::Vec<_>>(), [3, 2]);
        let mut r = Ring::with_capacity(3, &count).unwrap();
        r.push_back(1).unwrap();
        r.push_front(0).unwrap();
        r.push_back(2).unwrap();
        assert_eq!(r.push_back(3), Err(3));
        assert_eq!(r.remove(1), Some(1));
        assert_eq!(r.iter().copied().collect::<std::vec::Vec<_>>(), [0, 2]);
        let mut s = Slab::with_capacity(2, &count).unwrap();
        let key = s.insert("a").unwrap();
        s.insert("b").unwrap();
        assert_eq!(s.insert("c"), Err("c"));
        assert_eq!(s.remove(key), Some("a"));
        s.insert("d").unwrap();
        assert_eq!(s.get(key), None);
        let mut b = ByteRing::with_capacity(5, &count).unwrap();
        assert_eq!(b.write(b"abcdef"), 5);
        b.consume(3);
        assert_eq!(b.write(b"xyz"), 3);
        let mut out = [0; 8];
        assert_eq!(b.read(&mut out), 5);
        assert_eq!(&out[..5], b"dexyz");
        let mut shared: Shared<[u8], _> = Shared::try_from_slice(b"frame", &count).unwrap();
        assert!(Shared::get_mut(&mut shared).is_some());
        let weak: Weak<[u8], _> = Shared::downgrade(&shared);
        assert_eq!(&*weak.upgrade().unwrap(), b"frame");
        drop(shared);
        assert!(weak.upgrade().is_none());
    }
    let stats = count.stats();
    assert_eq!((stats.live, stats.allocations), (0, stats.frees));
    assert_eq!(heap.stats().live, 0);
    assert_eq!(heap.stats().peak, stats.peak);
}

#[test]
fn the_chosen_allocation_fails() {
    for nth in 1..4 {
        let failing = FailNth::new(Global, nth);
        let results = [(); 3].map(|()| Box::try_new(1u8, &failing).is_ok());
        assert_eq!(results.iter().position(|ok| !ok), Some(nth - 1));
        assert_eq!(results.iter().filter(|ok| **ok).count(), 2);
        assert_eq!(failing.attempts(), 3);
    }
}
