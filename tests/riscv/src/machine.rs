//! The emulated machine: serial port, power switch, the two memories, and what to do when everything goes wrong.

use barertc_arena::{CriticalSection, Heap};
use core::fmt::{self, Write};
use core::panic::PanicInfo;

/// QEMU's `virt`: an NS16550 that takes a byte at any time.
const UART: *mut u8 = 0x1000_0000 as *mut u8;
/// QEMU's `virt`: SiFive's test finisher ends the emulator with the status written to it.
const FINISHER: *mut u32 = 0x0010_0000 as *mut u32;
const PASS: u32 = 0x5555;
const FAIL: u32 = 0x3333;

/// The serial port.
pub struct Uart;

impl Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: the transmit register of this machine's serial port.
            unsafe { UART.write_volatile(byte) };
        }
        Ok(())
    }
}

/// Writes a line to the serial port.
macro_rules! say {
    ($($what:tt)*) => {{
        use core::fmt::Write;
        let _ = writeln!($crate::machine::Uart, $($what)*);
    }};
}
pub(crate) use say;

/// Switches the machine off; QEMU ends with status 0 or 1.
pub fn exit(passed: bool) -> ! {
    // SAFETY: the one register of this machine's test finisher.
    unsafe { FINISHER.write_volatile(if passed { PASS } else { 1 << 16 | FAIL }) };
    loop {
        riscv::asm::wfi();
    }
}

/// The end of PSRAM as a heap in a `static`, which [`Psram`] is the handle of.
pub static PSRAM: Heap<'static, CriticalSection> = Heap::empty();

barertc_arena::handle! {
    /// A handle without bytes: what points into this heap needs no reference to it.
    pub struct Psram => PSRAM
}

/// Heaps over the two memories that `memory.x` sets apart: internal, PSRAM. Also gives [`PSRAM`] its region.
pub fn memories() -> (Heap<'static>, Heap<'static>) {
    unsafe extern "C" {
        static __internal_start: u8;
        static __internal_len: u8;
        static __psram_start: u8;
        static __psram_len: u8;
        static __psram_2_start: u8;
        static __psram_2_len: u8;
    }
    // SAFETY: the linker script keeps the regions free of everything else, and this is called once.
    unsafe {
        let start = core::ptr::with_exposed_provenance_mut((&raw const __psram_2_start).addr());
        PSRAM.give_raw(start, (&raw const __psram_2_len).addr()).expect("a region of memory");
        (
            heap((&raw const __internal_start).addr(), (&raw const __internal_len).addr()),
            heap((&raw const __psram_start).addr(), (&raw const __psram_len).addr()),
        )
    }
}

/// # Safety
/// Nobody else uses these addresses.
unsafe fn heap(start: usize, len: usize) -> Heap<'static> {
    // SAFETY: the caller's promise is passed on.
    unsafe { Heap::from_raw(core::ptr::with_exposed_provenance_mut(start), len) }.expect("a region of memory")
}

/// Instructions that the machine has retired. Under `-icount shift=0` they are exact, whatever the host is doing.
#[inline(always)]
pub fn instructions() -> u64 {
    riscv::register::instret::read64()
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    say!("panic\t{info}");
    exit(false)
}

#[unsafe(export_name = "ExceptionHandler")]
fn exception(_: &riscv_rt::TrapFrame) -> ! {
    let (cause, at) = (riscv::register::mcause::read().bits(), riscv::register::mepc::read());
    say!("panic\texception {cause} at {at:#010x}, address {:#010x}", riscv::register::mtval::read());
    exit(false)
}
