//! Reads what SRTP needs of RTP and RTCP headers.

use barertc_wire::{Reader, Truncated};

/// The fields of an RTP header that SRTP needs (RFC 3550 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rtp {
    pub(crate) ssrc: u32,
    pub(crate) seq: u16,
    /// The length of the header in bytes, with its CSRCs and its extension. SRTP encrypts the bytes behind it.
    pub(crate) len: usize,
}

impl Rtp {
    /// Reads the header of `packet`. The payload may be empty.
    pub(crate) fn parse(packet: &[u8]) -> Result<Self, Truncated> {
        let mut r = Reader::new(packet);
        let first = r.u8()?;
        if first >> 6 != 2 {
            return Err(Truncated);
        }
        r.skip(1)?;
        let seq = r.u16()?;
        r.skip(4)?;
        let ssrc = r.u32()?;
        r.skip(usize::from(first & 0x0f).saturating_mul(4))?;
        if first & 0x10 != 0 {
            r.skip(2)?;
            let words = usize::from(r.u16()?);
            r.skip(words.saturating_mul(4))?;
        }
        Ok(Self { ssrc, seq, len: packet.len().saturating_sub(r.remaining()) })
    }
}

/// The number of bytes of a compound RTCP packet that are not encrypted: the first header and the sender's SSRC.
pub(crate) const RTCP_CLEAR: usize = 8;

/// The SSRC of the sender of a compound RTCP packet (RFC 3711 §3.4).
pub(crate) fn rtcp_ssrc(packet: &[u8]) -> Result<u32, Truncated> {
    let mut r = Reader::new(packet);
    if r.u8()? >> 6 != 2 {
        return Err(Truncated);
    }
    r.skip(3)?;
    r.u32()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csrcs_and_the_extension_belong_to_the_header() {
        let mut packet = std::vec![0x92, 96, 0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 7];
        packet.extend([0; 8]); // two CSRCs
        packet.extend([0xbe, 0xde, 0, 1, 1, 2, 3, 4]); // one word of extension
        packet.extend([9; 5]);
        assert_eq!(Rtp::parse(&packet), Ok(Rtp { ssrc: 7, seq: 0x1234, len: 28 }));
        for cut in 0..28 {
            assert_eq!(Rtp::parse(&packet[..cut]), Err(Truncated));
        }
        packet[0] = 0x52;
        assert_eq!(Rtp::parse(&packet), Err(Truncated));
    }
}
