//! Takes one box from the global heap: must not link.
#![no_std]
#![no_main]

extern crate alloc;

#[unsafe(no_mangle)]
extern "C" fn main(arguments: usize) -> i32 {
    let boxed = alloc::boxed::Box::new(unlinkable::work(arguments));
    core::hint::black_box(&boxed);
    boxed.is_ok() as i32
}
