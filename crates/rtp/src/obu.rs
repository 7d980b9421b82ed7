//! Open Bitstream Units: what a frame of AV1 consists of (AV1 bitstream specification §5.3, §5.9.2).

use barertc_wire::Reader;

use crate::error::Error;
use crate::nal::Nal;

const SEQUENCE_HEADER: u8 = 1;
const TEMPORAL_DELIMITER: u8 = 2;
const FRAME_HEADER: u8 = 3;
const FRAME: u8 = 6;
const TILE_LIST: u8 = 8;

const FORBIDDEN: u8 = 0x80;
const HAS_EXTENSION: u8 = 0x04;
const HAS_SIZE: u8 = 0x02;

/// The most bytes of a size in LEB128 (§4.10.5).
const MAX_LEB128: usize = 8;

/// One unit, taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Obu<'a> {
    header: u8,
    /// The byte behind it with the identifiers of the layers, in units that belong to one.
    extension: Option<u8>,
    pub(crate) payload: &'a [u8],
}

impl<'a> Obu<'a> {
    /// Reads one unit. Without a size of its own, it has all the bytes that are left.
    pub(crate) fn read(r: &mut Reader<'a>) -> Result<Self, Error> {
        let header = r.u8()?;
        if header & FORBIDDEN != 0 {
            return Err(Error::Malformed);
        }
        let extension = if header & HAS_EXTENSION != 0 { Some(r.u8()?) } else { None };
        let len = if header & HAS_SIZE != 0 { read_leb128(r)? } else { r.remaining() };
        Ok(Self { header, extension, payload: r.take(len)? })
    }

    const fn kind(&self) -> u8 {
        (self.header >> 3) & 0x0f
    }

    /// Whether RTP does not carry it (RTP payload format for AV1 §5).
    pub(crate) const fn is_left_out(&self) -> bool {
        matches!(self.kind(), TEMPORAL_DELIMITER | TILE_LIST)
    }

    /// The temporal and the spatial layer that it belongs to.
    pub(crate) const fn layer(&self) -> Option<u8> {
        self.extension
    }

    /// Its header in front of `payload`, without or with a size.
    pub(crate) fn header(&self, has_size: bool) -> ([u8; 2], usize) {
        let first = (self.header & !HAS_SIZE) | if has_size { HAS_SIZE } else { 0 };
        ([first, self.extension.unwrap_or(0)], if self.extension.is_some() { 2 } else { 1 })
    }

    /// Its bytes without a size.
    pub(crate) fn element_len(&self) -> usize {
        self.header(false).1.saturating_add(self.payload.len())
    }
}

/// Calls `found` for every unit of a temporal unit that RTP carries, in order.
///
/// # Errors
/// [`Error::BadLength`] for a size that points past the end, [`Error::Malformed`], [`Error::FrameTooLarge`] above 4 GiB,
/// and the errors of `found`.
pub(crate) fn for_each_obu(frame: &[u8], mut found: impl FnMut(Nal) -> Result<(), Error>) -> Result<(), Error> {
    if u32::try_from(frame.len()).is_err() {
        return Err(Error::FrameTooLarge { limit: u32::MAX as usize, value: frame.len() });
    }
    let mut r = Reader::new(frame);
    while !r.is_empty() {
        let offset = frame.len().saturating_sub(r.remaining());
        let obu = Obu::read(&mut r).map_err(|error| match error {
            Error::Truncated => Error::BadLength(offset),
            error => error,
        })?;
        let end = frame.len().saturating_sub(r.remaining());
        if !obu.is_left_out() {
            found(Nal { offset: offset as u32, len: end.saturating_sub(offset) as u32 })?;
        }
    }
    Ok(())
}

/// Whether a decoder can start with this temporal unit: it has a sequence header, and its first frame is a key frame.
pub(crate) fn is_key(frame: &[u8]) -> bool {
    let (mut r, mut sequence) = (Reader::new(frame), None);
    while let Ok(obu) = Obu::read(&mut r) {
        match obu.kind() {
            SEQUENCE_HEADER => sequence = obu.payload.first().copied(),
            FRAME_HEADER | FRAME => {
                let Some((sequence, first)) = sequence.zip(obu.payload.first()) else { return false };
                // seq_profile (3 bits), still_picture, reduced_still_picture_header, with which all frames are key frames
                // (§5.5.1); show_existing_frame, frame_type (2 bits; 0 is a key frame), show_frame (§5.9.2).
                return sequence & 0x08 != 0 || first & 0xf0 == 0x10;
            }
            _ => {}
        }
        if r.is_empty() {
            break;
        }
    }
    false
}

