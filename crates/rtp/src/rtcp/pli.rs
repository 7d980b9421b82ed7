//! Picture loss indication (RFC 4585 §6.3.1).

use barertc_wire::Reader;

use crate::error::Error;

/// A request for a key frame, because pictures were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pli {
    /// The SSRC of the sender of the request.
    pub sender: u32,
    /// The SSRC of the pictures.
    pub media: u32,
}

impl Pli {
    pub(super) fn parse(mut r: Reader<'_>) -> Result<Self, Error> {
        Ok(Self { sender: r.u32()?, media: r.u32()? })
    }
}
