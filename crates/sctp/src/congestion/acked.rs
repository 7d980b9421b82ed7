//! What congestion control is told.

use core::time::Duration;

use barertc_wire::Instant;

/// What an acknowledgement says about the path.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Acked {
    pub(crate) now: Instant,
    /// Bytes acknowledged for the first time.
    pub(crate) bytes: usize,
    /// Bytes on their way before.
    pub(crate) flying_before: usize,
    /// Whether the cumulative TSN moved.
    pub(crate) cumulative: bool,
    /// In fast recovery.
    pub(crate) recovering: bool,
    /// Round trip of the newest chunk among them that was sent once.
    pub(crate) rtt: Option<Duration>,
    /// Bytes lost for the first time.
    pub(crate) lost: usize,
}
