//! How datagrams travel, and which addresses they can travel to.
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A transport protocol. ICE itself uses UDP, or TCP where it has candidates for that; a TURN server may be reached over
/// a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Protocol {
    /// UDP.
    #[default]
    Udp,
    /// A TCP connection to a TURN server. The local address only names it.
    Tcp,
    /// TLS over such a TCP connection.
    Tls,
    /// A TCP connection to the peer, with a length before each message (RFC 6544, RFC 4571). Where the local port is
    /// [`TcpType::ACTIVE_PORT`](crate::TcpType::ACTIVE_PORT), this side makes the connection, from any port. Otherwise
    /// the peer has made it, to the local address.
    IceTcp,
}

impl Protocol {
    /// Whether the protocol is a stream, which loses and reorders nothing.
    #[must_use]
    pub const fn is_stream(self) -> bool {
        !matches!(self, Self::Udp)
    }
}

/// A protocol, a local address and a remote one: how a datagram was received or is to be sent. On a relayed path, `local`
/// is the address at the TURN server.
///
/// An IPv6 link-local address needs a scope id that names the interface (RFC 4007 §6). The caller gives the scope id with
/// the local address: in [`Agent::add_local`](crate::Agent::add_local), and again with every datagram. The agent ignores
/// the scope id of remote addresses; in its own routes both addresses have that of the local one. Candidate lines carry no
/// scope id (RFC 8839 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Route {
    /// The transport protocol.
    pub protocol: Protocol,
    /// The local socket's address.
    pub local: SocketAddr,
    /// The other end's address.
    pub remote: SocketAddr,
}

impl Route {
    /// A route over UDP.
    #[must_use]
    pub const fn udp(local: SocketAddr, remote: SocketAddr) -> Self {
        Self { protocol: Protocol::Udp, local, remote }
    }

    /// From `local`, with the scope id of `local` where `remote` needs one.
    pub(crate) fn scoped(protocol: Protocol, local: SocketAddr, mut remote: SocketAddr) -> Self {
        if let (SocketAddr::V6(l), SocketAddr::V6(r)) = (&local, &mut remote)
            && r.ip().is_unicast_link_local()
        {
            r.set_scope_id(l.scope_id());
        }
        Self { protocol, local, remote }
    }
}

/// Whether the addresses are of one family, and both or neither is IPv6 link-local (RFC 8445 §6.1.2.2).
pub(crate) fn compatible(local: SocketAddr, remote: SocketAddr) -> bool {
    match (local.ip(), remote.ip()) {
        (IpAddr::V4(_), IpAddr::V4(_)) => true,
        (IpAddr::V6(l), IpAddr::V6(r)) => l.is_unicast_link_local() == r.is_unicast_link_local(),
        _ => false,
    }
}

/// A remote address as the agent keeps and compares it. Scope id and flow label of IPv6 mean something on this machine
/// only, and no description carries them.
pub(crate) fn unscoped(mut addr: SocketAddr) -> SocketAddr {
    if let SocketAddr::V6(v6) = &mut addr {
        v6.set_scope_id(0);
        v6.set_flowinfo(0);
    }
    addr
}

/// Whether a datagram to `addr` has one receiver: the port is not 0, and the IP address is neither unspecified, multicast
/// nor broadcast. Directed broadcast addresses of a subnet cannot be told from others; sockets refuse them by default.
pub(crate) fn is_unicast(addr: SocketAddr) -> bool {
    addr.port() != 0 && is_unicast_ip(addr.ip())
}

pub(crate) fn is_unicast_ip(ip: IpAddr) -> bool {
    // An IPv4 address inside an IPv6 one (RFC 4291 §2.5.5.2) goes where the IPv4 address goes.
    match ip.to_canonical() {
        // RFC 1122 §3.2.1.3: no host has an address in 0.0.0.0/8.
        IpAddr::V4(ip) => !(ip.octets().starts_with(&[0]) || ip.is_multicast() || ip == Ipv4Addr::BROADCAST),
        IpAddr::V6(ip) => !(ip.is_unspecified() || ip.is_multicast()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_with_one_receiver_are_sent_to() {
        for bad in [
            "0.0.0.0:5000",
            "0.1.2.3:5000",
            "192.0.2.1:0",
            "224.0.0.251:5353",
            "239.255.255.250:1900",
            "255.255.255.255:5000",
            "[::]:5000",
            "[ff02::fb]:5353",
            "[2001:db8::1]:0",
            "[::ffff:224.0.0.1]:5000",
            "[::ffff:0.0.0.0]:5000",
            "[::ffff:255.255.255.255]:5000",
        ] {
            assert!(!is_unicast(bad.parse().unwrap()), "{bad}");
        }
        for good in ["192.0.2.1:1", "127.0.0.1:5000", "[fe80::1]:5000", "[::1]:5000", "[::ffff:192.0.2.1]:5000"] {
            assert!(is_unicast(good.parse().unwrap()), "{good}");
        }
    }
}
