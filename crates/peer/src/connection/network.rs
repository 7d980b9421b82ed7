//! Addresses: candidates of both sides, servers that help to find a way, and whose a datagram is.

use core::net::SocketAddr;

use barertc_arena::Allocator;
use barertc_crypto::Provider;
use barertc_ice::stream::StreamEnd;
use barertc_ice::stun::{Class, Message};
use barertc_ice::{Candidate, GatheringState, Route, TurnServer};
use barertc_wire::Instant;

use super::PeerConnection;
use crate::error::{Discard, Error};
use crate::event::ConnectionState;

impl<A: Allocator + Clone, P: Provider> PeerConnection<'_, A, P> {
    /// Adds a local candidate. It is the address of a bound UDP socket or of a TCP socket that listens, or was made from
    /// such an address. Over TCP the peer connects to [`Candidate::tcp_passive`], and this side connects from
    /// [`Candidate::tcp_active`] (RFC 6544). TCP is used where UDP finds no path.
    ///
    /// # Errors
    /// [`Error::Ice`] when there are too many; [`Error::Closed`].
    pub fn add_local_candidate(&mut self, now: Instant, candidate: Candidate) -> Result<(), Error> {
        self.check_open()?;
        self.transport.ice_mut().add_local(now, candidate)?;
        if self.agreement.is_offered() || self.transport.ice().remote_ufrag().is_some() {
            self.transport.gather(now);
        }
        self.update(now);
        Ok(())
    }

    /// Removes a socket that is gone, with its candidates.
    ///
    /// Where the selected path used it, ICE checks the pairs of the other sockets at once. The state is
    /// [`Disconnected`](ConnectionState::Disconnected) until one works, which takes one round trip. A socket that is
    /// [added](Self::add_local_candidate) later is checked at once, too, without another description. Where nothing works,
    /// [`Event::PeerSilent`](crate::Event::PeerSilent) tells why after `Config::ice.no_answer_after`. Sometimes the peer's
    /// NAT or firewall lets no packet from the new address in. An ICE restart helps then.
    ///
    /// # Errors
    /// [`Error::Ice`] when no socket with this address was added.
    pub fn remove_local_candidate(&mut self, now: Instant, address: SocketAddr) -> Result<(), Error> {
        self.transport.ice_mut().remove_local(now, address)?;
        self.transport.unmap(address);
        self.update(now);
        Ok(())
    }

    /// Adds a socket that others reach under another address. It is behind a port forwarding, or behind a NAT
    /// that maps addresses one to one. Descriptions name `public`. The agent sends from `local` and receives on
    /// it.
    ///
    /// # Errors
    /// [`Error::TooMany`] above four; [`Error::Ice`] when there are too many candidates; [`Error::Closed`]. Then nothing has
    /// changed.
    pub fn add_mapped_candidate(&mut self, now: Instant, local: SocketAddr, public: SocketAddr) -> Result<(), Error> {
        self.add_mapped(now, Candidate::host(local), local, public)
    }

    /// Adds a TCP socket that listens at `local`, and that others reach at `public`.
    ///
    /// # Errors
    /// As [`add_mapped_candidate`](Self::add_mapped_candidate).
    pub fn add_mapped_tcp_candidate(
        &mut self,
        now: Instant,
        local: SocketAddr,
        public: SocketAddr,
    ) -> Result<(), Error> {
        self.add_mapped(now, Candidate::tcp_passive(local), local, public)
    }

    fn add_mapped(
        &mut self,
        now: Instant,
        candidate: Candidate,
        local: SocketAddr,
        public: SocketAddr,
    ) -> Result<(), Error> {
        self.check_open()?;
        let tcp = candidate.is_tcp();
        let before = self.transport.map(local, tcp, public)?;
        let added = self.add_local_candidate(now, candidate);
        if added.is_err() {
            self.transport.map_back(local, tcp, before);
        }
        added
    }

    /// Adds a candidate that the peer has trickled. `line` is the text of an `a=candidate` line. A candidate whose address
    /// is a host name is not used, and is counted as [`Discard::Candidate`]. The address of such a peer becomes known by its
    /// checks.
    ///
    /// # Errors
    /// [`Error::Ice`], [`Error::Closed`].
    pub fn add_remote_candidate(&mut self, now: Instant, line: &str) -> Result<(), Error> {
        self.check_open()?;
        if self.transport.ice_mut().add_remote_line(now, line)?.is_some() {
            self.discards.count(Discard::Candidate);
        }
        self.update(now);
        Ok(())
    }

    /// Adds a STUN server, which tells the address that this side has from outside. There may be four.
    ///
    /// # Errors
    /// [`Error::Ice`] when there are too many; [`Error::Closed`].
    pub fn add_stun_server(&mut self, now: Instant, server: SocketAddr) -> Result<(), Error> {
        self.check_open()?;
        self.transport.ice_mut().add_stun_server(now, server)?;
        self.update(now);
        Ok(())
    }

    /// Adds a TURN server, which relays where there is no direct path.
    ///
    /// A TURN server allocates one relayed address for one socket. Connections that share a socket cannot all have one.
    /// A connection that needs a relay gets a socket of its own as its first [local
    /// candidate](Self::add_local_candidate).
    ///
    /// # Errors
    /// [`Error::Ice`] beyond `Config::ice.max_relays` and for credentials that are too long; [`Error::Closed`].
    pub fn add_turn_server(&mut self, now: Instant, server: &TurnServer<'_>) -> Result<(), Error> {
        self.check_open()?;
        self.transport.ice_mut().add_turn_server(now, server)?;
        self.update(now);
        Ok(())
    }

    /// Sets another name and password for a TURN server, for example before temporary ones run out. An address that the
    /// server has given stays until it runs out. The next address is asked for with the new account. Where the server has
    /// refused an address to the old account, the agent asks again now. Where it has refused the way to every peer, the
    /// agent gives the address up at once. It then asks for another one from another socket or stream.
    ///
    /// # Errors
    /// [`Error::Ice`] without such a server, and for credentials that are too long; [`Error::Closed`].
    pub fn renew_turn_server(&mut self, now: Instant, server: &TurnServer<'_>) -> Result<(), Error> {
        self.check_open()?;
        self.transport.ice_mut().renew_turn_server(now, server)?;
        self.update(now);
        Ok(())
    }

    /// Says that the stream of `route` has ended, or that none could be made. `end` tells why.
    ///
    /// The owner of the sockets opens a stream when a [`Transmit`](crate::Transmit) has such a route. After the end of
    /// a stream to a TURN server, the server is asked for another address by another stream. That happens at once when
    /// there was an address, and else after a wait. After the end of a TCP connection to the peer, ICE looks for another
    /// path.
    pub fn stream_ended(&mut self, now: Instant, route: Route, end: StreamEnd) {
        self.transport.ice_mut().stream_ended(now, route, end);
        self.update(now);
    }

    /// Whether the stream of `route` is in use. The caller closes a stream that is not.
    #[must_use]
    pub fn uses_stream(&self, route: Route) -> bool {
        self.transport.ice().uses_stream(route)
    }

    /// Asks the STUN and TURN servers now. Otherwise they are asked with the first description.
    ///
    /// Once [`ice_gathering_state`](Self::ice_gathering_state) is complete, a description has the candidates that they
    /// gave. Before that, the application trickles those candidates.
    ///
    /// # Errors
    /// [`Error::Ice`] without a local candidate; [`Error::Closed`].
    pub fn gather(&mut self, now: Instant) -> Result<(), Error> {
        self.check_open()?;
        if self.transport.ice().gathering_state() == GatheringState::New {
            self.transport.ice_mut().gather(now)?;
            self.update(now);
        }
        Ok(())
    }

    /// The peer's user name fragment, which names its ICE generation. A signaling protocol may need it to tell to which
    /// generation candidates belong (RFC 9725 §4.3.1). It is `None` until a description with an accepted m-line was applied.
    #[must_use]
    pub fn remote_ufrag(&self) -> Option<&str> {
        self.transport.ice().remote_ufrag()
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

    /// Whether a datagram is for this connection. The owner of a socket that many connections share needs to know that. A
    /// connectivity check is for the connection whose user name fragment it names. Any other datagram, a response too, is for
    /// this connection if it comes from an address of the peer or of a server. (The user name in a response does not count:
    /// libnice repeats that of the check.) The call does not authenticate the datagram.
    #[must_use]
    pub fn is_for_us(&self, route: Route, datagram: &[u8]) -> bool {
        let ice = self.transport.ice();
        let check = Message::parse(datagram).ok().filter(|message| message.class() == Class::Request);
        match check.and_then(|check| check.username()) {
            Some(name) => name.split_once(':').is_some_and(|(ours, _)| ice.is_local_ufrag(ours)),
            None => ice.is_expected(route, datagram),
        }
    }

    /// Looks at a datagram from an unknown address, which [is for no connection](Self::is_for_us). Returns whether this
    /// connection's peer has sent it.
    ///
    /// Only RTCP can show that: this connection's keys authenticate it. The peer then has a new address. ICE checks that
    /// address at once, and the path follows within a round trip. Without this call the path follows at the peer's next
    /// check.
    ///
    /// The contents of the datagram are not usable afterwards. At most fifty datagrams a second are looked at, so that
    /// strangers cost little.
    pub fn handle_unknown(&mut self, now: Instant, route: Route, datagram: &mut [u8]) -> bool {
        let is_ours = self.transport.handle_unknown(now, route, datagram);
        if is_ours {
            self.update(now);
        }
        is_ours
    }

    /// Closes the connection. The caller empties [`poll_transmit`](Self::poll_transmit) once more, which tells the
    /// peer. Nothing else is sent to the peer after that.
    ///
    /// An allocation at a TURN server is released. For that the caller continues to pass datagrams on and to empty
    /// `poll_transmit` as long as there is a [`timeout`](Self::timeout). That takes one round trip, and at most 9.5 s
    /// where the server is silent.
    pub fn close(&mut self, now: Instant) {
        self.transport.close(now);
        self.told.close();
    }

    /// Whether the connection is closed, the peer has been told, and nothing is left to send or to wait for.
    #[must_use]
    pub fn has_parted(&self) -> bool {
        self.told.is_closed() && self.transport.has_parted() && self.timeout().is_none()
    }
}
