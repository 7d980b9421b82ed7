//! embassy's clock and alarm: a counter of the board's FPGA has microseconds, and a CMSDK timer interrupts.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

use crate::machine::{Interrupt, enable};

/// Arm AN386 §4: the processor and its timers have 25 MHz.
const CYCLES_A_MICROSECOND: u32 = 25;

/// FPGAIO: a counter that goes up, and what its clock is divided by, less one.
const COUNTER: *const u32 = 0x4002_8018 as *const u32;
const PRESCALE: *mut u32 = 0x4002_801c as *mut u32;

/// CMSDK timer 0.
const CONTROL: *mut u32 = 0x4000_0000 as *mut u32;
const VALUE: *mut u32 = 0x4000_0004 as *mut u32;
const RELOAD: *mut u32 = 0x4000_0008 as *mut u32;
const CLEAR: *mut u32 = 0x4000_000c as *mut u32;
const ENABLE: u32 = 1 << 0;
const INTERRUPTS: u32 = 1 << 3;

/// The longest alarm in microseconds. The counter has 32 bits: it is looked at often enough to notice when it begins again.
const LONGEST: u64 = 60_000_000;

struct Timer {
    queue: Mutex<RefCell<Queue>>,
    /// The counter when it was read last, with the bits that it does not have.
    last: Mutex<Cell<u64>>,
}

embassy_time_driver::time_driver_impl!(static CLOCK: Timer = Timer {
    queue: Mutex::new(RefCell::new(Queue::new())),
    last: Mutex::new(Cell::new(0)),
});

impl Driver for Timer {
    fn now(&self) -> u64 {
        critical_section::with(|cs| {
            // SAFETY: a register of this machine.
            let low = unsafe { COUNTER.read_volatile() };
            let last = self.last.borrow(cs);
            let gone = low.wrapping_sub(last.get() as u32);
            last.set(last.get() + u64::from(gone));
            last.get()
        })
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            if self.queue.borrow_ref_mut(cs).schedule_wake(at, waker) {
                self.arm(cs);
            }
        });
    }
}

impl Timer {
    /// Wakes who is due and sets the alarm for who is next.
    fn arm(&self, cs: CriticalSection<'_>) {
        // The time goes on while this runs: each round has one look at it.
        let wait = loop {
            let now = self.now();
            match self.queue.borrow_ref_mut(cs).next_expiration(now).checked_sub(now) {
                None | Some(0) => {}
                Some(wait) => break wait,
            }
        };
        let wait = wait.clamp(1, LONGEST) as u32 * CYCLES_A_MICROSECOND;
        // SAFETY: registers of this machine's timer. It is stopped meanwhile.
        unsafe {
            CONTROL.write_volatile(0);
            CLEAR.write_volatile(1);
            RELOAD.write_volatile(wait);
            VALUE.write_volatile(wait);
            CONTROL.write_volatile(ENABLE | INTERRUPTS);
        }
    }
}

/// The alarm.
pub fn alarm() {
    critical_section::with(|cs| CLOCK.arm(cs));
}

/// Starts the clock, and lets the alarm interrupt.
pub fn start() {
    // SAFETY: a register of this machine.
    unsafe { PRESCALE.write_volatile(CYCLES_A_MICROSECOND - 1) };
    critical_section::with(|cs| {
        // SAFETY: as above.
        CLOCK.last.borrow(cs).set(u64::from(unsafe { COUNTER.read_volatile() }));
    });
    alarm();
    enable(Interrupt::Timer);
}
