//! H.264 (RFC 6184 section 5): single NAL units, STAP-A and FU-A; the interleaved structures of mode 2 are refused.

use barertc_wire::Reader;

use super::Assembly;
use crate::Error;

const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const IDR: u8 = 5;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

pub(super) fn push(frame: &mut Assembly<'_>, payload: &[u8]) -> Result<(), Error> {
    let mut r = Reader::new(payload);
    let header = r.u8()?;
    match header & 0x1f {
        1..=23 => {
            frame.unit(payload)?;
            frame.key |= header & 0x1f == IDR;
            Ok(())
        }
        STAP_A => {
            while !r.is_empty() {
                let len = usize::from(r.u16()?);
                let nal = r.take(len)?;
                let Some(first) = nal.first() else { return Err(Error::Malformed) };
                frame.unit(nal)?;
                frame.key |= first & 0x1f == IDR;
            }
            Ok(())
        }
        FU_A => {
            let fu = r.u8()?;
            if fu & FU_START != 0 {
                frame.open_unit()?;
                frame.append(&[(header & 0xe0) | (fu & 0x1f)])?;
                frame.key |= fu & 0x1f == IDR;
            } else if !frame.is_open() {
                return Err(Error::Malformed); // its start is missing
            }
            frame.append(r.rest())?;
            if fu & FU_END != 0 { frame.close_unit() } else { Ok(()) }
        }
        _ => Err(Error::Malformed),
    }
}

/// A parameter set, a delimiter or the first slice of a picture (`first_mb_in_slice` 0 is a single 1 bit).
pub(super) fn starts_frame(payload: &[u8]) -> bool {
    let starts = |nal: &[u8]| match nal {
        [header, rest @ ..] => match header & 0x1f {
            6..=9 => true,
            1 | IDR => rest.first().is_some_and(|b| b & 0x80 != 0),
            _ => false,
        },
        [] => false,
    };
    match payload {
        [header, rest @ ..] if header & 0x1f == STAP_A => rest.get(2..).is_some_and(starts),
        [header, fu, first_mb, ..] if header & 0x1f == FU_A => fu & FU_START != 0 && starts(&[*fu & 0x1f, *first_mb]),
        _ => starts(payload),
    }
}
