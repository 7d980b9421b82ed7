//! embassy's executor with an account of its time: how many instructions were spent on work, and not on waiting for it.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};

use critical_section::Mutex;
use embassy_executor::{Spawner, raw};
use riscv::register::minstret;
use static_cell::StaticCell;

/// A task was woken since the executor looked last.
static WOKEN: AtomicBool = AtomicBool::new(false);
/// Instructions that went by while the machine waited for an interrupt. (While it waits none is executed, but the
/// emulator's counter goes on with its clock.)
static IDLE: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

#[unsafe(export_name = "__pender")]
fn pender(_: *mut ()) {
    WOKEN.store(true, Ordering::SeqCst);
}

/// Runs tasks for ever; `start` spawns the first.
pub fn run(start: impl FnOnce(Spawner)) -> ! {
    static EXECUTOR: StaticCell<raw::Executor> = StaticCell::new();
    let executor: &'static raw::Executor = EXECUTOR.init(raw::Executor::new(core::ptr::null_mut()));
    start(executor.spawner());
    loop {
        // SAFETY: from here alone, so never from inside itself.
        unsafe { executor.poll() };
        critical_section::with(|cs| {
            if !WOKEN.swap(false, Ordering::SeqCst) {
                let from = minstret::read64();
                // Interrupts are held back, so that one that comes now is not missed: it ends the wait, and is served
                // behind it.
                riscv::asm::wfi();
                let idle = IDLE.borrow(cs);
                idle.set(idle.get() + minstret::read64().wrapping_sub(from));
            }
        });
    }
}

/// Instructions spent on work since the machine was started. Exact under `-icount`; otherwise the emulator counts
/// something else.
pub fn instructions() -> u64 {
    critical_section::with(|cs| minstret::read64().wrapping_sub(IDLE.borrow(cs).get()))
}
