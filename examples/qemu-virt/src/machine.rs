//! What is not a device driver: serial port, power switch, memories, settings, and what to do when everything goes wrong.

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use barertc_arena::Heap;

/// QEMU's `virt`: an NS16550 that takes a byte at any time.
const UART: *mut u8 = 0x1000_0000 as *mut u8;
/// QEMU's `virt`: SiFive's test finisher ends the emulator with the status written to it.
const FINISHER: *mut u32 = 0x0010_0000 as *mut u32;
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

/// The log.
pub fn log(line: fmt::Arguments<'_>) {
    say!("{line}");
}

/// The log with the clock, and with how many instructions the machine has worked until then.
pub fn counting_log(line: fmt::Arguments<'_>) {
    let micros = embassy_time::Instant::now().as_micros();
    say!("[{micros} us, {} instructions] {line}", crate::executor::instructions());
}

/// Switches the machine off with a status that says something went wrong.
pub fn power_off() -> ! {
    // SAFETY: the one register of this machine's test finisher.
    unsafe { FINISHER.write_volatile(1 << 16 | FAIL) };
    loop {
        riscv::asm::wfi();
    }
}

/// A heap over the PSRAM that `memory.x` sets apart. To be called once.
pub fn psram() -> Heap<'static> {
    unsafe extern "C" {
        static __psram_start: u8;
        static __psram_len: u8;
    }
    let start = core::ptr::with_exposed_provenance_mut((&raw const __psram_start).addr());
    // SAFETY: the linker script keeps the region free of everything else, and this is called once.
    unsafe { Heap::from_raw(start, (&raw const __psram_len).addr()) }.expect("the region is large enough")
}

/// The second bank of flash, which holds a LittleFS image with the media.
pub fn media() -> &'static [u8] {
    unsafe extern "C" {
        static __media_start: u8;
        static __media_len: u8;
    }
    let start = core::ptr::with_exposed_provenance((&raw const __media_start).addr());
    // SAFETY: flash of this machine, mapped for reading, never written while it runs.
    unsafe { core::slice::from_raw_parts(start, (&raw const __media_len).addr()) }
}

/// The page with the settings that the emulator was started with.
pub fn settings() -> &'static [u8] {
    unsafe extern "C" {
        static __settings_start: u8;
        static __settings_len: u8;
    }
    let start = core::ptr::with_exposed_provenance::<u8>((&raw const __settings_start).addr());
    // SAFETY: memory of this machine that nothing else uses, never written while it runs.
    unsafe { core::slice::from_raw_parts(start, (&raw const __settings_len).addr()) }
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    say!("panic: {info}");
    power_off()
}

#[unsafe(export_name = "ExceptionHandler")]
fn exception(_: &riscv_rt::TrapFrame) -> ! {
    let (cause, at) = (riscv::register::mcause::read().bits(), riscv::register::mepc::read());
    say!("panic: exception {cause} at {at:#010x}, address {:#010x}", riscv::register::mtval::read());
    power_off()
}
