//! What a new machine should be asked before anything is built on its memory. Host tests and the emulated RISC-V
//! machine run the same.

use crate::boxed::Box;
use crate::byte_ring::ByteRing;
use crate::ring::Ring;
use crate::shared::{Count, Shared};
use crate::slab::Slab;
use crate::vec::Vec;
use allocator_api2::alloc::{AllocError, Allocator};
use core::fmt;

/// How many objects [`thousand_shared`] makes.
pub const OBJECTS: usize = 1_000;
/// What each of them holds: 16 bytes.
pub type Payload = [u32; 4];

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Broken {
    /// Memory ran out.
    Memory,
    /// A value, a count or an order is not what it was.
    Content(&'static str),
}

impl From<AllocError> for Broken {
    fn from(_: AllocError) -> Self {
        Self::Memory
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("out of memory"),
            Self::Content(what) => f.write_str(what),
        }
    }
}

impl core::error::Error for Broken {}

fn ensure(holds: bool, what: &'static str) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken::Content(what)) }
}

/// A thousand shared objects with a weak reference each, all in `alloc`; nothing is left afterwards. The caller looks at
/// the allocator's figures: as many allocations as objects, each of `Shared::<Payload, A, C>::BYTES`.
pub fn thousand_shared<A: Allocator + Clone, C: Count>(alloc: A) -> Result<(), Broken> {
    let mut objects: [Option<Shared<Payload, A, C>>; OBJECTS] = [const { None }; OBJECTS];
    for (number, object) in (0..).zip(&mut objects) {
        *object = Some(Shared::try_new([number; 4], alloc.clone())?);
    }
    let weak = objects.each_ref().map(|object| object.as_ref().map(Shared::downgrade));
    for (number, weak) in (0..).zip(&weak) {
        let object = weak.as_ref().and_then(|weak| weak.upgrade());
        let object = object.as_ref().ok_or(Broken::Content("an object that lives is not found"))?;
        ensure(**object == [number; 4], "an object has another's content")?;
        ensure((Shared::strong_count(object), Shared::weak_count(object)) == (2, 1), "references are miscounted")?;
    }
    drop(objects);
    let found = weak.iter().flatten().any(|weak| weak.upgrade().is_some());
    ensure(!found, "an object outlives its last owner")
}

/// Each container does its work in `alloc` and refuses what doesn't fit; nothing is left afterwards.
pub fn containers<A: Allocator + Clone>(alloc: A) -> Result<(), Broken> {
    let mut vec = Vec::with_capacity(3, alloc.clone())?;
    vec.try_extend(1..=3u64).map_err(|_| Broken::Memory)?;
    ensure(vec.try_push(4) == Err(4) && vec.remove(1) == Some(2) && *vec == [1, 3], "vector")?;

    let mut ring = Ring::with_capacity(2, alloc.clone())?;
    ensure(ring.push_back(Box::try_new(1u16, alloc.clone())?).is_ok(), "ring")?;
    ensure(ring.push_front(Box::try_new(0u16, alloc.clone())?).is_ok() && ring.is_full(), "ring")?;
    ensure(ring.iter().map(|value| **value).eq([0, 1]), "ring")?;

    let mut slab = Slab::with_capacity(1, alloc.clone())?;
    let first = slab.insert('a').map_err(|_| Broken::Memory)?;
    ensure(slab.remove(first) == Some('a') && slab.insert('b').is_ok() && slab.get(first).is_none(), "slab")?;

    let mut bytes = ByteRing::with_capacity(5, alloc.clone())?;
    let mut out = [0; 5];
    ensure(bytes.write(b"abcd") == 4 && bytes.read(&mut [0; 3]) == 3 && bytes.write(b"efghi") == 4, "byte ring")?;
    ensure(bytes.read(&mut out) == 5 && out == *b"defgh", "byte ring")?;

    let mut frame = Shared::<[u8], A>::try_zeroed(100, alloc)?;
    Shared::get_mut(&mut frame).ok_or(Broken::Content("slice"))?.fill(9);
    ensure(frame.iter().all(|byte| *byte == 9) && frame.len() == 100, "slice")
}
