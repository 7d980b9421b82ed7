//! Events, errors and states for the application.

use core::fmt;

use crate::network::AccessPoint;

/// The reason why the driver starts the co-processor again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Cause {
    /// The SDIO card was not found, or could not be set up.
    NoCard,
    /// Several transfers in a row failed.
    Bus,
    /// The co-processor did not send INIT in time.
    NoInit,
    /// The co-processor sent a second INIT: it was reset.
    Reset,
    /// The heartbeat of the co-processor was missing three times.
    Heartbeat,
    /// The co-processor had no free buffer for five seconds.
    Stalled,
    /// The co-processor did not answer a request that the driver depends on.
    Timeout,
    /// The co-processor refused a request that the driver depends on, with this error code of the firmware.
    Refused(i32),
    /// The firmware does not know a request that the driver depends on.
    Unsupported,
    /// INIT names an unknown form of transfers, or buffers that are shorter than a packet.
    Framing,
}

/// A change of the co-processor or of the WiFi connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event {
    /// The co-processor runs, and its WiFi is started.
    Ready {
        /// The number of the chip at Espressif (13: ESP32-C6).
        chip: u8,
        /// The version of the firmware: major, minor, patch. `None` for old firmware, which does not report it.
        firmware: Option<[u8; 3]>,
        /// The hardware address of this station.
        address: [u8; 6],
    },
    /// The network is joined. The signal strength in the value is not known yet (0).
    Connected(AccessPoint),
    /// The connection is lost. Unless the application has left the network, the driver joins it again.
    Disconnected {
        /// The reason code: below 200 that of IEEE 802.11, from 200 on that of the firmware (201: no such network).
        reason: u16,
        /// The last signal strength of the access point, in dBm.
        rssi: i8,
    },
    /// An attempt to join the network failed. The driver tries again.
    Failed(Failure),
    /// The driver starts the co-processor again, for this reason.
    Restarting(Cause),
}

/// The reason why a network was not joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Failure {
    /// The access point refused, or was not found. The reason code is that of [`Event::Disconnected`].
    Reason(u16),
    /// The firmware refused with this error code.
    Refused(i32),
    /// The attempt took longer than [`Config::connect_timeout`](crate::Config::connect_timeout).
    Timeout,
}

/// The reason why a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Error {
    /// The allocator has fewer than [`worst_case_bytes`](crate::Runner::worst_case_bytes), the alignment is not a power of
    /// two, or a queue has no places.
    OutOfMemory,
    /// The co-processor does not run yet, or was started again during the call.
    Restarting,
    /// The co-processor did not answer in time.
    Timeout,
    /// The firmware does not know the request.
    Unsupported,
    /// The co-processor refused the request with this error code of the firmware.
    Refused(i32),
    /// The answer of the co-processor is malformed.
    Malformed,
    /// The network was not joined, for this reason. The driver tries again.
    NotJoined(Failure),
    /// A later call of the application replaced this one.
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

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Status {
    /// The driver starts the co-processor.
    Starting,
    /// The co-processor runs, and the application has asked for no network.
    Idle,
    /// The driver joins a network.
    Joining,
    /// An attempt to join failed. The driver waits before the next one.
    Waiting,
    /// The network is joined, and frames are sent and received.
    Connected,
}
