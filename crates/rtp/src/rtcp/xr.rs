//! Extended reports (RFC 3611): the blocks with which a receiver that sends nothing learns the round trip time.
//!
//! ```text
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |     BT        | type-specific |         block length          |
//! ```

use barertc_wire::{Reader, Writer};

use super::ntp::NtpTime;
use crate::error::Error;

/// Block types (RFC 3611 §4.4, §4.5).
const RRTR: u8 = 4;
const DLRR: u8 = 5;

/// An extended report.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedReport<'a> {
    /// The SSRC of the sender of the report.
    pub ssrc: u32,
    r: Reader<'a>,
}

/// One block of an [`ExtendedReport`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum XrBlock<'a> {
    /// Receiver reference time: when the report was sent, by the reporter's clock (RFC 3611 §4.4).
    ReferenceTime(NtpTime),
    /// The answers to reference times. A receiver computes the round-trip time from them (RFC 3611 §4.5).
    LastReference(LastReferences<'a>),
    /// A block of another type, to be skipped.
    Other {
        /// Its type.
        block_type: u8,
    },
}

/// How long ago a reference time was received (RFC 3611 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LastReference {
    /// The SSRC of the sender of the reference time.
    pub ssrc: u32,
    /// The middle 32 bits of the reference time.
    pub last_rr: u32,
    /// The time between receiving the reference time and sending this block, in 1/65536 s.
    pub delay_since_last_rr: u32,
}

/// The entries of a [`XrBlock::LastReference`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct LastReferences<'a> {
    r: Reader<'a>,
}

impl Iterator for LastReferences<'_> {
    type Item = LastReference;

    fn next(&mut self) -> Option<LastReference> {
        let mut word = || self.r.u32().ok();
        Some(LastReference { ssrc: word()?, last_rr: word()?, delay_since_last_rr: word()? })
    }
}

impl<'a> ExtendedReport<'a> {
    pub(super) fn parse(mut r: Reader<'a>) -> Result<Self, Error> {
        Ok(Self { ssrc: r.u32()?, r })
    }

    /// The blocks. The iterator ends at a block that is longer than the packet.
    pub fn blocks(&self) -> impl Iterator<Item = XrBlock<'a>> + use<'a> {
        let mut r = self.r;
        core::iter::from_fn(move || {
            let block_type = r.u8().ok()?;
            r.skip(1).ok()?;
            let words = usize::from(r.u16().ok()?);
            let mut body = Reader::new(r.take(words.saturating_mul(4)).ok()?);
            Some(match block_type {
                RRTR => match (body.u32(), body.u32()) {
                    (Ok(high), Ok(low)) => XrBlock::ReferenceTime(NtpTime((u64::from(high) << 32) | u64::from(low))),
                    _ => XrBlock::Other { block_type },
                },
                DLRR => XrBlock::LastReference(LastReferences { r: body }),
                _ => XrBlock::Other { block_type },
            })
        })
    }
}

/// Writes the body of an extended report.
pub(super) fn write(
    ssrc: u32,
    reference: Option<NtpTime>,
    last: &[LastReference],
    w: &mut Writer<'_>,
) -> Result<(), Error> {
    w.u32(ssrc)?;
    if let Some(NtpTime(time)) = reference {
        w.u8(RRTR)?;
        w.u8(0)?;
        w.u16(2)?;
        w.u64(time)?;
    }
    if !last.is_empty() {
        w.u8(DLRR)?;
        w.u8(0)?;
        w.u16(u16::try_from(last.len().saturating_mul(3)).map_err(|_| Error::NoRoom)?)?;
        for one in last {
            w.u32(one.ssrc)?;
            w.u32(one.last_rr)?;
            w.u32(one.delay_since_last_rr)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::{CompoundWriter, Rtcp, packets};
    use std::vec::Vec;

    #[test]
    fn both_blocks_are_read_back() {
        let last = LastReference { ssrc: 7, last_rr: 0x1234_5678, delay_since_last_rr: 0x8000 };
        let mut out = [0; 100];
        let mut w = CompoundWriter::new(&mut out);
        w.extended_report(5, Some(NtpTime(0x0102_0304_0506_0708)), &[last, last]).unwrap();
        let len = w.len();
        // RFC 3611 §4.4 and §4.5, byte for byte.
        assert_eq!(out[..20], [0x80, 207, 0, 11, 0, 0, 0, 5, 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(out[20..36], [5, 0, 0, 6, 0, 0, 0, 7, 0x12, 0x34, 0x56, 0x78, 0, 0, 0x80, 0]);
        let Some(Ok(Rtcp::ExtendedReport(xr))) = packets(&out[..len]).next() else { panic!("not read") };
        let blocks: Vec<_> = xr.blocks().collect();
        assert_eq!(xr.ssrc, 5);
        assert!(matches!(blocks[0], XrBlock::ReferenceTime(NtpTime(0x0102_0304_0506_0708))));
        assert!(matches!(blocks[1], XrBlock::LastReference(all) if all.eq([last, last])));
    }

    #[test]
    fn other_blocks_are_skipped_and_broken_ones_end() {
        let bytes = [0x80, 207, 0, 4, 0, 0, 0, 5, 9, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0];
        let Some(Ok(Rtcp::ExtendedReport(xr))) = packets(&bytes).next() else { panic!("not read") };
        assert!(matches!(
            xr.blocks().collect::<Vec<_>>()[..],
            [XrBlock::Other { block_type: 9 }, XrBlock::Other { block_type: 4 }]
        ));
        let bytes = [0x80, 207, 0, 2, 0, 0, 0, 5, 4, 0, 0, 2];
        let Some(Ok(Rtcp::ExtendedReport(xr))) = packets(&bytes).next() else { panic!("not read") };
        assert_eq!(xr.blocks().count(), 0);
    }
}
