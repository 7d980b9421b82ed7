//! Picture loss indication (RFC 4585 §6.3.1).

use barertc_wire::Reader;

use crate::error::Error;

/// Asks for a key frame because pictures were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pli {
    /// Who asks.
    pub sender: u32,
    /// Whose pictures.
    pub media: u32,
}

impl Pli {
    pub(super) fn parse(mut r: Reader<'_>) -> Result<Self, Error> {
        Ok(Self { sender: r.u32()?, media: r.u32()? })
    }
}
