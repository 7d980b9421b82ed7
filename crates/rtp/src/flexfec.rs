//! Repair packets: FlexFEC as in draft-ietf-payload-flexible-fec-scheme-03, which libwebrtc reads. RFC 8627 has another
//! layout.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |R|F|P|X|  CC   |M| PT recovery |         length recovery       |
//! |                          TS recovery                          |
//! |   SSRCCount   |                    reserved                   |
//! |                             SSRC_i                            |
//! |           SN base_i           |k|          Mask [0-14]        |
//! |k|                   Mask [15-45] (optional)                   |
//! |k|                   Mask [46-108] (optional)                  |
//! |                                                               |
//! ```
//!
//! A set k ends the mask. A repair packet protects each packet without its sequence number and its source. Extensions
//! whose values change on the way to the network count as zero ([`Recovery::add`]).

use core::ops::Range;

use barertc_wire::{Extension, ExtensionMap, Reader, Writer};

use crate::error::Error;
use crate::header::{HEADER_LEN, Packet};

/// How many consecutive packets a repair packet can cover.
pub const MAX_REPAIR_SPAN: usize = 109;
/// The size in bytes of a repair header that covers packets among the first 46. A header for packets among the first 15
/// has 20 bytes.
pub const REPAIR_HEADER_LEN: usize = 24;

/// Which packets a repair packet protects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RepairHeader {
    /// The SSRC of the protected packets.
    pub ssrc: u32,
    /// The sequence number that bit 0 of the mask stands for.
    pub base: u16,
    /// The mask of protected packets. Bit `n` stands for the packet `base + n`. It has [`MAX_REPAIR_SPAN`] bits.
    pub mask: u128,
}

/// The XOR of the headers of packets. The XOR of their bodies, which is everything after the first twelve bytes, is
/// kept by the caller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Recovery {
    /// Padding, extension and CSRC count; marker and payload type.
    flags: [u8; 2],
    length: u16,
    timestamp: u32,
    /// Bytes of the longest body.
    len: usize,
}

impl Recovery {
    /// No packet.
    #[must_use]
    pub const fn new() -> Self {
        Self { flags: [0; 2], length: 0, timestamp: 0, len: 0 }
    }

    /// The length of the longest body in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing was added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds a packet, or removes one that was added. Its body is XORed into `body`, which begins as zeros.
    ///
    /// The transport-wide sequence number and the send time count as zeros, because libwebrtc writes them after it has
    /// made the repair packets. `map` tells where they are.
    ///
    /// # Errors
    /// [`Error::NoRoom`] when `body` is shorter than the body of the packet; nothing has changed then. The errors of
    /// [`Packet::parse`].
    pub fn add(&mut self, datagram: &[u8], map: &ExtensionMap, body: &mut [u8]) -> Result<(), Error> {
        let packet = Packet::parse(datagram)?;
        let (head, from) = datagram.split_first_chunk::<HEADER_LEN>().ok_or(Error::Truncated)?;
        let to = body.get_mut(..from.len()).ok_or(Error::NoRoom)?;
        let length = u16::try_from(from.len()).map_err(|_| Error::NoRoom)?;
        xor(to, from);
        for range in mutable(&packet, map) {
            if let (Some(to), Some(from)) = (to.get_mut(range.clone()), from.get(range)) {
                xor(to, from);
            }
        }
        let [first, second, ..] = *head;
        // Without the version (RFC 5109 §7.3, and §6.2 of the draft).
        self.flags = [self.flags[0] ^ (first & 0x3f), self.flags[1] ^ second];
        self.length ^= length;
        self.timestamp ^= packet.header.timestamp;
        self.len = self.len.max(from.len());
        Ok(())
    }

    /// Writes the payload of a repair packet.
    ///
    /// # Errors
    /// [`Error::NoRoom`]; [`Error::Malformed`] for a mask that no header can express.
    pub fn write(&self, header: &RepairHeader, body: &[u8], w: &mut Writer<'_>) -> Result<(), Error> {
        if header.mask >> MAX_REPAIR_SPAN != 0 {
            return Err(Error::Malformed);
        }
        w.u8(self.flags[0])?;
        w.u8(self.flags[1])?;
        w.u16(self.length)?;
        w.u32(self.timestamp)?;
        w.u32(1 << 24)?; // one source
        w.u32(header.ssrc)?;
        w.u16(header.base)?;
        // The first packet is the highest bit on the wire.
        let part = |from: u32, bits: u32| {
            header.mask.unbounded_shr(from).reverse_bits().unbounded_shr(128u32.saturating_sub(bits)) as u64
        };
        let last = header.mask >> 15 == 0;
        w.u16((u16::from(last) << 15) | (part(0, 15) & 0x7fff) as u16)?;
        if !last {
            let last = header.mask >> 46 == 0;
            w.u32((u32::from(last) << 31) | (part(15, 31) & 0x7fff_ffff) as u32)?;
            if !last {
                w.u64((1 << 63) | (part(46, 63) & (u64::MAX >> 1)))?;
            }
        }
        Ok(w.put(body.get(..self.len).ok_or(Error::NoRoom)?)?)
    }

