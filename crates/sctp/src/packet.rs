//! The common header (RFC 9260 §3.1) and its checksum.

use barertc_wire::{NoRoom, Reader, Writer};

use crate::crc::Crc;

/// Length of the common header.
pub const HEADER: usize = 12;

/// A packet whose header is whole; the chunks behind it are not looked at yet.
///
/// ```text
/// | source port (2) | destination port (2) | verification tag (4) | checksum (4, little-endian) | chunks … |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The sender's port.
    pub source: u16,
    /// The receiver's port.
    pub destination: u16,
    /// The tag that the receiver chose; zero before it did.
    pub tag: u32,
    /// Everything after the header.
    pub chunks: &'a [u8],
}

/// Whether a packet's checksum holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// CRC-32C as computed.
    Right,
    /// Zero where the CRC is something else: acceptable when RFC 9653 is in use.
    Zero,
    /// Anything else.
    Wrong,
}

impl<'a> Packet<'a> {
    /// Reads the header; `None` when there is not even one.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let mut r = Reader::new(bytes);
        let (source, destination, tag) = (r.u16().ok()?, r.u16().ok()?, r.u32().ok()?);
        r.skip(4).ok()?;
        Some(Self { source, destination, tag, chunks: r.rest() })
    }

    /// Checks the checksum of a whole packet.
    ///
    /// With `zero_accepted` a zero field is taken as it is, without the pass over the payload that RFC 9653 saves.
    #[must_use]
    pub fn checksum(bytes: &[u8], zero_accepted: bool) -> Checksum {
        let Some((head, rest)) = bytes.split_first_chunk::<8>() else { return Checksum::Wrong };
        let Some((sum, rest)) = rest.split_first_chunk::<4>() else { return Checksum::Wrong };
        if zero_accepted && *sum == [0; 4] {
            return Checksum::Zero;
        }
        if Crc::new().update(head).update(&[0; 4]).update(rest).finish() == *sum {
            Checksum::Right
        } else if *sum == [0; 4] {
            Checksum::Zero
        } else {
            Checksum::Wrong
        }
    }
}

/// Starts a packet: a header whose checksum is still zero.
pub(crate) fn begin(w: &mut Writer<'_>, source: u16, destination: u16, tag: u32) -> Result<(), NoRoom> {
    w.u16(source)?;
    w.u16(destination)?;
    w.u32(tag)?;
    w.u32(0)
}

/// Fills in the checksum of a finished packet.
pub fn seal(packet: &mut [u8]) {
    let sum = Crc::new().update(packet).finish();
    if let Some(field) = packet.get_mut(8..HEADER) {
        field.copy_from_slice(&sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sealed_packets_check_and_changed_ones_do_not() {
        let mut room = [0u8; 20];
        let mut w = Writer::new(&mut room);
        begin(&mut w, 5000, 5001, 0xDEAD_BEEF).unwrap();
        w.put(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        assert_eq!(Packet::checksum(&room, true), Checksum::Zero);
        assert_eq!(Packet::checksum(&room, false), Checksum::Zero);
        seal(&mut room);
        assert_eq!(Packet::checksum(&room, true), Checksum::Right);
        let p = Packet::parse(&room).unwrap();
        assert_eq!((p.source, p.destination, p.tag, p.chunks.len()), (5000, 5001, 0xDEAD_BEEF, 8));
        for bit in 0..room.len() * 8 {
            room[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(Packet::checksum(&room, false), Checksum::Right);
            room[bit / 8] ^= 1 << (bit % 8);
        }
        assert!(Packet::parse(&room[..11]).is_none());
    }
}
