//! Congestion control feedback (RFC 8888 §3.1).

use barertc_wire::{NoRoom, Reader, Writer};

use crate::error::Error;

/// A report of arrival times and ECN marks of the packets of several sources.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CongestionFeedback<'a> {
    /// The SSRC of the sender of the report.
    pub sender: u32,
    /// When the report was made: the middle 32 bits of the NTP time.
    pub timestamp: u32,
    blocks: Reader<'a>,
}

/// The part about one source.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CongestionBlock<'a> {
    /// The source.
    pub ssrc: u32,
    /// The sequence number of the first metric.
    pub begin_sequence: u16,
    metrics: &'a [u8],
}

/// What is reported about one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Metric {
    /// Whether the packet was received. The other fields are zero when it was not.
    pub received: bool,
    /// Its ECN bits.
    pub ecn: u8,
    /// How long before the report it was received, in 1/1024 s. 0x1ffe means a longer time, and 0x1fff that it is
    /// unknown.
    pub arrival_offset: u16,
}

impl<'a> CongestionFeedback<'a> {
    pub(super) fn parse(mut r: Reader<'a>) -> Result<Self, Error> {
        let sender = r.u32()?;
        let blocks = r.sub(r.remaining().checked_sub(4).ok_or(Error::Truncated)?)?;
        let timestamp = r.u32()?;
        // Every block is checked here, so that iterating them can't end early.
        let mut check = blocks;
        while !check.is_empty() {
            CongestionBlock::parse(&mut check)?;
        }
        Ok(Self { sender, timestamp, blocks })
    }

    /// The part about each source.
    pub fn blocks(&self) -> impl Iterator<Item = CongestionBlock<'a>> + use<'a> {
        let mut r = self.blocks;
        core::iter::from_fn(move || CongestionBlock::parse(&mut r).ok())
    }
}

impl<'a> CongestionBlock<'a> {
    fn parse(r: &mut Reader<'a>) -> Result<Self, Error> {
        let (ssrc, begin_sequence) = (r.u32()?, r.u16()?);
        let count = usize::from(r.u16()?);
        let metrics = r.take(count.saturating_mul(2))?;
        if count % 2 == 1 {
            r.skip(2)?; // padding to a whole word
        }
        Ok(Self { ssrc, begin_sequence, metrics })
    }

    /// The sequence number and the metric of each packet.
    pub fn metrics(&self) -> impl Iterator<Item = (u16, Metric)> + use<'a> {
        let begin = self.begin_sequence;
        self.metrics.as_chunks::<2>().0.iter().zip(0u16..).map(move |(b, i)| {
            let bits = u16::from_be_bytes(*b);
            let metric =
                Metric { received: bits & 0x8000 != 0, ecn: (bits >> 13) as u8 & 3, arrival_offset: bits & 0x1fff };
            (begin.wrapping_add(i), if metric.received { metric } else { Metric::default() })
        })
    }
}

/// Writes one source's block.
pub(super) fn write_block(ssrc: u32, begin: u16, metrics: &[Metric], w: &mut Writer<'_>) -> Result<(), NoRoom> {
    w.u32(ssrc)?;
    w.u16(begin)?;
    w.u16(u16::try_from(metrics.len()).map_err(|_| NoRoom)?)?;
    for m in metrics {
        let bits = if m.received { 0x8000 | (u16::from(m.ecn & 3) << 13) | (m.arrival_offset & 0x1fff) } else { 0 };
        w.u16(bits)?;
    }
    if metrics.len() % 2 == 1 { w.u16(0) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::super::{CompoundWriter, Rtcp, packets};
    use super::*;
    use std::vec::Vec;

    #[test]
    fn feedback_is_read_back() {
        let some = Metric { received: true, ecn: 3, arrival_offset: 0x123 };
        let none = Metric::default();
        let mut out = [0; 100];
        let mut w = CompoundWriter::new(&mut out);
        w.congestion_feedback(1, 0xabcd, &[(7, 65_535, &[some, none, some][..]), (8, 4, &[none, some])]).unwrap();
        let len = w.len();
        let Some(Ok(Rtcp::Congestion(f))) = packets(&out[..len]).next() else { panic!() };
        assert_eq!((f.sender, f.timestamp), (1, 0xabcd));
        let blocks: Vec<_> = f.blocks().collect();
        assert_eq!(blocks[0].metrics().collect::<Vec<_>>(), [(65_535, some), (0, none), (1, some)]);
        assert_eq!(blocks[1].metrics().collect::<Vec<_>>(), [(4, none), (5, some)]);
        assert_eq!(blocks.len(), 2);
    }

    #[test]
    fn a_count_that_points_past_the_end_is_truncated() {
        let bytes = [0x8b, 205, 0, 4, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0, 0];
        assert_eq!(packets(&bytes).next().unwrap().map(drop), Err(Error::Truncated));
    }
}
