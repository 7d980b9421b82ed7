//! Reads an access unit of H.264, and makes it fit to be sent.

use barertc_arena::{AllocError, Allocator, Shared};
use barertc_wire::Writer;

use crate::h264;
use crate::parameter_sets::ParameterSets;

/// Why no frame was made of an access unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It has so many bytes.
    TooLarge(usize),
    /// Its parameter sets are larger than what is kept.
    Sets,
    /// The allocator gave no memory for so many bytes.
    OutOfMemory(usize),
}

/// The frame of an access unit between start codes: NAL units behind their lengths, a key frame with the sets that it lacks.
pub(crate) fn gather<A: Allocator>(
    unit: &[u8],
    sets: &mut ParameterSets,
    max: usize,
    alloc: A,
) -> Result<Shared<[u8], A>, Unfit> {
    let (sps, pps) = sets.lacking(h264::nals(unit)).map_err(|_| Unfit::Sets)?;
    let sets = sps.len().saturating_add(pps.len());
    let len = h264::nals(unit).fold(sets, |sum, nal| sum.saturating_add(nal.len()).saturating_add(4));
    if len > max {
        return Err(Unfit::TooLarge(len));
    }
    let data = Shared::<[u8], A>::try_fill(len, alloc, |out| {
        let mut w = Writer::new(out);
        let mut sets = Some((sps, pps));
        for nal in h264::nals(unit) {
            if h264::nal_type(nal) != h264::AUD
                && let Some((sps, pps)) = sets.take()
            {
                w.put(sps).and_then(|()| w.put(pps)).map_err(|_| AllocError)?;
            }
            let length = u32::try_from(nal.len()).unwrap_or(0);
            w.u32(length).and_then(|()| w.put(nal)).map_err(|_| AllocError)?;
        }
        Ok::<(), AllocError>(())
    });
    data.map_err(|_| Unfit::OutOfMemory(len))
}
