//! Cutting frames into packets. A frame's plan is a pure function of its bytes and of the payload budget. For a
//! retransmission only the number of a piece is kept: the piece is found and written again.

mod av1;
mod h264;
mod h265;
mod vp8;
mod vp9;

use barertc_wire::Writer;

use crate::error::Error;
use crate::nal::Nal;
use crate::payload_format::PayloadFormat;

/// The smallest payload budget in bytes. A smaller one is a mistake in the configuration.
pub const MIN_BUDGET: usize = 64;

/// The position in a frame where the next piece starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Cursor {
    /// The next NAL unit.
    nal: u16,
    /// Bytes of it that have gone out in fragments; for formats without NAL units, of the frame.
    offset: u32,
}

/// The part of a frame that one packet carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Piece {
    shape: Shape,
    /// The first NAL unit.
    nal: u16,
    /// First payload byte within the NAL unit or frame, its header counted.
    offset: u32,
    /// Bytes copied from there; of AV1, bytes of the last unit.
    len: u32,
    /// Bytes of the RTP payload.
    size: usize,
    last: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Shape {
    /// One NAL unit or one whole frame as it is.
    Single,
    /// This many NAL units behind one another; of AV1, units of which the first and the last may be parts.
    Aggregate(u16),
    /// A part of one NAL unit or frame.
    Fragment { start: bool, end: bool },
}

impl Piece {
    /// The size of the RTP payload in bytes.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Whether the frame ends with this piece. Video then sets the marker bit.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }
}

/// What the packetizers see of a frame.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) format: PayloadFormat,
    pub(crate) bytes: &'a [u8],
    pub(crate) nals: &'a [Nal],
    pub(crate) key: bool,
}

pub(crate) fn next(frame: View<'_>, budget: usize, cursor: &mut Cursor) -> Option<Piece> {
    if budget < MIN_BUDGET {
        return None;
    }
    match frame.format {
        PayloadFormat::H264 => next_nal(&h264::RULES, frame, budget, cursor),
        PayloadFormat::H265 => next_nal(&h265::RULES, frame, budget, cursor),
        PayloadFormat::Vp8 => vp8::next(frame, budget, cursor),
        PayloadFormat::Vp9 => vp9::next(frame, budget, cursor),
        PayloadFormat::Av1 => av1::next(frame, budget, cursor),
        PayloadFormat::Opus | PayloadFormat::G711 => whole(frame, budget, cursor),
    }
}

pub(crate) fn write(frame: View<'_>, piece: &Piece, w: &mut Writer<'_>) -> Result<(), Error> {
    match frame.format {
        PayloadFormat::H264 => h264::write(frame, piece, w),
        PayloadFormat::H265 => h265::write(frame, piece, w),
        PayloadFormat::Vp8 => vp8::write(frame, piece, w),
        PayloadFormat::Vp9 => vp9::write(frame, piece, w),
        PayloadFormat::Av1 => av1::write(frame, piece, w),
        PayloadFormat::Opus | PayloadFormat::G711 => Ok(w.put(frame.bytes)?),
    }
}

/// Audio: a packet a frame, which a receiver could not put together again (RFC 7587 §4.2).
fn whole(frame: View<'_>, budget: usize, cursor: &mut Cursor) -> Option<Piece> {
    let len = u32::try_from(frame.bytes.len()).ok()?;
    if cursor.offset > 0 || frame.bytes.len() > budget {
        return None;
    }
    cursor.offset = len;
    Some(Piece { shape: Shape::Single, nal: 0, offset: 0, len, size: frame.bytes.len(), last: true })
}

/// What H.264 and H.265 do differently.
struct NalRules {
    /// Bytes of a NAL unit's header, which fragments don't repeat.
    header: usize,
    /// Bytes that an aggregation packet has before its first unit.
    aggregate: usize,
    /// Bytes that a fragment has before its share.
    fragment: usize,
}

/// Bytes of the size in front of each aggregated unit.
const AGGREGATED_SIZE: usize = 2;

