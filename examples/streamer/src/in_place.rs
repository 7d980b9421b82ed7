//! Making large futures where they stay.

/// For large futures: `pin!(in_place(|| serve(…)))` makes the one of `serve` where it stays.
///
/// One that is passed on, or awaited by its value, is on the stack first, once for each function that it goes through. So is
/// one whose constructor the compiler puts into the caller: it goes to a temporary place, and from there into the caller's
/// own future. This function is called, and what it returns is written to where the caller has it.
#[inline(never)]
pub fn in_place<F>(make: impl FnOnce() -> F) -> F {
    make()
}
