//! Sender and receiver reports (RFC 3550 §6.4.1, §6.4.2).

use barertc_wire::{NoRoom, Reader, Writer};

use super::NtpTime;
use crate::error::Error;

/// Bytes of a report block.
const BLOCK: usize = 24;

/// The sender's part of a sender report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderInfo {
    /// Whose report this is.
    pub ssrc: u32,
    /// When the report was made.
    pub ntp: NtpTime,
    /// The same moment as an RTP timestamp of the stream.
    pub rtp_timestamp: u32,
    /// The packets sent so far, modulo 2³².
    pub packets: u32,
    /// The payload bytes sent so far, modulo 2³².
    pub octets: u32,
}

/// A sender report.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SenderReport<'a> {
    /// The sender's part.
    pub info: SenderInfo,
    /// The blocks about the streams that the sender of the report receives.
    pub blocks: Blocks<'a>,
}

/// A receiver report.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReceiverReport<'a> {
    /// Whose report this is.
    pub ssrc: u32,
    /// One block for each source it receives.
    pub blocks: Blocks<'a>,
}

/// The report about one received source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ReportBlock {
    /// The source.
    pub ssrc: u32,
    /// The fraction of packets lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// The packets lost since the beginning, in 24 bits. It is negative when duplicates arrived.
    pub cumulative_lost: i32,
    /// The highest sequence number received. The upper half counts its wraps.
    pub highest_sequence: u32,
    /// The interarrival jitter in timestamp ticks.
    pub jitter: u32,
    /// The middle 32 bits of the NTP time of the last sender report. 0 when none was received.
    pub last_sr: u32,
    /// The time since that report, in 1/65536 s.
    pub delay_since_last_sr: u32,
}

impl<'a> SenderReport<'a> {
    pub(super) fn parse(count: u8, mut r: Reader<'a>) -> Result<Self, Error> {
        let info = SenderInfo {
            ssrc: r.u32()?,
            ntp: NtpTime(r.u64()?),
            rtp_timestamp: r.u32()?,
            packets: r.u32()?,
            octets: r.u32()?,
        };
        Ok(Self { info, blocks: Blocks::parse(count, r)? })
    }
}

impl<'a> ReceiverReport<'a> {
    pub(super) fn parse(count: u8, mut r: Reader<'a>) -> Result<Self, Error> {
        Ok(Self { ssrc: r.u32()?, blocks: Blocks::parse(count, r)? })
    }
}

/// Iterates report blocks.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Blocks<'a> {
    r: Reader<'a>,
}

impl<'a> Blocks<'a> {
    fn parse(count: u8, mut r: Reader<'a>) -> Result<Self, Error> {
        // What follows the blocks is a profile's extension and is skipped.
        Ok(Self { r: r.sub(usize::from(count).saturating_mul(BLOCK))? })
    }
}

impl Iterator for Blocks<'_> {
    type Item = ReportBlock;

    fn next(&mut self) -> Option<ReportBlock> {
        ReportBlock::parse(&mut self.r).ok()
    }
}

impl ReportBlock {
    fn parse(r: &mut Reader<'_>) -> Result<Self, Error> {
        let ssrc = r.u32()?;
        let fraction_lost = r.u8()?;
        let lost = r.u24()?;
        Ok(Self {
            ssrc,
            fraction_lost,
            cumulative_lost: ((lost << 8) as i32) >> 8,
            highest_sequence: r.u32()?,
            jitter: r.u32()?,
            last_sr: r.u32()?,
            delay_since_last_sr: r.u32()?,
        })
    }

    pub(super) fn write(&self, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        w.u32(self.ssrc)?;
        w.u8(self.fraction_lost)?;
        w.u24(self.cumulative_lost.clamp(-0x80_0000, 0x7f_ffff) as u32)?;
        w.u32(self.highest_sequence)?;
        w.u32(self.jitter)?;
        w.u32(self.last_sr)?;
        w.u32(self.delay_since_last_sr)
    }
}

impl SenderInfo {
    pub(super) fn write(&self, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        w.u32(self.ssrc)?;
        w.u64(self.ntp.0)?;
        w.u32(self.rtp_timestamp)?;
        w.u32(self.packets)?;
        w.u32(self.octets)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CompoundWriter, Rtcp, packets};
    use super::*;
    use std::vec::Vec;

    #[test]
    fn reports_are_read_back() {
        let info =
            SenderInfo { ssrc: 1, ntp: NtpTime(0x0102_0304_0506_0708), rtp_timestamp: 9, packets: 10, octets: 11 };
        let block = |ssrc, lost| ReportBlock {
            ssrc,
            fraction_lost: 128,
            cumulative_lost: lost,
            highest_sequence: 0x1_0003,
            jitter: 5,
            last_sr: 6,
            delay_since_last_sr: 7,
        };
        let mut out = [0; 200];
        let mut w = CompoundWriter::new(&mut out);
        w.sender_report(&info, [block(2, -5), block(3, 0x7f_ffff)]).unwrap();
        w.receiver_report(4, [block(5, 0)]).unwrap();
        let len = w.len();
        let all: Vec<_> = packets(&out[..len]).map(Result::unwrap).collect();
        let Rtcp::SenderReport(sr) = all[0] else { panic!() };
        assert_eq!(sr.info, info);
        assert_eq!(sr.blocks.collect::<Vec<_>>(), [block(2, -5), block(3, 0x7f_ffff)]);
        let Rtcp::ReceiverReport(rr) = all[1] else { panic!() };
        assert_eq!((rr.ssrc, rr.blocks.collect::<Vec<_>>()), (4, std::vec![block(5, 0)]));
    }

    #[test]
    fn a_count_without_blocks_is_truncated() {
        let bytes = [0x81, 201, 0, 1, 0, 0, 0, 5];
        assert_eq!(packets(&bytes).next().unwrap().unwrap_err(), Error::Truncated);
    }
}
