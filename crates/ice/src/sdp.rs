//! Candidates and ICE attributes as lines of a session description (RFC 8839, RFC 8840).
//!
//! ```
//! use barertc_ice::{Candidate, CandidateLine};
//!
//! let line = "a=candidate:1 1 UDP 2122260223 192.0.2.7 5000 typ host generation 0 network-cost 999";
//! let candidate = line.parse::<CandidateLine>()?.candidate().expect("not a name");
//! assert_eq!(candidate.addr, "192.0.2.7:5000".parse().unwrap());
//! assert_eq!(candidate.to_string(), "candidate:1 1 udp 2122260223 192.0.2.7 5000 typ host");
//!
//! let hidden = "candidate:2 1 udp 2113937151 0b3d6bf2-4f6c-4a4c-9a52-1e5f7d1c9a55.local 61000 typ host";
//! let hidden: CandidateLine = hidden.parse()?;
//! assert!(hidden.candidate().is_none());
//! assert_eq!(hidden.name(), Some("0b3d6bf2-4f6c-4a4c-9a52-1e5f7d1c9a55.local"));
//! # Ok::<(), barertc_ice::Error>(())
//! ```
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::str::FromStr;

use crate::candidate::{Candidate, CandidateType, Foundation, TcpType};
use crate::error::Error;

/// Longest host name in a candidate; browsers' `.local` names have 42 characters.
pub const MAX_NAME: usize = 64;

/// A host name in a candidate.
pub type Name = heapless::String<MAX_NAME>;

/// A candidate line, whose address may still be a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CandidateLine {
    foundation: Foundation,
    priority: u32,
    host: Host,
    port: u16,
    kind: CandidateType,
    related: Option<SocketAddr>,
    tcp_type: Option<TcpType>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
enum Host {
    Ip(IpAddr),
    Name(Name),
}

impl CandidateLine {
    /// The candidate, unless its address is a name.
    #[must_use]
    pub fn candidate(&self) -> Option<Candidate> {
        match self.host {
            Host::Ip(ip) => Some(self.resolved(ip)),
            Host::Name(_) => None,
        }
    }

    /// The host name to be resolved, when the address is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.host {
            Host::Ip(_) => None,
            Host::Name(name) => Some(name),
        }
    }

    /// The candidate with the address that its name stands for.
    #[must_use]
    pub fn resolved(&self, ip: IpAddr) -> Candidate {
        Candidate {
            addr: SocketAddr::new(ip, self.port),
            kind: self.kind,
            priority: self.priority,
            foundation: self.foundation.clone(),
            related: self.related,
            tcp_type: self.tcp_type,
        }
    }
}

impl FromStr for CandidateLine {
    type Err = Error;

    /// Reads `candidate:…` as RFC 8839 §5.1 and RFC 6544 §4.5 have it, with or without `a=` and line end. Other extensions
    /// are skipped.
    ///
    /// # Errors
    /// [`Error::CandidateLine`] names the field that cannot be read. [`Error::Component`] and
    /// [`Error::CandidateProtocol`]: the line is well formed, but of no use here.
    fn from_str(line: &str) -> Result<Self, Error> {
        let line = line.trim();
        let line = line.strip_prefix("a=").unwrap_or(line);
        let line = line.strip_prefix("candidate:").ok_or(Error::CandidateLine { field: "attribute name" })?;
        let mut words = line.split_ascii_whitespace();
        let mut word = |field| words.next().map(|word| (word, Error::CandidateLine { field }));
        let mut next = |field| word(field).ok_or(Error::CandidateLine { field });
        let (foundation, bad) = next("foundation")?;
        let foundation = Foundation::try_from(foundation).map_err(|_| bad)?;
        let component: u16 = number(next("component")?)?;
        let (transport, _) = next("transport protocol")?;
        let priority = number(next("priority")?)?;
        let (host, bad_host) = next("address")?;
        let port = number(next("port")?)?;
        match next("type")? {
            ("typ", _) => {}
            (_, bad) => return Err(bad),
        }
        let (kind, bad) = next("type")?;
        let kind = CandidateType::from_name(kind).ok_or(bad)?;
        if component != 1 {
            return Err(Error::Component(component));
        }
        let Extensions { related, tcp_type } = extensions(words);
        let tcp_type = match transport {
            _ if transport.eq_ignore_ascii_case("udp") => None,
            _ if transport.eq_ignore_ascii_case("tcp") => {
                Some(tcp_type.ok_or(Error::CandidateLine { field: "TCP type" })?)
            }
            _ => return Err(Error::CandidateProtocol),
        };
        let host = match host.parse() {
            Ok(ip) => Host::Ip(ip),
            Err(_) => Host::Name(name(host).ok_or(bad_host)?),
        };
        Ok(Self { foundation, priority, host, port, kind, related, tcp_type })
    }
}

