//! H.265 (RFC 7798 §4.4): single NAL units, aggregation packets and fragmentation units, without DONL.

use barertc_wire::Writer;

use super::{NalRules, Piece, Shape, View, aggregated, nal_and_share, write_aggregated};
use crate::error::Error;

pub(super) const RULES: NalRules = NalRules { header: 2, aggregate: 2, fragment: 3 };

/// NAL unit types of the payload structures (sections 4.4.2, 4.4.3).
const AP: u8 = 48;
const FU: u8 = 49;
/// The type's bits in the first byte of the header `F TTTTTT LLLLLL TTT` (section 1.1.4).
const TYPE: u8 = 0x7e;

pub(super) fn write(frame: View<'_>, piece: &Piece, w: &mut Writer<'_>) -> Result<(), Error> {
    let (nal, share) = nal_and_share(frame, piece)?;
    let header = *nal.first_chunk::<2>().ok_or(Error::Malformed)?;
    match piece.shape {
        Shape::Single => w.put(share)?,
        Shape::Aggregate(count) => {
            // Section 4.4.2: F if any has it, the lowest layer and the lowest temporal layer of all.
            let (mut f, mut layer, mut tid) = (0u16, 0x3fu16, 7u16);
            for nal in aggregated(frame, piece, count) {
                let bytes = nal.of(frame.bytes).first_chunk::<2>().ok_or(Error::Malformed)?;
                let header = u16::from_be_bytes(*bytes);
                f |= header & 0x8000;
                layer = layer.min((header >> 3) & 0x3f);
                tid = tid.min(header & 7);
            }
            w.u16(f | (u16::from(AP) << 9) | (layer << 3) | tid)?;
            write_aggregated(frame, piece, count, w)?;
        }
        Shape::Fragment { start, end } => {
            let [first, second] = header;
            w.u8((first & !TYPE) | (FU << 1))?;
            w.u8(second)?;
            w.u8((u8::from(start) << 7) | (u8::from(end) << 6) | ((first & TYPE) >> 1))?;
            w.put(share)?;
        }
    }
    Ok(())
}
