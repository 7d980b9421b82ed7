//! Rings, slabs, vectors and byte rings do what the standard library's do, within their capacity; everything that went
//! in comes out or is dropped, once.

use barertc_arena::{ByteRing, Counting, Global, Key, Ring, Slab, Vec};
use proptest::prelude::*;
use std::collections::VecDeque;
use std::rc::Rc;

/// A value that the test can count: every clone of `Rc` that is left.
type Value = Rc<u32>;

#[derive(Clone, Debug)]
enum Op {
    PushBack,
    PushFront,
    PopBack,
    PopFront,
    Insert(usize),
    Remove(usize),
    Swap(usize, usize),
    Truncate(usize),
    RetainOdd,
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    let at = 0..20usize;
    prop_oneof![
        6 => Just(Op::PushBack),
        6 => Just(Op::PushFront),
        4 => Just(Op::PopBack),
        4 => Just(Op::PopFront),
        2 => at.clone().prop_map(Op::Insert),
        2 => at.clone().prop_map(Op::Remove),
        2 => (at.clone(), at.clone()).prop_map(|(a, b)| Op::Swap(a, b)),
        1 => at.prop_map(Op::Truncate),
        1 => Just(Op::RetainOdd),
        1 => Just(Op::Clear),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn ring(capacity in 0..16usize, ops in prop::collection::vec(op(), 0..200)) {
        let arena = Counting::new(Global);
        let witness = Rc::new(());
        let mut ring = Ring::with_capacity(capacity, &arena).unwrap();
        prop_assert_eq!(arena.stats().live, Ring::<(Rc<()>, u32), &Counting<Global>>::bytes(capacity));
        let mut model: VecDeque<u32> = VecDeque::new();
        for (n, op) in (0u32..).zip(ops) {
            let full = model.len() == capacity;
            let value = || (witness.clone(), n);
            match op {
                Op::PushBack => {
                    prop_assert_eq!(ring.push_back(value()).is_err(), full);
                    if !full { model.push_back(n) }
                }
                Op::PushFront => {
                    prop_assert_eq!(ring.push_front(value()).is_err(), full);
                    if !full { model.push_front(n) }
                }
                Op::PopBack => prop_assert_eq!(ring.pop_back().map(|v| v.1), model.pop_back()),
                Op::PopFront => prop_assert_eq!(ring.pop_front().map(|v| v.1), model.pop_front()),
                Op::Insert(at) => {
                    let fits = !full && at <= model.len();
                    prop_assert_eq!(ring.insert(at, value()).is_ok(), fits);
                    if fits { model.insert(at, n) }
                }
                Op::Remove(at) => prop_assert_eq!(ring.remove(at).map(|v| v.1), model.remove(at)),
                Op::Swap(a, b) => {
                    ring.swap(a, b);
                    if a.max(b) < model.len() { model.swap(a, b) }
                }
                Op::Truncate(len) => { ring.truncate(len); model.truncate(len) }
                Op::RetainOdd => { ring.retain_mut(|v| v.1 % 2 == 1); model.retain(|v| v % 2 == 1) }
                Op::Clear => { ring.clear(); model.clear() }
            }
            prop_assert_eq!((ring.len(), ring.is_full(), ring.room()), (model.len(), model.len() == capacity, capacity - model.len()));
            prop_assert!(ring.iter().map(|v| v.1).eq(model.iter().copied()));
            prop_assert!(ring.iter().rev().map(|v| v.1).eq(model.iter().rev().copied()));
            prop_assert!(ring.iter_mut().map(|v| v.1).eq(model.iter().copied()));
            prop_assert_eq!(ring.iter().len(), model.len());
            prop_assert_eq!(ring.front().map(|v| v.1), model.front().copied());
            prop_assert_eq!(ring.back_mut().map(|v| v.1), model.back().copied());
            for at in 0..20 {
                prop_assert_eq!(ring.get(at).map(|v| v.1), model.get(at).copied());
            }
            prop_assert_eq!(Rc::strong_count(&witness), 1 + model.len());
        }
        drop(ring);
        prop_assert_eq!((Rc::strong_count(&witness), arena.stats().live), (1, 0));
    }

    #[test]
    fn vector(capacity in 0..16usize, ops in prop::collection::vec(op(), 0..200)) {
        let arena = Counting::new(Global);
        let mut vec: Vec<Value, _> = Vec::with_capacity(capacity, &arena).unwrap();
        let mut model: std::vec::Vec<Value> = std::vec::Vec::new();
        let mut all: std::vec::Vec<Value> = std::vec::Vec::new();
        for (n, op) in (0u32..).zip(ops) {
            let value = Rc::new(n);
            all.push(value.clone());
            let full = model.len() == capacity;
            match op {
                Op::PushBack => {
                    prop_assert_eq!(vec.try_push(value.clone()).is_err(), full);
                    if !full { model.push(value) }
                }
                Op::PushFront => {
                    let three = [value.clone(), value.clone(), value.clone()];
                    prop_assert_eq!(vec.try_extend(three.clone()).is_err(), capacity - model.len() < 3);
                    model.extend(three.into_iter().take(capacity - model.len()));
                }
                Op::PopBack => prop_assert_eq!(vec.pop(), model.pop()),
                Op::PopFront => { vec.remove_front(2); model.drain(..2.min(model.len())); }
                Op::Insert(at) => {
                    let fits = !full && at <= model.len();
                    prop_assert_eq!(vec.try_insert(at, value.clone()).is_ok(), fits);
                    if fits { model.insert(at, value) }
                }
                Op::Remove(at) => {
                    let expected = (at < model.len()).then(|| model.remove(at));
                    prop_assert_eq!(vec.remove(at), expected);
                }
                Op::Swap(at, _) => {
                    let expected = (at < model.len()).then(|| model.swap_remove(at));
                    prop_assert_eq!(vec.swap_remove(at), expected);
                }
                Op::Truncate(len) => { vec.truncate(len); model.truncate(len) }
                Op::RetainOdd => { vec.retain(|v| **v % 2 == 1); model.retain(|v| **v % 2 == 1) }
                Op::Clear => { vec.clear(); model.clear() }
            }
            prop_assert_eq!(&*vec, &*model);
        }
        // Half of the values leave by the iterator, the rest with it.
        let taken = model.len() / 2;
        prop_assert!(vec.into_iter().take(taken).eq(model.drain(..).take(taken)));
        drop(model);
        prop_assert!(all.iter().all(|value| Rc::strong_count(value) == 1));
        prop_assert_eq!(arena.stats().live, 0);
    }

    #[test]
    fn slab(capacity in 0..12usize, ops in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..300)) {
        let arena = Counting::new(Global);
        let witness = Rc::new(());
        let mut slab = Slab::with_capacity(capacity, &arena).unwrap();
        prop_assert_eq!(arena.stats().live, Slab::<(Rc<()>, u32), &Counting<Global>>::bytes(capacity));
        let mut alive: std::vec::Vec<(Key, u32)> = std::vec::Vec::new();
        let mut dead: std::vec::Vec<Key> = std::vec::Vec::new();
        for (n, (insert, which)) in (0u32..).zip(ops) {
            if insert {
                match slab.insert((witness.clone(), n)) {
                    Ok(key) => {
                        prop_assert!(key.index() < capacity);
                        prop_assert!(alive.iter().all(|(other, _)| other.index() != key.index()));
                        alive.push((key, n));
                    }
                    Err(_) => prop_assert_eq!(alive.len(), capacity),
                }
            } else if !alive.is_empty() {
                let (key, value) = alive.swap_remove(which.index(alive.len()));
                prop_assert_eq!(slab.remove(key).map(|v| v.1), Some(value));
                dead.push(key);
            }
            for (key, value) in &alive {
                prop_assert_eq!(slab.get(*key).map(|v| v.1), Some(*value));
                prop_assert_eq!(slab.get_mut(*key).map(|v| v.1), Some(*value));
            }
            for key in &dead {
                prop_assert!(slab.get(*key).is_none() && slab.get_mut(*key).is_none() && slab.remove(*key).is_none());
            }
            let mut listed: std::vec::Vec<_> = slab.iter().map(|(key, value)| (key, value.1)).collect();
            listed.sort();
            alive.sort();
            prop_assert_eq!(&listed, &alive);
            prop_assert_eq!(slab.iter_mut().count(), alive.len());
            prop_assert_eq!((slab.len(), slab.is_full()), (alive.len(), alive.len() == capacity));
            prop_assert_eq!(Rc::strong_count(&witness), 1 + alive.len());
        }
        slab.retain(|_, value| value.1 % 2 == 1);
        prop_assert_eq!(slab.len(), alive.iter().filter(|(_, value)| value % 2 == 1).count());
        slab.clear();
        prop_assert!(slab.is_empty() && alive.iter().all(|(key, _)| !slab.contains(*key)));
        drop(slab);
        prop_assert_eq!((Rc::strong_count(&witness), arena.stats().live), (1, 0));
    }

