//! Receiver estimated maximum bitrate (draft-alvestrand-rmcat-remb-03 §2.2).

use barertc_wire::{NoRoom, Reader, Writer};

use crate::error::Error;

const NAME: [u8; 4] = *b"REMB";
/// Bits of the mantissa.
const MANTISSA: u32 = 18;

/// The estimate of a receiver of what the path carries.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Remb<'a> {
    /// The SSRC of the receiver.
    pub sender: u32,
    /// The bits per second of all its sources together.
    pub bitrate: u64,
    sources: &'a [u8],
}

impl<'a> Remb<'a> {
    /// Whether an application layer feedback message is this one.
    pub(super) fn is(mut body: Reader<'_>) -> bool {
        body.skip(8).is_ok() && body.array() == Ok(NAME)
    }

    pub(super) fn parse(mut r: Reader<'a>) -> Result<Self, Error> {
        let sender = r.u32()?;
        r.skip(8)?; // media source (unused) and the name
        let count = usize::from(r.u8()?);
        let value = r.u24()?;
        let (exponent, mantissa) = (value >> MANTISSA, u64::from(value & 0x3_ffff));
        // 18 bits shifted by at most 63: what is lost at the top is more than any network carries.
        let bitrate = if exponent > u64::BITS.saturating_sub(MANTISSA) { u64::MAX } else { mantissa << exponent };
        Ok(Self { sender, bitrate, sources: r.take(count.saturating_mul(4))? })
    }

    /// The sources that the estimate is about.
    pub fn sources(&self) -> impl Iterator<Item = u32> + 'a {
        self.sources.as_chunks::<4>().0.iter().map(|b| u32::from_be_bytes(*b))
    }
}

pub(super) fn write(bitrate: u64, sources: &[u32], w: &mut Writer<'_>) -> Result<(), NoRoom> {
    let count = u8::try_from(sources.len()).map_err(|_| NoRoom)?;
    let exponent = (u64::BITS.saturating_sub(bitrate.leading_zeros())).saturating_sub(MANTISSA);
    w.put(&NAME)?;
    w.u8(count)?;
    w.u24((exponent << MANTISSA) | (bitrate >> exponent) as u32)?;
    sources.iter().try_for_each(|s| w.u32(*s))
}

#[cfg(test)]
mod tests {
    use super::super::{CompoundWriter, Rtcp, packets};
    use std::vec::Vec;

    #[test]
    fn bitrates_keep_eighteen_bits() {
        for bitrate in [0, 1, 262_143, 262_144, 2_000_000, 123_456_789, u64::MAX] {
            let mut out = [0; 64];
            let mut w = CompoundWriter::new(&mut out);
            w.remb(1, bitrate, &[5, 6]).unwrap();
            let len = w.len();
            let Some(Ok(Rtcp::Remb(remb))) = packets(&out[..len]).next() else { panic!() };
            assert!(remb.bitrate <= bitrate && bitrate - remb.bitrate <= bitrate >> 17, "{bitrate}");
            assert_eq!(remb.sources().collect::<Vec<_>>(), [5, 6]);
        }
    }

    #[test]
    fn other_application_feedback_is_other() {
        let bytes = [0x8f, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, b'G', b'O', b'O', b'G'];
        assert!(matches!(packets(&bytes).next(), Some(Ok(Rtcp::Other { packet_type: 206, format: 15 }))));
    }
}
