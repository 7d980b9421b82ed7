//! The common shape of chunks, parameters and error causes: type, length, value (RFC 9260 §3.2, §3.2.1).

use barertc_wire::{NoRoom, Reader, Truncated, Writer};

/// Chunk type numbers (RFC 9260 §3.2, RFC 3758, RFC 6525, RFC 8260).
pub(crate) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const INIT: u8 = 1;
    pub(crate) const INIT_ACK: u8 = 2;
    pub(crate) const SACK: u8 = 3;
    pub(crate) const HEARTBEAT: u8 = 4;
    pub(crate) const HEARTBEAT_ACK: u8 = 5;
    pub(crate) const ABORT: u8 = 6;
    pub(crate) const SHUTDOWN: u8 = 7;
    pub(crate) const SHUTDOWN_ACK: u8 = 8;
    pub(crate) const ERROR: u8 = 9;
    pub(crate) const COOKIE_ECHO: u8 = 10;
    pub(crate) const COOKIE_ACK: u8 = 11;
    pub(crate) const SHUTDOWN_COMPLETE: u8 = 14;
    pub(crate) const I_DATA: u8 = 64;
    pub(crate) const RE_CONFIG: u8 = 130;
    pub(crate) const FORWARD_TSN: u8 = 192;
    pub(crate) const I_FORWARD_TSN: u8 = 194;
}

/// Length of a chunk's or parameter's type-length header.
pub(crate) const TLV: usize = 4;

/// Type-length-value parameters and error causes (RFC 9260 §3.2.1): `(type, value)`.
#[derive(Clone, Debug)]
pub struct Params<'a>(Reader<'a>);

impl<'a> Params<'a> {
    /// Over a run of parameters.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self(Reader::new(bytes))
    }

    fn param(&mut self) -> Result<(u16, &'a [u8]), Truncated> {
        let kind = self.0.u16()?;
        let len = usize::from(self.0.u16()?).checked_sub(TLV).ok_or(Truncated)?;
        let value = self.0.take(len)?;
        self.0.skip(padding(len).min(self.0.remaining()))?;
        Ok((kind, value))
    }
}

impl<'a> Iterator for Params<'a> {
    type Item = Result<(u16, &'a [u8]), Truncated>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let param = self.param();
        if param.is_err() {
            self.0 = Reader::new(&[]);
        }
        Some(param)
    }
}

/// Bytes that bring `len` to a multiple of four.
pub(crate) const fn padding(len: usize) -> usize {
    len.wrapping_neg() & 3
}

/// Starts a chunk whose length is filled in by [`end`]; returns where it starts.
pub(crate) fn begin(w: &mut Writer<'_>, kind: u8, flags: u8) -> Result<usize, NoRoom> {
    let at = w.len();
    w.put(&[kind, flags, 0, 0])?;
    Ok(at)
}

/// Starts a parameter or error cause, as [`begin`] does a chunk.
pub(crate) fn begin_param(w: &mut Writer<'_>, kind: u16) -> Result<usize, NoRoom> {
    let [a, b] = kind.to_be_bytes();
    begin(w, a, b)
}

/// Fills in the length of the chunk or parameter that starts at `at`, and pads.
pub(crate) fn end(w: &mut Writer<'_>, at: usize) -> Result<(), NoRoom> {
    let len = w.len().saturating_sub(at);
    let field = u16::try_from(len).map_err(|_| NoRoom)?;
    w.patch(at.saturating_add(2), &field.to_be_bytes())?;
    w.zeros(padding(len))
}

/// Ends a chunk together with its last parameter: the chunk's length leaves that parameter's padding out (RFC 9260
/// RFC 9260 §3.2).
pub(crate) fn end_both(w: &mut Writer<'_>, chunk: usize, param: usize) -> Result<(), NoRoom> {
    let len = |from: usize| u16::try_from(w.len().saturating_sub(from)).map_err(|_| NoRoom);
    let (outer, inner) = (len(chunk)?, len(param)?);
    w.patch(chunk.saturating_add(2), &outer.to_be_bytes())?;
    w.patch(param.saturating_add(2), &inner.to_be_bytes())?;
    w.zeros(padding(usize::from(inner)))
}
