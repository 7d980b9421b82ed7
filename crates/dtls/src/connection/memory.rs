//! What a connection takes from its allocator: three blocks for the handshake, three that stay.

use crate::handshake::flight;
use crate::record::KEY_BYTES;
use crate::state::Handshake;

/// The keys, and the flight: its last one may have to be repeated, and key updates go out through it.
pub(crate) const ESTABLISHED: usize = flight::CAPACITY.saturating_add(KEY_BYTES);

/// State, messages in pieces, and records that came too early.
pub(crate) const fn handshake(reassembly: usize, early: usize) -> usize {
    size_of::<Handshake>().saturating_add(reassembly).saturating_add(early)
}
