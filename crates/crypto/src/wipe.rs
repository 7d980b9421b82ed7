//! Secrets that are left on the stack.

use core::hint::black_box;

use zeroize::Zeroize;

/// Bytes of stack that [`wipe_stack`] overwrites: what a step of a handshake needs below its caller. On a small machine that
/// is less than ECDSA verification takes, so wiping needs no larger stack.
const DEPTH: usize = if cfg!(target_pointer_width = "64") { 24 << 10 } else { 6 << 10 };

/// Overwrites the stack below the caller.
///
/// The compiler keeps copies of values on the stack as it likes, and leaves them there when their function returns. A state
/// machine calls this after each step that worked on secrets. It costs a few thousand stores.
#[inline(never)]
pub fn wipe_stack() {
    let mut room = [0xA5_u8; DEPTH];
    black_box(&mut room);
    room.zeroize();
}
