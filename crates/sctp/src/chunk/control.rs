//! ABORT, ERROR and their causes.

use barertc_wire::{NoRoom, Writer};

use crate::chunk::tlv::{Params, begin, begin_param, end_both, kind};

/// Error cause codes (RFC 9260 §3.3.10).
pub(crate) mod cause {
    pub(crate) const STALE_COOKIE: u16 = 3;
    pub(crate) const UNRECOGNIZED_CHUNK: u16 = 6;
    pub(crate) const UNRECOGNIZED_PARAMETERS: u16 = 8;
    pub(crate) const NO_USER_DATA: u16 = 9;
    pub(crate) const COOKIE_WHILE_SHUTTING_DOWN: u16 = 10;
    pub(crate) const RESTART_WITH_NEW_ADDRESSES: u16 = 11;
    pub(crate) const USER_INITIATED: u16 = 12;
    pub(crate) const PROTOCOL_VIOLATION: u16 = 13;
}

/// ABORT (RFC 9260 §3.3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abort<'a> {
    /// The T bit: the tag in the packet is the one of the other direction.
    pub reflected: bool,
    /// Error causes.
    pub causes: &'a [u8],
}

impl Abort<'_> {
    /// Writes ABORT with one cause; `reflected` sets the T bit.
    pub(crate) fn write(w: &mut Writer<'_>, reflected: bool, code: u16) -> Result<(), NoRoom> {
        let at = begin(w, kind::ABORT, u8::from(reflected))?;
        let p = begin_param(w, code)?;
        end_both(w, at, p)
    }
}

/// An error cause: its code, and what it carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorCause<'a> {
    /// The code of RFC 9260 §3.3.10.
    pub code: u16,
    /// What comes with it.
    pub info: &'a [u8],
}

impl<'a> ErrorCause<'a> {
    /// The first of a run of causes.
    #[must_use]
    pub fn first(causes: &'a [u8]) -> Option<Self> {
        Self::all(causes).next()?
    }

    /// The causes of a run; `None` for one that is malformed, which ends the run.
    pub(crate) fn all(causes: &'a [u8]) -> impl Iterator<Item = Option<Self>> {
        Params::new(causes).map(|cause| cause.ok().map(|(code, info)| Self { code, info }))
    }

    /// What goes before the `len` bytes of information of an ERROR chunk with one cause (RFC 9260 §3.3.10). The padding
    /// behind them is not part of the lengths.
    pub(crate) fn error_header(code: u16, len: usize) -> [u8; 8] {
        let length = |header| u16::try_from(len.saturating_add(header)).unwrap_or(u16::MAX);
        let [[a, b], [c, d], [e, f]] = [length(8), code, length(4)].map(u16::to_be_bytes);
        [kind::ERROR, 0, a, b, c, d, e, f]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aborts_carry_their_cause() {
        let mut room = [0u8; 32];
        let mut w = Writer::new(&mut room);
        Abort::write(&mut w, true, cause::USER_INITIATED).unwrap();
        let [6, 1, 0, 8, causes @ ..] = w.written() else { panic!() };
        assert_eq!(ErrorCause::first(causes), Some(ErrorCause { code: 12, info: &[] }));
    }

    #[test]
    fn an_error_pads_behind_its_cause() {
        assert_eq!(ErrorCause::error_header(cause::UNRECOGNIZED_CHUNK, 3), [9, 0, 0, 11, 0, 6, 0, 7]);
    }
}
