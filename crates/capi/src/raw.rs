//! Pointers of the caller: checked, and made into what Rust works with.
//!
//! What cannot be checked is the caller's promise: that a pointer which is not null is valid for the length that comes with
//! it. Each function here says so in its `Safety` section.

use core::ffi::{CStr, c_char};
use core::mem::size_of;
use core::ptr;

use barertc::wire::{ConfigError, Rule};

use crate::result::Cause;

/// The most that a structure of a later header may have in bytes.
const MOST_STRUCT: u64 = 4_096;

/// Bytes that the caller passes.
///
/// # Safety
/// `data` is null, or `len` bytes from it on are valid for reads and nobody writes them during `'a`.
pub(crate) unsafe fn bytes<'a>(what: &'static str, data: *const u8, len: usize) -> Result<&'a [u8], Cause> {
    if len == 0 {
        return Ok(&[]);
    }
    if data.is_null() {
        return Err(Cause::Null(what));
    }
    Cause::at_most(what, len as u64, isize::MAX as u64)?;
    // SAFETY: not null, not too long, and the caller promises the rest.
    Ok(unsafe { core::slice::from_raw_parts(data, len) })
}

/// A buffer that the caller lends.
///
/// # Safety
/// `data` is null, or `len` bytes from it on are valid for reads and writes, and nobody else uses them during `'a`.
pub(crate) unsafe fn bytes_mut<'a>(what: &'static str, data: *mut u8, len: usize) -> Result<&'a mut [u8], Cause> {
    if len == 0 {
        return Ok(&mut []);
    }
    if data.is_null() {
        return Err(Cause::Null(what));
    }
    Cause::at_most(what, len as u64, isize::MAX as u64)?;
    // SAFETY: not null, not too long, and the caller promises the rest.
    Ok(unsafe { core::slice::from_raw_parts_mut(data, len) })
}

/// A text with its length.
///
/// # Safety
/// As [`bytes`].
pub(crate) unsafe fn text<'a>(what: &'static str, data: *const c_char, len: usize) -> Result<&'a str, Cause> {
    // SAFETY: the caller's promise is passed on.
    let bytes = unsafe { bytes(what, data.cast(), len)? };
    core::str::from_utf8(bytes).map_err(|_| Cause::Text(what))
}

/// A text that ends with a zero byte, of at most `limit` bytes. Null is the empty text.
///
/// # Safety
/// `data` is null, or valid for reads up to its zero byte, or for `limit + 1` bytes.
pub(crate) unsafe fn c_text<'a>(what: &'static str, data: *const c_char, limit: usize) -> Result<&'a str, Cause> {
    if data.is_null() {
        return Ok("");
    }
    // SAFETY: bytes are looked at one after the other, none behind the zero byte.
    let len = (0..=limit).find(|n| unsafe { data.add(*n).read() } == 0);
    let Some(len) = len else {
        let value = (limit as u64).saturating_add(1);
        return Err(Cause::Argument(ConfigError { field: what, rule: Rule::AtMost(limit as u64), value }));
    };
    // SAFETY: the bytes up to the zero byte were just read.
    let bytes = unsafe { core::slice::from_raw_parts(data.cast::<u8>(), len.saturating_add(1)) };
    let text = CStr::from_bytes_with_nul(bytes).map_err(|_| Cause::Text(what))?;
    text.to_str().map_err(|_| Cause::Text(what))
}

/// Fails where a buffer that is read and one that is written share a byte.
pub(crate) fn apart(read: *const u8, length: usize, written: *const u8, size: usize) -> Result<(), Cause> {
    let (a, b) = (read.addr(), written.addr());
    let overlap = length != 0 && size != 0 && a < b.saturating_add(size) && b < a.saturating_add(length);
    if overlap { Err(Cause::Overlap) } else { Ok(()) }
}

/// A value that the caller passes by pointer.
///
/// # Safety
/// `from` is null or valid for reading a `T`.
pub(crate) unsafe fn get<T: Copy>(what: &'static str, from: *const T) -> Result<T, Cause> {
    if from.is_null() {
        return Err(Cause::Null(what));
    }
    // SAFETY: not null, and the caller promises the rest.
    Ok(unsafe { from.read_unaligned() })
}

