//! What the application is told.

use core::fmt;

use crate::network::AccessPoint;

/// Why the co-processor is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Cause {
    /// The card was not found, or could not be set up.
    NoCard,
    /// Transfers failed one after the other.
    Bus,
    /// The co-processor did not introduce itself in time.
    NoInit,
    /// It introduced itself in the middle: it was reset.
    Reset,
    /// It gave no sign of life.
    Heartbeat,
    /// It had no buffer for us for a long time.
    Stalled,
    /// It did not answer a request that everything depends on.
    Timeout,
    /// It refused such a request, with the firmware's error code.
    Refused(i32),
    /// Its firmware does not know such a request.
    Unsupported,
    /// Its transfers are built in a way that this driver does not know, or its buffers are shorter than a packet.
    Framing,
}

/// What the driver tells the application: a change of the co-processor or of the WiFi link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// The co-processor runs, and its WiFi is started.
    Ready {
        /// Its chip, by Espressif's number (13: ESP32-C6).
        chip: u8,
        /// Version of its firmware, major, minor, patch; old ones do not say.
        firmware: Option<[u8; 3]>,
        /// Our hardware address.
        address: [u8; 6],
    },
    /// The network is joined: frames flow. The access point's strength is not known yet (0).
    Connected(AccessPoint),
    /// The connection is lost. Unless the application wanted that, the next attempt follows by itself.
    Disconnected {
        /// The reason's number: below 200 of IEEE 802.11, from 200 on of the firmware (201: no such network).
        reason: u16,
        /// How strong the access point was, in dBm.
        rssi: i8,
    },
    /// An attempt to join failed; the next one follows by itself.
    Failed(Failure),
    /// The co-processor is started again, and everything with it.
    Restarting(Cause),
}

/// Why a network was not joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Failure {
    /// The access point, or the search for it, ended it: see [`Event::Disconnected`] for the number.
    Reason(u16),
    /// The firmware refused, with its error code.
    Refused(i32),
    /// Nothing happened in time.
    Timeout,
}

/// Why a question to the co-processor has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The allocator has not got [`worst_case_bytes`](crate::Runner::worst_case_bytes), or the alignment is no power of
    /// two, or a queue has no places.
    OutOfMemory,
    /// The co-processor was started again meanwhile, or is not running yet.
    Restarting,
    /// It did not answer in time.
    Timeout,
    /// Its firmware does not know the question.
    Unsupported,
    /// It refused, with the firmware's error code.
    Refused(i32),
    /// The answer cannot be.
    Malformed,
    /// The network was not joined; the driver goes on trying.
    NotJoined(Failure),
    /// The application wanted something else meanwhile.
    Superseded,
}

impl From<barertc_arena::AllocError> for Error {
    fn from(_: barertc_arena::AllocError) -> Self {
        Self::OutOfMemory
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory => f.write_str("the driver's memory is too small"),
            Self::Restarting => f.write_str("the co-processor is being started"),
            Self::Timeout => f.write_str("the co-processor did not answer"),
            Self::Unsupported => f.write_str("the co-processor's firmware does not know this"),
            Self::Refused(code) => write!(f, "the co-processor refused: {code:#x}"),
            Self::Malformed => f.write_str("the co-processor's answer cannot be read"),
            Self::NotJoined(failure) => write!(f, "the network was not joined: {failure:?}"),
            Self::Superseded => f.write_str("something else was wanted meanwhile"),
        }
    }
}

impl core::error::Error for Error {}

/// How the connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Status {
    /// The co-processor is being started.
    Starting,
    /// It runs; no network is wanted.
    Idle,
    /// A network is being joined.
    Joining,
    /// An attempt failed; the next one is waited for.
    Waiting,
    /// Frames flow.
    Connected,
}
