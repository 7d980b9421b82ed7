//! The certificate that the connections of a device show.

use core::cell::Cell;
use core::ffi::{c_char, c_void};
use core::mem::{align_of, size_of};

use barertc::{Identity, RustCrypto};

use crate::raw;
use crate::result::{Cause, brtc_result, of};
use crate::seed::{brtc_random, generator};
use crate::text;

/// The most bytes that an exported identity has.
pub const BRTC_IDENTITY_EXPORT_MAX: usize = 512;

const _: () = assert!(BRTC_IDENTITY_EXPORT_MAX >= Identity::EXPORT_MAX);

/// Shows that memory holds an identity.
const MAGIC: u32 = 0x6272_4964;

/// A certificate and its secret key. Many connections may share it; they are on its thread.
pub struct brtc_identity {
    magic: u32,
    /// Connections that use it.
    users: Cell<u32>,
    identity: Identity,
}

barertc::wire::opaque! { [] brtc_identity; }

/// How many bytes of memory an identity takes.
#[unsafe(no_mangle)]
pub extern "C" fn brtc_identity_bytes() -> usize {
    size_of::<brtc_identity>().saturating_add(align_of::<brtc_identity>())
}

/// Makes an identity in `memory`, which has `size` bytes and is kept until `brtc_identity_destroy`. `random` is called with
/// `context`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_identity_generate(
    memory: *mut c_void,
    size: usize,
    random: brtc_random,
    context: *mut c_void,
    identity: *mut *mut brtc_identity,
) -> brtc_result {
    of((|| {
        // SAFETY: as the rules of this crate say.
        let mut rng = unsafe { generator(random, context)? };
        // SAFETY: as the rules of this crate say.
        unsafe { make(memory, size, identity, || Ok(Identity::generate(&RustCrypto, &mut rng))) }
    })())
}

/// Makes the identity again that was exported.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_identity_import(
    memory: *mut c_void,
    size: usize,
    exported: *const u8,
    length: usize,
    identity: *mut *mut brtc_identity,
) -> brtc_result {
    of((|| {
        // SAFETY: as the rules of this crate say.
        let exported = unsafe { raw::bytes("exported", exported, length)? };
        let import = || Identity::import(&RustCrypto, exported).map_err(|_| Cause::BadIdentity);
        // SAFETY: as the rules of this crate say.
        unsafe { make(memory, size, identity, import) }
    })())
}

/// Writes the identity into `out`, so that it outlives a restart of the device. THE SECRET KEY IS IN IT, IN THE CLEAR.
/// `length` becomes the number of bytes or, with `BRTC_BUFFER_TOO_SHORT`, the bytes that the buffer must have;
/// `BRTC_IDENTITY_EXPORT_MAX` are enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_identity_export(
    identity: *const brtc_identity,
    out: *mut u8,
    size: usize,
    length: *mut usize,
) -> brtc_result {
    of((|| {
        // SAFETY: as the rules of this crate say.
        let (identity, out) = unsafe { (of_handle(identity)?, raw::bytes_mut("out", out, size)?) };
        let exported = identity.identity.export(out);
        let (Ok(len) | Err(barertc::dtls::Error::BufferTooShort { needed: len })) = exported else {
            return Ok(exported.map(drop)?);
        };
        // SAFETY: as the rules of this crate say.
        unsafe { raw::put("length", length, len)? };
        Ok(exported.map(drop)?)
    })())
}

/// Writes the SHA-256 fingerprint of the certificate as descriptions have it. 128 bytes are enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_identity_fingerprint(
    identity: *const brtc_identity,
    out: *mut c_char,
    size: usize,
) -> brtc_result {
    of((|| {
        // SAFETY: as the rules of this crate say.
        let identity = unsafe { of_handle(identity)? };
        let fingerprint = identity.identity.fingerprint(&RustCrypto);
        // SAFETY: as the rules of this crate say.
        unsafe { text::give(out, size, core::ptr::null_mut(), fingerprint) }
    })())
}

/// Ends an identity and wipes its key. `BRTC_IN_USE` while a connection uses it. The memory is the caller's again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_identity_destroy(identity: *mut brtc_identity) -> brtc_result {
    of((|| {
        // SAFETY: as the rules of this crate say.
        let users = unsafe { of_handle(identity)? }.users.get();
        if users != 0 {
            return Err(Cause::InUse);
        }
        // SAFETY: it is an identity, and nobody uses it.
        unsafe {
            identity.drop_in_place();
            (&raw mut (*identity).magic).write_volatile(0);
        }
        Ok(())
    })())
}

/// # Safety
/// `memory` is null or valid for `size` bytes until the identity is destroyed; `out` is null or valid for writing.
unsafe fn make(
    memory: *mut c_void,
    size: usize,
    out: *mut *mut brtc_identity,
    identity: impl FnOnce() -> Result<Identity, Cause>,
) -> Result<(), Cause> {
    // SAFETY: the caller's promise is passed on.
    unsafe { raw::put("identity", out, core::ptr::null_mut())? };
    if memory.is_null() {
        return Err(Cause::Null("memory"));
    }
    let needed = brtc_identity_bytes();
    if size < needed {
        return Err(Cause::Region { needed, given: size });
    }
    let skip = memory.align_offset(align_of::<brtc_identity>());
    // SAFETY: there is room for what aligning skips.
    let place = unsafe { memory.cast::<u8>().add(skip).cast::<brtc_identity>() };
    let made = brtc_identity { magic: MAGIC, users: Cell::new(0), identity: identity()? };
    // SAFETY: it is aligned and in the caller's memory.
    unsafe { place.write(made) };
    // SAFETY: the caller's promise is passed on.
    unsafe { raw::put("identity", out, place) }
}

/// # Safety
/// `identity` is null, or memory that may be read.
unsafe fn of_handle<'a>(identity: *const brtc_identity) -> Result<&'a brtc_identity, Cause> {
    if identity.is_null() || !identity.is_aligned() {
        return Err(Cause::Handle);
    }
    // SAFETY: not null, aligned and readable.
    if unsafe { (&raw const (*identity).magic).read() } != MAGIC {
        return Err(Cause::Handle);
    }
    // SAFETY: the magic number shows that it was made here.
    Ok(unsafe { &*identity })
}

/// Lends the identity to a connection, which gives it back with [`give_back`].
///
/// # Safety
/// As [`of_handle`]. The identity is where it is until it is given back, which its count sees to.
pub(crate) unsafe fn lend(identity: *const brtc_identity) -> Result<&'static Identity, Cause> {
    // SAFETY: the caller's promise is passed on.
    let handle: &'static brtc_identity = unsafe { of_handle(identity)? };
    let users = handle.users.get().checked_add(1).ok_or(Cause::InUse)?;
    handle.users.set(users);
    Ok(&handle.identity)
}

/// # Safety
/// `identity` was lent.
pub(crate) unsafe fn give_back(identity: *const brtc_identity) {
    // SAFETY: the caller's promise is passed on.
    if let Ok(handle) = unsafe { of_handle(identity) } {
        handle.users.set(handle.users.get().saturating_sub(1));
    }
}
