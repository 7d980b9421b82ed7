use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

/// What of the remote address a NAT looks at (RFC 4787 §4.1, §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Nothing,
    Address,
    AddressAndPort,
}

/// A NAT with one public address.
pub struct Nat {
    pub public: IpAddr,
    mapping: By,
    filtering: By,
    next_port: u16,
    /// (inside, what of the destination counts) -> public port.
    ports: HashMap<(SocketAddr, Option<IpAddr>, u16), u16>,
    inside: HashMap<u16, SocketAddr>,
    /// Destinations that each port has sent to.
    sent: HashMap<u16, Vec<SocketAddr>>,
}

fn key(by: By, remote: SocketAddr) -> (Option<IpAddr>, u16) {
    match by {
        By::Nothing => (None, 0),
        By::Address => (Some(remote.ip()), 0),
        By::AddressAndPort => (Some(remote.ip()), remote.port()),
    }
}

impl Nat {
    pub fn new(public: &str, mapping: By, filtering: By) -> Self {
        let public = public.parse().unwrap();
        Self {
            public,
            mapping,
            filtering,
            next_port: 40_000,
            ports: HashMap::new(),
            inside: HashMap::new(),
            sent: HashMap::new(),
        }
    }

    pub fn outbound(&mut self, local: SocketAddr, remote: SocketAddr) -> SocketAddr {
        let (ip, port) = key(self.mapping, remote);
        let public = *self.ports.entry((local, ip, port)).or_insert_with(|| {
            self.next_port += 1;
            self.next_port
        });
        self.inside.insert(public, local);
        self.sent.entry(public).or_default().push(remote);
        SocketAddr::new(self.public, public)
    }

    pub fn inbound(&mut self, src: SocketAddr, dst: SocketAddr) -> Option<SocketAddr> {
        let by = self.filtering;
        let known = self.sent.get(&dst.port())?.iter().any(|r| key(by, *r) == key(by, src));
        known.then(|| self.inside[&dst.port()])
    }

    /// Forgets every mapping, as when it restarts; new ones get other ports.
    pub fn forget(&mut self) {
        self.ports.clear();
        self.inside.clear();
        self.sent.clear();
    }
}
