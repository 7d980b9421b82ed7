use barertc_wire::{NoRoom, Writer};

use super::{Params, begin, begin_param, end, end_both, kind};

/// Error cause codes (RFC 9260 section 3.3.10).
pub(crate) mod cause {
    pub(crate) const STALE_COOKIE: u16 = 3;
    pub(crate) const NO_USER_DATA: u16 = 9;
    pub(crate) const COOKIE_WHILE_SHUTTING_DOWN: u16 = 10;
    pub(crate) const RESTART_WITH_NEW_ADDRESSES: u16 = 11;
    pub(crate) const USER_INITIATED: u16 = 12;
    pub(crate) const PROTOCOL_VIOLATION: u16 = 13;
}

/// ABORT (RFC 9260 section 3.3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort<'a> {
    /// The T bit: the tag in the packet is the one of the other direction.
    pub reflected: bool,
    /// Error causes.
    pub causes: &'a [u8],
}

/// An error cause: its code, and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCause<'a> {
    /// The code of RFC 9260 section 3.3.10.
    pub code: u16,
    /// What comes with it.
    pub info: &'a [u8],
}

impl<'a> ErrorCause<'a> {
    /// The first of a run of causes.
    #[must_use]
    pub fn first(causes: &'a [u8]) -> Option<Self> {
        let (code, info) = Params::new(causes).next()?.ok()?;
        Some(Self { code, info })
    }
}

/// Writes a chunk that is only its type: COOKIE ACK, SHUTDOWN ACK, SHUTDOWN COMPLETE.
pub(crate) fn write_empty(w: &mut Writer<'_>, kind: u8, flags: u8) -> Result<(), NoRoom> {
    let at = begin(w, kind, flags)?;
    end(w, at)
}

/// Writes HEARTBEAT, HEARTBEAT ACK or COOKIE ECHO: a type and bytes.
pub(crate) fn write_heartbeat(w: &mut Writer<'_>, kind: u8, value: &[u8]) -> Result<(), NoRoom> {
    let at = begin(w, kind, 0)?;
    w.put(value)?;
    end(w, at)
}

pub(crate) fn write_shutdown(w: &mut Writer<'_>, cumulative: u32) -> Result<(), NoRoom> {
    let at = begin(w, kind::SHUTDOWN, 0)?;
    w.u32(cumulative)?;
    end(w, at)
}

/// Writes ABORT with one cause; `reflected` sets the T bit.
pub(crate) fn write_abort(w: &mut Writer<'_>, reflected: bool, code: u16) -> Result<(), NoRoom> {
    let at = begin(w, kind::ABORT, u8::from(reflected))?;
    let p = begin_param(w, code)?;
    end_both(w, at, p)
}

/// Writes ERROR with one cause.
pub(crate) fn write_error(w: &mut Writer<'_>, code: u16, info: &[u8]) -> Result<(), NoRoom> {
    let at = begin(w, kind::ERROR, 0)?;
    let p = begin_param(w, code)?;
    w.put(info)?;
    end_both(w, at, p)
}

#[cfg(test)]
mod tests {
    use super::super::{Chunk, Chunks};
    use super::*;

    #[test]
    fn aborts_carry_their_cause() {
        let mut room = [0u8; 32];
        let mut w = Writer::new(&mut room);
        write_abort(&mut w, true, cause::USER_INITIATED).unwrap();
        write_shutdown(&mut w, 77).unwrap();
        write_empty(&mut w, kind::SHUTDOWN_COMPLETE, 1).unwrap();
        let mut chunks = Chunks::new(w.written());
        let Some(Ok(Chunk::Abort(a))) = chunks.next() else { panic!() };
        assert!(a.reflected);
        assert_eq!(ErrorCause::first(a.causes), Some(ErrorCause { code: 12, info: &[] }));
        assert_eq!(chunks.next(), Some(Ok(Chunk::Shutdown(77))));
        assert_eq!(chunks.next(), Some(Ok(Chunk::ShutdownComplete { reflected: true })));
    }
}
