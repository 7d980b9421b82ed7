//! Servers that help to find a way: STUN and TURN, the W3C's `iceServers`.

use core::net::SocketAddr;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_ice::{GatheringState, TurnServer};

use super::PeerConnection;
use crate::Error;

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// A STUN server that tells which address this side has from outside; at most four.
    ///
    /// # Errors
    /// [`Error::Ice`] when there are too many.
    pub fn add_stun_server(&mut self, server: SocketAddr) -> Result<(), Error> {
        self.ice.add_stun_server(self.now, server)?;
        self.update();
        Ok(())
    }

    /// A TURN server, which relays for those who have no other way. It lends one address to one socket: connections that
    /// share a socket cannot all use it, so each that shall have a relay needs a socket of its own as its first
    /// [local candidate](Self::add_local_candidate).
    ///
    /// # Errors
    /// [`Error::Ice`] beyond `Config::ice.max_relays` and for credentials that are too long.
    pub fn add_turn_server(&mut self, server: &TurnServer<'_>) -> Result<(), Error> {
        self.ice.add_turn_server(self.now, server)?;
        self.update();
        Ok(())
    }

    /// Asks the servers now instead of with the first description, so that the description can have in it what they
    /// answer: once [`ice_gathering_state`](Self::ice_gathering_state) is complete. Otherwise it is to be trickled.
    ///
    /// # Errors
    /// [`Error::Ice`] without a local candidate.
    pub fn gather(&mut self) -> Result<(), Error> {
        if self.ice.gathering_state() == GatheringState::New {
            self.ice.gather(self.now)?;
            self.update();
        }
        Ok(())
    }

    /// The W3C's `iceGatheringState`.
    #[must_use]
    pub fn ice_gathering_state(&self) -> GatheringState {
        self.ice.gathering_state()
    }
}
