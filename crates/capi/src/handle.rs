//! What a connection's handle leads to: found, checked, and lent to one call at a time.

use barertc::arena::Heap;
use barertc::{PeerConnection, RustCrypto, TrackId};

use crate::identity::brtc_identity;
use crate::log::{Log, brtc_log_level};
use crate::numbers::Channels;
use crate::result::{Cause, brtc_result, of};

pub(crate) type Memory = &'static Heap<'static>;
pub(crate) type Peer = PeerConnection<'static, Memory, RustCrypto>;

/// The most tracks that a connection has.
pub(crate) const MAX_TRACKS: usize = 16;

/// Shows that memory holds a connection.
pub(crate) const MAGIC: u32 = 0x6272_436f;

/// A connection to one peer. It stands at the beginning of its region.
pub struct brtc_connection {
    pub(crate) magic: u32,
    /// 1 while a call is under way.
    pub(crate) busy: u32,
    pub(crate) identity: *const brtc_identity,
    /// What the connection allocates from.
    pub(crate) memory: Heap<'static>,
    /// What frames are allocated from.
    pub(crate) frames: Heap<'static>,
    pub(crate) inside: Inside,
}

barertc::wire::opaque! { [] brtc_connection; }

/// What one call works on.
pub(crate) struct Inside {
    pub(crate) peer: Peer,
    pub(crate) channels: Channels<Memory>,
    pub(crate) tracks: [Option<TrackId>; MAX_TRACKS],
    /// Where frames are kept.
    pub(crate) frames: Memory,
    /// Why the last call that failed did so.
    pub(crate) cause: Cause,
    pub(crate) log: Log,
}

impl Inside {
    /// The track of a number.
    pub(crate) fn track(&self, number: u32) -> Result<TrackId, Cause> {
        let id = self.tracks.get(number as usize).copied().flatten();
        id.ok_or(Cause::Peer(barertc::Error::NoSuchTrack))
    }
}

/// Lends what the handle leads to. A call that is refused leaves its cause and a line in the log.
///
/// # Safety
/// `connection` is null, or memory that may be read; nobody else uses the connection at the same time.
pub(crate) unsafe fn with(
    connection: *mut brtc_connection,
    call: impl FnOnce(&mut Inside) -> Result<(), Cause>,
) -> brtc_result {
    // SAFETY: the caller's promise is passed on.
    unsafe { with_level(connection, brtc_log_level::BRTC_LOG_WARNING, call) }
}

/// As [`with`], for a call whose refusal matters as much as `level` says.
///
/// # Safety
/// As [`with`].
pub(crate) unsafe fn with_level(
    connection: *mut brtc_connection,
    level: brtc_log_level,
    call: impl FnOnce(&mut Inside) -> Result<(), Cause>,
) -> brtc_result {
    // SAFETY: the caller's promise is passed on.
    of(unsafe {
        look(connection, |inside| {
            let outcome = call(inside);
            if let Err(cause) = outcome
                && cause != Cause::Nothing
            {
                inside.cause = cause;
                inside.log.line(level, cause);
            }
            outcome
        })
    })
}

/// Lends what the handle leads to, for a call whose refusal is not remembered.
///
/// # Safety
/// As [`with`].
pub(crate) unsafe fn look(
    connection: *mut brtc_connection,
    call: impl FnOnce(&mut Inside) -> Result<(), Cause>,
) -> Result<(), Cause> {
    // SAFETY: the caller's promise is passed on.
    let busy = unsafe { checked(connection)? };
    // SAFETY: the handle is one of ours.
    if unsafe { busy.replace(1) } != 0 {
        return Err(Cause::Busy);
    }
    // SAFETY: the handle is one of ours, and the mark says that no other call is under way.
    let outcome = call(unsafe { &mut (*connection).inside });
    // SAFETY: the handle is still one of ours: only `brtc_connection_destroy` ends it, and that is refused while busy.
    unsafe { busy.write(0) };
    outcome
}

/// Checks a handle, and returns where its mark for a call under way is.
///
/// # Safety
/// `connection` is null, or memory that may be read.
pub(crate) unsafe fn checked(connection: *mut brtc_connection) -> Result<*mut u32, Cause> {
    if connection.is_null() || !connection.is_aligned() {
        return Err(Cause::Handle);
    }
    // SAFETY: not null, aligned and readable.
    if unsafe { (&raw const (*connection).magic).read() } != MAGIC {
        return Err(Cause::Handle);
    }
    // SAFETY: the magic number shows that it was made here.
    Ok(unsafe { &raw mut (*connection).busy })
}
