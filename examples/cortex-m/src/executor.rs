//! embassy's executor, which sleeps by `wfi`: the emulator does not sleep in `wfe`, which embassy's own one uses.

use core::sync::atomic::{AtomicBool, Ordering};

use embassy_executor::{Spawner, raw};
use static_cell::StaticCell;

/// A task was woken since the executor looked last.
static WOKEN: AtomicBool = AtomicBool::new(false);

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
        critical_section::with(|_| {
            if !WOKEN.swap(false, Ordering::SeqCst) {
                // Interrupts are held back, so that one that comes now is not missed: it ends the wait, and is served behind it.
                cortex_m::asm::wfi();
            }
        });
    }
}
