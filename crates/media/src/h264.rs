//! As much of H.264 (ITU-T H.264, RFC 6184) as it takes to find frames.

use barertc_wire::Reader;

/// The type of a slice of a picture at which decoding can begin.
pub(crate) const IDR: u8 = 5;
/// The type of an access unit delimiter, which stands before everything else of a picture.
pub(crate) const AUD: u8 = 9;

/// The type of a NAL unit, from its first byte.
pub(crate) fn nal_type(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |b| b & 0x1f)
}

/// Whether the NAL unit is a slice, or the first partition of one.
pub(crate) fn is_slice(nal_type: u8) -> bool {
    matches!(nal_type, 1 | 2 | 5)
}

/// Whether this NAL unit, which comes after the slices of a picture, belongs to the next picture (H.264
/// §7.4.1.2.3). Delimiters, parameter sets and messages that stand before pictures do, and slices that begin at
/// the first macroblock.
pub(crate) fn begins_picture(nal: &[u8]) -> bool {
    match nal_type(nal) {
        6..=9 | 14..=18 => true,
        // `first_mb_in_slice` is an Exp-Golomb code: zero is one set bit.
        1 | 2 | 5 => nal.get(1).is_some_and(|b| b & 0x80 != 0),
        _ => false,
    }
}

/// Whether the first byte of a NAL unit may stand there: `forbidden_zero_bit` is clear (H.264 §7.4.1).
pub(crate) fn is_sound(nal: &[u8]) -> bool {
    nal.first().is_none_or(|b| b & 0x80 == 0)
}

/// What is wrong with length-prefixed NAL units, and where.
pub(crate) struct BadNal {
    pub(crate) offset: usize,
    pub(crate) rule: Option<&'static str>,
}

/// Walks an access unit of (4-byte length, NAL unit) repeated; whether it has an IDR picture.
pub(crate) fn check_access_unit(data: &[u8]) -> Result<bool, BadNal> {
    let mut rest = Reader::new(data);
    let mut keyframe = false;
    while !rest.is_empty() {
        let offset = data.len().saturating_sub(rest.remaining());
        let truncated = BadNal { offset, rule: None };
        let Ok(len) = rest.u32() else { return Err(truncated) };
        if len == 0 {
            return Err(BadNal { offset, rule: Some("NAL unit of no bytes") });
        }
        let Ok(nal) = rest.take(len as usize) else { return Err(truncated) };
        keyframe |= nal_type(nal) == IDR;
    }
    Ok(keyframe)
}

/// Where the next start code prefix (00 00 01) begins, at or after `from`.
pub(crate) fn start_code(data: &[u8], from: usize) -> Option<usize> {
    let rest = data.get(from..)?;
    let at = rest.windows(3).position(|w| matches!(w, [0, 0, 1]))?;
    from.checked_add(at)
}

/// The NAL units of a piece of an Annex B stream that begins with one (or with zeros) and ends where one ends.
pub(crate) fn nals(piece: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let mut next = start_code(piece, 0);
    core::iter::from_fn(move || {
        loop {
            let begin = next?.checked_add(3)?;
            next = start_code(piece, begin);
            let end = next.unwrap_or(piece.len());
            let nal = trim_zeros(piece.get(begin..end)?);
            if !nal.is_empty() {
                return Some(nal);
            }
        }
    })
}

/// A NAL unit cannot end in a zero byte: those belong to the next start code (H.264 §7.4.1, Annex B).
pub(crate) fn trim_zeros(nal: &[u8]) -> &[u8] {
    let len = nal.iter().rposition(|b| *b != 0).map_or(0, |last| last.saturating_add(1));
    nal.get(..len).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::vec;
    use std::vec::Vec;

    #[test]
    fn start_codes_of_three_and_four_bytes_and_stuffing() {
        let piece = [0, 0, 0, 1, 0x67, 1, 0, 0, 0, 0, 1, 0x68, 2, 0, 0, 1, 0, 0, 1, 0x65, 0x88, 0, 0];
        let found: Vec<&[u8]> = nals(&piece).collect();
        assert_eq!(found, vec![&[0x67, 1][..], &[0x68, 2], &[0x65, 0x88]]);
    }

    #[test]
    fn lengths_that_don_t_add_up_are_told_where() {
        assert!(matches!(check_access_unit(&[0, 0, 0, 2, 0x65, 0]), Ok(true)));
        assert!(matches!(check_access_unit(&[0, 0, 0, 1, 0x41]), Ok(false)));
        let bad = |data: &[u8]| check_access_unit(data).err().map(|b| (b.offset, b.rule.is_some()));
        assert_eq!(bad(&[0, 0, 0, 1, 0x41, 0, 0]), Some((5, false)));
        assert_eq!(bad(&[0, 0, 0, 1, 0x41, 0, 0, 0, 9, 1]), Some((5, false)));
        assert_eq!(bad(&[0, 0, 0, 0]), Some((0, true)));
        assert_eq!(bad(&[255; 8]), Some((0, false)));
    }
}
