//! The RTP packet (RFC 3550 §5.1):
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |V=2|P|X|  CC   |M|     PT      |       sequence number         |
//! |                           timestamp                           |
//! |                             SSRC                              |
//! |                     CSRC (CC words)                           |
//! |   extension profile           |   extension length in words   |
//! |   extension …                                                 |
//! ```

use barertc_wire::{ExtensionMap, Reader, Writer};

use crate::error::Error;
use crate::extension::{Elements, Extensions};

/// Bytes of an RTP header without CSRCs and extension.
pub const HEADER_LEN: usize = 12;

/// The fields of an RTP header that a sender chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Header {
    /// The marker bit: the last packet of a video frame, or the first packet of a talk spurt.
    pub marker: bool,
    /// Payload type, 7 bits.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp in ticks of the payload's clock.
    pub timestamp: u32,
    /// The synchronisation source (SSRC).
    pub ssrc: u32,
}

impl Header {
    /// Writes the header and the extensions that `map` has identifiers for. The payload follows directly.
    ///
    /// # Errors
    /// [`Error::NoRoom`].
    pub fn write(&self, map: &ExtensionMap, extensions: &Extensions<'_>, w: &mut Writer<'_>) -> Result<(), Error> {
        let layout = extensions.layout(map);
        let second = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        let fixed = w.reserve(HEADER_LEN)?.first_chunk_mut::<HEADER_LEN>().ok_or(Error::NoRoom)?;
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [c0, c1, c2, c3] = self.ssrc.to_be_bytes();
        *fixed = [if layout.size > 0 { 0x90 } else { 0x80 }, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3];
        extensions.write_as(layout, map, w)
    }
}

/// A received RTP packet: a view of its datagram.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Packet<'a> {
    /// The fixed fields.
    pub header: Header,
    /// The payload without padding.
    pub payload: &'a [u8],
    /// The bytes of padding after the payload.
    pub padding: u8,
    /// The bytes in front of the payload: header, CSRCs and extension.
    pub header_len: usize,
    csrcs: &'a [u8],
    extension: Option<(u16, &'a [u8])>,
    datagram: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads a whole datagram.
    ///
    /// # Errors
    /// [`Error::Truncated`], [`Error::Version`], [`Error::Padding`].
    pub fn parse(datagram: &'a [u8]) -> Result<Self, Error> {
        let mut r = Reader::new(datagram);
        let (first, second) = (r.u8()?, r.u8()?);
        if first >> 6 != 2 {
            return Err(Error::Version);
        }
        let header = Header {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: r.u16()?,
            timestamp: r.u32()?,
            ssrc: r.u32()?,
        };
        let csrcs = r.take(usize::from(first & 0x0f).saturating_mul(4))?;
        let extension = if first & 0x10 == 0 {
            None
        } else {
            let (profile, words) = (r.u16()?, r.u16()?);
            Some((profile, r.take(usize::from(words).saturating_mul(4))?))
        };
        let rest = r.rest();
        let header_len = datagram.len().saturating_sub(rest.len());
        let padding = if first & 0x20 == 0 { 0 } else { rest.last().copied().ok_or(Error::Padding)? };
        if first & 0x20 != 0 && padding == 0 {
            return Err(Error::Padding);
        }
        let end = rest.len().checked_sub(usize::from(padding)).ok_or(Error::Padding)?;
        let payload = rest.get(..end).ok_or(Error::Padding)?;
        Ok(Self { header, payload, padding, header_len, csrcs, extension, datagram })
    }

    /// The whole packet as it was received.
    #[must_use]
    pub const fn datagram(&self) -> &'a [u8] {
        self.datagram
    }

    /// The contributing sources.
    pub fn csrcs(&self) -> impl Iterator<Item = u32> + 'a {
        self.csrcs.as_chunks::<4>().0.iter().map(|c| u32::from_be_bytes(*c))
    }

    /// The "defined by profile" field of the extension, and its bytes.
    #[must_use]
    pub const fn raw_extension(&self) -> Option<(u16, &'a [u8])> {
        self.extension
    }

    /// The elements of a one- or two-byte header extension: (identifier, value).
    #[must_use]
    pub fn elements(&self) -> Elements<'a> {
        Elements::new(self.extension)
    }

    /// The values of the extensions that `map` has identifiers for.
    #[must_use]
    pub fn extensions(&self, map: &ExtensionMap) -> Extensions<'a> {
        Extensions::read(map, self.elements())
    }
}

/// Whether a datagram of an RTP session is RTCP: payload types 192–223 belong to it (RFC 5761 §4).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [_, 192..=223, ..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_header_is_read_back() {
        let header =
            Header { marker: true, payload_type: 102, sequence: 65_535, timestamp: 0xdead_beef, ssrc: 0x0102_0304 };
        let mut room = [0; 64];
        let mut w = Writer::new(&mut room);
        header.write(&ExtensionMap::new(), &Extensions::default(), &mut w).unwrap();
        w.put(b"payload").unwrap();
        let p = Packet::parse(w.written()).unwrap();
        assert_eq!(p.header, header);
        assert_eq!(p.payload, b"payload");
        assert_eq!(p.header_len, HEADER_LEN);
        assert_eq!(p.elements().count(), 0);
    }

    #[test]
    fn padding_and_csrcs_are_left_out_of_the_payload() {
        let mut d = std::vec![0xa2, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        d.extend([0, 0, 0, 7, 0, 0, 0, 8]);
        d.extend([b'x', b'y', 0, 0, 3]);
        let p = Packet::parse(&d).unwrap();
        assert_eq!(p.csrcs().collect::<std::vec::Vec<_>>(), [7, 8]);
        assert_eq!((p.payload, p.padding), (&b"xy"[..], 3));
        for bad in [0u8, 6] {
            *d.last_mut().unwrap() = bad;
            assert_eq!(Packet::parse(&d).unwrap_err(), Error::Padding);
        }
    }

    #[test]
    fn every_truncation_is_an_error_and_not_a_panic() {
        let d = [0x91, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 9, 0xbe, 0xde, 0, 1, 0x10, 7, 0, 0];
        assert!(Packet::parse(&d).is_ok());
        for n in 0..d.len() {
            assert_eq!(Packet::parse(&d[..n]).unwrap_err(), Error::Truncated, "{n}");
        }
        assert_eq!(Packet::parse(&[0x40; 20]).unwrap_err(), Error::Version);
    }

    #[test]
    fn rtcp_is_told_by_its_second_byte() {
        assert!(is_rtcp(&[0x80, 200]) && is_rtcp(&[0x80, 207]));
        assert!(!is_rtcp(&[0x80, 96]) && !is_rtcp(&[0x80, 0xe0]) && !is_rtcp(&[0x80]));
    }
}
