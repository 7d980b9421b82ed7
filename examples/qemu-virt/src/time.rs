//! embassy's clock and alarm on the CLINT: `mtime` counts 10 MHz, `mtimecmp` interrupts.

use core::cell::RefCell;
use core::task::Waker;

use critical_section::Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

const MTIMECMP: *mut u32 = 0x0200_4000 as *mut u32;
const MTIME: *const u32 = 0x0200_bff8 as *const u32;

struct Clint {
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static CLOCK: Clint = Clint { queue: Mutex::new(RefCell::new(Queue::new())) });

impl Driver for Clint {
    fn now(&self) -> u64 {
        loop {
            // SAFETY: the two halves of this machine's timer; the upper one is read again to notice a carry.
            let (high, low, again) =
                unsafe { (MTIME.add(1).read_volatile(), MTIME.read_volatile(), MTIME.add(1).read_volatile()) };
            if high == again {
                return u64::from(high) << 32 | u64::from(low);
            }
        }
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            if self.queue.borrow_ref_mut(cs).schedule_wake(at, waker) {
                self.arm(cs);
            }
        });
    }
}

impl Clint {
    /// Wakes who is due and sets the alarm for who is next.
    fn arm(&self, cs: critical_section::CriticalSection<'_>) {
        let mut next = self.queue.borrow_ref_mut(cs).next_expiration(self.now());
        while next <= self.now() {
            next = self.queue.borrow_ref_mut(cs).next_expiration(self.now());
        }
        // SAFETY: this machine's compare register, written as the privileged specification asks for on RV32: no
        // intermediate value is below both the old and the new one.
        unsafe {
            MTIMECMP.write_volatile(u32::MAX);
            MTIMECMP.add(1).write_volatile((next >> 32) as u32);
            MTIMECMP.write_volatile(next as u32);
        }
    }
}

#[unsafe(export_name = "MachineTimer")]
fn alarm() {
    critical_section::with(|cs| CLOCK.arm(cs));
}

/// Lets the alarm interrupt.
pub fn start() {
    critical_section::with(|cs| CLOCK.arm(cs));
    // SAFETY: the handler above is in place.
    unsafe { riscv::register::mie::set_mtimer() };
}
