//! The data channel establishment protocol (RFC 8832 §5).

use barertc_wire::{NoRoom, Reader, Writer};

use crate::channel::Reliability;
use crate::config::OPEN_HEADER;

/// Payload protocol identifiers (RFC 8831 §8).
pub(crate) mod ppid {
    pub(crate) const DCEP: u32 = 50;
    pub(crate) const STRING: u32 = 51;
    pub(crate) const BINARY_PARTIAL: u32 = 52;
    pub(crate) const BINARY: u32 = 53;
    pub(crate) const STRING_PARTIAL: u32 = 54;
    pub(crate) const STRING_EMPTY: u32 = 56;
    pub(crate) const BINARY_EMPTY: u32 = 57;
}

const ACK: u8 = 2;
pub(crate) const OPEN: u8 = 3;

/// A message of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dcep<'a> {
    /// DATA_CHANNEL_OPEN.
    Open(Open<'a>),
    /// DATA_CHANNEL_ACK.
    Ack,
}

/// DATA_CHANNEL_OPEN.
///
/// ```text
/// | type (1) | channel type (1) | priority (2) | reliability (4) | label length (2) | protocol length (2) | label | protocol |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open<'a> {
    /// Messages are delivered in the order they were sent.
    pub ordered: bool,
    /// When messages are given up.
    pub reliability: Reliability,
    /// Weight among the channels.
    pub priority: u16,
    /// Label.
    pub label: &'a str,
    /// Subprotocol.
    pub protocol: &'a str,
}

impl<'a> Dcep<'a> {
    /// Reads a message; `None` when it is malformed.
    #[must_use]
    pub fn parse(message: &'a [u8]) -> Option<Self> {
        let mut r = Reader::new(message);
        match r.u8().ok()? {
            // Old peers pad it; nothing follows the type that could matter.
            ACK => Some(Self::Ack),
            OPEN => {
                let (channel_type, priority, parameter) = (r.u8().ok()?, r.u16().ok()?, r.u32().ok()?);
                let (label, protocol) = (usize::from(r.u16().ok()?), usize::from(r.u16().ok()?));
                let reliability = match channel_type & 0x7F {
                    0 => Reliability::Reliable,
                    1 => Reliability::MaxRetransmits(u16::try_from(parameter).unwrap_or(u16::MAX)),
                    2 => Reliability::MaxLifetime(parameter),
                    _ => return None,
                };
                let label = core::str::from_utf8(r.take(label).ok()?).ok()?;
                let protocol = core::str::from_utf8(r.take(protocol).ok()?).ok()?;
                if !r.is_empty() {
                    return None;
                }
                Some(Self::Open(Open { ordered: channel_type & 0x80 == 0, reliability, priority, label, protocol }))
            }
            _ => None,
        }
    }
}

impl Open<'_> {
    /// Everything before the label.
    pub(crate) fn header(&self) -> Result<[u8; OPEN_HEADER], NoRoom> {
        let (kind, parameter) = match self.reliability {
            Reliability::Reliable => (0, 0),
            Reliability::MaxRetransmits(n) => (1, u32::from(n)),
            Reliability::MaxLifetime(ms) => (2, ms),
        };
        let mut out = [0; OPEN_HEADER];
        let mut w = Writer::new(&mut out);
        w.u8(OPEN)?;
        w.u8(kind | if self.ordered { 0 } else { 0x80 })?;
        w.u16(self.priority)?;
        w.u32(parameter)?;
        w.u16(u16::try_from(self.label.len()).map_err(|_| NoRoom)?)?;
        w.u16(u16::try_from(self.protocol.len()).map_err(|_| NoRoom)?)?;
        Ok(out)
    }
}

/// DATA_CHANNEL_ACK.
pub(crate) const ACK_MESSAGE: [u8; 1] = [ACK];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_type_comes_back_as_written() {
        for ordered in [true, false] {
            for reliability in [Reliability::Reliable, Reliability::MaxRetransmits(0), Reliability::MaxLifetime(70_000)]
            {
                let open = Open { ordered, reliability, priority: 256, label: "größe", protocol: "p" };
                let mut message = open.header().unwrap().to_vec();
                message.extend_from_slice("größep".as_bytes());
                assert_eq!(Dcep::parse(&message), Some(Dcep::Open(open)));
                for cut in 0..message.len() {
                    assert_eq!(Dcep::parse(&message[..cut]), None);
                }
                message.push(0);
                assert_eq!(Dcep::parse(&message), None, "lengths that don't add up");
            }
        }
        assert_eq!(Dcep::parse(&[2]), Some(Dcep::Ack));
        assert_eq!(Dcep::parse(&[3, 0x7F, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(Dcep::parse(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0xFF]), None, "label is not UTF-8");
    }
}
