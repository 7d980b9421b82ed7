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
    /// The type preferences that RFC 8445 §5.1.2.2 recommends.
    const fn preference(self) -> u8 {
        match self {
            Self::Host => 126,
            Self::PeerReflexive => 110,
            Self::ServerReflexive => 100,
            Self::Relayed => 0,
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

/// A foundation: equal for candidates of one type, base and server (RFC 8445 §5.1.1.3). It has at most 32 characters.
pub type Foundation = heapless::String<32>;

/// A candidate: an address where an agent can be reached over UDP. Its component is 1, since with RTCP multiplexing there
/// is no other.
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
}

impl Candidate {
    /// A host candidate with the priority of an only interface; [`Agent::add_local`](crate::Agent::add_local) lowers
    /// it where another candidate has the same.
    #[must_use]
    pub fn host(addr: SocketAddr) -> Self {
        Self::new(addr, CandidateType::Host, local_preference(addr.ip()), None, None)
    }

    pub(crate) fn new(
        addr: SocketAddr,
        kind: CandidateType,
        local_preference: u16,
        related: Option<SocketAddr>,
        server: Option<IpAddr>,
    ) -> Self {
        let base = related.filter(|_| kind != CandidateType::Relayed).unwrap_or(addr).ip();
        let foundation = foundation(kind, base, server);
        Self { addr, kind, priority: priority(kind, local_preference), foundation, related }
    }

    /// The local preference, which is the middle field of the priority (RFC 8445 §5.1.2.1).
    #[must_use]
    pub const fn local_preference(&self) -> u16 {
        (self.priority >> 8) as u16
    }
}

/// RFC 8445 §5.1.2.1 for component 1.
pub(crate) const fn priority(kind: CandidateType, local_preference: u16) -> u32 {
    ((kind.preference() as u32) << 24) | ((local_preference as u32) << 8) | 255
}

/// IPv6 before IPv4 (RFC 8421 §4 would interleave several of each), loopback last.
fn local_preference(ip: IpAddr) -> u16 {
    match ip {
        _ if ip.is_loopback() => 0x3FFF,
        IpAddr::V6(_) => 0xFFFF,
        IpAddr::V4(_) => 0xBFFF,
    }
}

/// A number made from kind, base address and server address, written in decimal.
fn foundation(kind: CandidateType, base: IpAddr, server: Option<IpAddr>) -> Foundation {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ u64::from(kind.preference());
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
