//! Names of other servers.

use std::net::{SocketAddr, ToSocketAddrs};

use anyhow::{Context, Result};

/// The address of `HOST[:PORT]`.
pub fn lookup(option: &str, authority: &str, port: u16) -> Result<SocketAddr> {
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(host, port)| (!host.contains(':') || host.ends_with(']')) && port.parse::<u16>().is_ok());
    let with_port = if has_port { authority.to_owned() } else { format!("{authority}:{port}") };
    with_port
        .to_socket_addrs()
        .with_context(|| format!("{option}: looking up {authority}"))?
        .next()
        .with_context(|| format!("{option}: {authority} has no address"))
}
