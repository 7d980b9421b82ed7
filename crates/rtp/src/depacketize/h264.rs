//! H.264 (RFC 6184 §5): single NAL units, STAP-A and FU-A; the interleaved structures of mode 2 are refused.

use barertc_wire::Reader;

use super::{Assembly, Parts};
use crate::error::Error;

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

/// What is in a payload.
pub(super) fn parts(payload: &[u8]) -> Parts {
    let [header, rest @ ..] = payload else { return Parts::default() };
    match header & 0x1f {
        STAP_A => {
            let mut r = Reader::new(rest);
            let mut all = Parts::UNIT_END;
            while let Ok(nal) = r.u16().and_then(|len| r.take(usize::from(len))) {
                all = all.with(unit(nal.first().copied().unwrap_or(0), nal.get(1).copied()));
            }
            all
        }
        FU_A => {
            let fu = rest.first().copied().unwrap_or(0);
            let start = (fu & FU_START != 0).then(|| rest.get(1).copied()).flatten();
            let end = if fu & FU_END != 0 { Parts::UNIT_END } else { Parts::default() };
            unit(fu, start).with(end)
        }
        _ => unit(*header, rest.first().copied()).with(Parts::UNIT_END),
    }
}

/// Of one NAL unit with this header byte; `second` is the byte behind it where the unit starts here. A slice begins with
/// `first_mb_in_slice`, of which 0 is a single 1 bit (ITU-T H.264 §7.3.3).
fn unit(header: u8, second: Option<u8>) -> Parts {
    match header & 0x1f {
        kind @ 1..=5 => {
            let first = matches!(kind, 1..=2 | IDR) && second.is_some_and(|b| b & 0x80 != 0);
            let parts = if first { Parts::SLICE.with(Parts::FIRST_SLICE) } else { Parts::SLICE };
            if kind == IDR { parts.with(Parts::KEY) } else { parts }
        }
        7 => Parts::SPS,
        8 => Parts::PPS,
        _ => Parts::default(),
    }
}
