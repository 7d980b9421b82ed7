//! The header before every packet, both ways.

use barertc_wire::{NoRoom, Reader, Truncated};

/// Bytes of a header.
pub(crate) const LEN: usize = 12;

/// More fragments of the message follow.
pub(crate) const MORE_FRAGMENTS: u8 = 1;

/// What a packet belongs to, by the numbers of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Interface {
    Station,
    AccessPoint,
    Serial,
    Hci,
    Private,
    Test,
    Ethernet,
    /// Sent where something has to be sent: SPI has no other way to receive.
    Dummy,
    Unknown,
}

impl Interface {
    fn from_number(number: u8) -> Self {
        match number & 0x0F {
            1 => Self::Station,
            2 => Self::AccessPoint,
            3 => Self::Serial,
            4 => Self::Hci,
            5 => Self::Private,
            6 => Self::Test,
            7 => Self::Ethernet,
            8 => Self::Dummy,
            _ => Self::Unknown,
        }
    }

    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Station => 1,
            Self::AccessPoint => 2,
            Self::Serial => 3,
            Self::Hci => 4,
            Self::Private => 5,
            Self::Test => 6,
            Self::Ethernet => 7,
            Self::Dummy => 8,
            Self::Unknown => 0,
        }
    }
}

/// A header, all fields little-endian on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub(crate) interface: Interface,
    pub(crate) flags: u8,
    /// Bytes of payload.
    pub(crate) len: u16,
    /// Where the payload starts.
    pub(crate) offset: u16,
    pub(crate) checksum: u16,
    pub(crate) sequence: u16,
    /// 1 asks for a pause, 0 and 2 end it; on SPI only.
    pub(crate) throttle: u8,
    /// The kind of private packet.
    pub(crate) kind: u8,
}

impl Header {
    /// The header of a packet of ours.
    pub(crate) fn new(interface: Interface, len: u16) -> Self {
        Self { interface, flags: 0, len, offset: LEN as u16, checksum: 0, sequence: 0, throttle: 0, kind: 0 }
    }

    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Truncated> {
        let mut r = Reader::new(bytes);
        Ok(Self {
            interface: Interface::from_number(r.u8()?),
            flags: r.u8()?,
            len: r.u16()?.swap_bytes(),
            offset: r.u16()?.swap_bytes(),
            checksum: r.u16()?.swap_bytes(),
            sequence: r.u16()?.swap_bytes(),
            throttle: r.u8()? & 3,
            kind: r.u8()?,
        })
    }

    /// Writes the header before the payload that is there already, with the checksum if asked for.
    pub(crate) fn write(&self, packet: &mut [u8], checksum: bool) -> Result<(), NoRoom> {
        let head = packet.get_mut(..LEN).ok_or(NoRoom)?;
        let mut w = barertc_wire::Writer::new(head);
        w.u8(self.interface.number())?;
        w.u8(self.flags)?;
        for field in [self.len, self.offset, 0, self.sequence] {
            w.u16(field.swap_bytes())?;
        }
        w.u8(self.throttle)?;
        w.u8(self.kind)?;
        if checksum {
            let end = usize::from(self.len).saturating_add(LEN);
            let sum = sum(packet.get(..end).ok_or(NoRoom)?);
            packet.get_mut(6..8).ok_or(NoRoom)?.copy_from_slice(&sum.to_le_bytes());
        }
        Ok(())
    }
}

/// The sum of all bytes.
fn sum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |sum: u16, byte| sum.wrapping_add(u16::from(*byte)))
}

/// Whether the checksum of a packet (header and payload) is right.
pub(crate) fn is_intact(header: &Header, packet: &[u8]) -> bool {
    let [low, high] = header.checksum.to_le_bytes();
    // The field counts as zero.
    sum(packet).wrapping_sub(u16::from(low)).wrapping_sub(u16::from(high)) == header.checksum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut packet = [0xAA; 20];
        let header = Header { sequence: 0x1234, flags: MORE_FRAGMENTS, ..Header::new(Interface::Serial, 8) };
        header.write(&mut packet, true).expect("room");
        assert_eq!(packet[..6], [3, 1, 8, 0, 12, 0]);
        let read = Header::parse(&packet).expect("whole");
        assert_eq!(Header { checksum: 0, ..read }, header);
        assert!(is_intact(&read, &packet));
        packet[15] ^= 1;
        assert!(!is_intact(&read, &packet));
        assert!(header.write(&mut packet[..19], true).is_err());
        assert!(Header::parse(&packet[..11]).is_err());
    }
}
