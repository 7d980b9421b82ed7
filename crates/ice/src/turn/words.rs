//! What a TURN server is, and what its client tells.
use core::fmt;
use core::net::SocketAddr;
use core::ops::Range;

use barertc_wire::Instant;

use crate::route::Protocol;

/// A TURN server, and an account there. User name and password have at most 508 bytes each. They are used as they are;
/// RFC 8265 would normalise characters that are not ASCII.
#[derive(Clone, Copy)]
pub struct TurnServer<'a> {
    /// The server's address.
    pub addr: SocketAddr,
    /// How the server is reached. Over a stream, the caller cuts what arrives into messages by
    /// [`stream`](crate::stream) and says when the stream [ends](crate::Agent::stream_ended); the client retransmits
    /// nothing (RFC 8489 §6.2.2).
    pub protocol: Protocol,
    /// Name of the account.
    pub username: &'a str,
    /// Password of the account.
    pub password: &'a str,
    /// Asks for an IPv6 address instead of an IPv4 one (REQUESTED-ADDRESS-FAMILY).
    pub ipv6: bool,
}

impl fmt::Debug for TurnServer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { addr, protocol, username, password: _, ipv6 } = self;
        let mut f = f.debug_struct("TurnServer");
        f.field("addr", addr).field("protocol", protocol).field("username", username).field("ipv6", ipv6);
        f.finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for TurnServer<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "TurnServer {} {} {}", self.addr, self.protocol, self.username);
    }
}

/// Where an allocation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allocation {
    /// No way to the server is known yet.
    Idle,
    /// Asked for.
    Requested,
    /// Made.
    Made { relayed: SocketAddr, mapped: SocketAddr, refresh: Instant, expires: Instant },
    /// Refused for now, or never answered; it is asked for again then.
    Waiting { until: Instant },
    /// Refused for good.
    Failed,
    /// Given back.
    Released,
}

/// Whether a peer may be sent to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Permission {
    Requested,
    Installed,
    Refused,
}

/// What a datagram from the server was.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Inbound {
    /// Not TURN's: the server is a STUN server too, and may be a peer.
    Other,
    /// A response; the allocation or a permission may have changed.
    Changed,
    /// A peer's bytes.
    Data { peer: SocketAddr, range: Range<usize> },
}
