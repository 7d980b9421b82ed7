//! VP8 (RFC 7741): the one-byte payload descriptor; frames of one layer need no picture identifier.

use barertc_wire::Writer;

use super::{Cursor, Piece, View, share, shared};
use crate::error::Error;

/// Bytes of the payload descriptor (RFC 7741 §4.2).
const DESCRIPTOR: usize = 1;
/// Start of a VP8 partition; with partition index 0, of the frame.
const S: u8 = 0x10;

pub(super) fn next(frame: View<'_>, budget: usize, cursor: &mut Cursor) -> Option<Piece> {
    share(frame, DESCRIPTOR, budget, cursor)
}

pub(super) fn write(frame: View<'_>, piece: &Piece, w: &mut Writer<'_>) -> Result<(), Error> {
    w.u8(if piece.offset == 0 { S } else { 0 })?;
    w.put(shared(frame, piece)?)?;
    Ok(())
}
