//! H.265 (RFC 7798 section 4.4): single NAL units, aggregation packets and fragmentation units, without DONL.

use barertc_wire::Reader;

use super::Assembly;
use crate::Error;

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

/// A parameter set, a delimiter or a slice whose `first_slice_segment_in_pic_flag` is set.
pub(super) fn starts_frame(payload: &[u8]) -> bool {
    let starts = |kind: u8, slice: Option<&u8>| match kind {
        32..=35 | 39 => true,
        0..=31 => slice.is_some_and(|b| b & 0x80 != 0),
        _ => false,
    };
    match payload {
        [first, _, _, _, header, _, slice @ ..] if kind(*first) == AP => starts(kind(*header), slice.first()),
        [first, _, fu, slice @ ..] if kind(*first) == FU => fu & FU_START != 0 && starts(fu & 0x3f, slice.first()),
        [first, _, slice @ ..] => starts(kind(*first), slice.first()),
        _ => false,
    }
}
