use barertc_wire::{NoRoom, Reader, Truncated, Writer};

use super::{Params, begin, begin_param, end, end_both, kind};

/// Parameter types of INIT and INIT ACK.
mod param {
    pub(super) const COOKIE: u16 = 7;
    pub(super) const SUPPORTED_EXTENSIONS: u16 = 0x8008;
    pub(super) const ZERO_CHECKSUM: u16 = 0x8001;
    pub(super) const FORWARD_TSN: u16 = 0xC000;
}

/// The error detection method of RFC 9653 that SCTP over DTLS uses.
const METHOD_DTLS: u32 = 1;

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

/// INIT and INIT ACK (RFC 9260 sections 3.3.2 and 3.3.3).
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
            let c = &mut init.capabilities;
            match kind {
                param::COOKIE => init.cookie = Some(value),
                param::FORWARD_TSN => c.partial_reliability = true,
                param::ZERO_CHECKSUM => c.zero_checksum = Reader::new(value).u32()? == METHOD_DTLS,
                param::SUPPORTED_EXTENSIONS => {
                    c.reconfig |= value.contains(&kind::RE_CONFIG);
                    c.partial_reliability |= value.contains(&kind::FORWARD_TSN);
                    // RFC 8260 section 2.2.1: with partial reliability both chunk types are listed.
                    c.interleaving |= value.contains(&kind::I_DATA);
                }
                _ => {}
            }
        }
        Ok(init)
    }
}

/// Writes INIT, or INIT ACK when there is a cookie.
pub(crate) fn write_init(w: &mut Writer<'_>, init: &Init<'_>) -> Result<(), NoRoom> {
    let at = begin(w, if init.cookie.is_some() { kind::INIT_ACK } else { kind::INIT }, 0)?;
    w.u32(init.tag)?;
    w.u32(init.window)?;
    w.u16(init.outbound)?;
    w.u16(init.inbound)?;
    w.u32(init.tsn)?;
    if let Some(cookie) = init.cookie {
        let p = begin_param(w, param::COOKIE)?;
        w.put(cookie)?;
        end(w, p)?;
    }
    let c = init.capabilities;
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

#[cfg(test)]
mod tests {
    use super::super::{Chunk, Chunks};
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
                write_init(&mut w, &init).unwrap();
                let (got, is_ack) = match Chunks::new(w.written()).next() {
                    Some(Ok(Chunk::Init(i))) => (i, false),
                    Some(Ok(Chunk::InitAck(i))) => (i, true),
                    other => panic!("{other:?}"),
                };
                assert_eq!(is_ack, cookie.is_some());
                assert_eq!(Init { params: &[], ..got }, init);
            }
        }
    }
}
