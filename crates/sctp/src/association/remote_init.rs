//! What the peer says of itself in an INIT chunk.

use super::state::Peer;
use crate::chunk::{Chunk, Chunks, Init};
use crate::error::Error;
use crate::serial::Tsn;

/// The INIT chunk of the peer's session description (`a=sctp-init` of SNAP), parsed and checked.
#[derive(Clone, Copy, Debug)]
pub struct RemoteInit(pub(super) Peer);

#[cfg(feature = "defmt")]
impl defmt::Format for RemoteInit {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "RemoteInit {{ tag: {}, window: {} }}", self.0.tag, self.0.window);
    }
}

impl RemoteInit {
    /// Parses one INIT chunk, with at most three bytes of padding after it.
    ///
    /// # Errors
    /// [`Error::Malformed`]: the bytes are not one INIT chunk, or the chunk breaks RFC 9260 §3.3.2.
    pub fn parse(chunk: &[u8]) -> Result<Self, Error> {
        let len = chunk.get(2..4).and_then(|len| len.try_into().ok()).map(u16::from_be_bytes);
        let behind = len.and_then(|len| chunk.len().checked_sub(usize::from(len)));
        let Some(0..=3) = behind else { return Err(Error::Malformed) };
        let Some(Ok(Chunk::Init(init))) = Chunks::new(chunk).next() else { return Err(Error::Malformed) };
        peer(&init).map(Self).ok_or(Error::Malformed)
    }
}

/// What an INIT or INIT ACK says, if it may say that (RFC 9260 §3.3.2).
pub(super) fn peer(init: &Init<'_>) -> Option<Peer> {
    (init.tag != 0 && init.inbound != 0 && init.outbound != 0).then_some(Peer {
        tag: init.tag,
        tsn: Tsn(init.tsn),
        window: init.window,
        inbound: init.inbound,
        capabilities: init.capabilities,
    })
}
