//! What a crate's self-test is handed: places for results, a counter of instructions and of stack, and two memories.

use barertc_arena::Heap;
use core::fmt::Debug;
use core::hint::black_box;

use crate::machine::{instructions, say};

/// Runs tests and measurements and reports them, a line each (`xtask/src/riscv/report.rs` reads them).
pub struct Bench<'m> {
    /// The small fast memory.
    pub internal: &'m Heap<'static>,
    /// The large slow one.
    pub psram: &'m Heap<'static>,
    suite: &'static str,
    passed: usize,
    failed: usize,
}

impl<'m> Bench<'m> {
    /// Over the two memories.
    pub fn new(internal: &'m Heap<'static>, psram: &'m Heap<'static>) -> Self {
        Self { internal, psram, suite: "", passed: 0, failed: 0 }
    }

    /// Runs a crate's tests, which have to give back all memory.
    pub fn suite(&mut self, name: &'static str, run: fn(&mut Bench)) {
        self.suite = name;
        run(self);
        let live = (self.internal.stats().live, self.psram.stats().live);
        self.test("gives back all memory", || if live == (0, 0) { Ok(()) } else { Err(live) });
    }

    /// A test: passes with `Ok`, fails with the error.
    pub fn test<E: Debug>(&mut self, name: &str, run: impl FnOnce() -> Result<(), E>) {
        match run() {
            Ok(()) => {
                self.passed += 1;
                say!("test\t{}\t{name}\tok", self.suite);
            }
            Err(error) => {
                self.failed += 1;
                say!("test\t{}\t{name}\tFAILED: {error:?}", self.suite);
            }
        }
    }

    /// Runs `what` and reports how many instructions it took and how deep its stack was.
    pub fn measure<T>(&mut self, name: &str, what: impl FnOnce() -> T) -> T {
        let (result, instructions, stack) = counted(what);
        say!("count\t{}\t{name}\t{instructions}\t{stack}", self.suite);
        result
    }

    /// As [`Bench::measure`], and fails where it took more instructions than `at_most`.
    pub fn within<T>(&mut self, name: &str, at_most: u64, what: impl FnOnce() -> T) -> T {
        let (result, instructions, stack) = counted(what);
        say!("count\t{}\t{name}\t{instructions}\t{stack}\t{at_most}", self.suite);
        if instructions > at_most {
            self.test(name, || Err(("instructions", instructions, "limit", at_most)));
        }
        result
    }

    /// Reports any other figure, such as bytes.
    pub fn figure(&mut self, name: &str, value: usize, unit: &str) {
        say!("figure\t{}\t{name}\t{value}\t{unit}", self.suite);
    }

    /// Says how it went; whether all passed.
    pub fn finish(self) -> bool {
        say!("end\t{}\t{}", self.passed, self.failed);
        self.failed == 0
    }
}

/// Runs `what`: its result, instructions, and bytes of stack.
fn counted<T>(what: impl FnOnce() -> T) -> (T, u64, usize) {
    stack::paint();
    let nothing = {
        let start = instructions();
        instructions() - start
    };
    let start = instructions();
    let result = black_box(what());
    let took = instructions() - start;
    (result, took.saturating_sub(nothing), stack::used())
}

/// The stack below the caller is painted before a measurement; where the paint is gone afterwards, the stack has been.
mod stack {
    use core::arch::asm;

    const PAINT: u32 = 0x5a5a_a5a5;
    /// Deeper than any test goes.
    const DEPTH: usize = 256 * 1024;

    #[inline(always)]
    fn pointer() -> usize {
        let sp: usize;
        // SAFETY: only reads the stack pointer.
        unsafe { asm!("mv {}, sp", out(reg) sp, options(nomem, nostack, preserves_flags)) };
        sp
    }

    #[inline(always)]
    pub(super) fn paint() {
        let top = pointer();
        let mut at = top - DEPTH;
        while at < top {
            // SAFETY: the stack grows downwards, so what lies below its pointer is in use by nobody (there are no interrupts).
            unsafe { (at as *mut u32).write_volatile(PAINT) };
            at += 4;
        }
    }

    #[inline(always)]
    pub(super) fn used() -> usize {
        let top = pointer();
        let mut at = top - DEPTH;
        // SAFETY: as above.
        while at < top && unsafe { (at as *const u32).read_volatile() } == PAINT {
            at += 4;
        }
        top - at
    }
}
