//! Secrets that are left on the stack.

use core::hint::black_box;

use zeroize::Zeroize;

/// Bytes of stack that [`wipe_stack`] overwrites: what the operations on secrets need below their caller, and a part more.
const DEPTH: usize = if cfg!(target_pointer_width = "64") { 12 << 10 } else { 4 << 10 };

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
