//! RTCP: reading compound and reduced-size packets, and writing them (RFC 3550 §6, RFC 4585, RFC 5506).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P| count   |       PT      |   length in words - 1         |
//! ```
//!
//! ```
//! use barertc_rtp::rtcp::{CompoundWriter, Rtcp, packets};
//!
//! let mut out = [0; 200];
//! let mut w = CompoundWriter::new(&mut out);
//! w.receiver_report(7, [])?;
//! w.sdes_cname(7, b"video-stream")?;
//! w.nack(7, 1, [100, 101, 103])?;
//! let len = w.len();
//!
//! for packet in packets(&out[..len]) {
//!     if let Rtcp::Nack(nack) = packet? {
//!         assert_eq!(nack.lost().collect::<Vec<_>>(), [100, 101, 103]);
//!     }
//! }
//! # Ok::<(), barertc_rtp::Error>(())
//! ```

mod app;
mod bye;
mod congestion;
mod fir;
mod nack;
mod ntp;
mod pli;
mod remb;
mod report;
mod sdes;
mod transport;
mod writer;
mod xr;

pub use app::App;
pub use bye::Bye;
pub use congestion::{CongestionBlock, CongestionFeedback, Metric};
pub use fir::Fir;
pub use nack::Nack;
pub use ntp::NtpTime;
pub use pli::Pli;
pub use remb::Remb;
pub use report::{Blocks, ReceiverReport, ReportBlock, SenderInfo, SenderReport};
pub use sdes::{SdesChunk, SdesItem, SourceDescription};
pub use transport::{Arrival, TICK_MICROS, TransportFeedback};
pub use writer::CompoundWriter;
pub use xr::{ExtendedReport, LastReference, LastReferences, XrBlock};

use barertc_wire::Reader;

use crate::error::Error;

/// Packet types (RFC 3550 §12.1, RFC 4585 §6.1).
const SR: u8 = 200;
const RR: u8 = 201;
const SDES: u8 = 202;
const BYE: u8 = 203;
const APP: u8 = 204;
const TRANSPORT: u8 = 205;
const PAYLOAD: u8 = 206;
/// RFC 3611 §2.
const XR: u8 = 207;

/// Feedback message types of [`TRANSPORT`].
const FMT_NACK: u8 = 1;
const FMT_CCFB: u8 = 11;
const FMT_TWCC: u8 = 15;
/// Feedback message types of [`PAYLOAD`].
const FMT_PLI: u8 = 1;
const FMT_FIR: u8 = 4;
const FMT_APPLICATION: u8 = 15;

