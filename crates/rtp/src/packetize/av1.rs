//! AV1 (RTP payload format of the Alliance for Open Media, §4): the aggregation header, and units without their sizes.

use barertc_wire::{Reader, Writer};

use super::{Cursor, Piece, Shape, View, even_share};
use crate::error::Error;
use crate::nal::Nal;
use crate::obu::{Obu, leb128};

/// Bytes of the aggregation header (§4.4).
const HEADER: usize = 1;
/// The first element continues one of the packet before.
const Z: u8 = 0x80;
/// The last element goes on in the next packet.
const Y: u8 = 0x40;
/// The place of W, how many elements there are. With as many as it can say, the last has no size.
const W: u8 = 4;
const MAX_ELEMENTS: u16 = 3;
/// A coded video sequence begins with this packet.
const N: u8 = 0x08;
/// The shortest beginning of a unit behind another one.
const MIN_SHARE: usize = 16;

fn obu<'a>(frame: View<'a>, nal: &Nal) -> Result<Obu<'a>, Error> {
    Obu::read(&mut Reader::new(nal.of(frame.bytes)))
}

/// As many units as fit, and as much of the next one. What is left of the last unit is spread evenly.
pub(super) fn next(frame: View<'_>, budget: usize, cursor: &mut Cursor) -> Option<Piece> {
    let (nal, offset) = (cursor.nal, cursor.offset);
    let layer = obu(frame, frame.nals.get(usize::from(nal))?).ok()?.layer();
    let (mut size, mut len, mut count) = (HEADER, 0_usize, 0_u16);
    while count < MAX_ELEMENTS {
        let Some(unit) = frame.nals.get(usize::from(cursor.nal)) else { break };
        let unit = obu(frame, unit).ok()?;
        let rest = unit.element_len().checked_sub(cursor.offset as usize)?;
        // The element before is not the last one any more, and needs its size.
        let prefix = if count == 0 { 0 } else { leb128(len).1 };
        let room = budget.saturating_sub(size).saturating_sub(prefix);
        if count > 0 && (room < rest.min(MIN_SHARE) || unit.layer() != layer) {
            break;
        }
        let is_last = usize::from(cursor.nal).saturating_add(1) >= frame.nals.len();
        len = if count == 0 && is_last { even_share(rest, room) } else { rest.min(room) };
        size = size.saturating_add(prefix).saturating_add(len);
        count = count.saturating_add(1);
        if len < rest {
            cursor.offset = u32::try_from((cursor.offset as usize).saturating_add(len)).ok()?;
            break;
        }
        *cursor = Cursor { nal: cursor.nal.saturating_add(1), offset: 0 };
    }
    let last = usize::from(cursor.nal) >= frame.nals.len();
    Some(Piece { shape: Shape::Aggregate(count), nal, offset, len: u32::try_from(len).ok()?, size, last })
}

pub(super) fn write(frame: View<'_>, piece: &Piece, w: &mut Writer<'_>) -> Result<(), Error> {
    let Shape::Aggregate(count @ 1..=MAX_ELEMENTS) = piece.shape else { return Err(Error::Malformed) };
    let at = w.len();
    w.u8(0)?;
    let (mut offset, mut behind) = (piece.offset as usize, count);
    let mut goes_on = false;
    for nal in super::aggregated(frame, piece, count) {
        let unit = obu(frame, nal)?;
        let rest = unit.element_len().checked_sub(offset).ok_or(Error::Malformed)?;
        behind = behind.saturating_sub(1);
        let len = if behind == 0 { piece.len as usize } else { rest };
        if behind > 0 {
            let (bytes, size) = leb128(len);
            w.put(bytes.get(..size).unwrap_or_default())?;
        }
        goes_on = len < rest;
        write_part(&unit, offset, len, w)?;
        offset = 0;
    }
    if behind > 0 {
        return Err(Error::Malformed);
    }
    let flag = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
    let begins = piece.nal == 0 && piece.offset == 0;
    let header = flag(piece.offset > 0, Z) | flag(goes_on, Y) | flag(frame.key && begins, N);
    w.patch(at, &[header | (count as u8) << W])?;
    Ok(())
}

/// Bytes `from..from + len` of a unit without its size.
fn write_part(unit: &Obu<'_>, from: usize, len: usize, w: &mut Writer<'_>) -> Result<(), Error> {
    let (header, header_len) = unit.header(false);
    let end = from.saturating_add(len);
    w.put(header.get(..header_len).and_then(|h| h.get(from..end.min(header_len))).unwrap_or_default())?;
    let (start, end) = (from.saturating_sub(header_len), end.saturating_sub(header_len));
    w.put(unit.payload.get(start..end).ok_or(Error::Malformed)?)?;
    Ok(())
}
