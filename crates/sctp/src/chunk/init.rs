//! INIT and INIT ACK.

use barertc_wire::{NoRoom, Reader, Truncated, Writer};

use crate::chunk::tlv::{Params, begin, begin_param, end, end_both, kind};

/// Parameter types of INIT and INIT ACK (RFC 9260 §3.3.2, §3.3.3).
mod param {
    pub(super) const IPV4: u16 = 5;
    pub(super) const IPV6: u16 = 6;
    pub(super) const UNRECOGNIZED: u16 = 8;
    pub(super) const COOKIE_PRESERVATIVE: u16 = 9;
    pub(super) const HOST_NAME: u16 = 11;
    pub(super) const ADDRESS_TYPES: u16 = 12;
    pub(super) const COOKIE: u16 = 7;
    pub(super) const SUPPORTED_EXTENSIONS: u16 = 0x8008;
    pub(super) const ZERO_CHECKSUM: u16 = 0x8001;
    pub(super) const FORWARD_TSN: u16 = 0xC000;
}

/// The error detection method of RFC 9653 that SCTP over DTLS uses.
const METHOD_DTLS: u32 = 1;

/// Bits of a type that is not known: whether the parameters behind it are read, and whether the sender is told.
const STOP: u16 = 0x8000;
const REPORT: u16 = 0x4000;

const fn is_unknown(kind: u16) -> bool {
    use param::*;
    !matches!(
        kind,
        IPV4 | IPV6
            | COOKIE
            | UNRECOGNIZED
            | COOKIE_PRESERVATIVE
            | HOST_NAME
            | ADDRESS_TYPES
            | SUPPORTED_EXTENSIONS
            | ZERO_CHECKSUM
            | FORWARD_TSN
    )
}

/// What an end point can do beyond RFC 9260, as INIT and INIT ACK announce it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// FORWARD-TSN (RFC 3758).
    pub partial_reliability: bool,
    /// RE-CONFIG (RFC 6525).
    pub reconfig: bool,
    /// I-DATA and I-FORWARD-TSN (RFC 8260).
    pub interleaving: bool,
    /// Packets without a checksum are accepted, since DTLS is below (RFC 9653).
    pub zero_checksum: bool,
}

/// INIT and INIT ACK (RFC 9260 §3.3.2, §3.3.3).
///
/// ```text
/// | initiate tag (4) | a_rwnd (4) | outbound streams (2) | inbound streams (2) | initial TSN (4) | parameters … |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Init<'a> {
    /// The tag that packets to the sender must carry; never zero.
    pub tag: u32,
    /// The sender's receive window in bytes.
    pub window: u32,
    /// Streams the sender would like to use.
    pub outbound: u16,
    /// Streams the sender allows.
    pub inbound: u16,
    /// The first TSN the sender will use.
    pub tsn: u32,
    /// Extensions.
    pub capabilities: Capabilities,
    /// The state cookie, of an INIT ACK.
    pub cookie: Option<&'a [u8]>,
    /// Every parameter, as it came.
    pub params: &'a [u8],
}

