//! What a connection asks of DTLS 1.3 after the handshake, where the feature `dtls13` is off: nothing happens.

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_wire::Instant;

use crate::error::Error;
use crate::link::Link;
use crate::record::Opened;

impl<A: Allocator, P: Provider> Link<A, P> {
    pub(crate) const fn post_handshake(&mut self, _: Instant, _: Opened, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }

    /// DTLS 1.2 has no key updates.
    pub(crate) const fn begin_update(&mut self, _: bool) -> Result<bool, Error> {
        Ok(false)
    }

    pub(crate) const fn update_when_due(&mut self) {}

    pub(crate) const fn flight_acknowledged(&mut self) -> Result<(), Error> {
        Ok(())
    }

    pub(crate) const fn note_read_epoch(&mut self, _: u16) {}
}
