//! The panic handler and the global allocator of a program without an operating system. The panic handler calls the
//! application. The allocator does not link: a program that allocates from it is not built.

use core::ffi::c_char;
use core::panic::PanicInfo;

use barertc::arena::Unlinkable;

#[global_allocator]
static NO_HEAP: Unlinkable = Unlinkable;

unsafe extern "C" {
    /// A function of the application that does not return: it resets the device, or stops the task. `file`, which does not
    /// end with a zero byte, has `length` bytes.
    fn brtc_panic(file: *const c_char, length: usize, line: u32) -> !;
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let (file, line) = info.location().map_or(("", 0), |location| (location.file(), location.line()));
    // SAFETY: the application has this function, or the program does not link; the text is valid for its length.
    unsafe { brtc_panic(file.as_ptr().cast(), file.len(), line) }
}
