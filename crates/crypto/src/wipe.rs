//! Secrets that are left on the stack.

use core::hint::black_box;

use zeroize::Zeroize;

/// Bytes of stack that [`wipe_stack`] overwrites: what a step of a handshake needs below its caller. On a small machine that
/// is the step of a handshake around ECDSA verification, which takes 3.7 KB itself on RV32.
const DEPTH: usize = if cfg!(target_pointer_width = "64") { 24 << 10 } else { 6 << 10 };

/// Overwrites the stack below the caller.
///
/// The compiler keeps copies of values on the stack as it likes, and leaves them there when their function returns. A state
/// machine calls this after each step that worked on secrets. It costs a few thousand stores.
#[inline(never)]
pub fn wipe_stack() {
    wipe::<DEPTH>();
}

/// Bytes of stack that [`wipe_stack_of`] overwrites.
const SHALLOW: usize = 2 << 10;

/// Overwrites as much of the stack below the caller as a function needs that moves one value of type `T`.
///
/// Writing `None` over an `Option<T>` copies bytes that the stack held before. This call goes before it. It is made in the
/// middle of a handshake step, where a [`wipe_stack`] would need more stack than the step itself.
#[inline(never)]
pub fn wipe_stack_of<T>() {
    const { assert!(size_of::<T>() <= SHALLOW - 512, "the value does not fit the part of the stack that is wiped") }
    wipe::<SHALLOW>();
}

#[inline(always)]
fn wipe<const BYTES: usize>() {
    let mut room = [0xA5_u8; BYTES];
    black_box(&mut room);
    room.zeroize();
}
