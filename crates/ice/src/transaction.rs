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

impl Timing {
    /// Over a stream, one transmission is waited for as long as all would take (RFC 8489 §6.2.2: 39.5 s).
    pub(crate) const fn over_stream(self) -> Self {
        Self { rto: self.rto.saturating_mul(5), attempts: 1 }
    }
}

/// How many times the first interval the last transmission is waited for.
const RM: u32 = 16;

/// The interval while the peer is known to be there. RFC 8445 §14.3 asks for 500 ms or more, so that nobody is flooded
/// who did not ask for it. A peer that sends authentic checks on the same path did. On a path that loses a fifth of its
/// packets each way, doubled intervals make one connection in a hundred wait ten seconds and more.
const QUICK: Duration = Duration::from_millis(150);

/// How many transmissions more a request has for that.
const QUICK_ATTEMPTS: u8 = 10;

/// A request under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transaction {
    pub(crate) id: TransactionId,
    sent: u8,
    last: Instant,
    /// When to send again, or, after the last transmission, to give up.
    next: Instant,
    interval: Duration,
    /// The peer has shown on the same path that it is there.
    heard: bool,
}

impl Transaction {
    /// One whose first transmission is due at once.
    pub(crate) fn new(id: [u8; 12], now: Instant) -> Self {
        Self { id: TransactionId(id), sent: 0, last: now, next: now, interval: Duration::ZERO, heard: false }
    }

    /// The same for a peer that is known to be there.
    pub(crate) const fn to_present_peer(self) -> Self {
        Self { heard: true, ..self }
    }

    const fn attempts(&self, timing: Timing) -> u8 {
        let repeats = self.heard && timing.attempts > 1;
        timing.attempts.saturating_add(if repeats { QUICK_ATTEMPTS } else { 0 })
    }

    pub(crate) fn is_due(&self, now: Instant, timing: Timing) -> bool {
        !self.is_spent(timing) && self.next <= now
    }

    pub(crate) fn is_over(&self, now: Instant, timing: Timing) -> bool {
        self.is_spent(timing) && self.next <= now
    }

    /// Whether the last transmission has left.
    pub(crate) const fn is_spent(&self, timing: Timing) -> bool {
        self.sent >= self.attempts(timing)
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
        self.interval = match self.sent {
            sent if self.heard && sent <= QUICK_ATTEMPTS => QUICK,
            1 => timing.rto,
            _ => self.interval.saturating_mul(2),
        };
        let wait = if self.is_spent(timing) { timing.rto.saturating_mul(RM) } else { self.interval };
        self.next = now + wait;
    }

    /// Sends the next transmission at once, because the peer showed that it is there, and those after it soon.
    pub(crate) fn hurry(&mut self, now: Instant, timing: Timing) {
        self.heard = true;
        if !self.is_spent(timing) {
            self.next = self.next.min(now);
        }
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

    #[test]
    fn a_peer_that_is_there_is_asked_sooner_and_not_for_ever() {
        let timing = Timing { rto: Duration::from_millis(500), attempts: 7 };
        let mut tx = Transaction::new([0; 12], Instant::ZERO).to_present_peer();
        let mut times = std::vec::Vec::new();
        while !tx.is_over(tx.deadline(), timing) {
            times.push(tx.deadline().as_millis());
            tx.on_sent(tx.deadline(), timing);
        }
        assert_eq!(times[..12], [0, 150, 300, 450, 600, 750, 900, 1050, 1200, 1350, 1500, 1800]);
        assert_eq!((times.len(), times[16]), (17, 20_400));
        assert_eq!(tx.deadline().as_millis(), 28_400);
    }
}
