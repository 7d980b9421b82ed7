//! Congestion control: how many bytes may be on their way, and how fast they leave.
//!
//! Two algorithms, chosen by [`Congestion`]: [`Rfc9260`] is the standard's, and halves the window for every loss.
//! [`Paced`] is CUBIC, paced, and takes a loss for congestion only where the round trip shows a queue.

mod acked;
mod loss;
mod paced;
mod standard;

use crate::config::{Config, Congestion};

use paced::Paced;
use standard::Rfc9260;

pub(crate) use acked::Acked;

/// The algorithm in use.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "an association has one, and all of its memory is taken at once")]
pub(crate) enum Control {
    Rfc9260(Rfc9260),
    Paced(Paced),
}

impl Control {
    pub(crate) fn new(config: &Config) -> Self {
        match config.congestion {
            Congestion::Rfc9260 => Self::Rfc9260(Rfc9260::new(config)),
            Congestion::Paced => Self::Paced(Paced::new(config)),
        }
    }

    pub(crate) fn acked(&mut self, acked: &Acked) {
        match self {
            Self::Rfc9260(c) => c.acked(acked),
            Self::Paced(c) => c.acked(acked),
        }
    }

    /// The first loss since the last recovery.
    pub(crate) fn congested(&mut self) {
        match self {
            Self::Rfc9260(c) => c.congested(),
            // Judged with the acknowledgement that told of it.
            Self::Paced(_) => {}
        }
    }

    pub(crate) fn timed_out(&mut self) {
        match self {
            Self::Rfc9260(c) => c.timed_out(),
            Self::Paced(c) => c.timed_out(),
        }
    }

    /// Nothing was sent for an RTO.
    pub(crate) fn idle(&mut self) {
        match self {
            Self::Rfc9260(c) => c.idle(),
            // What is sent after a pause is paced.
            Self::Paced(c) => c.idle(),
        }
    }

    /// Bytes that may be on their way.
    pub(crate) fn window(&self) -> usize {
        match self {
            Self::Rfc9260(c) => c.window(),
            Self::Paced(c) => c.window(),
        }
    }

    /// Bytes a second at which packets may leave, when they are paced.
    pub(crate) fn pacing(&self) -> Option<u64> {
        match self {
            Self::Rfc9260(_) => None,
            Self::Paced(c) => c.pacing(),
        }
    }
}