    /// Reads the payload of a repair packet: the packets that it protects, the XOR of their headers, and the XOR of
    /// their bodies.
    ///
    /// # Errors
    /// [`Error::Truncated`]; [`Error::Malformed`] for retransmissions, fixed masks, several sources and an empty mask.
    pub fn read(payload: &[u8]) -> Result<(RepairHeader, Self, &[u8]), Error> {
        let mut r = Reader::new(payload);
        let flags = [r.u8()?, r.u8()?];
        let (length, timestamp) = (r.u16()?, r.u32()?);
        let (sources, ssrc, base) = (r.u32()? >> 24, r.u32()?, r.u16()?);
        if flags[0] & 0xc0 != 0 || sources != 1 {
            return Err(Error::Malformed);
        }
        let first = r.u16()?;
        let bits = |part: u64, bits: u32| u128::from(part.reverse_bits().unbounded_shr(64u32.saturating_sub(bits)));
        let mut mask = bits(u64::from(first & 0x7fff), 15);
        if first & 0x8000 == 0 {
            let second = r.u32()?;
            mask |= bits(u64::from(second & 0x7fff_ffff), 31) << 15;
            if second & 0x8000_0000 == 0 {
                let third = (u64::from(r.u32()?) << 32) | u64::from(r.u32()?);
                if third & (1 << 63) == 0 {
                    return Err(Error::Malformed);
                }
                mask |= bits(third & (u64::MAX >> 1), 63) << 46;
            }
        }
        if mask == 0 {
            return Err(Error::Malformed);
        }
        let body = r.rest();
        Ok((RepairHeader { ssrc, base, mask }, Self { flags, length, timestamp, len: body.len() }, body))
    }

    /// Writes the one protected packet that was not removed into `out`, and returns its length. All other protected
    /// packets must have been removed with [`add`](Self::add).
    ///
    /// # Errors
    /// [`Error::Malformed`] when the packet is longer than `body`; [`Error::NoRoom`].
    pub fn rebuild(&self, ssrc: u32, sequence: u16, body: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let body = body.get(..usize::from(self.length)).ok_or(Error::Malformed)?;
        let mut w = Writer::new(out);
        w.u8(0x80 | (self.flags[0] & 0x3f))?;
        w.u8(self.flags[1])?;
        w.u16(sequence)?;
        w.u32(self.timestamp)?;
        w.u32(ssrc)?;
        w.put(body)?;
        Ok(w.len())
    }
}

fn xor(to: &mut [u8], from: &[u8]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to ^= from;
    }
}

