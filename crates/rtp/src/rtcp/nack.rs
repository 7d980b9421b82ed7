//! Generic negative acknowledgement (RFC 4585 §6.2.1): (PID, BLP) pairs, each one packet and a bitmask of the
//! sixteen behind it.

use barertc_wire::{NoRoom, Reader, Writer};

use crate::error::Error;

/// A request for retransmissions.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Nack<'a> {
    /// The SSRC of the sender of the request.
    pub sender: u32,
    /// The SSRC of the requested packets.
    pub media: u32,
    pairs: &'a [u8],
}

impl<'a> Nack<'a> {
    pub(super) fn parse(mut r: Reader<'a>) -> Result<Self, Error> {
        Ok(Self { sender: r.u32()?, media: r.u32()?, pairs: r.rest() })
    }

    /// The sequence numbers of the requested packets.
    pub fn lost(&self) -> impl Iterator<Item = u16> + 'a {
        self.pairs.as_chunks::<4>().0.iter().flat_map(|&[p0, p1, b0, b1]| {
            let (pid, blp) = (u16::from_be_bytes([p0, p1]), u16::from_be_bytes([b0, b1]));
            let rest = (0..16u16).filter(move |bit| (blp >> bit) & 1 != 0);
            core::iter::once(pid).chain(rest.map(move |bit| pid.wrapping_add(bit).wrapping_add(1)))
        })
    }
}

/// Writes the pairs for ascending sequence numbers (over the wrap too).
pub(super) fn write_pairs(lost: impl IntoIterator<Item = u16>, w: &mut Writer<'_>) -> Result<(), NoRoom> {
    let mut lost = lost.into_iter();
    let Some(mut pid) = lost.next() else { return Ok(()) };
    let mut blp = 0u16;
    for seq in lost {
        match seq.wrapping_sub(pid) {
            0 => {}
            ahead @ 1..=16 => blp |= 1 << ahead.wrapping_sub(1),
            _ => {
                w.u16(pid)?;
                w.u16(blp)?;
                (pid, blp) = (seq, 0);
            }
        }
    }
    w.u16(pid)?;
    w.u16(blp)
}

#[cfg(test)]
mod tests {
    use super::super::{CompoundWriter, Rtcp, packets};
    use proptest::prelude::*;
    use std::vec::Vec;

    proptest! {
        #[test]
        fn what_is_asked_for_is_what_is_read(start: u16, steps in prop::collection::vec(1u16..40, 0..60)) {
            let mut seq = start;
            let mut lost = std::vec![seq];
            for step in steps {
                seq = seq.wrapping_add(step);
                lost.push(seq);
            }
            let mut out = [0; 1000];
            let mut w = CompoundWriter::new(&mut out);
            w.nack(1, 2, lost.iter().copied()).unwrap();
            let len = w.len();
            let Some(Ok(Rtcp::Nack(nack))) = packets(&out[..len]).next() else { panic!() };
            prop_assert_eq!(nack.lost().collect::<Vec<_>>(), lost);
        }
    }

    #[test]
    fn seventeen_in_a_row_take_one_pair() {
        let mut out = [0; 100];
        let mut w = CompoundWriter::new(&mut out);
        w.nack(1, 2, (65_530..=65_535).chain(0..11)).unwrap();
        assert_eq!(w.len(), 16);
    }
}
