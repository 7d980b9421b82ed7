use core::fmt;

use barertc_arena::AllocError;
use barertc_wire::NoRoom;

/// What this crate's calls fail with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The allocator had no memory.
    OutOfMemory,
    /// The caller's buffer is too short.
    NoRoom,
    /// There is no local address to gather candidates from: bring a network interface up and add its addresses.
    NoInterface,
    /// Every place that the configuration grants is taken by something more useful.
    Full,
    /// A user name fragment or password has a length or character that RFC 8839 §5.4 forbids.
    BadCredentials,
    /// The text is not a candidate.
    BadCandidate,
    /// A candidate of a component or transport that is not used here (component 1 over UDP is).
    UnsupportedCandidate,
    /// There is no pair to send on.
    NotConnected,
    /// The local address is not one that was added.
    UnknownLocal,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "out of memory",
            Self::NoRoom => "buffer too short",
            Self::NoInterface => "no local address: no network interface is up",
            Self::Full => "no place left within the configured bound",
            Self::BadCredentials => "not an ICE user name fragment and password",
            Self::BadCandidate => "not a candidate",
            Self::UnsupportedCandidate => "candidate of another component or transport",
            Self::NotConnected => "no candidate pair to send on",
            Self::UnknownLocal => "not a local address that was added",
        })
    }
}

impl core::error::Error for Error {}

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        Self::OutOfMemory
    }
}

impl From<NoRoom> for Error {
    fn from(_: NoRoom) -> Self {
        Self::NoRoom
    }
}
