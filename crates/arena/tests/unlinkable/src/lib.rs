//! What both programs share: no operating system, no global heap, and a little work in an arena.
#![no_std]

use barertc_arena::{AllocError, Box, Heap, Shared, Vec};
use core::mem::MaybeUninit;

#[global_allocator]
static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;

// For the program's start and `memcpy`; a firmware has its own.
#[link(name = "c")]
unsafe extern "C" {}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Uses the arena so that the optimiser cannot leave it out.
pub fn work(seed: usize) -> Result<usize, AllocError> {
    let mut region = [MaybeUninit::uninit(); 8192];
    let heap: Heap = Heap::new(&mut region).map_err(|_| AllocError)?;
    let mut values = Vec::with_capacity(seed, &heap)?;
    for i in 0..seed {
        let shared: Shared<_, _> = Shared::try_new(i, &heap)?;
        values.try_push(Box::try_new(shared, &heap)?).map_err(|_| AllocError)?;
    }
    Ok(values.iter().map(|value| ***value).sum::<usize>() + heap.stats().live)
}
