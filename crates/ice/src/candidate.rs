//! Candidates: addresses where an agent can be reached (RFC 8445 §5.1).
use core::net::{IpAddr, SocketAddr};

/// The type of a candidate: where its address comes from (RFC 8445 §4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum CandidateType {
    /// The address of an interface.
    Host,
    /// The address that a STUN server sees.
    ServerReflexive,
    /// The address that the other agent sees, or that its checks come from.
    PeerReflexive,
    /// An address that a TURN server lends.
    Relayed,
}

impl CandidateType {
    /// The type preferences that RFC 8445 §5.1.2.2 recommends. Over TCP all are below those over UDP, but for relayed
    /// candidates, which stay the last (RFC 6544 §4.2).
    const fn preference(self, tcp: bool) -> u8 {
        match (self, tcp) {
            (Self::Host, false) => 126,
            (Self::PeerReflexive, false) => 110,
            (Self::ServerReflexive, false) => 100,
            (Self::Host, true) => 90,
            (Self::PeerReflexive, true) => 80,
            (Self::ServerReflexive, true) => 70,
            (Self::Relayed, _) => 0,
        }
    }

    /// The name of the type in a candidate line and in the W3C's statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }

    /// The type of that [name](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Host, Self::ServerReflexive, Self::PeerReflexive, Self::Relayed].into_iter().find(|k| k.name() == name)
    }
}

/// Which side opens the connection of a candidate over TCP: the W3C's `RTCIceTcpCandidateType` (RFC 6544 §4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum TcpType {
    /// The side of the candidate. Nobody can connect to it; its port is 9.
    Active,
    /// The other side.
    Passive,
    /// Both at the same time. No agent of this crate does that, so such a candidate of the peer is not used.
    SimultaneousOpen,
}

impl TcpType {
    /// The port of active candidates (RFC 6544 §4.5): connections leave from any port.
    pub const ACTIVE_PORT: u16 = 9;

    /// The name of the type in a candidate line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::SimultaneousOpen => "so",
        }
    }

    /// The type of that [name](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Active, Self::Passive, Self::SimultaneousOpen].into_iter().find(|t| t.name() == name)
    }

    /// The direction preference that RFC 6544 §4.2 recommends for host candidates.
    const fn preference(self) -> u16 {
        match self {
            Self::Active => 6,
            Self::Passive => 4,
            Self::SimultaneousOpen => 2,
        }
    }
}

/// A foundation: equal for candidates of one type, base and server (RFC 8445 §5.1.1.3). It has at most 32 characters.
pub type Foundation = heapless::String<32>;

/// A candidate: an address where an agent can be reached over UDP or TCP. Its component is 1, since with RTCP multiplexing
/// there is no other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Candidate {
    /// The address that packets are sent to.
    pub addr: SocketAddr,
    /// Where the address comes from.
    pub kind: CandidateType,
    /// The priority; a larger one is better (RFC 8445 §5.1.2).
    pub priority: u32,
    /// The foundation: equal for candidates that are likely to work or fail together.
    pub foundation: Foundation,
    /// For reflexive and relayed candidates, the address that this one stands for.
    pub related: Option<SocketAddr>,
    /// For a candidate over TCP, who opens the connection; none over UDP.
    pub tcp_type: Option<TcpType>,
}

impl Candidate {
    /// A host candidate with the priority of an only interface; [`Agent::add_local`](crate::Agent::add_local) lowers
    /// it where another candidate has the same.
    #[must_use]
    pub fn host(addr: SocketAddr) -> Self {
        Self::new(addr, CandidateType::Host, local_preference(addr.ip()), None, None)
    }

    /// A host candidate for a TCP socket that listens at `addr`: the peer connects to it.
    #[must_use]
    pub fn tcp_passive(addr: SocketAddr) -> Self {
        Self::tcp(addr, TcpType::Passive)
    }

    /// A host candidate that connects from `ip` to passive candidates of the peer.
    ///
    /// A [`Route`](crate::Route) names such a connection by `ip` and the address that it goes to. Agents whose routes lead to
    /// the same streams would share one connection to one passive address, where RFC 6544 §7.1 wants one for each pair. So no
    /// two of them may have an active candidate of the same `ip` and peers at the same passive address: one of them does
    /// without, or has streams of its own.
    #[must_use]
    pub fn tcp_active(ip: IpAddr) -> Self {
        Self::tcp(SocketAddr::new(ip, TcpType::ACTIVE_PORT), TcpType::Active)
    }

    fn tcp(addr: SocketAddr, tcp_type: TcpType) -> Self {
        let kind = CandidateType::Host;
        // RFC 6544 §4.2: three bits say who connects, thirteen which address it is.
        let preference = (tcp_type.preference() << 13) | (local_preference(addr.ip()) >> 3);
        let foundation = foundation(kind, true, addr.ip(), None);
        let priority = priority(kind, true, preference);
        Self { addr, kind, priority, foundation, related: None, tcp_type: Some(tcp_type) }
    }

    /// Whether it is reached over TCP.
    #[must_use]
    pub const fn is_tcp(&self) -> bool {
        self.tcp_type.is_some()
    }

    pub(crate) fn new(
        addr: SocketAddr,
        kind: CandidateType,
        local_preference: u16,
        related: Option<SocketAddr>,
        server: Option<IpAddr>,
    ) -> Self {
        let base = related.filter(|_| kind != CandidateType::Relayed).unwrap_or(addr).ip();
        let foundation = foundation(kind, false, base, server);
        let priority = priority(kind, false, local_preference);
        Self { addr, kind, priority, foundation, related, tcp_type: None }
    }

    /// The local preference, which is the middle field of the priority (RFC 8445 §5.1.2.1).
    #[must_use]
    pub const fn local_preference(&self) -> u16 {
        (self.priority >> 8) as u16
    }
}

/// RFC 8445 §5.1.2.1 for component 1.
pub(crate) const fn priority(kind: CandidateType, tcp: bool, local_preference: u16) -> u32 {
    ((kind.preference(tcp) as u32) << 24) | ((local_preference as u32) << 8) | 255
}

/// IPv6 before IPv4 (RFC 8421 §4 would interleave several of each), loopback last.
fn local_preference(ip: IpAddr) -> u16 {
    match ip {
        _ if ip.is_loopback() => 0x3FFF,
        IpAddr::V6(_) => 0xFFFF,
        IpAddr::V4(_) => 0xBFFF,
    }
}

/// A number made from kind, transport protocol, base address and server address, written in decimal.
fn foundation(kind: CandidateType, tcp: bool, base: IpAddr, server: Option<IpAddr>) -> Foundation {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(kind.preference(tcp));
    for ip in [Some(base), server].into_iter().flatten() {
        match ip {
            IpAddr::V4(ip) => fnv(&mut hash, &ip.octets()),
            IpAddr::V6(ip) => fnv(&mut hash, &ip.octets()),
        }
    }
    let mut text = Foundation::new();
    let folded = (hash ^ (hash >> 32)) as u32;
    // Ten digits fit into 32 characters.
    let _ = core::fmt::write(&mut text, format_args!("{folded}"));
    text
}

/// FNV-1a, to tell things apart; not against an adversary.
pub(crate) fn fnv(hash: &mut u64, bytes: &[u8]) {
    for b in bytes {
        *hash = (*hash ^ u64::from(*b)).wrapping_mul(0x100_0000_01b3);
    }
}
