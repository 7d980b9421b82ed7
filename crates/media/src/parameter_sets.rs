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
    /// Some were larger than what is kept.
    too_large: bool,
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
        if has(IDR) && !(sps && pps) && self.too_large {
            return Err(TooLarge);
        }
        Ok(if lacks { (&self.sps, &self.pps) } else { (&[], &[]) })
    }

    /// Keeps the sets among the NAL units; whether there were sequence parameter sets, and picture parameter sets.
    pub(crate) fn learn<'n>(&mut self, nals: impl Iterator<Item = &'n [u8]> + Clone) -> (bool, bool) {
        let has = |kind: u8| nals.clone().any(|nal| nal_type(nal) == kind);
        let (sps, pps) = (has(SPS), has(PPS));
        if sps {
            self.too_large = keep(&mut self.sps, nals.clone().filter(|nal| nal_type(nal) == SPS)).is_err();
        }
        if pps {
            self.too_large |= keep(&mut self.pps, nals.clone().filter(|nal| nal_type(nal) == PPS)).is_err();
        }
        (sps, pps)
    }

    /// A set was too large to be seen whole.
    pub(crate) const fn miss(&mut self) {
        self.too_large = true;
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

fn keep<'n>(kept: &mut heapless::Vec<u8, MAX>, sets: impl Iterator<Item = &'n [u8]>) -> Result<(), TooLarge> {
    kept.clear();
    for set in sets {
        let len = u32::try_from(set.len()).map_err(|_| TooLarge)?.to_be_bytes();
        let kept = kept.extend_from_slice(&len).and_then(|()| kept.extend_from_slice(set));
        kept.map_err(|_| TooLarge)?;
    }
    Ok(())
}