/// The next piece of a frame of NAL units. They stay in order, so a unit joins its neighbours as long as they fit, and
/// a unit that doesn't fit alone is spread evenly over the fewest fragments: together that is the fewest packets.
fn next_nal(rules: &NalRules, frame: View<'_>, budget: usize, cursor: &mut Cursor) -> Option<Piece> {
    let index = usize::from(cursor.nal);
    let nal = frame.nals.get(index)?;
    let len = nal.len as usize;
    let piece = if cursor.offset > 0 || len > budget {
        fragment(rules, nal, budget, cursor)?
    } else {
        let mut size = rules.aggregate.saturating_add(AGGREGATED_SIZE).saturating_add(len);
        let mut count = 1u16;
        for other in frame.nals.iter().skip(index).skip(1) {
            size = size.saturating_add(AGGREGATED_SIZE).saturating_add(other.len as usize);
            if size > budget || other.len > u32::from(u16::MAX) {
                size = size.saturating_sub(AGGREGATED_SIZE).saturating_sub(other.len as usize);
                break;
            }
            count = count.saturating_add(1);
        }
        let nal_index = cursor.nal;
        cursor.nal = cursor.nal.saturating_add(count);
        let (shape, size) = if count == 1 { (Shape::Single, len) } else { (Shape::Aggregate(count), size) };
        Piece { shape, nal: nal_index, offset: 0, len: nal.len, size, last: false }
    };
    let last = usize::from(cursor.nal) >= frame.nals.len();
    Some(Piece { last, ..piece })
}

fn fragment(rules: &NalRules, nal: &Nal, budget: usize, cursor: &mut Cursor) -> Option<Piece> {
    let start = cursor.offset == 0;
    let done = if start { rules.header } else { cursor.offset as usize };
    let share = even_share((nal.len as usize).checked_sub(done)?, budget.checked_sub(rules.fragment)?);
    let behind = done.saturating_add(share);
    let end = behind >= nal.len as usize;
    let piece = Piece {
        shape: Shape::Fragment { start, end },
        nal: cursor.nal,
        offset: done as u32,
        len: share as u32,
        size: rules.fragment.saturating_add(share),
        last: false,
    };
    *cursor = if end {
        Cursor { nal: cursor.nal.saturating_add(1), offset: 0 }
    } else {
        Cursor { nal: cursor.nal, offset: behind as u32 }
    };
    Some(piece)
}

/// The next share of a frame without units, behind a payload descriptor of so many bytes.
fn share(frame: View<'_>, descriptor: usize, budget: usize, cursor: &mut Cursor) -> Option<Piece> {
    let done = cursor.offset as usize;
    let rest = frame.bytes.len().checked_sub(done).filter(|rest| *rest > 0)?;
    let len = even_share(rest, budget.checked_sub(descriptor)?);
    let end = len == rest;
    cursor.offset = u32::try_from(done.saturating_add(len)).ok()?;
    Some(Piece {
        shape: Shape::Fragment { start: done == 0, end },
        nal: 0,
        offset: done as u32,
        len: len as u32,
        size: descriptor.saturating_add(len),
        last: end,
    })
}

/// The bytes of that share.
fn shared<'a>(frame: View<'a>, piece: &Piece) -> Result<&'a [u8], Error> {
    let from = piece.offset as usize;
    frame.bytes.get(from..from.saturating_add(piece.len as usize)).ok_or(Error::Malformed)
}

/// How much of `rest` bytes goes next, so that it takes the fewest packets of at most `most` bytes and all are about
/// equally large.
fn even_share(rest: usize, most: usize) -> usize {
    // Frames are below 4 GiB, and divisions of 32 bits are the quicker ones.
    let (rest, most) = (rest as u32, u32::try_from(most).unwrap_or(u32::MAX));
    let packets = rest.div_ceil(most.max(1)).max(1);
    rest.div_ceil(packets) as usize
}

/// The `count` units of an aggregation packet, each behind its size.
fn write_aggregated(frame: View<'_>, piece: &Piece, count: u16, w: &mut Writer<'_>) -> Result<(), Error> {
    for nal in aggregated(frame, piece, count) {
        w.u16(u16::try_from(nal.len).map_err(|_| Error::Malformed)?)?;
        w.put(nal.of(frame.bytes))?;
    }
    Ok(())
}

fn aggregated<'a>(frame: View<'a>, piece: &Piece, count: u16) -> impl Iterator<Item = &'a Nal> + use<'a> {
    frame.nals.iter().skip(usize::from(piece.nal)).take(usize::from(count))
}

/// The NAL unit that `piece` is, or starts in, or is a part of, and the bytes that the piece copies from it.
fn nal_and_share<'a>(frame: View<'a>, piece: &Piece) -> Result<(&'a [u8], &'a [u8]), Error> {
    let nal = frame.nals.get(usize::from(piece.nal)).ok_or(Error::Malformed)?.of(frame.bytes);
    let start = piece.offset as usize;
    let share = nal.get(start..start.saturating_add(piece.len as usize)).ok_or(Error::Malformed)?;
    Ok((nal, share))
}