/// One packet of a compound.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Rtcp<'a> {
    /// Sender report.
    SenderReport(SenderReport<'a>),
    /// Receiver report.
    ReceiverReport(ReceiverReport<'a>),
    /// Source description.
    SourceDescription(SourceDescription<'a>),
    /// Goodbye.
    Bye(Bye<'a>),
    /// Application-defined.
    App(App<'a>),
    /// Generic negative acknowledgement.
    Nack(Nack<'a>),
    /// Picture loss indication.
    Pli(Pli),
    /// Full intra request.
    Fir(Fir<'a>),
    /// Receiver estimated maximum bitrate.
    Remb(Remb<'a>),
    /// Transport-wide congestion control feedback.
    Transport(TransportFeedback<'a>),
    /// Congestion control feedback of RFC 8888.
    Congestion(CongestionFeedback<'a>),
    /// Extended report.
    ExtendedReport(ExtendedReport<'a>),
    /// Something else, well framed: to be skipped.
    Other {
        /// Packet type.
        packet_type: u8,
        /// The five bits that are a count or a format.
        format: u8,
    },
}

/// The packets of a compound, or of a reduced-size RTCP packet.
#[must_use]
pub fn packets(datagram: &[u8]) -> Packets<'_> {
    Packets { r: Reader::new(datagram) }
}

/// Iterates the packets of one datagram. A packet whose content is wrong is an error and the next one follows; when
/// the framing itself is wrong, the error is the last item.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Packets<'a> {
    r: Reader<'a>,
}

impl<'a> Packets<'a> {
    fn frame(&mut self) -> Result<(u8, u8, Reader<'a>), Error> {
        let first = self.r.u8()?;
        if first >> 6 != 2 {
            return Err(Error::Version);
        }
        let packet_type = self.r.u8()?;
        let words = usize::from(self.r.u16()?);
        let mut body = self.r.take(words.saturating_mul(4))?;
        if first & 0x20 != 0 {
            // RFC 3550 §6.4.1: a multiple of four, and it counts itself.
            let padding = usize::from(body.last().copied().ok_or(Error::Padding)?);
            let end = body.len().checked_sub(padding).filter(|_| padding > 0).ok_or(Error::Padding)?;
            body = body.get(..end).unwrap_or_default();
        }
        Ok((packet_type, first & 0x1f, Reader::new(body)))
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Rtcp<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.r.is_empty() {
            return None;
        }
        match self.frame() {
            Ok((packet_type, format, body)) => Some(parse(packet_type, format, body)),
            Err(error) => {
                self.r = Reader::new(&[]);
                Some(Err(error))
            }
        }
    }
}

fn parse(packet_type: u8, format: u8, body: Reader<'_>) -> Result<Rtcp<'_>, Error> {
    Ok(match (packet_type, format) {
        (SR, count) => Rtcp::SenderReport(SenderReport::parse(count, body)?),
        (RR, count) => Rtcp::ReceiverReport(ReceiverReport::parse(count, body)?),
        (SDES, count) => Rtcp::SourceDescription(SourceDescription::parse(count, body)),
        (BYE, count) => Rtcp::Bye(Bye::parse(count, body)?),
        (APP, subtype) => Rtcp::App(App::parse(subtype, body)?),
        (TRANSPORT, FMT_NACK) => Rtcp::Nack(Nack::parse(body)?),
        (TRANSPORT, FMT_TWCC) => Rtcp::Transport(TransportFeedback::parse(body)?),
        (TRANSPORT, FMT_CCFB) => Rtcp::Congestion(CongestionFeedback::parse(body)?),
        (PAYLOAD, FMT_PLI) => Rtcp::Pli(Pli::parse(body)?),
        (PAYLOAD, FMT_FIR) => Rtcp::Fir(Fir::parse(body)?),
        (PAYLOAD, FMT_APPLICATION) if Remb::is(body) => Rtcp::Remb(Remb::parse(body)?),
        (XR, _) => Rtcp::ExtendedReport(ExtendedReport::parse(body)?),
        _ => Rtcp::Other { packet_type, format },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn unknown_packets_are_skipped_and_truncation_ends() {
        // A type that is not known (210), empty RR, then a packet that claims more than there is.
        let bytes = [0x80, 210, 0, 1, 1, 2, 3, 4, 0x80, 201, 0, 1, 0, 0, 0, 5, 0x81, 206, 0, 9, 0, 0];
        let all: Vec<_> = packets(&bytes).collect();
        assert!(matches!(all[0], Ok(Rtcp::Other { packet_type: 210, format: 0 })));
        assert!(matches!(all[1], Ok(Rtcp::ReceiverReport(rr)) if rr.ssrc == 5 && rr.blocks.count() == 0));
        assert_eq!(all[2].as_ref().unwrap_err(), &Error::Truncated);
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn a_broken_packet_does_not_hide_the_next() {
        // A NACK without its media SSRC, then a PLI.
        let bytes = [0x81, 205, 0, 1, 0, 0, 0, 1, 0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2];
        let all: Vec<_> = packets(&bytes).collect();
        assert!(all[0].is_err());
        assert!(matches!(all[1], Ok(Rtcp::Pli(Pli { sender: 1, media: 2 }))));
    }

    #[test]
    fn padding_belongs_to_nobody() {
        let bytes = [0xa0, 201, 0, 2, 0, 0, 0, 5, 0, 0, 0, 4];
        assert!(matches!(packets(&bytes).next(), Some(Ok(Rtcp::ReceiverReport(_)))));
        for bad in [0, 9] {
            let mut bytes = bytes;
            bytes[11] = bad;
            assert!(matches!(packets(&bytes).next(), Some(Err(Error::Padding))));
        }
    }
}
