//! A shared value lives as long as a strong reference, its memory as long as any, and both end exactly once.

use barertc_arena::{AllocError, Atomic, Count, Counting, FailNth, Global, Local, Shared, Weak};
use core::cell::Cell;
use proptest::prelude::*;

type Arena = Counting<Global>;

/// Counts how often it is dropped.
struct Witness<'a>(&'a Cell<u32>);

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[derive(Clone, Debug)]
enum Op {
    Clone,
    Drop,
    Downgrade,
    CloneWeak,
    DropWeak,
    Upgrade,
    GetMut,
    TakeOut,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => Just(Op::Clone), 4 => Just(Op::Drop), 2 => Just(Op::Downgrade), 1 => Just(Op::CloneWeak),
        3 => Just(Op::DropWeak), 2 => Just(Op::Upgrade), 2 => Just(Op::GetMut), 1 => Just(Op::TakeOut),
    ]
}

fn run<C: Count>(ops: &[Op]) {
    let (arena, drops) = (Arena::new(Global), Cell::new(0));
    let first: Shared<_, _, C> = Shared::try_new(Witness(&drops), &arena).unwrap();
    assert_eq!(arena.stats().live, Shared::<Witness<'_>, &Arena, C>::BYTES);
    let (mut strong, mut weak): (Vec<_>, Vec<Weak<_, _, C>>) = (vec![first], Vec::new());
    for op in ops {
        let unique = strong.len() == 1 && weak.is_empty();
        match op {
            Op::Clone => strong.extend(strong.last().cloned()),
            Op::Drop => drop(strong.pop()),
            Op::Downgrade => weak.extend(strong.last().map(Shared::downgrade)),
            Op::CloneWeak => weak.extend(weak.last().cloned()),
            Op::DropWeak => drop(weak.pop()),
            Op::Upgrade => {
                let upgraded = weak.last().and_then(Weak::upgrade);
                assert_eq!(upgraded.is_some(), !weak.is_empty() && !strong.is_empty());
                strong.extend(upgraded);
            }
            Op::GetMut => {
                if let Some(last) = strong.last_mut() {
                    assert_eq!(Shared::get_mut(last).is_some(), unique);
                }
            }
            Op::TakeOut => {
                if let Some(last) = strong.pop() {
                    let alone = strong.is_empty();
                    match Shared::try_into_inner(last) {
                        Ok(_value) => assert!(alone),
                        Err(back) => strong.push(back),
                    }
                }
            }
        }
        assert_eq!(drops.get(), u32::from(strong.is_empty()));
        if let Some(last) = strong.last() {
            assert_eq!((Shared::strong_count(last), Shared::weak_count(last)), (strong.len(), weak.len()));
        }
        let alive = !(strong.is_empty() && weak.is_empty());
        assert_eq!(arena.stats().live != 0, alive);
    }
    drop((strong, weak));
    assert_eq!((drops.get(), arena.stats().live, arena.stats().allocations), (1, 0, 1));
}

proptest! {
    #[test]
    fn on_one_thread(ops in prop::collection::vec(op(), 0..60)) {
        run::<Local>(&ops);
    }

    #[test]
    fn across_threads(ops in prop::collection::vec(op(), 0..60)) {
        run::<Atomic>(&ops);
    }

    #[test]
    fn slices_of_any_length(data in prop::collection::vec(any::<u8>(), 0..3000)) {
        let arena = Arena::new(Global);
        let copied = Shared::<[u8], _>::try_from_slice(&data, &arena).unwrap();
        prop_assert_eq!(arena.stats().live, Shared::<[u8], &Arena, Local>::bytes(data.len()));
        let filled = Shared::<[u8], _>::try_fill(data.len(), &arena, |bytes| {
            bytes.copy_from_slice(&data);
            Ok::<(), AllocError>(())
        }).unwrap();
        let made = Shared::<[u8], _>::try_from_fn(data.len(), &arena, |i| Ok::<u8, AllocError>(data[i])).unwrap();
        let mut zeroed = Shared::<[u8], _>::try_zeroed(data.len(), &arena).unwrap();
        prop_assert!(zeroed.iter().all(|byte| *byte == 0));
        Shared::get_mut(&mut zeroed).unwrap().copy_from_slice(&data);
        prop_assert!([copied, filled, made, zeroed].iter().all(|shared| **shared == *data));
        prop_assert_eq!(arena.stats().live, 0);
    }
}

#[test]
fn the_header_is_eight_bytes_and_the_handle() {
    assert_eq!(Shared::<[u8; 0], Global, Local>::BYTES, 8);
    assert_eq!(Shared::<[u8; 0], Global, Atomic>::BYTES, 8);
    assert_eq!(Shared::<[u8; 16], Global>::BYTES, 24);
    assert_eq!(Shared::<[u32; 4], Global>::BYTES, 24);
    assert_eq!(Shared::<[usize; 2], &Arena>::BYTES, 8 + size_of::<usize>() + 2 * size_of::<usize>());
    assert_eq!(Shared::<[u8], Global>::bytes(1), 12);
    assert_eq!(Shared::<[u64], Global>::bytes(3), 32);
    assert_eq!(Shared::<[u64], Global>::bytes(usize::MAX), usize::MAX);
    // The reference itself is one pointer, and for a slice its length beside it.
    assert_eq!(size_of::<Shared<u64, &Arena>>(), size_of::<usize>());
    assert_eq!(size_of::<Option<Shared<[u8], &Arena>>>(), 2 * size_of::<usize>());
}

#[test]
fn a_slice_that_cannot_be_finished_returns_what_it_took() {
    let (arena, drops) = (Arena::new(Global), Cell::new(0));
    let result = Shared::<[Witness<'_>], _>::try_from_fn(5, &arena, |i| match i {
        3 => Err(AllocError),
        _ => Ok(Witness(&drops)),
    });
    assert!(result.is_err());
    assert_eq!((drops.get(), arena.stats().live, arena.stats().allocations), (3, 0, 1));

    let panicked = std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| {
        let _ = Shared::<[Witness<'_>], _>::try_from_fn(5, &arena, |i| {
            assert_ne!(i, 2, "on purpose");
            Ok::<_, AllocError>(Witness(&drops))
        });
    }));
    assert!(panicked.is_err());
    assert_eq!((drops.get(), arena.stats().live), (5, 0));

    #[derive(Debug, PartialEq)]
    enum Error {
        Memory,
        File,
    }
    impl From<AllocError> for Error {
        fn from(_: AllocError) -> Self {
            Self::Memory
        }
    }
    assert_eq!(Shared::<[u8], _>::try_fill(100, &arena, |_| Err(Error::File)).unwrap_err(), Error::File);
    let full = FailNth::new(&arena, 1);
    assert_eq!(Shared::<[u8], _>::try_fill(100, &full, |_| Ok::<(), Error>(())).unwrap_err(), Error::Memory);
    assert_eq!(arena.stats().live, 0);
}

