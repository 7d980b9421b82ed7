//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1):
//!
//! ```text
//! |      base sequence number     |      packet status count      |
//! |                 reference time                | fb pkt. count |
//! |          packet chunk …       |  receive deltas … padding     |
//! ```

use barertc_wire::{NoRoom, Reader, Writer};

use crate::error::Error;

/// The microseconds of a tick, which is the unit of receive deltas.
pub const TICK_MICROS: u64 = 250;
/// Ticks of one unit of the reference time: 64 ms.
const REFERENCE: i64 = 256;

/// Status symbols (section 3.1.1).
const LOST: u8 = 0;
const SMALL: u8 = 1;
const LARGE: u8 = 2;

/// A report of which packets of a range were received, and when.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TransportFeedback<'a> {
    /// The SSRC of the sender of the report.
    pub sender: u32,
    /// The SSRC of a stream that the report is about.
    pub media: u32,
    /// The first transport-wide sequence number of the range.
    pub base_sequence: u16,
    /// The length of the range.
    pub status_count: u16,
    /// The time that the first delta is relative to, in units of 64 ms of the receiver's clock. It has 24 bits and a
    /// sign.
    pub reference_time: i32,
    /// The number of this report. A gap in the numbers means that a report was lost.
    pub feedback_count: u8,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What is reported about one packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Arrival {
    /// The transport-wide sequence number.
    pub sequence: u16,
    /// When the packet was received, in ticks of 250 µs of the receiver's clock, which wraps at 2³² ticks. `None` when
    /// it was not.
    pub ticks: Option<i64>,
}

impl<'a> TransportFeedback<'a> {
    pub(super) fn parse(mut r: Reader<'a>) -> Result<Self, Error> {
        let (sender, media) = (r.u32()?, r.u32()?);
        let (base_sequence, status_count) = (r.u16()?, r.u16()?);
        let reference = r.u24()?;
        let feedback_count = r.u8()?;
        let rest = r.rest();
        // Deltas start where the chunks have covered the whole range.
        let mut left = status_count;
        let mut received = 0usize;
        while left > 0 {
            left = left.saturating_sub(Chunk::new(r.u16()?).len());
        }
        let used = rest.len().saturating_sub(r.remaining());
        let feedback = Self {
            sender,
            media,
            base_sequence,
            status_count,
            reference_time: ((reference << 8) as i32) >> 8,
            feedback_count,
            chunks: rest.get(..used).unwrap_or_default(),
            deltas: r.rest(),
        };
        for symbol in feedback.symbols() {
            received = received.saturating_add(match symbol {
                LOST => 0,
                SMALL => 1,
                LARGE => 2,
                _ => return Err(Error::Malformed), // reserved
            });
        }
        if received > feedback.deltas.len() {
            return Err(Error::Truncated);
        }
        Ok(feedback)
    }

    fn symbols(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.chunks
            .as_chunks::<2>()
            .0
            .iter()
            .map(|c| Chunk::new(u16::from_be_bytes(*c)))
            .flat_map(|c| (0..c.len()).map(move |i| c.symbol(i)))
            .take(usize::from(self.status_count))
    }

    /// Every packet of the range, in order.
    pub fn arrivals(&self) -> impl Iterator<Item = Arrival> + use<'a> {
        let mut time = i64::from(self.reference_time).saturating_mul(REFERENCE);
        let mut sequence = self.base_sequence;
        let mut deltas = Reader::new(self.deltas);
        self.symbols().map(move |symbol| {
            let delta = match symbol {
                SMALL => deltas.u8().ok().map(i64::from),
                LARGE => deltas.u16().ok().map(|d| i64::from(d as i16)),
                _ => None,
            };
            if let Some(delta) = delta {
                time = time.saturating_add(delta);
            }
            let arrival = Arrival { sequence, ticks: delta.map(|_| time) };
            sequence = sequence.wrapping_add(1);
            arrival
        })
    }
}

/// A packet chunk (sections 3.1.3, 3.1.4).
#[derive(Clone, Copy)]
struct Chunk(u16);

impl Chunk {
    const fn new(bits: u16) -> Self {
        Self(bits)
    }

    const fn len(self) -> u16 {
        match self.0 >> 14 {
            0b10 => 14,
            0b11 => 7,
            _ => self.0 & 0x1fff,
        }
    }

    const fn symbol(self, index: u16) -> u8 {
        (match self.0 >> 14 {
            0b10 => self.0.wrapping_shr(13u32.saturating_sub(index as u32)) & 1,
            0b11 => self.0.wrapping_shr(12u32.saturating_sub((index as u32).saturating_mul(2))) & 3,
            _ => self.0 >> 13 & 3,
        }) as u8
    }
}

/// Writes everything behind the media source. `statuses` are the packets from `base` on, arrival in ticks.
///
/// A delta that 16 bits can't hold ends the report before it; returns how many packets it covers.
pub(super) fn write(
    base: u16,
    feedback_count: u8,
    statuses: impl Iterator<Item = Option<i64>> + Clone,
    w: &mut Writer<'_>,
) -> Result<u16, NoRoom> {
    let reference = statuses.clone().flatten().next().unwrap_or(0).div_euclid(REFERENCE);
    let first = reference.saturating_mul(REFERENCE);
    let deltas = Deltas { previous: first, statuses };
    let count = u16::try_from(deltas.clone().take(usize::from(u16::MAX)).count()).unwrap_or(u16::MAX);
    w.u16(base)?;
    w.u16(count)?;
    w.u24(reference as u32 & 0x00ff_ffff)?;
    w.u8(feedback_count)?;
    let deltas = deltas.take(usize::from(count));
    write_chunks(deltas.clone().map(symbol_of), w)?;
    for delta in deltas.flatten() {
        if symbol_of(Some(delta)) == SMALL { w.u8(delta as u8)? } else { w.u16(delta as u16)? }
    }
    Ok(count)
}

