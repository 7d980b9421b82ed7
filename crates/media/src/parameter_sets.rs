//! The parameter sets of H.264 that a key frame needs.

use barertc_arena::{AllocError, Allocator, Shared};
use barertc_wire::{Reader, Writer};

use crate::h264::{AUD, IDR, nal_type};

/// Bytes of the sets of one kind that are kept, lengths counted. Sets of a usual stream have 10 to 60.
const MAX: usize = 256;
/// What an error says then.
pub(crate) const SETS_TOO_LARGE: &str = "parameter sets of more than 256 bytes";
const SPS: u8 = 7;
const PPS: u8 = 8;

/// The parameter sets that a stream had last, so that each key frame can have them: a viewer who joins there has seen no
/// earlier ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct ParameterSets {
    sps: heapless::Vec<u8, MAX>,
    pps: heapless::Vec<u8, MAX>,
    /// Some were larger than what is kept: of the sequence, and of pictures.
    too_large: [bool; 2],
}

/// Sets that are larger than what is kept: they cannot be repeated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TooLarge;

impl ParameterSets {
    /// Looks at the NAL units of the next frame. The bytes that belong in front of it, behind an access unit delimiter where
    /// it begins with one (H.264 §7.4.1.2.3), each set behind its length: none unless it is a key frame that lacks sets.
    pub(crate) fn lacking<'n>(
        &mut self,
        nals: impl Iterator<Item = &'n [u8]> + Clone,
    ) -> Result<(&[u8], &[u8]), TooLarge> {
        let (sps, pps) = self.learn(nals.clone());
        let has = |kind: u8| nals.clone().any(|nal| nal_type(nal) == kind);
        let lacks = has(IDR) && (!sps && !self.sps.is_empty() || !pps && !self.pps.is_empty());
        let [sps_too_large, pps_too_large] = self.too_large;
        if has(IDR) && (!sps && sps_too_large || !pps && pps_too_large) {
            return Err(TooLarge);
        }
        Ok(if lacks { (&self.sps, &self.pps) } else { (&[], &[]) })
    }

    /// Keeps the sets among the NAL units; whether there were sequence parameter sets, and picture parameter sets.
    pub(crate) fn learn<'n>(&mut self, nals: impl Iterator<Item = &'n [u8]> + Clone) -> (bool, bool) {
        let has = |kind: u8| nals.clone().any(|nal| nal_type(nal) == kind);
        let (sps, pps) = (has(SPS), has(PPS));
        let [sps_too_large, pps_too_large] = &mut self.too_large;
        if sps {
            *sps_too_large = keep(&mut self.sps, nals.clone().filter(|nal| nal_type(nal) == SPS)).is_err();
        }
        if pps {
            *pps_too_large = keep(&mut self.pps, nals.clone().filter(|nal| nal_type(nal) == PPS)).is_err();
        }
        (sps, pps)
    }

    /// A set was too large to be seen whole.
    pub(crate) const fn miss(&mut self) {
        self.too_large = [true; 2];
    }

    /// Whether a NAL unit is a parameter set.
    pub(crate) fn is_set(nal: &[u8]) -> bool {
        matches!(nal_type(nal), SPS | PPS)
    }

    /// Whether a frame of NAL units behind their lengths has sets of its own.
    pub(crate) fn are_in(data: &[u8]) -> bool {
        units(data).any(Self::is_set)
    }

    /// `data`, a frame of NAL units behind their lengths, with the sets that it lacks.
    pub(crate) fn complete<A: Allocator>(
        &mut self,
        data: Shared<[u8], A>,
        alloc: A,
    ) -> Result<Result<Shared<[u8], A>, TooLarge>, AllocError> {
        let (sps, pps) = match self.lacking(units(&data)) {
            Ok(lacking) => lacking,
            Err(error) => return Ok(Err(error)),
        };
        let len = sps.len().saturating_add(pps.len());
        if len == 0 {
            return Ok(Ok(data));
        }
        // A delimiter stays at the front.
        let delimiter =
            units(&data).next().filter(|nal| nal_type(nal) == AUD).map_or(0, |nal| nal.len().saturating_add(4));
        let (delimiter, rest) = data.split_at_checked(delimiter).unwrap_or((&[], &data));
        Shared::<[u8], A>::try_fill(len.saturating_add(data.len()), alloc, |out| {
            let mut w = Writer::new(out);
            let all = [delimiter, sps, pps, rest];
            all.into_iter().try_for_each(|bytes| w.put(bytes)).map_err(|_| AllocError)
        })
        .map(Ok)
    }
}

/// The NAL units of a frame, each behind its length.
fn units(data: &[u8]) -> impl Iterator<Item = &[u8]> + Clone {
    let mut r = Reader::new(data);
    core::iter::from_fn(move || r.u32().ok().and_then(|len| r.take(len as usize).ok()))
}

/// Keeps all of them or, where they are too large, none.
fn keep<'n>(kept: &mut heapless::Vec<u8, MAX>, sets: impl Iterator<Item = &'n [u8]>) -> Result<(), TooLarge> {
    kept.clear();
    for set in sets {
        let len = u32::try_from(set.len()).map_err(|_| TooLarge)?.to_be_bytes();
        if kept.extend_from_slice(&len).and_then(|()| kept.extend_from_slice(set)).is_err() {
            kept.clear();
            return Err(TooLarge);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A set that is too large leaves nothing of itself, and a good one of the other kind does not make it good.
    #[test]
    fn what_is_too_large_stays_too_large_until_its_own_kind_comes() {
        let (large, idr, sps, pps): ([u8; 300], _, _, _) = ([8; 300], [0x65, 1], [7, 1], [8, 2]);
        let mut sets = ParameterSets::default();
        assert!(sets.lacking([&large[..]].into_iter()).is_ok());
        assert!(sets.lacking([&sps[..]].into_iter()).is_ok());
        assert!(sets.lacking([&idr[..]].into_iter()).is_err());
        assert!(sets.lacking([&pps[..]].into_iter()).is_ok());
        let (first, second) = sets.lacking([&idr[..]].into_iter()).expect("both fit");
        assert_eq!((first, second), (&[0, 0, 0, 2, 7, 1][..], &[0, 0, 0, 2, 8, 2][..]));
    }
}
