//! Frames of UDP datagrams.
//!
//! Sources: IEEE 802.3, RFC 791, RFC 768.

use std::net::Ipv4Addr;

use crate::dev::checksum;

/// The router, and who it gives an address to.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);
pub const GUEST: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// The router's own address on the wire.
pub const GATEWAY_MAC: [u8; 6] = [0x52, 0x55, 10, 0, 2, 2];

/// A datagram.
pub struct Udp<'a> {
    pub from: (Ipv4Addr, u16),
    pub to: (Ipv4Addr, u16),
    pub payload: &'a [u8],
}

impl<'a> Udp<'a> {
    /// What a frame holds, if it is a datagram in one piece.
    pub fn parse(frame: &'a [u8]) -> Option<Self> {
        let ip = frame.get(14..)?;
        let header = usize::from(ip.first()? & 0xf) * 4;
        let total = usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?]));
        let udp = ip.get(header..total)?;
        let port = |at: usize| Some(u16::from_be_bytes([*udp.get(at)?, *udp.get(at + 1)?]));
        let len = usize::from(port(4)?);
        let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
        Some(Self { from: (address(12)?, port(0)?), to: (address(16)?, port(2)?), payload: udp.get(8..len)? })
    }

    /// The frame that carries it.
    pub fn frame(&self, to: [u8; 6]) -> Vec<u8> {
        let len = self.payload.len() as u16;
        let mut frame = [&to[..], &GATEWAY_MAC, &[8, 0]].concat();
        frame.extend([0x45, 0]);
        frame.extend((28 + len).to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0]);
        frame.extend(self.from.0.octets());
        frame.extend(self.to.0.octets());
        for number in [self.from.1, self.to.1, 8 + len, 0] {
            frame.extend(number.to_be_bytes());
        }
        frame.extend(self.payload);
        checksum::insert(&mut frame);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_comes_back_out_of_its_frame() {
        let datagram = Udp { from: (GATEWAY, 4000), to: (GUEST, 9000), payload: b"hello" };
        let frame = datagram.frame([1; 6]);
        let back = Udp::parse(&frame).expect("a datagram");
        assert_eq!((back.from, back.to, back.payload), (datagram.from, datagram.to, datagram.payload));
        assert_eq!(checksum::verify(&frame), Some(1 << 6), "its checksums are right");
        assert!(Udp::parse(&frame[..40]).is_none());
    }
}
