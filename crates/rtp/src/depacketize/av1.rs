//! AV1 (RTP payload format of the Alliance for Open Media, §4.4 and §4.5): units get their sizes back.

use barertc_wire::{Reader, move_down, move_up, put_at};

use super::{Assembly, Parts};
use crate::error::Error;
use crate::obu::{Obu, leb128, read_leb128};

const Z: u8 = 0x80;
const Y: u8 = 0x40;
const N: u8 = 0x08;

pub(super) fn push(frame: &mut Assembly<'_>, payload: &[u8]) -> Result<(), Error> {
    let mut r = Reader::new(payload);
    let header = r.u8()?;
    if header & N != 0 && header & Z != 0 {
        return Err(Error::Malformed);
    }
    let said = (header >> 4) & 3;
    let (mut count, mut continues) = (0_u8, header & Z != 0);
    while !r.is_empty() {
        count = count.saturating_add(1);
        let len = if count == said { r.remaining() } else { read_leb128(&mut r)? };
        let element = r.take(len)?;
        if !core::mem::take(&mut continues) {
            frame.open_unit()?; // one that should have gone on is cut off
        } else if !frame.is_open() {
            return Err(Error::Malformed); // its start is missing
        }
        frame.append(element)?;
        if !r.is_empty() || header & Y == 0 {
            close(frame)?;
        }
    }
    if count == 0 || count < said { Err(Error::Truncated) } else { Ok(()) }
}

/// Ends a unit, with its size behind its header. Receivers ignore some units (§5).
fn close(frame: &mut Assembly<'_>) -> Result<(), Error> {
    let start = frame.open.ok_or(Error::Malformed)?;
    let mut r = Reader::new(frame.out.get(start..frame.len).ok_or(Error::Malformed)?);
    let obu = Obu::read(&mut r)?;
    if !r.is_empty() {
        return Err(Error::Malformed); // more than its size says
    }
    if obu.is_left_out() {
        (frame.len, frame.open) = (start, None);
        return Ok(());
    }
    let ((header, header_len), payload) = (obu.header(true), obu.payload.len());
    let (size, size_len) = leb128(payload);
    let from = frame.len.saturating_sub(payload);
    let body = start.saturating_add(header_len);
    let to = body.saturating_add(size_len);
    let end = to.saturating_add(payload);
    if end > frame.out.len() {
        return Err(Error::NoRoom);
    }
    // A size that was there in more bytes than it needs makes the unit shorter.
    if to < from {
        move_down(frame.out, from..frame.len, to);
    } else {
        move_up(frame.out, from..frame.len, to);
    }
    put_at(frame.out, start, header.get(..header_len).unwrap_or_default()).map_err(|_| Error::NoRoom)?;
    put_at(frame.out, body, size.get(..size_len).unwrap_or_default()).map_err(|_| Error::NoRoom)?;
    (frame.len, frame.open) = (end, None);
    Ok(())
}

/// A temporal unit certainly begins with the first packet of a coded video sequence. The beginning of others is not marked.
pub(super) fn parts(payload: &[u8]) -> Parts {
    match payload {
        [header, ..] if header & N != 0 && header & Z == 0 => Parts::START.with(Parts::KEY),
        _ => Parts::default(),
    }
}
