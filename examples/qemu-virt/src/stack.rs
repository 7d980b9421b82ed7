//! How deep the stack has ever been: it is painted at start, and where the paint is gone it has been.

use barertc_arena::Stats;

const PAINT: u32 = 0x5ea1_ab1e;
/// Bytes below the stack pointer that are left alone while painting.
const MARGIN: usize = 256;

/// The stack as the linker script has it: from its end, which is its lowest address, to its start.
fn bounds() -> (*mut u32, usize) {
    unsafe extern "C" {
        static __estack: u8;
        static _stack_start: u8;
    }
    let end = (&raw const __estack).addr().next_multiple_of(4);
    let start = (&raw const _stack_start).addr();
    (core::ptr::with_exposed_provenance_mut(end), (start - end) / 4)
}

/// Paints what is not in use yet. To be called once, before anything deep. Out of line, so that what is painted begins below its own
/// frame and not in the midst of its caller's.
#[inline(never)]
pub fn paint() {
    let here = 0_u8;
    let (end, words) = bounds();
    let free = ((&raw const here).addr() - MARGIN).saturating_sub(end.addr()) / 4;
    for n in 0..free.min(words) {
        // SAFETY: memory that the linker script sets apart for the stack, below everything that is on it now.
        unsafe { end.add(n).write_volatile(PAINT) };
    }
}

/// The most that was ever on the stack, and how much there is room for.
pub fn stats() -> Stats {
    let (end, words) = bounds();
    // SAFETY: inside the stack; what is read is compared and nothing else.
    let untouched = (0..words).take_while(|n| unsafe { end.add(*n).read_volatile() } == PAINT).count();
    let peak = (words - untouched) * 4;
    Stats { live: peak, peak, capacity: words * 4, ..Stats::ZERO }
}