/// A size in LEB128 (§4.10.5).
pub(crate) fn read_leb128(r: &mut Reader<'_>) -> Result<usize, Error> {
    let mut value = 0_u64;
    for place in 0..MAX_LEB128 {
        let byte = r.u8()?;
        value |= u64::from(byte & 0x7f).checked_shl(place.saturating_mul(7) as u32).unwrap_or(0);
        if byte & 0x80 == 0 {
            // Greater values are not allowed.
            let value = u32::try_from(value).map_err(|_| Error::Malformed)?;
            return usize::try_from(value).map_err(|_| Error::Malformed);
        }
    }
    Err(Error::Malformed)
}

/// A size in LEB128, in the fewest bytes: the bytes and how many there are.
pub(crate) fn leb128(value: usize) -> ([u8; 5], usize) {
    let (mut bytes, mut len) = ([0; 5], 0_usize);
    // Frames are below 4 GiB.
    let mut rest = value as u32;
    for byte in &mut bytes {
        *byte = (rest & 0x7f) as u8;
        rest >>= 7;
        len = len.saturating_add(1);
        if rest == 0 {
            break;
        }
        *byte |= 0x80;
    }
    (bytes, len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec::Vec;

    #[test]
    fn sizes_are_written_in_the_fewest_bytes_and_read_in_any() {
        for (value, expected) in [
            (0, &[0][..]),
            (127, &[0x7f]),
            (128, &[0x80, 0x01]),
            (16_383, &[0xff, 0x7f]),
            (16_384, &[0x80, 0x80, 0x01]),
            (u32::MAX as usize, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            let (bytes, len) = leb128(value);
            assert_eq!(&bytes[..len], expected);
            assert_eq!(read_leb128(&mut Reader::new(expected)), Ok(value));
        }
        assert_eq!(read_leb128(&mut Reader::new(&[0x85, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00])), Ok(5));
        assert_eq!(read_leb128(&mut Reader::new(&[0x80; 9])), Err(Error::Malformed));
        assert_eq!(read_leb128(&mut Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f])), Err(Error::Malformed));
        assert_eq!(read_leb128(&mut Reader::new(&[0x80, 0x80])), Err(Error::Truncated));
    }

    #[test]
    fn units_are_found_and_delimiters_left_out() {
        let frame = [0x12, 0x00, 0x0a, 0x02, 0x00, 0x00, 0x36, 0x20, 0x01, 0x10, 0x30, 0x55];
        let mut all = Vec::new();
        for_each_obu(&frame, |n| {
            all.push((n.offset, n.len));
            Ok(())
        })
        .unwrap();
        assert_eq!(all, [(2, 4), (6, 4), (10, 2)]);
        let cannot = |frame: &[u8]| for_each_obu(frame, |_| Ok(())).unwrap_err();
        assert_eq!(cannot(&[0x12, 0x00, 0x0a, 0x05, 0x00]), Error::BadLength(2));
        assert_eq!(cannot(&[0x92, 0x00]), Error::Malformed);
    }

    #[test]
    fn a_key_frame_has_a_sequence_header_before_it() {
        let sequence = [0x0a, 0x01, 0x00];
        let of = |frame: &[u8]| is_key(&[&sequence[..], frame].concat());
        assert!(of(&[0x32, 0x01, 0x10]));
        assert!(of(&[0x1a, 0x01, 0x10]));
        assert!(!of(&[0x32, 0x01, 0x30])); // an inter frame
        assert!(!of(&[0x32, 0x01, 0x00])); // a key frame that is not shown
        assert!(!of(&[0x1a, 0x01, 0x90])); // one that is shown again
        assert!(!is_key(&[0x32, 0x01, 0x10]));
        // A still picture with the short headers.
        assert!(is_key(&[0x0a, 0x01, 0x18, 0x32, 0x01, 0x00]));
        assert!(!is_key(&[]) && !is_key(&[0x0a]) && !of(&[0x32, 0x00]));
    }
}
