//! How packets leave.
use core::net::SocketAddr;

/// From a socket, or by way of a TURN server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path {
    /// The socket bound to this address.
    Socket(SocketAddr),
    /// The TURN client of this index.
    Relay(usize),
}
