//! Memory for machines without a heap.
//!
//! Every container lives in an [`Allocator`] that the caller passes. Every allocation may fail. No container
//! grows: it takes its whole capacity when it is made, and gives it back when it is dropped.
//!
//! ```
//! use barertc_arena::{AllocError, Allocator, Heap, Ring, Shared};
//! use core::mem::MaybeUninit;
//!
//! fn queue_a_frame<A: Allocator + Clone>(alloc: A) -> Result<(), AllocError> {
//!     let mut queue = Ring::with_capacity(16, alloc.clone())?;
//!     let frame = Shared::<[u8], A>::try_from_slice(b"a key frame", alloc)?;
//!     assert!(queue.push_back(frame.clone()).is_ok());
//!     assert_eq!(queue.front(), Some(&frame));
//!     Ok(())
//! }
//!
//! let mut region = [MaybeUninit::uninit(); 8192];
//! let heap: Heap = Heap::new(&mut region).expect("large enough");
//! assert_eq!(queue_a_frame(&heap), Ok(()));
//! assert_eq!(heap.stats().live, 0);
//! ```
//!
//! # Handles
//! A handle is any value that implements [`Allocator`] (of `allocator-api2` 0.3, which `esp-alloc` implements too).
//! [`Heap`] makes one of a region of memory; [`handle!`] makes one that has no size; [`Fallback`] puts one before
//! another; [`Label`] tells who holds how much. [`Unlinkable`] proves that nobody goes past them.
//!
//! # Containers
//! | | |
//! |---|---|
//! | [`Vec`], [`Ring`], [`ByteRing`] | a vector, a double-ended queue, a queue of bytes |
//! | [`Slab`] | a pool whose keys notice that their value is gone |
//! | [`Box`] | one value, or a slice |
//! | [`Shared`], [`Weak`] | a value, or a slice, with several owners; counted across threads ([`Atomic`]) or on one ([`Local`]) |
//!
//! Each tells by `bytes(capacity)` (or `BYTES`) what it takes, before it is made.
//!
//! # Tests
//! With the feature `std` there is `Global`, the desktop's heap as a handle. [`Counting`] tells what is live, and
//! [`FailNth`] lets the first, second, … allocation fail:
//!
//! ```
//! # #[cfg(feature = "std")] {
//! use barertc_arena::{Counting, FailNth, Global, Vec};
//!
//! let arena = Counting::new(Global);
//! let failing = FailNth::new(&arena, 2);
//! let first = Vec::<u32, _>::with_capacity(10, &failing).expect("only the second fails");
//! assert!(Vec::<u32, _>::with_capacity(10, &failing).is_err());
//! assert_eq!(arena.stats().live, 40);
//! drop(first);
//! assert_eq!(arena.stats().live, 0);
//! # }
//! ```
//!
//! # Chips without compare-and-swap
//! RV32IMC and ARMv6-M have no atomic addition. There [`Atomic`] and [`Counting`] use the crate `portable-atomic`, and the
//! firmware says how it works. The feature `critical-section` takes the `critical-section` implementation that the
//! firmware links. A firmware on one core in privileged mode may use the cheaper `unsafe-assume-single-core` instead: it
//! depends on `portable-atomic` with that feature. Some HALs do so already. The two choices exclude each other.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `std`: `Global`, the standard library's heap behind this crate's `Allocator` trait. For tests on a desktop.
//! - `labels`: `Label` counts what each owner holds. Without it a label is nothing but the handle that it wraps.
//! - `trace`: Logs every allocation and release of a `Heap` at level `trace`, and those of a `Label` where labels count.
//!   They go to `log`, and with the feature `defmt` to `defmt` too.
//! - `log`: `log` as the way out for `trace`.
//! - `defmt`: `defmt::Format` on every public type.
//! - `critical-section`: On chips without compare-and-swap: atomic counts by the `critical-section` that the firmware
//!   links.
//! - `selftest`: Functions that show on any machine that memory works there.
#![no_std]
#![deny(missing_debug_implementations, unnameable_types)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        clippy::disallowed_methods
    )
)]

#[cfg(any(feature = "std", test))]
extern crate std;

mod atomic;
mod boxed;
mod byte_ring;
mod counting;
mod error;
mod failing;
mod fallback;
#[cfg(feature = "defmt")]
mod format;
#[cfg(any(feature = "std", test))]
mod global;
mod handle;
mod heap;
mod label;
mod raw;
mod ring;
#[cfg(feature = "selftest")]
pub mod selftest;
mod shared;
mod slab;
mod stats;
#[cfg(all(test, feature = "std"))]
mod tests;
mod trace;
mod unlinkable;
mod vec;

pub use allocator_api2::alloc::{AllocError, Allocator};
pub use boxed::Box;
pub use byte_ring::ByteRing;
pub use counting::Counting;
pub use error::{Full, RegionError};
pub use failing::FailNth;
pub use fallback::{Fallback, Region};
#[cfg(any(feature = "std", test))]
pub use global::Global;
pub use heap::{CriticalSection, Heap, Lock, Unlocked};
pub use label::Label;
pub use ring::{Iter as RingIter, IterMut as RingIterMut, Ring};
pub use shared::{Atomic, Count, Local, Shared, Weak};
pub use slab::{Iter as SlabIter, IterMut as SlabIterMut, Key, Slab};
pub use stats::Stats;
pub use unlinkable::Unlinkable;
pub use vec::{IntoIter as VecIntoIter, Vec};