fn symbol_of(delta: Option<i16>) -> u8 {
    match delta {
        None => LOST,
        Some(0..=255) => SMALL,
        Some(_) => LARGE,
    }
}

fn write_chunks(symbols: impl Iterator<Item = u8> + Clone, w: &mut Writer<'_>) -> Result<(), NoRoom> {
    let mut rest = symbols;
    while let Some(first) = rest.clone().next() {
        let run = rest.clone().take(0x1fff).take_while(|s| *s == first).count();
        let fits_bits = rest.clone().take(14).all(|s| s < LARGE);
        let (bits, covered) = if run >= if fits_bits { 14 } else { 7 } {
            ((u16::from(first) << 13) | run as u16, run)
        } else if fits_bits {
            (rest.clone().take(14).zip((0..14).rev()).fold(0x8000, |b, (s, at)| b | (u16::from(s) << at)), 14)
        } else {
            let shifts = [12, 10, 8, 6, 4, 2, 0];
            (rest.clone().take(7).zip(shifts).fold(0xc000, |b, (s, at)| b | (u16::from(s) << at)), 7)
        };
        w.u16(bits)?;
        for _ in 0..covered {
            rest.next();
        }
    }
    Ok(())
}

/// Times as differences to the one before; ends where a difference doesn't fit.
#[derive(Clone)]
struct Deltas<I> {
    previous: i64,
    statuses: I,
}

impl<I: Iterator<Item = Option<i64>>> Iterator for Deltas<I> {
    type Item = Option<i16>;

    fn next(&mut self) -> Option<Option<i16>> {
        let Some(ticks) = self.statuses.next()? else { return Some(None) };
        let delta = i16::try_from(ticks.saturating_sub(self.previous)).ok()?;
        self.previous = ticks;
        Some(Some(delta))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{CompoundWriter, Rtcp, packets};
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn round_trip(base: u16, statuses: &[Option<i64>]) -> (u16, Vec<Arrival>) {
        let mut out = [0; 4000];
        let mut w = CompoundWriter::new(&mut out);
        let covered = w.transport_feedback(1, 2, base, 9, statuses.iter().copied()).unwrap();
        let len = w.len();
        assert_eq!(len % 4, 0);
        let Some(Ok(Rtcp::Transport(f))) = packets(&out[..len]).next() else { panic!() };
        assert_eq!((f.sender, f.media, f.base_sequence, f.feedback_count), (1, 2, base, 9));
        (covered, f.arrivals().collect())
    }

    #[test]
    fn a_report_by_hand() {
        let mut bytes = std::vec![0x8f, 205, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2];
        bytes.extend([0xff, 0xff, 0, 6, 0, 0, 1, 7]); // base, count, reference time, number
        bytes.extend([0x20, 3, 0xc9, 0x00]); // a run of 3 small, then two-bit symbols: lost, large, small
        bytes.extend([4, 8, 0, 0xff, 0xff, 255, 0, 0]); // deltas 4, 8, 0, -1, 255, and padding
        bytes[3] = (bytes.len() / 4 - 1) as u8;
        let Some(Ok(Rtcp::Transport(f))) = packets(&bytes).next() else { panic!() };
        let got: Vec<_> = f.arrivals().map(|a| (a.sequence, a.ticks)).collect();
        let t = 256;
        assert_eq!(
            got,
            [
                (65_535, Some(t + 4)),
                (0, Some(t + 12)),
                (1, Some(t + 12)),
                (2, None),
                (3, Some(t + 11)),
                (4, Some(t + 266))
            ]
        );
    }

    #[test]
    fn reserved_symbols_and_missing_deltas_are_errors() {
        let head = [0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0];
        let with = |tail: [u8; 4]| packets(&[&head[..], &tail].concat()).next().unwrap().map(drop);
        assert_eq!(with([0x60, 1, 0, 0]), Err(Error::Malformed));
        assert_eq!(with([0x20, 1, 0, 0]), Ok(()));
        let mut many = head;
        many[15] = 9;
        let bytes = [&many[..], &[0x20, 9, 0, 0]].concat();
        assert_eq!(packets(&bytes).next().unwrap().map(drop), Err(Error::Truncated));
    }

    #[test]
    fn a_pause_that_no_delta_can_bridge_ends_the_report() {
        let (covered, got) = round_trip(0, &[Some(0), None, Some(40_000), Some(40_001)]);
        assert_eq!((covered, got.len()), (2, 2));
    }

    proptest! {
        #[test]
        fn arrivals_are_read_back(
            base: u16,
            start in 0i64..1_000_000,
            steps in prop::collection::vec(prop::option::weighted(0.8, prop_oneof![3 => 0i64..256, 1 => -200i64..1000]), 1..200),
        ) {
            let mut at = start;
            let statuses: Vec<_> = steps.iter().map(|s| s.map(|d| { at += d; at })).collect();
            let (covered, got) = round_trip(base, &statuses);
            prop_assert_eq!(usize::from(covered), statuses.len());
            let want: Vec<_> = statuses.iter().enumerate()
                .map(|(i, t)| Arrival { sequence: base.wrapping_add(i as u16), ticks: *t }).collect();
            prop_assert_eq!(got, want);
        }
    }
}
