//! VP8 (RFC 7741): the one-byte payload descriptor; frames of one layer need no picture identifier.

use barertc_wire::Writer;

use super::{Cursor, Piece, Shape, View, even_share};
use crate::error::Error;

/// Bytes of the payload descriptor (RFC 7741 §4.2).
const DESCRIPTOR: usize = 1;
/// Start of a VP8 partition; with partition index 0, of the frame.
const S: u8 = 0x10;

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
    let start = piece.offset as usize;
    let share = frame.bytes.get(start..start.saturating_add(piece.len as usize)).ok_or(Error::Malformed)?;
    w.u8(if piece.offset == 0 { S } else { 0 })?;
    w.put(share)?;
    Ok(())
}
