//! VP9 (RFC 9628 §4.2): the payload descriptor with all its optional fields, in both modes.

use barertc_wire::Reader;

use super::{Assembly, Parts};
use crate::error::Error;
use crate::payload_format::is_vp9_key;

const I: u8 = 0x80;
const P: u8 = 0x40;
const L: u8 = 0x20;
const F: u8 = 0x10;
const B: u8 = 0x08;
const E: u8 = 0x04;
const V: u8 = 0x02;
/// Reference indices of a frame at most, and of a picture in the scalability structure (R has two bits).
const MAX_REFERENCES: usize = 3;

/// The descriptor's first byte, the spatial layer, and the reader behind the whole of it.
fn descriptor(payload: &[u8]) -> Result<(u8, u8, Reader<'_>), Error> {
    let mut r = Reader::new(payload);
    let first = r.u8()?;
    // A picture identifier of 7 bits, or of 15 when its first bit (M) is set.
    if first & I != 0 && r.u8()? & 0x80 != 0 {
        r.skip(1)?;
    }
    let mut layer = 0;
    if first & L != 0 {
        layer = (r.u8()? >> 1) & 7;
        if first & F == 0 {
            r.skip(1)?; // TL0PICIDX
        }
    }
    if first & F != 0 && first & P != 0 {
        references(&mut r)?;
    }
    if first & V != 0 {
        scalability_structure(&mut r)?;
    }
    Ok((first, layer, r))
}

/// P_DIFF, each with a bit that tells of another one.
fn references(r: &mut Reader<'_>) -> Result<(), Error> {
    for _ in 0..MAX_REFERENCES {
        if r.u8()? & 1 == 0 {
            return Ok(());
        }
    }
    Err(Error::Malformed)
}

/// RFC 9628 §4.2.1: sizes of the layers, and the group of pictures.
fn scalability_structure(r: &mut Reader<'_>) -> Result<(), Error> {
    let first = r.u8()?;
    if first & 0x10 != 0 {
        let layers = usize::from(first >> 5).saturating_add(1);
        r.skip(layers.saturating_mul(4))?;
    }
    if first & 0x08 != 0 {
        for _ in 0..r.u8()? {
            let references = usize::from((r.u8()? >> 2) & 3);
            r.skip(references)?;
        }
    }
    Ok(())
}

/// The frames of a picture's layers stand behind one another.
pub(super) fn push(frame: &mut Assembly<'_>, payload: &[u8]) -> Result<(), Error> {
    let (first, layer, r) = descriptor(payload)?;
    let data = r.rest();
    if data.is_empty() {
        return Err(Error::Truncated);
    }
    if first & B != 0 {
        if layer == 0 && (frame.len > 0 || frame.is_open()) {
            return Err(Error::Malformed); // a second picture under the same timestamp
        }
        frame.open_unit()?;
    } else if !frame.is_open() {
        return Err(Error::Malformed); // the start is missing
    }
    frame.append(data)?;
    if first & E != 0 { frame.close_unit() } else { Ok(()) }
}

/// A picture certainly begins with the first packet of its lowest layer.
pub(super) fn parts(payload: &[u8]) -> Parts {
    match descriptor(payload) {
        Ok((first, 0, r)) if first & B != 0 && is_vp9_key(r.rest()) => Parts::START.with(Parts::KEY),
        Ok((first, 0, _)) if first & B != 0 => Parts::START,
        _ => Parts::default(),
    }
}
