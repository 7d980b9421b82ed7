//! `defmt::Format` for the types that cannot derive it.

use crate::boxed::Box;
use crate::byte_ring::ByteRing;
use crate::counting::Counting;
use crate::failing::FailNth;
use crate::fallback::Fallback;
use crate::fallback::Region;
use crate::heap::{CriticalSection, Unlocked};
use crate::heap::{Heap, Lock};
use crate::label::Label;
use crate::ring::{Iter as RingIter, IterMut as RingIterMut, Ring};
use crate::shared::{Atomic, Count, Local, Shared, Weak};
use crate::slab::{Iter as SlabIter, IterMut as SlabIterMut, Slab};
use crate::unlinkable::Unlinkable;
use crate::vec::{IntoIter, Vec};
use allocator_api2::alloc::Allocator;
use defmt::{Format, Formatter, write};

impl<T: Format, A: Allocator> Format for Vec<T, A> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "{}", self.as_slice());
    }
}

impl<T: Format, A: Allocator> Format for Ring<T, A> {
    fn format(&self, f: Formatter<'_>) {
        let (first, second) = self.as_slices();
        write!(f, "{} {}", first, second);
    }
}

impl<T: Format, A: Allocator> Format for Slab<T, A> {
    fn format(&self, f: Formatter<'_>) {
        for (key, value) in self {
            write!(f, "{}: {} ", key, value);
        }
    }
}

impl<A: Allocator> Format for ByteRing<A> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "ByteRing({=usize} of {=usize})", self.len(), self.capacity());
    }
}

impl<T: Format + ?Sized, A: Allocator> Format for Box<T, A> {
    fn format(&self, f: Formatter<'_>) {
        (**self).format(f);
    }
}

impl<T: Format + ?Sized, A: Allocator, C: Count> Format for Shared<T, A, C> {
    fn format(&self, f: Formatter<'_>) {
        (**self).format(f);
    }
}

impl<T: ?Sized, A: Allocator, C: Count> Format for Weak<T, A, C> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "(Weak)");
    }
}

impl<L: Lock> Format for Heap<'_, L> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Heap({})", self.stats());
    }
}

impl<A> Format for Counting<A> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Counting({})", self.stats());
    }
}

impl<A> Format for FailNth<A> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "FailNth({=usize} attempts)", self.attempts());
    }
}

impl<A: Region, B> Format for Fallback<A, B> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Fallback({})", self.fallback_stats());
    }
}

impl<A: Allocator + Clone> Format for Label<A> {
    fn format(&self, f: Formatter<'_>) {
        write!(f, "Label({}: {})", self.name(), self.stats());
    }
}

macro_rules! iterators {
    ($($name:ident<$($life:lifetime,)? T $(, $alloc:ident)?>)*) => {
        $(impl<T $(, $alloc: Allocator)?> Format for $name<$($life,)? T $(, $alloc)?> {
            fn format(&self, f: Formatter<'_>) {
                write!(f, "{=str}", stringify!($name));
            }
        })*
    };
}

iterators! { RingIter<'_, T> RingIterMut<'_, T> SlabIter<'_, T> SlabIterMut<'_, T> IntoIter<T, A> }

macro_rules! named {
    ($($name:ident),*) => {
        $(impl Format for $name {
            fn format(&self, f: Formatter<'_>) {
                write!(f, "{=str}", stringify!($name));
            }
        })*
    };
}

named!(Atomic, Local, Unlocked, CriticalSection, Unlinkable);
