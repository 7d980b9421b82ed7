//! Overwrites secrets that are left on the stack.

use core::hint::black_box;

use zeroize::Zeroize;

/// The number of stack bytes that [`wipe_stack`] overwrites. No step of a handshake needs more below its caller. On RV32, the
/// deepest step answers a ClientHello of DTLS 1.3 and takes 5.5 KB; one that verifies an ECDSA signature takes 4.4 KB.
const DEPTH: usize = if cfg!(target_pointer_width = "64") { 24 << 10 } else { 6 << 10 };

/// Overwrites the stack below the caller.
///
/// The compiler may keep copies of secrets on the stack, where they remain after their function returns. A state machine
/// calls this function after each step that worked on secrets. The call costs a few thousand stores.
#[inline(never)]
pub fn wipe_stack() {
    wipe::<DEPTH>();
}

/// Overwrites half as much as [`wipe_stack`]: enough after a key pair was made, which takes 2.0 KB on RV32.
#[inline(never)]
pub fn wipe_stack_of_key_pair() {
    wipe::<{ DEPTH / 2 }>();
}

/// The number of stack bytes that [`wipe_stack_of`] overwrites.
const SHALLOW: usize = 2 << 10;

/// Overwrites the stack below the caller that a function needs to move one value of type `T`.
///
/// Writing `None` over an `Option<T>` also copies old bytes of the stack. This call comes before such a write. It is for the
/// middle of a handshake step, where [`wipe_stack`] would need more stack than the step itself.
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
