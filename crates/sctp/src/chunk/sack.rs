//! SACK.

use barertc_wire::{NoRoom, Reader, Truncated, Writer};

use crate::chunk::tlv::{begin, end, kind};
use crate::serial::Tsn;

/// SACK (RFC 9260 §3.3.4).
///
/// ```text
/// | cumulative TSN (4) | a_rwnd (4) | gap blocks (2) | duplicates (2) | (start, end) (2, 2) … | TSN (4) … |
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sack<'a> {
    /// Everything up to here has arrived.
    pub cumulative: Tsn,
    /// The sender's receive window in bytes.
    pub window: u32,
    gaps: &'a [u8],
    duplicates: &'a [u8],
}

impl<'a> Sack<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Truncated> {
        let mut r = Reader::new(value);
        let (cumulative, window) = (Tsn(r.u32()?), r.u32()?);
        let (gaps, duplicates) = (usize::from(r.u16()?), usize::from(r.u16()?));
        Ok(Self {
            cumulative,
            window,
            gaps: r.take(gaps.saturating_mul(4))?,
            duplicates: r.take(duplicates.saturating_mul(4))?,
        })
    }

    /// One without gaps.
    pub(crate) const fn cumulative(cumulative: Tsn, window: u32) -> Self {
        Self { cumulative, window, gaps: &[], duplicates: &[] }
    }

    /// Runs of TSNs that have arrived out of order, as distances from the cumulative TSN, both ends
    /// included.
    pub fn gaps(&self) -> impl Iterator<Item = (u16, u16)> + use<'a> {
        let (pairs, _) = self.gaps.as_chunks::<4>();
        pairs.iter().map(|[a, b, c, d]| (u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d])))
    }

    /// TSNs that arrived more than once.
    pub fn duplicates(&self) -> impl Iterator<Item = Tsn> + use<'a> {
        let (words, _) = self.duplicates.as_chunks::<4>();
        words.iter().map(|w| Tsn(u32::from_be_bytes(*w)))
    }

    /// Writes a SACK with as many gaps and duplicates as fit in `room` bytes.
    pub(crate) fn write(
        w: &mut Writer<'_>,
        room: usize,
        cumulative: Tsn,
        window: u32,
        gaps: impl Iterator<Item = (u16, u16)>,
        duplicates: &[Tsn],
    ) -> Result<(), NoRoom> {
        let at = begin(w, kind::SACK, 0)?;
        w.u32(cumulative.0)?;
        w.u32(window)?;
        w.u32(0)?;
        let mut left = room.min(w.room().saturating_add(16)).saturating_sub(16) / 4;
        let (mut n, mut d) = (0u16, 0u16);
        for (start, stop) in gaps {
            if left == 0 {
                break;
            }
            w.u16(start)?;
            w.u16(stop)?;
            n = n.saturating_add(1);
            left = left.saturating_sub(1);
        }
        for tsn in duplicates.iter().take(left) {
            w.u32(tsn.0)?;
            d = d.saturating_add(1);
        }
        w.patch(at.saturating_add(12), &n.to_be_bytes())?;
        w.patch(at.saturating_add(14), &d.to_be_bytes())?;
        end(w, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_gaps_and_duplicates_as_fit() {
        let gaps = [(2u16, 3u16), (5, 5), (9, 20)];
        let dups = [Tsn(1), Tsn(2)];
        for (room, want) in [(16, (0, 0)), (23, (1, 0)), (28, (3, 0)), (32, (3, 1)), (400, (3, 2))] {
            let mut buf = [0u8; 64];
            let mut w = Writer::new(&mut buf);
            Sack::write(&mut w, room, Tsn(77), 1000, gaps.iter().copied(), &dups).unwrap();
            let s = Sack::parse(w.written().get(4..).unwrap()).unwrap();
            assert_eq!((s.cumulative, s.window), (Tsn(77), 1000));
            assert_eq!((s.gaps().count(), s.duplicates().count()), want);
            assert!(s.gaps().zip(gaps).all(|(a, b)| a == b));
        }
    }

    #[test]
    fn counts_past_the_end_are_truncated() {
        let mut value = [0u8; 16];
        value[9] = 2; // two gap blocks, room for one
        assert_eq!(Sack::parse(&value), Err(Truncated));
    }
}
