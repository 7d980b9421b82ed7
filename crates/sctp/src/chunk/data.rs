//! DATA and I-DATA.

use barertc_wire::{NoRoom, Reader, Truncated, Writer};

use crate::chunk::tlv::kind;
use crate::serial::Tsn;

/// Bytes before the payload of a DATA chunk.
pub const DATA_HEADER: usize = 16;
/// Bytes before the payload of an I-DATA chunk.
pub const I_DATA_HEADER: usize = 20;

const END: u8 = 1;
const BEGIN: u8 = 2;
const UNORDERED: u8 = 4;
const IMMEDIATE: u8 = 8;

/// A fragment of a message: DATA (RFC 9260 §3.3.1) or I-DATA (RFC 8260 §2.1).
///
/// ```text
/// DATA    | TSN (4) | stream (2) | stream sequence (2) | payload protocol (4) | payload … |
/// I-DATA  | TSN (4) | stream (2) | reserved (2) | message (4) | payload protocol if B, else fragment (4) | payload … |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Data<'a> {
    /// Whether it came as I-DATA.
    pub interleaved: bool,
    /// First fragment of its message.
    pub begin: bool,
    /// Last fragment of its message.
    pub end: bool,
    /// Delivered without regard to the order of messages.
    pub unordered: bool,
    /// The sender would like a SACK at once (RFC 9260 §3.3.1, I bit).
    pub immediate: bool,
    /// The fragment's number in the association.
    pub tsn: Tsn,
    /// The stream.
    pub stream: u16,
    /// The message's number in the stream: 16 bits with DATA (and no meaning when unordered), 32 with I-DATA.
    pub message: u32,
    /// The fragment's number in its message; for DATA it is the TSN.
    pub fragment: u32,
    /// Payload protocol identifier; with I-DATA only the first fragment carries it.
    pub protocol: u32,
    /// The payload.
    pub payload: &'a [u8],
}

impl<'a> Data<'a> {
    pub(super) fn parse(flags: u8, value: &'a [u8], interleaved: bool) -> Result<Self, Truncated> {
        let mut r = Reader::new(value);
        let (tsn, stream) = (r.u32()?, r.u16()?);
        let begin = flags & BEGIN != 0;
        let (message, fragment, protocol);
        if interleaved {
            r.skip(2)?;
            message = r.u32()?;
            let field = r.u32()?;
            (fragment, protocol) = if begin { (0, field) } else { (field, 0) };
        } else {
            message = u32::from(r.u16()?);
            fragment = tsn;
            protocol = r.u32()?;
        }
        Ok(Self {
            interleaved,
            begin,
            end: flags & END != 0,
            unordered: flags & UNORDERED != 0,
            immediate: flags & IMMEDIATE != 0,
            tsn: Tsn(tsn),
            stream,
            message,
            fragment,
            protocol,
            payload: r.rest(),
        })
    }

    /// Bytes before the payload.
    #[must_use]
    pub const fn header_len(interleaved: bool) -> usize {
        if interleaved { I_DATA_HEADER } else { DATA_HEADER }
    }

    /// Writes everything before the payload; `payload` is ignored but for `len`, its length.
    pub(crate) fn write_header(&self, w: &mut Writer<'_>, len: usize) -> Result<(), NoRoom> {
        let flag = |on, bit| if on { bit } else { 0 };
        let flags = flag(self.end, END)
            | flag(self.begin, BEGIN)
            | flag(self.unordered, UNORDERED)
            | flag(self.immediate, IMMEDIATE);
        let total = u16::try_from(len.saturating_add(Self::header_len(self.interleaved))).map_err(|_| NoRoom)?;
        w.u8(if self.interleaved { kind::I_DATA } else { kind::DATA })?;
        w.u8(flags)?;
        w.u16(total)?;
        w.u32(self.tsn.0)?;
        w.u16(self.stream)?;
        if self.interleaved {
            w.u16(0)?;
            w.u32(self.message)?;
            w.u32(if self.begin { self.protocol } else { self.fragment })
        } else {
            let [_, _, a, b] = self.message.to_be_bytes();
            w.put(&[a, b])?;
            w.u32(self.protocol)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_come_back_as_written() {
        for interleaved in [false, true] {
            for begin in [false, true] {
                let data = Data {
                    interleaved,
                    begin,
                    end: !begin,
                    unordered: begin,
                    immediate: !begin,
                    tsn: Tsn(0xFFFF_FFFE),
                    stream: 65_534,
                    message: if interleaved { 0x1_2345 } else { 0x2345 },
                    fragment: if !interleaved {
                        0xFFFF_FFFE
                    } else if begin {
                        0
                    } else {
                        7
                    },
                    protocol: if interleaved && !begin { 0 } else { 53 },
                    payload: b"hello",
                };
                let mut room = [0u8; 64];
                let mut w = Writer::new(&mut room);
                data.write_header(&mut w, 5).unwrap();
                w.put(b"hello").unwrap();
                let [kind, flags, _, len, value @ ..] = w.written() else { panic!() };
                assert_eq!((*kind == kind::I_DATA, usize::from(*len)), (interleaved, value.len() + 4));
                assert_eq!(Data::parse(*flags, value, interleaved), Ok(data));
            }
        }
    }
}