    #[test]
    fn bytes(capacity in 0..32usize, ops in prop::collection::vec((0..4u8, 0..40usize), 0..200)) {
        let arena = Counting::new(Global);
        let mut ring = ByteRing::with_capacity(capacity, &arena).unwrap();
        let mut model: VecDeque<u8> = VecDeque::new();
        let mut next = 0u8;
        for (op, count) in ops {
            match op {
                0 | 1 => {
                    let data: std::vec::Vec<u8> = (0..count).map(|i| next.wrapping_add(i as u8)).collect();
                    let fits = count.min(capacity - model.len());
                    prop_assert_eq!(ring.write(&data), fits);
                    model.extend(&data[..fits]);
                    next = next.wrapping_add(fits as u8);
                }
                2 => {
                    let mut out = vec![0; count];
                    let read = ring.read(&mut out);
                    prop_assert_eq!(read, count.min(model.len()));
                    prop_assert!(out[..read].iter().copied().eq(model.drain(..read)));
                }
                _ => { ring.consume(count); model.drain(..count.min(model.len())); }
            }
            let (first, second) = ring.peek();
            prop_assert!(first.iter().chain(second).eq(model.iter()));
            prop_assert_eq!((ring.len(), ring.room(), ring.is_empty()), (model.len(), capacity - model.len(), model.is_empty()));
            let mut out = [0; 8];
            let copied = ring.copy_at(3, &mut out);
            prop_assert!(out[..copied].iter().eq(model.iter().skip(3).take(8)));
        }
        drop(ring);
        prop_assert_eq!(arena.stats().live, 0);
    }
}

