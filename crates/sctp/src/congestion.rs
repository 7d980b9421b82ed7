//! Congestion control: how many bytes may be on their way, and how fast they leave.

use core::time::Duration;

use barertc_wire::Instant;

use crate::config::{Config, Congestion};

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
    /// Bytes a second at which data arrived while that chunk was on its way.
    pub(crate) rate: Option<u64>,
    /// The rate says little, since there was nothing to send.
    pub(crate) limited_by_application: bool,
    /// Bytes lost for the first time.
    pub(crate) lost: usize,
}

/// The algorithm in use.
#[derive(Debug)]
pub(crate) enum Control {
    Rfc9260(Rfc9260),
}

impl Control {
    pub(crate) fn new(config: &Config) -> Self {
        match config.congestion {
            Congestion::Rfc9260 => Self::Rfc9260(Rfc9260::new(config)),
        }
    }

    /// The peer's first advertised window is where slow start would end at the latest (RFC 9260 section 7.2.1).
    pub(crate) fn peer_window(&mut self, _window: u32) {}

    pub(crate) fn acked(&mut self, acked: &Acked) {
        match self {
            Self::Rfc9260(c) => c.acked(acked),
        }
    }

    /// The first loss since the last recovery.
    pub(crate) fn congested(&mut self, now: Instant) {
        let _ = now;
        match self {
            Self::Rfc9260(c) => c.congested(),
        }
    }

    pub(crate) fn timed_out(&mut self) {
        match self {
            Self::Rfc9260(c) => c.timed_out(),
        }
    }

    /// Nothing was sent for an RTO.
    pub(crate) fn idle(&mut self) {
        match self {
            Self::Rfc9260(c) => c.idle(),
        }
    }

    /// Bytes that may be on their way.
    pub(crate) fn window(&self) -> usize {
        match self {
            Self::Rfc9260(c) => c.window,
        }
    }

    /// Bytes a second at which packets may leave, when they are paced.
    pub(crate) fn pacing(&self) -> Option<u64> {
        match self {
            Self::Rfc9260(_) => None,
        }
    }
}

/// Slow start and congestion avoidance (RFC 9260 section 7.2).
#[derive(Debug)]
pub(crate) struct Rfc9260 {
    window: usize,
    threshold: usize,
    partial: usize,
    mtu: usize,
}

impl Rfc9260 {
    fn new(config: &Config) -> Self {
        let mtu = usize::from(config.mtu);
        Self {
            window: mtu.saturating_mul(usize::from(config.initial_window.max(1))),
            threshold: usize::MAX,
            partial: 0,
            mtu,
        }
    }

    fn acked(&mut self, acked: &Acked) {
        // Only a window that was in use has shown that it is not too large.
        let used = acked.flying_before.saturating_add(self.mtu) > self.window;
        if acked.recovering || !acked.cumulative || !used {
            return;
        }
        if self.window <= self.threshold {
            // Section 7.2.1; L is 2, for SACKs that cover two packets.
            self.window = self.window.saturating_add(acked.bytes.min(self.mtu.saturating_mul(2)));
        } else {
            // Section 7.2.2.
            self.partial = self.partial.saturating_add(acked.bytes);
            if self.partial >= self.window {
                self.partial = self.partial.saturating_sub(self.window);
                self.window = self.window.saturating_add(self.mtu);
            }
        }
    }

    fn reduced(&self) -> usize {
        (self.window / 2).max(self.mtu.saturating_mul(4))
    }

    /// Section 7.2.3.
    fn congested(&mut self) {
        self.threshold = self.reduced();
        self.window = self.threshold;
        self.partial = 0;
    }

    fn timed_out(&mut self) {
        self.threshold = self.reduced();
        self.window = self.mtu;
        self.partial = 0;
    }

    fn idle(&mut self) {
        self.threshold = self.threshold.max(self.window / 4 * 3);
        self.window = self.reduced().min(self.window);
    }
}
