//! Addresses: candidates of both sides, servers that help to find a way, and whose a datagram is.

use core::net::SocketAddr;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_ice::stream::StreamEnd;
use barertc_ice::{Candidate, GatheringState, Route, TurnServer};
use barertc_wire::Instant;

use super::PeerConnection;
use crate::error::Error;
use crate::event::ConnectionState;

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// The address of a bound socket, or a candidate made from it.
    ///
    /// # Errors
    /// [`Error::Ice`] when there are too many.
    pub fn add_local_candidate(&mut self, now: Instant, candidate: Candidate) -> Result<(), Error> {
        self.transport.ice_mut().add_local(now, candidate)?;
        self.update(now);
        Ok(())
    }

    /// A socket that is gone, with the network it was in. An ICE restart with the address of another one moves the call.
    pub fn remove_local_candidate(&mut self, now: Instant, address: SocketAddr) {
        self.transport.ice_mut().remove_local(now, address);
        self.update(now);
    }

    /// A socket that others reach under another address than its own: behind a port forwarding, or a NAT that maps one to
    /// one. Descriptions say `public`; the agent works with `local`.
    ///
    /// # Errors
    /// [`Error::TooMany`] above four; [`Error::Ice`] when there are too many candidates.
    pub fn add_mapped_candidate(&mut self, now: Instant, local: SocketAddr, public: SocketAddr) -> Result<(), Error> {
        self.transport.map(local, public)?;
        self.add_local_candidate(now, Candidate::host(local))
    }

    /// A candidate that the other side has trickled: the text of an `a=candidate` line. Names are ignored: a peer that
    /// hides its address will be seen when its checks arrive.
    ///
    /// # Errors
    /// [`Error::Ice`].
    pub fn add_remote_candidate(&mut self, now: Instant, line: &str) -> Result<(), Error> {
        let _name = self.transport.ice_mut().add_remote_line(now, line)?;
        self.update(now);
        Ok(())
    }

    /// A STUN server that tells which address this side has from outside; at most four.
    ///
    /// # Errors
    /// [`Error::Ice`] when there are too many.
    pub fn add_stun_server(&mut self, now: Instant, server: SocketAddr) -> Result<(), Error> {
        self.transport.ice_mut().add_stun_server(now, server)?;
        self.update(now);
        Ok(())
    }

    /// A TURN server, which relays for those who have no other way. It lends one address to one socket: connections that
    /// share a socket cannot all use it, so each that shall have a relay needs a socket of its own as its first
    /// [local candidate](Self::add_local_candidate).
    ///
    /// # Errors
    /// [`Error::Ice`] beyond `Config::ice.max_relays` and for credentials that are too long.
    pub fn add_turn_server(&mut self, now: Instant, server: &TurnServer<'_>) -> Result<(), Error> {
        self.transport.ice_mut().add_turn_server(now, server)?;
        self.update(now);
        Ok(())
    }

    /// Says that the stream of `route` to a TURN server has ended, or that none could be made: `end` tells why. Whoever
    /// owns the sockets makes a stream when a [`Transmit`] has such a route. The server is asked for another address, by
    /// another stream: at once where there was an address, else after a wait.
    pub fn stream_ended(&mut self, now: Instant, route: Route, end: StreamEnd) {
        self.transport.ice_mut().stream_ended(now, route, end);
        self.update(now);
    }

    /// Whether the stream of `route` is in use. One that is not is to be closed.
    #[must_use]
    pub fn uses_stream(&self, route: Route) -> bool {
        self.transport.ice().uses_stream(route)
    }

    /// Asks the servers now instead of with the first description, so that the description can have in it what they
    /// answer: once [`ice_gathering_state`](Self::ice_gathering_state) is complete. Otherwise it is to be trickled.
    ///
    /// # Errors
    /// [`Error::Ice`] without a local candidate.
    pub fn gather(&mut self, now: Instant) -> Result<(), Error> {
        if self.transport.ice().gathering_state() == GatheringState::New {
            self.transport.ice_mut().gather(now)?;
            self.update(now);
        }
        Ok(())
    }

    /// The W3C's `iceGatheringState`.
    #[must_use]
    pub fn ice_gathering_state(&self) -> GatheringState {
        self.transport.ice().gathering_state()
    }

    /// The W3C's `connectionState`.
    #[must_use]
    pub const fn connection_state(&self) -> ConnectionState {
        self.told.state()
    }

    /// Whether a datagram is for this connection, as a socket shared by many has to know: a check that names our user
    /// name fragment, or anything from an address that the other side or a server of ours has. Nothing is believed by that.
    #[must_use]
    pub fn is_for_us(&self, route: Route, datagram: &[u8]) -> bool {
        let ice = self.transport.ice();
        let check = barertc_ice::stun::Message::parse(datagram).ok();
        match check.and_then(|check| check.username()) {
            Some(name) => name.split_once(':').is_some_and(|(ours, _)| ice.is_local_ufrag(ours)),
            None => ice.is_expected(route, datagram),
        }
    }

    /// A datagram that [is for nobody](Self::is_for_us), as far as its sender's address tells: whether it is of our peer
    /// all the same, who is known by it alone, being authentic RTCP. Then the peer has a new address, and the path
    /// follows as soon as that has answered a check: within a round trip instead of at the peer's next check.
    ///
    /// The datagram is of no use afterwards. No more than fifty a second are looked at, so that strangers cost little.
    pub fn handle_unknown(&mut self, now: Instant, route: Route, datagram: &mut [u8]) -> bool {
        let is_ours = self.transport.handle_unknown(now, route, datagram);
        if is_ours {
            self.update(now);
        }
        is_ours
    }

    /// Ends the connection: the peer is told when [`poll_transmit`](Self::poll_transmit) is emptied once more, and from
    /// then on nothing is sent to it. What a TURN server lent is given back: as long as there is a
    /// [`timeout`](Self::timeout), datagrams are passed on and `poll_transmit` is emptied (one round trip, and 9.5 s at
    /// most where the server is silent).
    pub fn close(&mut self, now: Instant) {
        self.transport.close(now);
        self.told.close();
    }

    /// Whether the connection is closed, the peer has been told, and nothing is left to be sent or waited for.
    #[must_use]
    pub fn has_parted(&self) -> bool {
        self.told.is_closed() && self.transport.has_parted() && self.timeout().is_none()
    }
}
