//! Serial port, interrupts, settings, stack, and what to do when everything goes wrong.

use core::fmt::{self, Write};
use core::net::SocketAddr;
use core::panic::PanicInfo;

use barertc_arena::Stats;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::{NVIC, SCB};
use cortex_m_rt::{ExceptionFrame, STACK_PAINT_VALUE, exception};

/// CMSDK UART 0: data, state, control, and the divisor of its clock.
const DATA: *mut u32 = 0x4000_4000 as *mut u32;
const STATE: *const u32 = 0x4000_4004 as *const u32;
const CONTROL: *mut u32 = 0x4000_4008 as *mut u32;
const DIVISOR: *mut u32 = 0x4000_4010 as *mut u32;
const FULL: u32 = 1 << 0;
const SEND: u32 = 1 << 0;

/// Interrupts of the board (Arm AN386 §3.8).
#[derive(Clone, Copy)]
pub enum Interrupt {
    Timer = 8,
    Ethernet = 13,
}

// SAFETY: the numbers are those of the board, and each interrupt has one.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

/// Lets an interrupt through.
pub fn enable(interrupt: Interrupt) {
    // SAFETY: no critical section of this program masks by number, and the program's handler knows it.
    unsafe { NVIC::unmask(interrupt) };
}

/// The serial port.
pub struct Uart;

impl Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            // SAFETY: registers of this machine's serial port.
            unsafe {
                while STATE.read_volatile() & FULL != 0 {}
                DATA.write_volatile(byte.into());
            }
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

/// Starts the serial port.
pub fn start() {
    // SAFETY: registers of this machine's serial port. 25 MHz divided by 217 are 115,200 baud.
    unsafe {
        DIVISOR.write_volatile(217);
        CONTROL.write_volatile(SEND);
    }
}

/// What the emulator was started with.
#[derive(Clone, Copy, Default)]
pub struct Settings {
    pub token: &'static str,
    pub advertise: Option<SocketAddr>,
    pub seed: Option<[u8; 32]>,
}

/// The settings: lines of `name=value`, ended by a zero. What is no setting is none.
pub fn settings() -> Settings {
    unsafe extern "C" {
        static __settings_start: u8;
        static __settings_len: u8;
    }
    let start = core::ptr::with_exposed_provenance::<u8>((&raw const __settings_start).addr());
    // SAFETY: memory of this machine that nothing else uses, never written while it runs.
    let page = unsafe { core::slice::from_raw_parts(start, (&raw const __settings_len).addr()) };
    let text =
        page.split(|byte| *byte == 0).next().and_then(|text| core::str::from_utf8(text).ok()).unwrap_or_default();
    let mut settings = Settings::default();
    for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
        match name {
            "token" => settings.token = value,
            "advertise" => settings.advertise = value.parse().ok(),
            "seed" => settings.seed = hex(value),
            _ => say!("settings: no {name}"),
        }
    }
    settings
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(core::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// The most that was ever on the stack, and how much there is room for. It is painted before the program begins.
pub fn stack() -> Stats {
    unsafe extern "C" {
        static _stack_end: u32;
        static _stack_start: u32;
    }
    let (end, start) = ((&raw const _stack_end).addr(), (&raw const _stack_start).addr());
    let (lowest, words) = (core::ptr::with_exposed_provenance::<u32>(end), (start - end) / 4);
    // SAFETY: inside the stack; what is read is compared and nothing else.
    let untouched = (0..words).take_while(|n| unsafe { lowest.add(*n).read_volatile() } == STACK_PAINT_VALUE).count();
    let peak = (words - untouched) * 4;
    Stats { live: peak, peak, capacity: words * 4, ..Stats::ZERO }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say!("panic: {info}");
    // The emulator ends here, and a board begins again.
    SCB::sys_reset()
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    say!("panic: fault at {:#010x}, called from {:#010x}", frame.pc(), frame.lr());
    SCB::sys_reset()
}