#[test]
fn values_without_size_take_no_memory_but_have_a_capacity() {
    let arena = Counting::new(Global);
    let mut vec = Vec::with_capacity(usize::MAX, &arena).unwrap();
    assert_eq!(vec.try_extend(core::iter::repeat_n((), 1000)), Ok(()));
    assert_eq!((vec.len(), vec.pop()), (1000, Some(())));
    let mut ring = Ring::with_capacity(usize::MAX, &arena).unwrap();
    ring.push_front(()).unwrap();
    ring.push_back(()).unwrap();
    assert_eq!(
        (ring.len(), ring.iter().count(), ring.pop_front(), ring.pop_back(), ring.pop_back()),
        (2, 2, Some(()), Some(()), None)
    );
    let mut small = Ring::with_capacity(1, &arena).unwrap();
    assert_eq!((small.push_back(()), small.push_back(())), (Ok(()), Err(())));
    assert_eq!(arena.stats(), barertc_arena::Stats::default());
}

#[test]
fn a_capacity_beyond_the_address_space_is_an_error() {
    assert!(Vec::<u32, _>::with_capacity(usize::MAX / 2, Global).is_err());
    assert!(Ring::<u32, _>::with_capacity(usize::MAX / 4, Global).is_err());
    assert!(Slab::<u8, _>::with_capacity(usize::MAX, Global).is_err());
    assert!(ByteRing::with_capacity(usize::MAX, Global).is_err());
    assert_eq!(Vec::<u32, Global>::bytes(usize::MAX), usize::MAX);
}
