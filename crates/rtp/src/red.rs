//! Redundant audio (RFC 2198): a packet that carries earlier frames again beside its own.
//!
//! ```text
//! |1|   block PT  |  timestamp offset (14)    |  block length (10) |   each redundant block, oldest first
//! |0|   block PT  |                                                    the packet's own frame
//! | data in the same order …
//! ```

use barertc_wire::{Reader, Writer};

use crate::error::Error;

/// Bytes of the header of a redundant block; the packet's own has one.
pub const RED_HEADER_LEN: usize = 4;
/// The timestamp offset of a redundant block is at most this.
pub const MAX_RED_OFFSET: u32 = (1 << 14) - 1;
/// A redundant block has at most this many bytes.
pub const MAX_RED_BYTES: usize = (1 << 10) - 1;
/// Blocks that are read of one packet.
const MAX_BLOCKS: usize = 32;

/// One frame in a packet of redundant audio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RedBlock<'a> {
    /// Payload type of the frame, 7 bits.
    pub payload_type: u8,
    /// How much older than the packet the frame is, in ticks of its clock; 0 for the packet's own frame.
    pub offset: u32,
    /// The frame.
    pub data: &'a [u8],
}

/// Reads the blocks of a payload: the redundant ones, oldest first, then the packet's own.
///
/// # Errors
/// [`Error::Truncated`] for a payload that ends before its blocks do, [`Error::Malformed`] for more than 32 blocks. A
/// broken payload gives no block.
pub fn read_red(payload: &[u8]) -> Result<impl Iterator<Item = RedBlock<'_>> + Clone, Error> {
    let mut heads = Reader::new(payload);
    let (mut count, mut bytes) = (0usize, 0usize);
    loop {
        let first = heads.u8()?;
        if first & 0x80 == 0 {
            break;
        }
        bytes = bytes.saturating_add(usize::try_from(heads.u24()? & 0x3ff).unwrap_or(0));
        count = count.saturating_add(1);
        if count >= MAX_BLOCKS {
            return Err(Error::Malformed);
        }
    }
    if heads.remaining() < bytes {
        return Err(Error::Truncated);
    }
    let (mut data, mut heads) = (heads, Reader::new(payload));
    let mut done = false;
    Ok(core::iter::from_fn(move || {
        if done {
            return None;
        }
        let first = heads.u8().ok()?;
        if first & 0x80 == 0 {
            done = true;
            return Some(RedBlock { payload_type: first, offset: 0, data: data.rest() });
        }
        let rest = heads.u24().ok()?;
        let data = data.take(usize::try_from(rest & 0x3ff).ok()?).ok()?;
        Some(RedBlock { payload_type: first & 0x7f, offset: rest >> 10, data })
    }))
}

/// Writes a payload: redundant blocks, oldest first, and the packet's own frame.
///
/// # Errors
/// [`Error::NoRoom`]; [`Error::Malformed`] for a redundant block beyond [`MAX_RED_OFFSET`] or [`MAX_RED_BYTES`].
pub fn write_red(redundant: &[RedBlock<'_>], own: &RedBlock<'_>, w: &mut Writer<'_>) -> Result<(), Error> {
    for block in redundant {
        if block.offset > MAX_RED_OFFSET || block.data.len() > MAX_RED_BYTES {
            return Err(Error::Malformed);
        }
        w.u8(0x80 | block.payload_type)?;
        w.u24((block.offset << 10) | block.data.len() as u32)?;
    }
    w.u8(own.payload_type & 0x7f)?;
    for block in redundant {
        w.put(block.data)?;
    }
    Ok(w.put(own.data)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn block(offset: u32, data: &[u8]) -> RedBlock<'_> {
        RedBlock { payload_type: 111, offset, data }
    }

    #[test]
    fn blocks_are_read_back() {
        let (two, one, own) = (block(1_920, &[1, 2, 3]), block(960, &[]), block(0, &[7, 8]));
        let mut out = [0; 64];
        let mut w = Writer::new(&mut out);
        write_red(&[two, one], &own, &mut w).unwrap();
        // 1 PT(7) offset(14) length(10), RFC 2198 §3.
        assert_eq!(w.written(), [0x80 | 111, 0x1e, 0x00, 3, 0x80 | 111, 0x0f, 0x00, 0, 111, 1, 2, 3, 7, 8]);
        let blocks: Vec<_> = read_red(w.written()).unwrap().collect();
        assert_eq!(blocks, [two, one, own]);
    }

    #[test]
    fn a_frame_alone() {
        assert!(read_red(&[111, 9]).unwrap().eq([block(0, &[9])]));
        assert!(read_red(&[111]).unwrap().eq([block(0, &[])]));
    }

    #[test]
    fn what_claims_more_than_there_is_gives_nothing() {
        assert_eq!(read_red(&[]).map(|_| ()), Err(Error::Truncated));
        assert_eq!(read_red(&[0x80 | 111, 0, 0, 3, 111, 1, 2]).map(|_| ()), Err(Error::Truncated));
        assert_eq!(read_red(&[0x80 | 111, 0, 0]).map(|_| ()), Err(Error::Truncated));
        assert_eq!(read_red(&[0x80; 400]).map(|_| ()), Err(Error::Malformed));
    }

    #[test]
    fn what_no_header_can_say_is_not_written() {
        let long = [0; 1_024];
        let mut out = [0; 2_048];
        for redundant in [block(0, &long), block(1 << 14, &[1])] {
            let written = write_red(&[redundant], &block(0, &[1]), &mut Writer::new(&mut out));
            assert_eq!(written, Err(Error::Malformed));
        }
    }
}