/// Gives the caller a value.
///
/// # Safety
/// `to` is null or valid for writing a `T`.
pub(crate) unsafe fn put<T>(what: &'static str, to: *mut T, value: T) -> Result<(), Cause> {
    if to.is_null() {
        return Err(Cause::Null(what));
    }
    // SAFETY: not null, and the caller promises the rest.
    unsafe { to.write_unaligned(value) };
    Ok(())
}

/// Gives the caller a value that it need not want.
///
/// # Safety
/// As [`put`].
pub(crate) unsafe fn put_if_wanted<T>(to: *mut T, value: T) {
    if !to.is_null() {
        // SAFETY: not null, and the caller promises the rest.
        unsafe { to.write_unaligned(value) }
    }
}

/// A structure of the header that may grow: its first field is its size in bytes, as the caller was compiled.
///
/// # Safety
/// The type is `repr(C)`, its first field is a `u32`, and every pattern of bytes is a valid value of it.
pub(crate) unsafe trait Growing: Copy {
    /// Name of the field in errors.
    const SIZE: &'static str;
}

/// Makes a type [`Growing`].
macro_rules! growing {
    ($type:ident, $name:literal) => {
        // SAFETY: it is `repr(C)`, begins with `size: u32`, and has numbers, pointers and optional functions only.
        unsafe impl $crate::raw::Growing for $type {
            const SIZE: &'static str = $name;
        }

        const _: () = assert!(core::mem::offset_of!($type, size) == 0);
    };
}

pub(crate) use growing;

/// Reads a structure that may be older or newer than ours. What the caller's has not, keeps the value of `defaults`; what
/// ours has not, must be zero.
///
/// # Safety
/// `from` is null, or its first four bytes are readable, and as many bytes as they say.
pub(crate) unsafe fn read<T: Growing>(from: *const T, defaults: T) -> Result<T, Cause> {
    // SAFETY: the first field is a `u32`.
    let size = unsafe { get(T::SIZE, from.cast::<u32>())? };
    ConfigError::check_range(T::SIZE, size.into(), size_of::<u64>() as u64, MOST_STRUCT).map_err(Cause::Argument)?;
    let (size, ours) = (size as usize, size_of::<T>());
    let mut value = defaults;
    // SAFETY: both are valid for the shorter of the two lengths, and any bytes make a `T`.
    unsafe { ptr::copy_nonoverlapping(from.cast::<u8>(), (&raw mut value).cast::<u8>(), size.min(ours)) };
    for n in ours..size {
        // SAFETY: within the size that the caller says.
        let byte = unsafe { from.cast::<u8>().add(n).read() };
        if byte != 0 {
            return Err(Cause::Argument(ConfigError {
                field: T::SIZE,
                rule: Rule::AtMost(ours as u64),
                value: size as u64,
            }));
        }
    }
    Ok(value)
}

/// Writes a structure that may be older or newer than ours: as much as fits the size that the caller has set.
///
/// # Safety
/// `to` is null, or its first four bytes are readable, and as many bytes as they say are writable.
pub(crate) unsafe fn write<T: Growing>(to: *mut T, value: T) -> Result<(), Cause> {
    // SAFETY: the first field is a `u32`.
    let size = unsafe { get(T::SIZE, to.cast::<u32>().cast_const())? };
    // SAFETY: the caller says how many bytes it has.
    unsafe { write_sized(to, value, size as usize) }
}

/// As [`write`], where the size stands beside the pointer.
///
/// # Safety
/// `to` is null or valid for writing `size` bytes.
pub(crate) unsafe fn write_sized<T: Growing>(to: *mut T, value: T, size: usize) -> Result<(), Cause> {
    if to.is_null() {
        return Err(Cause::Null(T::SIZE));
    }
    ConfigError::check_range(T::SIZE, size as u64, size_of::<u64>() as u64, MOST_STRUCT).map_err(Cause::Argument)?;
    let ours = size_of::<T>();
    // SAFETY: both are valid for the shorter of the two lengths, and do not overlap: `value` is ours.
    unsafe { ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), to.cast::<u8>(), size.min(ours)) };
    for n in ours..size {
        // SAFETY: within the size that the caller says.
        unsafe { to.cast::<u8>().add(n).write(0) };
    }
    // SAFETY: the first field is a `u32`. It says what was passed, so that a later library reads it right.
    unsafe { to.cast::<u32>().write_unaligned(size as u32) };
    Ok(())
}