impl<'a> Init<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Truncated> {
        let mut r = Reader::new(value);
        let mut init = Self {
            tag: r.u32()?,
            window: r.u32()?,
            outbound: r.u16()?,
            inbound: r.u16()?,
            tsn: r.u32()?,
            capabilities: Capabilities::default(),
            cookie: None,
            params: r.rest(),
        };
        for p in Params::new(r.rest()) {
            let (kind, value) = p?;
            if is_unknown(kind) && kind & STOP == 0 {
                break;
            }
            let c = &mut init.capabilities;
            match kind {
                param::COOKIE => init.cookie = Some(value),
                param::FORWARD_TSN => c.partial_reliability = true,
                param::ZERO_CHECKSUM => c.zero_checksum = Reader::new(value).u32()? == METHOD_DTLS,
                param::SUPPORTED_EXTENSIONS => {
                    c.reconfig |= value.contains(&kind::RE_CONFIG);
                    c.partial_reliability |= value.contains(&kind::FORWARD_TSN);
                    // RFC 8260 §2.2.1: with partial reliability both chunk types are listed.
                    c.interleaving |= value.contains(&kind::I_DATA);
                }
                _ => {}
            }
        }
        Ok(init)
    }

    /// The parameters that are not known here and of which the sender is to be told (RFC 9260 §3.2.1): type and value.
    pub(crate) fn unrecognized(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        let mut stopped = false;
        Params::new(self.params)
            .map_while(Result::ok)
            .filter(|(kind, _)| is_unknown(*kind))
            .take_while(move |(kind, _)| !core::mem::replace(&mut stopped, kind & STOP == 0))
            .filter(|(kind, _)| kind & REPORT != 0)
    }

    /// Starts an Unrecognized Parameter, which tells the peer of one: what goes before its value, which has `len` bytes.
    pub(crate) const fn unrecognized_header(kind: u16, len: u16) -> [u8; 8] {
        let [outer, inner] = [len.saturating_add(8).to_be_bytes(), len.saturating_add(4).to_be_bytes()];
        let [a, b] = kind.to_be_bytes();
        [0, param::UNRECOGNIZED as u8, outer[0], outer[1], a, b, inner[0], inner[1]]
    }

    /// Writes INIT, or INIT ACK when there is a cookie. `fill` writes `extra` bytes of whole, padded parameters.
    pub(crate) fn write(&self, w: &mut Writer<'_>, extra: usize, fill: impl FnOnce(&mut [u8])) -> Result<(), NoRoom> {
        let at = begin(w, if self.cookie.is_some() { kind::INIT_ACK } else { kind::INIT }, 0)?;
        w.u32(self.tag)?;
        w.u32(self.window)?;
        w.u16(self.outbound)?;
        w.u16(self.inbound)?;
        w.u32(self.tsn)?;
        if let Some(cookie) = self.cookie {
            let p = begin_param(w, param::COOKIE)?;
            w.put(cookie)?;
            end(w, p)?;
        }
        fill(w.reserve(extra)?);
        let c = self.capabilities;
        if c.partial_reliability {
            let p = begin_param(w, param::FORWARD_TSN)?;
            end(w, p)?;
        }
        if c.zero_checksum {
            let p = begin_param(w, param::ZERO_CHECKSUM)?;
            w.u32(METHOD_DTLS)?;
            end(w, p)?;
        }
        let p = begin_param(w, param::SUPPORTED_EXTENSIONS)?;
        for (on, kind) in [
            (c.reconfig, kind::RE_CONFIG),
            (c.partial_reliability, kind::FORWARD_TSN),
            (c.interleaving, kind::I_DATA),
            (c.interleaving && c.partial_reliability, kind::I_FORWARD_TSN),
        ] {
            if on {
                w.u8(kind)?;
            }
        }
        end_both(w, at, p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn init_and_init_ack_come_back_as_written() {
        for cookie in [None, Some(&[9u8; 33][..])] {
            for bits in 0..16 {
                let capabilities = Capabilities {
                    partial_reliability: bits & 1 != 0,
                    reconfig: bits & 2 != 0,
                    interleaving: bits & 4 != 0,
                    zero_checksum: bits & 8 != 0,
                };
                let init =
                    Init { tag: 1, window: 2, outbound: 3, inbound: 4, tsn: 5, capabilities, cookie, params: &[] };
                let mut room = [0u8; 128];
                let mut w = Writer::new(&mut room);
                init.write(&mut w, 0, |_| {}).unwrap();
                let is_ack = w.written().first() == Some(&kind::INIT_ACK);
                let got = Init::parse(w.written().get(4..).unwrap()).unwrap();
                assert_eq!(is_ack, cookie.is_some());
                assert_eq!(Init { params: &[], ..got }, init);
            }
        }
    }

    #[test]
    fn the_two_high_bits_of_an_unknown_parameter_say_what_to_do() {
        // Unknown, FORWARD-TSN behind it: 00 and 01 stop, 01 and 11 are reported.
        for (kind, goes_on, reported) in
            [(0x3F00u16, false, false), (0x7F00, false, true), (0x9F00, true, false), (0xFF00, true, true)]
        {
            let [a, b] = kind.to_be_bytes();
            let value =
                [&[0, 0, 0, 1, 0, 0, 0, 2, 0, 3, 0, 4, 0, 0, 0, 5, a, b, 0, 5, 9, 0, 0, 0][..], &[0xC0, 0, 0, 4]]
                    .concat();
            let init = Init::parse(&value).unwrap();
            assert_eq!(init.capabilities.partial_reliability, goes_on, "{kind:x}");
            assert_eq!(init.unrecognized().next(), reported.then_some((kind, &[9u8][..])), "{kind:x}");
        }
    }
}
