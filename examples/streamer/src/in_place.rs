//! Making large futures where they stay, and polling them apart.

use core::pin::Pin;
use core::task::{Context, Poll};

/// For large futures: `pin!(in_place(|| serve(…)))` makes the one of `serve` where it stays.
///
/// One that is passed on, or awaited by its value, is on the stack first, once for each function that it goes through. So is
/// one whose constructor the compiler puts into the caller: it goes to a temporary place, and from there into the caller's
/// own future. This function is called, and what it returns is written to where the caller has it.
#[inline(never)]
pub fn in_place<F>(make: impl FnOnce() -> F) -> F {
    make()
}

/// A future that is polled out of line: what it needs of the stack is not added to what those beside it need.
pub struct OutOfLine<'f, F>(pub Pin<&'f mut F>);

impl<F: Future> Future for OutOfLine<'_, F> {
    type Output = F::Output;

    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.0.as_mut().poll(context)
    }
}
