//! VP9 (RFC 9628): the one-byte payload descriptor in non-flexible mode; frames of one layer need no picture identifier.

use barertc_wire::Writer;

use super::{Cursor, Piece, Shape, View, even_share};
use crate::error::Error;

/// Bytes of the payload descriptor (RFC 9628 §4.2).
const DESCRIPTOR: usize = 1;
/// The picture refers to others.
const P: u8 = 0x40;
/// The frame begins with this packet, and ends with it.
const B: u8 = 0x08;
const E: u8 = 0x04;

pub(super) fn next(frame: View<'_>, budget: usize, cursor: &mut Cursor) -> Option<Piece> {
    let done = cursor.offset as usize;
    let rest = frame.bytes.len().checked_sub(done).filter(|rest| *rest > 0)?;
    let share = even_share(rest, budget.checked_sub(DESCRIPTOR)?);
    let end = share == rest;
    cursor.offset = u32::try_from(done.saturating_add(share)).ok()?;
    Some(Piece {
        shape: Shape::Fragment { start: done == 0, end },
        nal: 0,
        offset: done as u32,
        len: share as u32,
        size: DESCRIPTOR.saturating_add(share),
        last: end,
    })
}

pub(super) fn write(frame: View<'_>, piece: &Piece, w: &mut Writer<'_>) -> Result<(), Error> {
    let Shape::Fragment { start, end } = piece.shape else { return Err(Error::Malformed) };
    let from = piece.offset as usize;
    let share = frame.bytes.get(from..from.saturating_add(piece.len as usize)).ok_or(Error::Malformed)?;
    let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    w.u8(flag(!frame.key, P) | flag(start, B) | flag(end, E))?;
    w.put(share)?;
    Ok(())
}
