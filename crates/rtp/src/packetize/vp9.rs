//! VP9 (RFC 9628): the one-byte payload descriptor in non-flexible mode; frames of one layer need no picture identifier.

use barertc_wire::Writer;

use super::{Cursor, Piece, Shape, View, share, shared};
use crate::error::Error;

/// Bytes of the payload descriptor (RFC 9628 §4.2).
const DESCRIPTOR: usize = 1;
/// The picture refers to others.
const P: u8 = 0x40;
/// The frame begins with this packet, and ends with it.
const B: u8 = 0x08;
const E: u8 = 0x04;

pub(super) fn next(frame: View<'_>, budget: usize, cursor: &mut Cursor) -> Option<Piece> {
    share(frame, DESCRIPTOR, budget, cursor)
}

pub(super) fn write(frame: View<'_>, piece: &Piece, w: &mut Writer<'_>) -> Result<(), Error> {
    let Shape::Fragment { start, end } = piece.shape else { return Err(Error::Malformed) };
    let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    w.u8(flag(!frame.key, P) | flag(start, B) | flag(end, E))?;
    w.put(shared(frame, piece)?)?;
    Ok(())
}
