//! FORWARD-TSN and I-FORWARD-TSN.

use barertc_wire::{NoRoom, Reader, Truncated, Writer};

use crate::chunk::tlv::{begin, end, kind};
use crate::serial::Tsn;

/// FORWARD-TSN (RFC 3758 §3.2) or I-FORWARD-TSN (RFC 8260 §2.3.1): the sender has given up on some
/// messages.
///
/// ```text
/// FORWARD-TSN    | new cumulative TSN (4) | (stream (2), stream sequence (2)) … |
/// I-FORWARD-TSN  | new cumulative TSN (4) | (stream (2), reserved and U (2), message (4)) … |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ForwardTsn<'a> {
    /// Whether it came as I-FORWARD-TSN.
    pub interleaved: bool,
    /// Everything up to here counts as received.
    pub cumulative: Tsn,
    skipped: &'a [u8],
}

/// The last message of a stream that will not come any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// The stream.
    pub stream: u16,
    /// Whether this is about its unordered messages (I-FORWARD-TSN only).
    pub unordered: bool,
    /// The message: 16 bits in FORWARD-TSN.
    pub message: u32,
}

impl<'a> ForwardTsn<'a> {
    pub(super) fn parse(value: &'a [u8], interleaved: bool) -> Result<Self, Truncated> {
        let mut r = Reader::new(value);
        let cumulative = Tsn(r.u32()?);
        let odd = if interleaved { 7 } else { 3 };
        if r.remaining() & odd != 0 {
            return Err(Truncated);
        }
        Ok(Self { interleaved, cumulative, skipped: r.rest() })
    }

    /// The messages that were given up, the last of each stream.
    pub fn skipped(&self) -> impl Iterator<Item = Skipped> + use<'a> {
        let (mut r, interleaved) = (Reader::new(self.skipped), self.interleaved);
        core::iter::from_fn(move || {
            let stream = r.u16().ok()?;
            if interleaved {
                let flags = r.u16().ok()?;
                Some(Skipped { stream, unordered: flags & 1 != 0, message: r.u32().ok()? })
            } else {
                Some(Skipped { stream, unordered: false, message: u32::from(r.u16().ok()?) })
            }
        })
    }

    /// Writes either kind.
    pub(crate) fn write(
        w: &mut Writer<'_>,
        interleaved: bool,
        cumulative: Tsn,
        skipped: &[Skipped],
    ) -> Result<(), NoRoom> {
        let at = begin(w, if interleaved { kind::I_FORWARD_TSN } else { kind::FORWARD_TSN }, 0)?;
        w.u32(cumulative.0)?;
        for s in skipped {
            w.u16(s.stream)?;
            if interleaved {
                w.u16(u16::from(s.unordered))?;
                w.u32(s.message)?;
            } else {
                let [_, _, a, b] = s.message.to_be_bytes();
                w.put(&[a, b])?;
            }
        }
        end(w, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_come_back_as_written() {
        for interleaved in [false, true] {
            let list = [
                Skipped { stream: 1, unordered: interleaved, message: 7 },
                Skipped { stream: 65_535, unordered: false, message: if interleaved { 70_000 } else { 65_535 } },
            ];
            let mut room = [0u8; 64];
            let mut w = Writer::new(&mut room);
            ForwardTsn::write(&mut w, interleaved, Tsn(9), &list).unwrap();
            let f = ForwardTsn::parse(w.written().get(4..).unwrap(), interleaved).unwrap();
            assert_eq!((f.cumulative, f.interleaved), (Tsn(9), interleaved));
            assert!(f.skipped().eq(list));
        }
    }
}
