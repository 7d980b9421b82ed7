//! Must not link: it shows that the proof in `main.rs` proves something.
#![no_std]
#![no_main]

extern crate alloc;

use alloc::boxed::Box;
use core::panic::PanicInfo;

#[global_allocator]
static NO_GLOBAL_HEAP: barertc_arena::Unlinkable = barertc_arena::Unlinkable;

#[riscv_rt::entry]
fn main() -> ! {
    let value = core::hint::black_box(Box::new(7u32));
    loop {
        core::hint::black_box(&value);
    }
}

#[panic_handler]
fn panic(_: &PanicInfo) -> ! {
    loop {}
}
