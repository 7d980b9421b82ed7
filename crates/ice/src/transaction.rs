//! When a request is sent, sent again, and given up.
use core::time::Duration;

use barertc_wire::Instant;

use crate::stun::TransactionId;

/// How requests are repeated (RFC 8489 §6.2.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// First interval, doubled after every transmission.
    pub(crate) rto: Duration,
    /// How often a request is sent at most (Rc).
    pub(crate) attempts: u8,
}

/// How many times the first interval the last transmission is waited for.
const RM: u32 = 16;

/// A request under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transaction {
    pub(crate) id: TransactionId,
    sent: u8,
    last: Instant,
    /// When to send again, or, after the last transmission, to give up.
    next: Instant,
    interval: Duration,
}

impl Transaction {
    /// One whose first transmission is due at once.
    pub(crate) fn new(id: [u8; 12], now: Instant) -> Self {
        Self { id: TransactionId(id), sent: 0, last: now, next: now, interval: Duration::ZERO }
    }

    pub(crate) fn is_due(&self, now: Instant, timing: Timing) -> bool {
        self.sent < timing.attempts && self.next <= now
    }

    pub(crate) fn is_over(&self, now: Instant, timing: Timing) -> bool {
        self.sent >= timing.attempts && self.next <= now
    }

    pub(crate) const fn deadline(&self) -> Instant {
        self.next
    }

    pub(crate) const fn transmissions(&self) -> u8 {
        self.sent
    }

    pub(crate) const fn last_sent(&self) -> Instant {
        self.last
    }

    pub(crate) fn on_sent(&mut self, now: Instant, timing: Timing) {
        self.sent = self.sent.saturating_add(1);
        self.last = now;
        self.interval = if self.sent == 1 { timing.rto } else { self.interval.saturating_mul(2) };
        let wait = if self.sent < timing.attempts { self.interval } else { timing.rto.saturating_mul(RM) };
        self.next = now + wait;
    }

    /// Sends the next transmission early, because the peer showed that it is there.
    pub(crate) fn hurry(&mut self, now: Instant, timing: Timing) {
        if self.sent < timing.attempts {
            self.next = self.next.min(now);
        }
    }

    /// The round trip, when it is known which transmission was answered (Karn's rule).
    pub(crate) fn round_trip(&self, now: Instant) -> Option<Duration> {
        (self.sent == 1).then(|| now.saturating_since(self.last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schedule_is_the_one_rfc_8489_prints() {
        let timing = Timing { rto: Duration::from_millis(500), attempts: 7 };
        let mut tx = Transaction::new([0; 12], Instant::ZERO);
        let mut times = std::vec::Vec::new();
        while !tx.is_over(tx.deadline(), timing) {
            let now = tx.deadline();
            assert!(tx.is_due(now, timing));
            times.push(now.as_millis());
            tx.on_sent(now, timing);
        }
        assert_eq!(times, [0, 500, 1500, 3500, 7500, 15500, 31500]);
        assert_eq!(tx.deadline().as_millis(), 39500);
    }
}
