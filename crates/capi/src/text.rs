//! Causes in words.

use core::ffi::c_char;
use core::fmt::{self, Write};

use crate::raw;
use crate::result::Cause;

/// A writer into a buffer of the caller that counts what does not fit.
struct Counted<'a> {
    out: &'a mut [u8],
    /// Bytes written.
    written: usize,
    /// Bytes that there are.
    len: usize,
}

impl Write for Counted<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let before = self.len;
        self.len = self.len.saturating_add(text.len());
        if self.written < before {
            return Ok(());
        }
        // One byte is for the zero at the end. A character is written whole or not at all.
        let room = self.out.len().saturating_sub(1).saturating_sub(self.written);
        let fits = (0..=room.min(text.len())).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0);
        let piece = text.as_bytes().get(..fits).unwrap_or_default();
        let to = self.out.iter_mut().skip(self.written);
        to.zip(piece).for_each(|(to, from)| *to = *from);
        self.written = self.written.saturating_add(fits);
        Ok(())
    }
}

/// Writes a text with a zero byte behind it, cut where it does not fit. Returns how many bytes the whole text has.
pub(crate) fn write(out: &mut [u8], text: impl fmt::Display) -> usize {
    let mut counted = Counted { out, written: 0, len: 0 };
    // It never fails.
    let _ = write!(counted, "{text}");
    let Counted { out, written, len } = counted;
    if let Some(end) = out.get_mut(written) {
        *end = 0;
    }
    len
}

/// [`write`] for a buffer of the caller. `length` becomes the length of the text or, where that was cut, the bytes that the
/// buffer must have.
///
/// # Safety
/// `out` is null or valid for writing `size` bytes; `length` is null or valid for writing.
pub(crate) unsafe fn give(
    out: *mut c_char,
    size: usize,
    length: *mut usize,
    text: impl fmt::Display,
) -> Result<(), Cause> {
    // SAFETY: the caller's promise is passed on.
    let out = unsafe { raw::bytes_mut("out", out.cast(), size)? };
    let room = out.len();
    let len = write(out, text);
    let fits = len < room;
    let needed = len.saturating_add(1);
    // SAFETY: the caller's promise is passed on.
    unsafe { raw::put_if_wanted(length, if fits { len } else { needed }) };
    if fits { Ok(()) } else { Err(Cause::Short { needed }) }
}
