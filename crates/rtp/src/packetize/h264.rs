//! H.264 in packetization-mode 1 (RFC 6184 §6.3): single NAL units, STAP-A and FU-A.

use barertc_wire::Writer;

use super::{NalRules, Piece, Shape, View, aggregated, nal_and_share, write_aggregated};
use crate::error::Error;

pub(super) const RULES: NalRules = NalRules { header: 1, aggregate: 1, fragment: 2 };

/// NAL unit types of the payload structures (RFC 6184 table 1).
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// Bits of the NAL unit header (section 1.3): forbidden, importance, type.
const F: u8 = 0x80;
const NRI: u8 = 0x60;
const TYPE: u8 = 0x1f;

pub(super) fn write(frame: View<'_>, piece: &Piece, w: &mut Writer<'_>) -> Result<(), Error> {
    let (nal, share) = nal_and_share(frame, piece)?;
    let header = nal.first().copied().ok_or(Error::Malformed)?;
    match piece.shape {
        Shape::Single => w.put(share)?,
        Shape::Aggregate(count) => {
            // Section 5.7: F is set if any is set, NRI is the highest of all.
            let (mut f, mut nri) = (0, 0);
            for nal in aggregated(frame, piece, count) {
                let header = frame.bytes.get(nal.offset as usize).copied().unwrap_or(0);
                f |= header & F;
                nri = nri.max(header & NRI);
            }
            w.u8(f | nri | STAP_A)?;
            write_aggregated(frame, piece, count, w)?;
        }
        Shape::Fragment { start, end } => {
            // Section 5.8: the FU indicator keeps F and NRI, the FU header S, E and the type.
            w.u8((header & (F | NRI)) | FU_A)?;
            w.u8((u8::from(start) << 7) | (u8::from(end) << 6) | (header & TYPE))?;
            w.put(share)?;
        }
    }
    Ok(())
}