#[test]
fn a_length_beyond_the_address_space_is_an_error() {
    assert!(Shared::<[u8], _>::try_zeroed(usize::MAX, Global).is_err());
    assert!(Shared::<[u8], _>::try_zeroed(isize::MAX as usize, Global).is_err());
    assert!(Shared::<[u64], _>::try_from_fn(usize::MAX / 8, Global, |_| Ok::<u64, AllocError>(0)).is_err());
}

#[test]
fn values_without_size_still_have_counts() {
    let arena = Arena::new(Global);
    let one: Shared<(), _> = Shared::try_new((), &arena).unwrap();
    let weak = Shared::downgrade(&one);
    let none = Shared::<[()], _>::try_from_slice(&[(); 7], &arena).unwrap();
    let empty = Shared::<[u64], _>::try_from_slice(&[], &arena).unwrap();
    assert_eq!((none.len(), empty.len(), Shared::weak_count(&one)), (7, 0, 1));
    drop((one, none, empty));
    assert!(weak.upgrade().is_none());
    drop(weak);
    assert_eq!(arena.stats().live, 0);
}

#[test]
fn a_value_that_panics_while_it_is_dropped_returns_its_memory() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("on purpose");
        }
    }
    let arena = Arena::new(Global);
    let shared: Shared<Bad, _> = Shared::try_new(Bad, &arena).unwrap();
    assert!(std::panic::catch_unwind(core::panic::AssertUnwindSafe(|| drop(shared))).is_err());
    assert_eq!(arena.stats().live, 0);
}

#[test]
fn a_value_may_hold_a_weak_reference_to_itself() {
    struct Node<'a> {
        me: core::cell::RefCell<Option<Weak<Node<'a>, &'a Arena>>>,
    }
    let arena = Arena::new(Global);
    let node: Shared<_, _> = Shared::try_new(Node { me: Default::default() }, &arena).unwrap();
    *node.me.borrow_mut() = Some(Shared::downgrade(&node));
    drop(node);
    assert_eq!(arena.stats().live, 0);
}

#[test]
fn atomic_references_cross_threads() {
    let arena = Arena::new(Global);
    let shared = Shared::<[u8], _, Atomic>::try_from_slice(&[7; 1000], &arena).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let (shared, weak) = (shared.clone(), Shared::downgrade(&shared));
            scope.spawn(move || {
                for _ in 0..10_000 {
                    let again = weak.upgrade().unwrap();
                    assert_eq!(again.len(), shared.len());
                }
            });
        }
    });
    assert_eq!((Shared::strong_count(&shared), Shared::weak_count(&shared)), (1, 0));
    drop(shared);
    assert_eq!(arena.stats().live, 0);
}
