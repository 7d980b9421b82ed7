//! H.265 (RFC 7798 §4.4): single NAL units, aggregation packets and fragmentation units, without DONL.

use barertc_wire::Reader;

use super::{Assembly, Parts};
use crate::error::Error;

const AP: u8 = 48;
const FU: u8 = 49;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

const fn kind(first: u8) -> u8 {
    (first >> 1) & 0x3f
}

/// BLA, IDR and CRA pictures (ITU-T H.265 table 7-1).
const fn is_random_access(kind: u8) -> bool {
    matches!(kind, 16..=21)
}

pub(super) fn push(frame: &mut Assembly<'_>, payload: &[u8]) -> Result<(), Error> {
    let mut r = Reader::new(payload);
    let [first, second] = r.array()?;
    match kind(first) {
        AP => {
            while !r.is_empty() {
                let len = usize::from(r.u16()?);
                let nal = r.take(len)?;
                let [header, _, ..] = nal else { return Err(Error::Malformed) };
                frame.unit(nal)?;
                frame.key |= is_random_access(kind(*header));
            }
            Ok(())
        }
        FU => {
            let fu = r.u8()?;
            let inner = fu & 0x3f;
            if fu & FU_START != 0 {
                frame.open_unit()?;
                frame.append(&[(first & 0x81) | (inner << 1), second])?;
                frame.key |= is_random_access(inner);
            } else if !frame.is_open() {
                return Err(Error::Malformed);
            }
            frame.append(r.rest())?;
            if fu & FU_END != 0 { frame.close_unit() } else { Ok(()) }
        }
        // 50 is PACI, 51–63 are unspecified.
        50.. => Err(Error::Malformed),
        kind => {
            frame.unit(payload)?;
            frame.key |= is_random_access(kind);
            Ok(())
        }
    }
}

/// What is in a payload.
pub(super) fn parts(payload: &[u8]) -> Parts {
    let [header, _, rest @ ..] = payload else { return Parts::default() };
    match kind(*header) {
        AP => {
            let mut r = Reader::new(rest);
            let mut all = Parts::UNIT_END;
            while let Ok(nal) = r.u16().and_then(|len| r.take(usize::from(len))) {
                all = all.with(unit(kind(nal.first().copied().unwrap_or(0)), nal.get(2).copied()));
            }
            all
        }
        FU => {
            let fu = rest.first().copied().unwrap_or(0);
            let start = (fu & FU_START != 0).then(|| rest.get(1).copied()).flatten();
            let end = if fu & FU_END != 0 { Parts::UNIT_END } else { Parts::default() };
            unit(fu & 0x3f, start).with(end)
        }
        kind => unit(kind, rest.first().copied()).with(Parts::UNIT_END),
    }
}

/// Of one NAL unit of this type; `third` is the byte behind its header where the unit starts here. A slice begins with
/// `first_slice_segment_in_pic_flag` (ITU-T H.265 §7.3.6.1).
fn unit(kind: u8, third: Option<u8>) -> Parts {
    match kind {
        0..=31 => {
            let first = third.is_some_and(|b| b & 0x80 != 0);
            let parts = if first { Parts::SLICE.with(Parts::FIRST_SLICE) } else { Parts::SLICE };
            if is_random_access(kind) { parts.with(Parts::KEY) } else { parts }
        }
        32 => Parts::VPS,
        33 => Parts::SPS,
        34 => Parts::PPS,
        _ => Parts::default(),
    }
}
