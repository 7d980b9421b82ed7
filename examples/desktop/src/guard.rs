//! The promise that device code never uses the global heap, enforced on the desktop too.
//!
//! On a device the global allocator does not even link. Here it has to exist, for the sockets and files that stand in
//! for the device's; so every allocation asks whether device code is running on this thread, and ends the process
//! with a message if it is.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process::abort;

thread_local! {
    // Constant and without a destructor, so reading it never allocates.
    static IN_DEVICE: Cell<bool> = const { Cell::new(false) };
}

/// The global allocator that refuses device code.
pub struct Guard;

// SAFETY: every call is passed on to `System` unchanged; the check before it touches no memory of the caller.
unsafe impl GlobalAlloc for Guard {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        refuse_device(layout);
        // SAFETY: the caller's promises are `System`'s.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        refuse_device(layout);
        // SAFETY: the caller's promises are `System`'s.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        refuse_device(layout);
        // SAFETY: the caller's promises are `System`'s.
        unsafe { System.realloc(ptr, layout, new_size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // Dropping what the host made is no use of the heap by the device.
        // SAFETY: the caller's promises are `System`'s.
        unsafe { System.dealloc(ptr, layout) }
    }
}

fn refuse_device(layout: Layout) {
    // `try_with`: a thread that is ending has no flag any more, and is no device.
    if IN_DEVICE.try_with(Cell::get).unwrap_or(false) {
        IN_DEVICE.set(false);
        eprintln!(
            "barertc: device code asked the global heap for {} bytes; this is a bug, please report it\n{}",
            layout.size(),
            std::backtrace::Backtrace::force_capture()
        );
        abort();
    }
}

fn with<T>(in_device: bool, f: impl FnOnce() -> T) -> T {
    let before = IN_DEVICE.replace(in_device);
    let result = f();
    IN_DEVICE.set(before);
    result
}

/// Runs `future` as device code: its polls may not allocate.
pub async fn device<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| with(true, || future.as_mut().poll(cx))).await
}

/// Runs `future` as host code, below a device that called into it: its polls may allocate.
pub async fn host<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| with(false, || future.as_mut().poll(cx))).await
}

/// Runs `f` as host code, below a device that called into it.
pub fn host_call<T>(f: impl FnOnce() -> T) -> T {
    with(false, f)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use futures_lite::future;

    use super::*;

    /// Set in the process that is to be ended.
    const ALLOCATES: &str = "BARERTC_TEST_ALLOCATES";

    #[test]
    fn device_code_that_allocates_ends_the_process() {
        if std::env::var_os(ALLOCATES).is_some() {
            future::block_on(device(async { drop(std::hint::black_box(Box::new(1))) }));
            return;
        }
        let name = "guard::tests::device_code_that_allocates_ends_the_process";
        let mut again = Command::new(std::env::current_exe().unwrap());
        let output = again.args(["--exact", name, "--nocapture"]).env(ALLOCATES, "1").output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("device code asked the global heap for 4 bytes"), "{said}");
    }

    #[test]
    fn what_the_host_does_for_the_device_may_allocate() {
        let made = future::block_on(device(async {
            let made = host(async { vec![1, 2, 3] }).await;
            host_call(|| drop(vec![4]));
            made
        }));
        assert_eq!(made, [1, 2, 3]);
    }
}
