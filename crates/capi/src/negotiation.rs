//! Offers and answers.

use core::ffi::c_char;

use barertc::{Error, Instant};

use crate::handle::{self, brtc_connection};
use crate::raw;
use crate::result::{Cause, brtc_result};

/// Writes an offer of everything that was added, with a zero byte behind it, and expects its answer. It is in force at once.
///
/// `length`, which may be null, becomes its length without the zero byte. With `BRTC_BUFFER_TOO_SHORT` nothing has changed,
/// and `length` becomes the bytes that the buffer must have. `brtc_description_bytes` are enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_create_offer(
    now: u64,
    connection: *mut brtc_connection,
    out: *mut c_char,
    size: usize,
    length: *mut usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let out = raw::bytes_mut("out", out.cast(), size)?;
            let written = describe(out, |out| Ok(inside.peer.create_offer(Instant::from_micros(now), out)?.len()));
            told(written, length)
        })
    }
}

/// Takes the peer's offer, which has `offer_length` bytes, and writes the answer as `brtc_create_offer` does. The two
/// buffers do not overlap. An offer of ours that is unanswered is rolled back.
///
/// Every m-line that fits a track of ours, or data channels, is accepted; the others are rejected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_create_answer(
    now: u64,
    connection: *mut brtc_connection,
    offer: *const c_char,
    offer_length: usize,
    out: *mut c_char,
    size: usize,
    length: *mut usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say. The two slices are made after it is known that they are apart.
    unsafe {
        handle::with(connection, |inside| {
            raw::apart(offer.cast(), offer_length, out.cast(), size)?;
            let offer = raw::text("offer", offer, offer_length)?;
            let out = raw::bytes_mut("out", out.cast(), size)?;
            let now = Instant::from_micros(now);
            let written = describe(out, |out| Ok(inside.peer.create_answer(now, offer, out)?.len()));
            told(written, length)
        })
    }
}

/// Takes the peer's answer to the offer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_set_answer(
    now: u64,
    connection: *mut brtc_connection,
    answer: *const c_char,
    length: usize,
) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe {
        handle::with(connection, |inside| {
            let answer = raw::text("answer", answer, length)?;
            Ok(inside.peer.set_answer(Instant::from_micros(now), answer)?)
        })
    }
}

/// Takes an unanswered offer of ours back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_rollback(now: u64, connection: *mut brtc_connection) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe { handle::with(connection, |inside| Ok(inside.peer.rollback(Instant::from_micros(now))?)) }
}

/// Restarts ICE: the next offer has fresh credentials. The path in use stays until there is a new one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn brtc_restart_ice(now: u64, connection: *mut brtc_connection) -> brtc_result {
    // SAFETY: as the rules of this crate say.
    unsafe { handle::with(connection, |inside| Ok(inside.peer.restart_ice(Instant::from_micros(now))?)) }
}

/// Writes a description into all of `out` but its last byte, and a zero byte behind it.
fn describe(out: &mut [u8], write: impl FnOnce(&mut [u8]) -> Result<usize, Cause>) -> Result<usize, Cause> {
    let room = out.len().saturating_sub(1);
    let len = write(out.get_mut(..room).unwrap_or_default())?;
    if let Some(end) = out.get_mut(len) {
        *end = 0;
    }
    Ok(len)
}

/// Tells the caller the length of a description, or the one that is needed.
///
/// # Safety
/// `length` is null or valid for writing.
unsafe fn told(written: Result<usize, Cause>, length: *mut usize) -> Result<(), Cause> {
    let written = match written {
        Err(Cause::Peer(Error::Sdp(barertc::sdp::Error::BufferTooShort { needed }))) => {
            Err(Cause::Short { needed: needed.saturating_add(1) })
        }
        other => other,
    };
    if let Ok(value) | Err(Cause::Short { needed: value }) = written {
        // SAFETY: the caller's promise is passed on.
        unsafe { raw::put_if_wanted(length, value) };
    }
    written.map(drop)
}
