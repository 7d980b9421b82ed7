//! Addresses of sockets.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use barertc::Route;

use crate::result::Cause;

/// The address of a UDP socket. Set those bytes to zero that are not used.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct brtc_address {
    /// 4 for IPv4, 6 for IPv6.
    pub family: u8,
    /// Zero.
    pub reserved: u8,
    /// The port, in the byte order of the machine.
    pub port: u16,
    /// The scope of a link-local IPv6 address (RFC 4007), or 0.
    pub scope_id: u32,
    /// The address, its most significant byte first. IPv4 uses the first four bytes.
    pub ip: [u8; 16],
}

/// The two ends of a datagram.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct brtc_route {
    /// The address of our socket, as it was given to `brtc_add_local_candidate`.
    pub local: brtc_address,
    /// The address of the other end.
    pub remote: brtc_address,
}

impl brtc_address {
    pub(crate) fn socket(&self) -> Result<SocketAddr, Cause> {
        match self.family {
            4 => {
                let [a, b, c, d, ..] = self.ip;
                Ok(SocketAddr::from((Ipv4Addr::new(a, b, c, d), self.port)))
            }
            6 => Ok(SocketAddrV6::new(Ipv6Addr::from(self.ip), self.port, 0, self.scope_id).into()),
            value => Err(Cause::NoValue { field: "family", value: value.into() }),
        }
    }
}

impl From<SocketAddr> for brtc_address {
    fn from(address: SocketAddr) -> Self {
        let mut ip = [0; 16];
        let family = match address.ip() {
            IpAddr::V4(four) => {
                ip.iter_mut().zip(four.octets()).for_each(|(to, from)| *to = from);
                4
            }
            IpAddr::V6(six) => {
                ip = six.octets();
                6
            }
        };
        let scope_id = if let SocketAddr::V6(six) = address { six.scope_id() } else { 0 };
        Self { family, reserved: 0, port: address.port(), scope_id, ip }
    }
}

impl brtc_route {
    pub(crate) fn route(&self) -> Result<Route, Cause> {
        Ok(Route::udp(self.local.socket()?, self.remote.socket()?))
    }
}

impl From<Route> for brtc_route {
    fn from(route: Route) -> Self {
        Self { local: route.local.into(), remote: route.remote.into() }
    }
}
