//! A pool with keys that notice when their value is gone.

use crate::vec::Vec;
use allocator_api2::alloc::{AllocError, Allocator};
use core::num::NonZeroU32;
use core::{fmt, iter, mem, slice};

/// A key of a value in a [`Slab`]. Once the value is removed, the key finds nothing, even when another value is in the
/// same place. That holds until the same place was used 2³² − 1 times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Key {
    index: u32,
    /// Never zero, so that an `Option<Key>` is no larger than a key.
    generation: NonZeroU32,
}

impl Key {
    /// The place of the value, which is below the capacity. Values that are there at the same time have different
    /// places.
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// A pool of fixed capacity. A value keeps its place until it is removed.
pub struct Slab<T, A: Allocator> {
    slots: Vec<Slot<T>, A>,
    /// The first free slot of the list that runs through the vacant ones.
    free: Option<u32>,
    len: usize,
}

struct Slot<T> {
    generation: NonZeroU32,
    entry: Entry<T>,
}

enum Entry<T> {
    Vacant { next: Option<u32> },
    Occupied(T),
}

impl<T, A: Allocator> Slab<T, A> {
    /// Room for `capacity` values, taken from `alloc`. More than 2³² places are an error.
    pub fn with_capacity(capacity: usize, alloc: A) -> Result<Self, AllocError> {
        if u32::try_from(capacity).is_err() {
            return Err(AllocError);
        }
        Ok(Self { slots: Vec::with_capacity(capacity, alloc)?, free: None, len: 0 })
    }

    /// Bytes that a slab of `capacity` takes from its allocator.
    pub const fn bytes(capacity: usize) -> usize {
        Vec::<Slot<T>, A>::bytes(capacity)
    }

    /// How many values fit.
    pub const fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// How many values there are.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether nothing more fits.
    pub const fn is_full(&self) -> bool {
        self.len >= self.capacity()
    }

    /// Puts a value into a free place, or returns it when there is none.
    pub fn insert(&mut self, value: T) -> Result<Key, T> {
        let Some(index) = self.free else { return self.append(value) };
        let Some(slot) = self.slots.get_mut(index as usize) else { return Err(value) };
        if let Entry::Vacant { next } = slot.entry {
            self.free = next;
        }
        slot.entry = Entry::Occupied(value);
        self.len = self.len.saturating_add(1);
        Ok(Key { index, generation: slot.generation })
    }

    /// The value of this key.
    pub fn get(&self, key: Key) -> Option<&T> {
        match self.slots.get(key.index())? {
            Slot { generation, entry: Entry::Occupied(value) } if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// The value of this key.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.slots.get_mut(key.index())? {
            Slot { generation, entry: Entry::Occupied(value) } if *generation == key.generation => Some(value),
            _ => None,
        }
    }

    /// Whether there is a value of this key.
    pub fn contains(&self, key: Key) -> bool {
        self.get(key).is_some()
    }

    /// Removes the value of this key.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let slot = self.slots.get_mut(key.index())?;
        if slot.generation != key.generation || matches!(slot.entry, Entry::Vacant { .. }) {
            return None;
        }
        let Entry::Occupied(value) = mem::replace(&mut slot.entry, Entry::Vacant { next: self.free }) else {
            return None;
        };
        slot.generation = slot.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.free = Some(key.index);
        self.len = self.len.saturating_sub(1);
        Some(value)
    }

    /// Drops the value at a place, there where it is.
    fn vacate(&mut self, index: usize) {
        let Some(slot) = self.slots.get_mut(index) else { return };
        slot.entry = Entry::Vacant { next: self.free };
        slot.generation = slot.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        // A slab has no more than 2³² slots.
        self.free = Some(index as u32);
        self.len = self.len.saturating_sub(1);
    }

    /// Drops all values. Their keys find nothing any more.
    pub fn clear(&mut self) {
        self.retain(|_, _| false);
    }

    /// Drops the values for which `keep` returns `false`.
    pub fn retain(&mut self, mut keep: impl FnMut(Key, &mut T) -> bool) {
        for index in 0..self.slots.len() {
            let Some(Slot { generation, entry: Entry::Occupied(value) }) = self.slots.get_mut(index) else { continue };
            // A slab has no more than 2³² slots.
            let key = Key { index: index as u32, generation: *generation };
            if !keep(key, value) {
                self.vacate(index);
            }
        }
    }

    /// The values with their keys, by place.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self.slots.iter().enumerate())
    }

    /// The values with their keys, by place.
    pub fn iter_mut(&mut self) -> IterMut<'_, T> {
        IterMut(self.slots.iter_mut().enumerate())
    }

    /// Takes a place that was never used.
    fn append(&mut self, value: T) -> Result<Key, T> {
        // Cannot be cut short: the capacity fits 32 bits.
        let index = self.slots.len() as u32;
        if self.slots.is_full() {
            return Err(value);
        }
        if self.slots.try_push(Slot { generation: NonZeroU32::MIN, entry: Entry::Occupied(value) }).is_ok() {
            self.len = self.len.saturating_add(1);
        }
        Ok(Key { index, generation: NonZeroU32::MIN })
    }
}

impl<T: fmt::Debug, A: Allocator> fmt::Debug for Slab<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<T> fmt::Debug for Iter<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Iter").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for IterMut<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IterMut").finish_non_exhaustive()
    }
}

/// The values of a [`Slab`] with their keys.
pub struct Iter<'a, T>(iter::Enumerate<slice::Iter<'a, Slot<T>>>);

impl<'a, T> Iterator for Iter<'a, T> {
    type Item = (Key, &'a T);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.find_map(|(index, slot)| match &slot.entry {
            Entry::Occupied(value) => Some((Key { index: index as u32, generation: slot.generation }, value)),
            Entry::Vacant { .. } => None,
        })
    }
}

/// The values of a [`Slab`] with their keys, to be changed.
pub struct IterMut<'a, T>(iter::Enumerate<slice::IterMut<'a, Slot<T>>>);

impl<'a, T> Iterator for IterMut<'a, T> {
    type Item = (Key, &'a mut T);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.find_map(|(index, slot)| match &mut slot.entry {
            Entry::Occupied(value) => Some((Key { index: index as u32, generation: slot.generation }, value)),
            Entry::Vacant { .. } => None,
        })
    }
}

impl<'a, T, A: Allocator> IntoIterator for &'a Slab<T, A> {
    type Item = (Key, &'a T);
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