/// Where in the body of a packet there are values that count as zeros.
fn mutable<'p>(packet: &Packet<'p>, map: &ExtensionMap) -> impl Iterator<Item = Range<usize>> + use<'p> {
    let ids = [Extension::TransportSequence, Extension::AbsSendTime].map(|extension| map.id(extension));
    let len = packet.raw_extension().map_or(0, |(_, data)| data.len());
    let end = packet.header_len.saturating_sub(HEADER_LEN);
    let mut elements = packet.elements();
    core::iter::from_fn(move || {
        loop {
            let (id, value) = elements.next()?;
            if ids.contains(&Some(id)) {
                let to = end.saturating_sub(elements.remaining().min(len));
                return Some(to.saturating_sub(value.len())..to);
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extension::Extensions;
    use crate::header::Header;
    use std::vec::Vec;

    fn map() -> ExtensionMap {
        ExtensionMap::new()
            .with(Extension::Mid, 1)
            .with(Extension::TransportSequence, 2)
            .with(Extension::AbsSendTime, 3)
    }

    fn packet(sequence: u16, len: usize, marker: bool) -> Vec<u8> {
        let mut out = [0; 1_500];
        let mut w = Writer::new(&mut out);
        let header = Header { marker, payload_type: 102, sequence, timestamp: 90 * u32::from(sequence / 4), ssrc: 7 };
        let extensions = Extensions {
            mid: Some(b"0"),
            transport_sequence: Some(sequence ^ 0x5555),
            abs_send_time: Some(u32::from(sequence) * 77),
            ..Extensions::default()
        };
        header.write(&map(), &extensions, &mut w).unwrap();
        for i in 0..len {
            w.u8((i * 7 + usize::from(sequence)) as u8).unwrap();
        }
        w.written().to_vec()
    }

    /// The packet with zeros where values change.
    fn zeroed(mut packet: Vec<u8>) -> Vec<u8> {
        // Header 12, extension header 4, mid 2, then three bytes behind one and two behind one.
        packet[19..22].fill(0);
        packet[23..25].fill(0);
        packet
    }

    #[test]
    fn any_one_of_the_protected_packets_comes_back() {
        let packets: Vec<_> =
            [(65_534, 900), (65_535, 11), (0, 1_100), (1, 400)].map(|(n, len)| packet(n, len, n == 1)).into();
        let (mut sum, mut body) = (Recovery::new(), [0; 1_500]);
        for one in &packets {
            sum.add(one, &map(), &mut body).unwrap();
        }
        let header = RepairHeader { ssrc: 7, base: 65_534, mask: 0b1111 };
        let mut payload = [0; 1_500];
        let mut w = Writer::new(&mut payload);
        sum.write(&header, &body, &mut w).unwrap();
        // A short mask: k and the four first bits.
        assert_eq!(
            (w.written()[16..20].to_vec(), w.len()),
            ([0xff, 0xfe, 0xf8, 0].to_vec(), 20 + packets[2].len() - 12)
        );
        for lost in 0..4 {
            let (read, mut rest, body) = Recovery::read(w.written()).unwrap();
            assert_eq!(read, header);
            let mut body = body.to_vec();
            for (_, other) in packets.iter().enumerate().filter(|(n, _)| *n != lost) {
                rest.add(other, &map(), &mut body).unwrap();
            }
            let mut out = [0; 1_500];
            let len = rest.rebuild(7, 65_534u16.wrapping_add(lost as u16), &body, &mut out).unwrap();
            assert_eq!(out[..len], zeroed(packets[lost].clone()), "{lost}");
        }
    }

    #[test]
    fn values_that_change_on_the_way_do_not_matter() {
        let one = packet(5, 50, true);
        let mut other = one.clone();
        other[19] ^= 0xff;
        other[24] ^= 0xff;
        let sum = |packet: &[u8]| {
            let (mut sum, mut body) = (Recovery::new(), [0; 100]);
            sum.add(packet, &map(), &mut body).unwrap();
            (sum, body)
        };
        assert_eq!(sum(&one), sum(&other));
        // The name of the m-line does.
        other[17] ^= 0xff;
        assert_ne!(sum(&one), sum(&other));
    }

    #[test]
    fn masks_of_every_length_are_read_back() {
        let all = (1u128 << MAX_REPAIR_SPAN) - 1;
        for (mask, len) in
            [(1, 20), (1 << 14, 20), (1 << 15, 24), (1 << 45 | 1, 24), (1 << 46, 32), (1 << 108, 32), (all, 32)]
        {
            let header = RepairHeader { ssrc: 9, base: 1, mask };
            let mut out = [0; 40];
            let mut w = Writer::new(&mut out);
            Recovery::new().write(&header, &[], &mut w).unwrap();
            assert_eq!(w.len(), len, "{mask:x}");
            assert_eq!(Recovery::read(w.written()).unwrap().0, header, "{mask:x}");
            for short in 0..len {
                assert_eq!(Recovery::read(&w.written()[..short]).map(|_| ()), Err(Error::Truncated), "{short}");
            }
        }
        let far = RepairHeader { ssrc: 9, base: 1, mask: 1 << 109 };
        assert_eq!(Recovery::new().write(&far, &[], &mut Writer::new(&mut [0; 40])), Err(Error::Malformed));
    }

    #[test]
    fn what_lies_is_refused() {
        let mut payload = [0; 30];
        payload[8] = 1;
        payload[18] = 0x80;
        assert_eq!(Recovery::read(&payload).map(|_| ()), Err(Error::Malformed), "protects nothing");
        payload[19] = 1;
        let (_, sum, body) = Recovery::read(&payload).unwrap();
        assert_eq!((body.len(), sum.rebuild(1, 2, body, &mut [0; 12])), (10, Ok(12)));
        for (at, value) in [(0, 0x80), (0, 0x40), (8, 0), (8, 2)] {
            let mut bad = payload;
            bad[at] = value;
            assert_eq!(Recovery::read(&bad).map(|_| ()), Err(Error::Malformed), "{at}");
        }
        payload[3] = 11; // longer than there is
        let (_, sum, body) = Recovery::read(&payload).unwrap();
        assert_eq!(sum.rebuild(1, 2, body, &mut [0; 100]), Err(Error::Malformed));
    }
}