fn number<T: FromStr>((word, bad): (&str, Error)) -> Result<T, Error> {
    barertc_wire::text::number(word).ok_or(bad)
}

fn name(word: &str) -> Option<Name> {
    let plausible = word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    Name::try_from(word).ok().filter(|_| plausible)
}

/// What is of use of the name-value pairs that end the line.
struct Extensions {
    /// `raddr` and `rport`; a name instead of an address is left out.
    related: Option<SocketAddr>,
    /// `tcptype`.
    tcp_type: Option<TcpType>,
}

fn extensions<'a>(mut words: impl Iterator<Item = &'a str>) -> Extensions {
    let (mut ip, mut port, mut tcp_type) = (None, None, None);
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        match name {
            "raddr" => ip = value.parse::<IpAddr>().ok(),
            "rport" => port = barertc_wire::text::number(value),
            "tcptype" => tcp_type = TcpType::from_name(value),
            _ => {}
        }
    }
    Extensions { related: ip.zip(port).map(|(ip, port)| SocketAddr::new(ip, port)), tcp_type }
}

impl fmt::Display for Candidate {
    /// `candidate:…` without `a=`: the value of W3C's `RTCIceCandidate.candidate`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { foundation, priority, addr, kind, related, tcp_type } = self;
        let protocol = if tcp_type.is_some() { "tcp" } else { "udp" };
        write!(f, "candidate:{foundation} 1 {protocol} {priority} {} {} typ {}", addr.ip(), addr.port(), kind.name())?;
        if let Some(related) = related {
            write!(f, " raddr {} rport {}", related.ip(), related.port())?;
        }
        match tcp_type {
            Some(tcp_type) => write!(f, " tcptype {}", tcp_type.name()),
            None => Ok(()),
        }
    }
}

/// What one line of a session description says about ICE.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Attribute<'a> {
    /// `ice-ufrag`
    Ufrag(&'a str),
    /// `ice-pwd`
    Pwd(&'a str),
    /// `ice-options`: words between spaces.
    Options(&'a str),
    /// `ice-lite`
    Lite,
    /// `end-of-candidates`
    EndOfCandidates,
    /// `candidate`
    Candidate(CandidateLine),
}

impl<'a> Attribute<'a> {
    /// Reads a line with or without `a=`; `None` for one that is not about ICE, or a candidate that is of no use here.
    #[must_use]
    pub fn parse(line: &'a str) -> Option<Self> {
        let line = line.trim();
        let line = line.strip_prefix("a=").unwrap_or(line);
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        match name {
            "ice-ufrag" => Some(Self::Ufrag(value.trim())),
            "ice-pwd" => Some(Self::Pwd(value.trim())),
            "ice-options" => Some(Self::Options(value.trim())),
            "ice-lite" => Some(Self::Lite),
            "end-of-candidates" => Some(Self::EndOfCandidates),
            "candidate" => line.parse().ok().map(Self::Candidate),
            _ => None,
        }
    }
}

/// Writes the ICE lines of a media section: see [`Agent::sdp`](crate::Agent::sdp).
pub struct SdpLines<'a> {
    ufrag: &'a str,
    pwd: &'a str,
    trickle: bool,
}

impl<'a> SdpLines<'a> {
    pub(crate) const fn new(ufrag: &'a str, pwd: &'a str, trickle: bool) -> Self {
        Self { ufrag, pwd, trickle }
    }
}

impl fmt::Debug for SdpLines<'_> {
    /// Without the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SdpLines").field("ufrag", &self.ufrag).field("trickle", &self.trickle).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for SdpLines<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "SdpLines {}", self.ufrag);
    }
}

impl fmt::Display for SdpLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a=ice-ufrag:{}\r\na=ice-pwd:{}\r\n", self.ufrag, self.pwd)?;
        f.write_str(if self.trickle { "a=ice-options:trickle ice2\r\n" } else { "a=ice-options:ice2\r\n" })
    }
}
