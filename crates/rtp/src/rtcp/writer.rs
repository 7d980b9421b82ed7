//! Writes compound packets (RFC 3550 §6.1).

use barertc_wire::Writer;

use super::{
    APP, App, BYE, FMT_APPLICATION, FMT_CCFB, FMT_FIR, FMT_NACK, FMT_PLI, FMT_TWCC, LastReference, Metric, NtpTime,
    PAYLOAD, RR, ReportBlock, SDES, SR, SenderInfo, TRANSPORT, XR, congestion, nack, remb, sdes, transport, xr,
};
use crate::error::Error;

/// Most report blocks of one report: the count has five bits.
const MAX_BLOCKS: usize = 31;

/// Writes RTCP packets one behind the other into the caller's buffer. A packet that doesn't fit leaves no trace.
///
/// RFC 3550 §6.1 wants a report first and a CNAME in every compound; where reduced-size RTCP (RFC 5506) was
/// negotiated, feedback may stand alone.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CompoundWriter<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl<'a> CompoundWriter<'a> {
    /// Writes from the start of `out`.
    #[must_use]
    pub const fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0 }
    }

    /// Bytes written.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing has been written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes that still fit.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.out.len().saturating_sub(self.len)
    }

    /// Adds a sender report with the first 31 of `blocks`.
    ///
    /// # Errors
    /// [`Error::NoRoom`], as with every method here.
    pub fn sender_report(
        &mut self,
        info: &SenderInfo,
        blocks: impl IntoIterator<Item = ReportBlock>,
    ) -> Result<(), Error> {
        self.packet(SR, |w| {
            info.write(w)?;
            write_blocks(blocks, w)
        })
    }

    /// Adds a receiver report of `ssrc` with the first 31 of `blocks`.
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn receiver_report(&mut self, ssrc: u32, blocks: impl IntoIterator<Item = ReportBlock>) -> Result<(), Error> {
        self.packet(RR, |w| {
            w.u32(ssrc)?;
            write_blocks(blocks, w)
        })
    }

    /// Adds a source description with the canonical name of `ssrc`.
    ///
    /// # Errors
    /// [`Error::NoRoom`]; [`Error::Malformed`] for a name of more than 255 bytes.
    pub fn sdes_cname(&mut self, ssrc: u32, cname: &[u8]) -> Result<(), Error> {
        self.packet(SDES, |w| {
            w.u32(ssrc)?;
            w.u8(sdes::CNAME)?;
            w.u8(u8::try_from(cname.len()).map_err(|_| Error::Malformed)?)?;
            w.put(cname)?;
            w.u8(0)?;
            Ok(1)
        })
    }

    /// Adds a goodbye of the first 31 `sources`. An empty reason is left out.
    ///
    /// # Errors
    /// [`Error::NoRoom`]; [`Error::Malformed`] for a reason of more than 255 bytes.
    pub fn bye(&mut self, sources: &[u32], reason: &[u8]) -> Result<(), Error> {
        self.packet(BYE, |w| {
            let mut count = 0u8;
            for source in sources.iter().take(MAX_BLOCKS) {
                w.u32(*source)?;
                count = count.saturating_add(1);
            }
            if !reason.is_empty() {
                w.u8(u8::try_from(reason.len()).map_err(|_| Error::Malformed)?)?;
                w.put(reason)?;
            }
            Ok(count)
        })
    }

    /// Adds an application-defined packet.
    ///
    /// # Errors
    /// [`Error::NoRoom`]; [`Error::Malformed`] when the data are not a multiple of four bytes.
    pub fn app(&mut self, app: &App<'_>) -> Result<(), Error> {
        if !app.data.len().is_multiple_of(4) {
            return Err(Error::Malformed);
        }
        self.packet(APP, |w| {
            w.u32(app.ssrc)?;
            w.put(&app.name)?;
            w.put(app.data)?;
            Ok(app.subtype)
        })
    }

    /// Asks for retransmissions of the packets `lost` of `media`. The numbers are in ascending order and may wrap.
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn nack(&mut self, sender: u32, media: u32, lost: impl IntoIterator<Item = u16>) -> Result<(), Error> {
        self.feedback(TRANSPORT, FMT_NACK, sender, media, |w| Ok(nack::write_pairs(lost, w)?))
    }

    /// Asks for a key frame of `media`.
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn pli(&mut self, sender: u32, media: u32) -> Result<(), Error> {
        self.feedback(PAYLOAD, FMT_PLI, sender, media, |_| Ok(()))
    }

    /// Asks for a key frame of `media`. `number` is the number of the request (RFC 5104 §4.3.1.1).
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn fir(&mut self, sender: u32, media: u32, number: u8) -> Result<(), Error> {
        self.feedback(PAYLOAD, FMT_FIR, sender, 0, |w| {
            w.u32(media)?;
            w.u8(number)?;
            Ok(w.zeros(3)?)
        })
    }

    /// Adds the estimated bits per second of all `sources` together.
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn remb(&mut self, sender: u32, bitrate: u64, sources: &[u32]) -> Result<(), Error> {
        self.feedback(PAYLOAD, FMT_APPLICATION, sender, 0, |w| Ok(remb::write(bitrate, sources, w)?))
    }

    /// Adds transport-wide feedback about the packets from `base` on. Each has its arrival in ticks of
    /// [`TICK_MICROS`](super::TICK_MICROS), or `None`. Returns how many packets the report covers. It ends before an
    /// arrival more than 8 s after the previous one.
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn transport_feedback(
        &mut self,
        sender: u32,
        media: u32,
        base: u16,
        feedback_count: u8,
        statuses: impl Iterator<Item = Option<i64>> + Clone,
    ) -> Result<u16, Error> {
        let mut covered = 0;
        self.feedback(TRANSPORT, FMT_TWCC, sender, media, |w| {
            covered = transport::write(base, feedback_count, statuses, w)?;
            Ok(())
        })?;
        Ok(covered)
    }

    /// Adds feedback of RFC 8888. Each source has its SSRC, its first sequence number and its metrics. `timestamp` is
    /// the time of the report: the middle 32 bits of an NTP time.
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn congestion_feedback(
        &mut self,
        sender: u32,
        timestamp: u32,
        sources: &[(u32, u16, &[Metric])],
    ) -> Result<(), Error> {
        self.packet(TRANSPORT, |w| {
            w.u32(sender)?;
            for (ssrc, begin, metrics) in sources {
                congestion::write_block(*ssrc, *begin, metrics, w)?;
            }
            w.u32(timestamp)?;
            Ok(FMT_CCFB)
        })
    }

    /// Adds an extended report of `ssrc` (RFC 3611): its reference time, and the answers to the reference times of
    /// others.
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn extended_report(
        &mut self,
        ssrc: u32,
        reference: Option<NtpTime>,
        last: &[LastReference],
    ) -> Result<(), Error> {
        self.packet(XR, |w| xr::write(ssrc, reference, last, w).map(|()| 0))
    }

    fn feedback(
        &mut self,
        packet_type: u8,
        format: u8,
        sender: u32,
        media: u32,
        body: impl FnOnce(&mut Writer<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.packet(packet_type, |w| {
            w.u32(sender)?;
            w.u32(media)?;
            body(w)?;
            Ok(format)
        })
    }

    /// Frames what `body` writes; it returns the five bits of the first byte.
    fn packet(
        &mut self,
        packet_type: u8,
        body: impl FnOnce(&mut Writer<'_>) -> Result<u8, Error>,
    ) -> Result<(), Error> {
        let mut w = Writer::new(self.out.get_mut(self.len..).unwrap_or_default());
        w.zeros(4)?;
        let count = body(&mut w)?;
        let len = w.len().next_multiple_of(4);
        w.zeros(len.saturating_sub(w.len()))?;
        let words = u16::try_from((len / 4).saturating_sub(1)).map_err(|_| Error::NoRoom)?;
        let [high, low] = words.to_be_bytes();
        w.patch(0, &[0x80 | (count & 0x1f), packet_type, high, low])?;
        self.len = self.len.saturating_add(len);
        Ok(())
    }
}

fn write_blocks(blocks: impl IntoIterator<Item = ReportBlock>, w: &mut Writer<'_>) -> Result<u8, Error> {
    let mut count = 0u8;
    for block in blocks.into_iter().take(MAX_BLOCKS) {
        block.write(w)?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_that_does_not_fit_leaves_no_trace() {
        let mut out = [0; 20];
        let mut w = CompoundWriter::new(&mut out);
        w.pli(1, 2).unwrap();
        assert_eq!(w.sdes_cname(1, b"a name"), Err(Error::NoRoom));
        assert_eq!(w.len(), 12);
        w.receiver_report(1, []).unwrap();
        assert_eq!(w.room(), 0);
    }

    #[test]
    fn the_count_never_overflows_into_the_flags() {
        let mut out = [0; 2000];
        let mut w = CompoundWriter::new(&mut out);
        w.receiver_report(1, (0..40).map(|ssrc| ReportBlock { ssrc, ..Default::default() })).unwrap();
        assert_eq!(w.len(), 8 + 31 * 24);
        assert_eq!(out[0], 0x80 | 31);
    }
}
