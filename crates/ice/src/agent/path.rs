//! How packets leave.
use core::net::SocketAddr;

use crate::route::{Protocol, Route};

/// From a socket, by a TCP connection, or by way of a TURN server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// The socket bound to this address.
    Socket(SocketAddr),
    /// A TCP connection of the candidate with this address. Each remote address has one of its own.
    Tcp(SocketAddr),
    /// The TURN client of this index.
    Relay(usize),
}

impl Path {
    /// The way that a datagram has come, if not by way of a TURN server.
    pub(super) const fn of(route: Route) -> Self {
        match route.protocol {
            Protocol::IceTcp => Self::Tcp(route.local),
            Protocol::Udp | Protocol::Tcp | Protocol::Tls => Self::Socket(route.local),
        }
    }

    pub(super) const fn is_tcp(self) -> bool {
        matches!(self, Self::Tcp(_))
    }
}
