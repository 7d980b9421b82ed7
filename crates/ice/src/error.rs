//! Why calls fail.
use core::fmt;
use core::net::SocketAddr;

use barertc_arena::AllocError;
use barertc_wire::ConfigError;

/// Why a call failed. Each variant is one broken rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The allocator had no memory.
    NoMemory,
    /// The configuration breaks a rule: see [`Config::check`](crate::Config::check).
    Config(ConfigError),
    /// The caller's buffer is too short.
    BufferTooShort {
        /// Bytes that the call needs.
        needed: usize,
    },
    /// A table is full.
    TooMany {
        /// What the table holds.
        what: &'static str,
        /// How many it holds.
        limit: usize,
    },
    /// A text is too short or too long.
    Length {
        /// What the text is.
        what: &'static str,
        /// Bytes that it must have at least.
        min: usize,
        /// Bytes that it may have at most.
        max: usize,
        /// Bytes that it has.
        len: usize,
    },
    /// A text has a character that its grammar forbids.
    Character {
        /// What the text is.
        what: &'static str,
        /// The first byte of the character.
        byte: u8,
    },
    /// A candidate line breaks the grammar of RFC 8839 §5.1.
    CandidateLine {
        /// The first field that cannot be read.
        field: &'static str,
    },
    /// The candidate is for a component other than 1. With RTCP multiplexing there is no other.
    Component(u16),
    /// The candidate is for a transport protocol other than UDP and TCP.
    CandidateProtocol,
    /// No socket or listener with this address was added.
    UnknownLocal(SocketAddr),
    /// A TURN server is reached over UDP, TCP or TLS, not by ICE's own connections.
    ServerProtocol,
    /// No such TURN server was added.
    UnknownServer(SocketAddr),
    /// The text is no URI of a TURN server (RFC 7065 §3.1).
    TurnUri {
        /// The part that cannot be read.
        part: &'static str,
    },
    /// No datagram can be sent to this address: its port is 0, or its IP address is unspecified, multicast or broadcast.
    Unreachable(SocketAddr),
    /// There is no local address to gather candidates from. Bring a network interface up and add its address.
    NoInterface,
    /// There is no candidate pair to send on.
    NotConnected,
    /// The name does not end in `.local`, or a label of it is not 1 to 63 characters long.
    Name,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMemory => f.write_str("out of memory"),
            Self::Config(error) => write!(f, "configuration: {error}"),
            Self::BufferTooShort { needed } => write!(f, "the buffer is too short: {needed} bytes are needed"),
            Self::TooMany { what, limit } => write!(f, "too many {what}: the limit is {limit}"),
            Self::Length { what, min, max, len } => {
                write!(f, "the {what} has {len} bytes: {min} to {max} are allowed")
            }
            Self::Character { what, byte } => write!(f, "the {what} has a forbidden character (byte {byte:#04x})"),
            Self::CandidateLine { field } => write!(f, "not a candidate line: its {field} cannot be read"),
            Self::Component(component) => write!(f, "candidate of component {component}: only 1 is supported"),
            Self::CandidateProtocol => f.write_str("candidate of another transport protocol than UDP and TCP"),
            Self::UnknownLocal(addr) => write!(f, "no socket with the local address {addr} was added"),
            Self::ServerProtocol => f.write_str("a TURN server is reached over UDP, TCP or TLS"),
            Self::UnknownServer(addr) => write!(f, "no TURN server {addr} was added"),
            Self::TurnUri { part } => write!(f, "not the URI of a TURN server: its {part} cannot be used"),
            Self::Unreachable(addr) => write!(f, "no datagram can be sent to {addr}"),
            Self::NoInterface => f.write_str("no local address: no network interface is up"),
            Self::NotConnected => f.write_str("no candidate pair to send on"),
            Self::Name => f.write_str("not a name in .local"),
        }
    }
}

impl core::error::Error for Error {}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        Self::NoMemory
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}
