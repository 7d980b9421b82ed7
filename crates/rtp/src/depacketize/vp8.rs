//! VP8 (RFC 7741 §4.2): the payload descriptor with all its optional fields.

use barertc_wire::Reader;

use super::{Assembly, Parts};
use crate::error::Error;

const X: u8 = 0x80;
const S: u8 = 0x10;
const PARTITION: u8 = 0x07;

/// The descriptor's first byte, and the reader behind the whole of it.
fn descriptor(payload: &[u8]) -> Result<(u8, Reader<'_>), Error> {
    let mut r = Reader::new(payload);
    let first = r.u8()?;
    if first & X != 0 {
        let extension = r.u8()?;
        // I: a picture identifier of 7 bits, or of 15 when its first bit (M) is set.
        if extension & 0x80 != 0 && r.u8()? & 0x80 != 0 {
            r.skip(1)?;
        }
        // L: TL0PICIDX; T or K: TID, Y and KEYIDX share a byte.
        if extension & 0x40 != 0 {
            r.skip(1)?;
        }
        if extension & 0x30 != 0 {
            r.skip(1)?;
        }
    }
    Ok((first, r))
}

pub(super) fn push(frame: &mut Assembly<'_>, payload: &[u8]) -> Result<(), Error> {
    let (first, r) = descriptor(payload)?;
    let data = r.rest();
    let [tag, ..] = data else { return Err(Error::Truncated) };
    if first & S != 0 && first & PARTITION == 0 {
        if frame.len > 0 {
            return Err(Error::Malformed); // a second frame under the same timestamp
        }
        frame.key = tag & 1 == 0;
    } else if frame.len == 0 {
        return Err(Error::Malformed); // the start is missing
    }
    frame.append(data)
}

pub(super) fn parts(payload: &[u8]) -> Parts {
    match descriptor(payload) {
        Ok((first, r)) if first & S != 0 && first & PARTITION == 0 => {
            let key = r.rest().first().is_some_and(|tag| tag & 1 == 0);
            if key { Parts::START.with(Parts::KEY) } else { Parts::START }
        }
        _ => Parts::default(),
    }
}
