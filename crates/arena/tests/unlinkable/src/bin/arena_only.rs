//! Takes memory from an arena only: links.
#![no_std]
#![no_main]

#[unsafe(no_mangle)]
extern "C" fn main(arguments: usize) -> i32 {
    unlinkable::work(arguments).map_or(1, |sum| sum as i32)
}
