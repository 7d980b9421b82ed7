//! Finding the NAL units of an access unit: Annex B start codes or length prefixes.

use crate::error::Error;

/// How the NAL units of a frame are separated in its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Framing {
    /// The frame is one unit (audio, VP8, VP9), or has units with sizes of their own (AV1).
    Whole,
    /// Start codes `00 00 01` or `00 00 00 01` (ITU-T H.264 annex B).
    AnnexB,
    /// A length of 2 bytes, most significant byte first, before each unit.
    Length2,
    /// A length of 4 bytes, most significant byte first, before each unit.
    Length4,
}

/// The position of a NAL unit in its frame, in bytes, without start code or prefix.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Nal {
    /// The first byte.
    pub offset: u32,
    /// The length. It is never 0.
    pub len: u32,
}

impl Nal {
    /// The bytes of the unit in `frame`.
    #[must_use]
    pub fn of<'a>(&self, frame: &'a [u8]) -> &'a [u8] {
        let start = self.offset as usize;
        frame.get(start..start.saturating_add(self.len as usize)).unwrap_or_default()
    }
}

/// Calls `found` for every NAL unit of `frame`, in order. Empty units are left out.
///
/// # Errors
/// [`Error::BadLength`] for a length prefix that points past the end, [`Error::FrameTooLarge`] above 4 GiB, and the
/// errors of `found`.
pub fn for_each_nal(
    frame: &[u8],
    framing: Framing,
    mut found: impl FnMut(Nal) -> Result<(), Error>,
) -> Result<(), Error> {
    if u32::try_from(frame.len()).is_err() {
        return Err(Error::FrameTooLarge { limit: u32::MAX as usize, value: frame.len() });
    }
    let mut emit = |start: usize, end: usize| {
        let len = end.saturating_sub(start);
        if len == 0 { Ok(()) } else { found(Nal { offset: start as u32, len: len as u32 }) }
    };
    match framing {
        Framing::Whole => emit(0, frame.len()),
        Framing::AnnexB => annex_b(frame, emit),
        Framing::Length2 => prefixed(frame, 2, emit),
        Framing::Length4 => prefixed(frame, 4, emit),
    }
}

fn prefixed(frame: &[u8], size: usize, mut emit: impl FnMut(usize, usize) -> Result<(), Error>) -> Result<(), Error> {
    let mut at = 0usize;
    while at < frame.len() {
        let start = at.saturating_add(size);
        let prefix = frame.get(at..start).ok_or(Error::BadLength(at))?;
        let len = prefix.iter().fold(0usize, |n, b| (n << 8) | usize::from(*b));
        let end = start.checked_add(len).filter(|end| *end <= frame.len()).ok_or(Error::BadLength(at))?;
        emit(start, end)?;
        at = end;
    }
    Ok(())
}

fn annex_b(frame: &[u8], mut emit: impl FnMut(usize, usize) -> Result<(), Error>) -> Result<(), Error> {
    let Some((_, mut start)) = start_code(frame, 0) else { return Ok(()) };
    loop {
        let next = start_code(frame, start);
        let mut end = next.map_or(frame.len(), |(at, _)| at);
        // Zero bytes behind a unit belong to the byte stream, not to the unit (annex B.1: trailing_zero_8bits); a
        // unit never ends in a zero byte (section 7.4.1).
        while end > start && frame.get(end.saturating_sub(1)) == Some(&0) {
            end = end.saturating_sub(1);
        }
        emit(start, end)?;
        match next {
            Some((_, s)) => start = s,
            None => return Ok(()),
        }
    }
}

/// Whether no two zero bytes stand together in the block at the start of `bytes` and the byte behind it. There is no way
/// out of the fold before its end, so that it becomes a few wide comparisons.
fn has_no_two_zeros(bytes: &[u8]) -> bool {
    let Some((block, shifted)) =
        bytes.first_chunk::<BLOCK>().zip(bytes.get(1..).and_then(<[u8]>::first_chunk::<BLOCK>))
    else {
        return false;
    };
    block.iter().zip(shifted).fold(true, |none, (a, b)| none & (a | b != 0))
}

/// Whether the processor compares many bytes at once.
const WIDE: bool = cfg!(any(target_feature = "sse2", target_feature = "neon"));
/// Bytes that are then looked at together.
const BLOCK: usize = 32;

/// The first `00 00 01` at or behind `from`: where it starts, and where its unit starts.
fn start_code(frame: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    loop {
        if WIDE && has_no_two_zeros(frame.get(at..)?) {
            at = at.saturating_add(BLOCK);
            continue;
        }
        // The third byte of a window decides how far the window may move: most windows move by three.
        let end = at.saturating_add(if WIDE { BLOCK } else { 1 });
        while at < end {
            let window: &[u8; 3] = frame.get(at..)?.first_chunk()?;
            at = match window {
                [0, 0, 1] => return Some((at, at.saturating_add(3))),
                [_, middle, last] if *last > 1 || (*last == 1 && *middle != 0) => at.saturating_add(3),
                _ => at.saturating_add(1),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn nals(frame: &[u8], framing: Framing) -> Result<Vec<Vec<u8>>, Error> {
        let mut all = Vec::new();
        for_each_nal(frame, framing, |n| {
            all.push(n.of(frame).to_vec());
            Ok(())
        })?;
        Ok(all)
    }

    #[test]
    fn annex_b_start_codes_of_both_lengths() {
        let frame = [0, 0, 0, 1, 0x67, 1, 2, 0, 0, 1, 0x68, 3, 0, 0, 0, 1, 0x65, 0, 0, 3, 1];
        assert_eq!(
            nals(&frame, Framing::AnnexB).unwrap(),
            [&[0x67, 1, 2][..], &[0x68, 3][..], &[0x65, 0, 0, 3, 1][..]]
        );
    }

    #[test]
    fn garbage_before_the_first_start_code_and_empty_units_are_left_out() {
        assert_eq!(nals(&[9, 9, 0, 0, 1, 0, 0, 1, 7, 0, 0], Framing::AnnexB).unwrap(), [[7]]);
        assert!(nals(&[1, 2, 3], Framing::AnnexB).unwrap().is_empty());
        assert!(nals(&[0, 0, 1], Framing::AnnexB).unwrap().is_empty());
        assert!(nals(&[], Framing::AnnexB).unwrap().is_empty());
    }

    #[test]
    fn length_prefixes() {
        assert_eq!(
            nals(&[0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 1, 9], Framing::Length4).unwrap(),
            [&[7, 8][..], &[9]]
        );
        assert_eq!(nals(&[0, 1, 7, 0, 2, 8, 9], Framing::Length2).unwrap(), [&[7][..], &[8, 9]]);
        assert_eq!(nals(&[0, 1, 7, 0, 3, 8, 9], Framing::Length2), Err(Error::BadLength(3)));
        assert_eq!(nals(&[0, 1, 7, 0], Framing::Length2), Err(Error::BadLength(3)));
        assert_eq!(nals(&[0xff; 5], Framing::Length4), Err(Error::BadLength(0)));
    }

    proptest! {
        #[test]
        fn no_start_code_is_missed(
            gap in 0usize..100,
            frame in prop::collection::vec(0u8..4, 0..64),
            tail in prop::collection::vec(0u8..200, 0..200),
        ) {
            let frame = [std::vec![9; gap], frame, tail].concat();
            let slow = frame.windows(3).position(|w| w == [0, 0, 1]);
            prop_assert_eq!(start_code(&frame, 0).map(|s| s.0), slow);
        }
    }
}
