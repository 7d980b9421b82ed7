//! The deadlines of an association, in one table.

use barertc_wire::Instant;

/// What a deadline is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// T1-init or T1-cookie (RFC 9260 §5.1).
    Setup,
    /// T2-shutdown (RFC 9260 §9.2).
    Shutdown,
    /// T3-rtx (RFC 9260 §6.3).
    Retransmit,
    /// The last chunk is sent again, to make the peer speak (RFC 8985 §7).
    Probe,
    /// The next packet that pacing lets go.
    Pace,
    /// An acknowledgement that was delayed (RFC 9260 §6.2).
    Sack,
    /// The next HEARTBEAT, or the end of the wait for its answer (RFC 9260 §8.3).
    Heartbeat,
    /// A stream reset is asked for again (RFC 6525 §5.1.1).
    Reset,
}

const COUNT: usize = Timer::Reset as usize + 1;

/// A deadline for each [`Timer`] that runs.
#[derive(Debug)]
pub(crate) struct Timers {
    /// [`Instant::FAR_FUTURE`] where none runs.
    at: [Instant; COUNT],
}

impl Timers {
    pub(crate) const fn new() -> Self {
        Self { at: [Instant::FAR_FUTURE; COUNT] }
    }

    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.at.get_mut(timer as usize) {
            *slot = at;
        }
    }

    /// Brings a deadline nearer, if the timer runs.
    pub(crate) fn shorten(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.at.get_mut(timer as usize).filter(|slot| **slot != Instant::FAR_FUTURE) {
            *slot = at.min(*slot);
        }
    }

    pub(crate) fn stop(&mut self, timer: Timer) {
        self.set(timer, Instant::FAR_FUTURE);
    }

    pub(crate) const fn stop_all(&mut self) {
        *self = Self::new();
    }

    pub(crate) fn runs(&self, timer: Timer) -> bool {
        self.at.get(timer as usize).is_some_and(|at| *at != Instant::FAR_FUTURE)
    }

    pub(crate) fn is_due(&self, timer: Timer, now: Instant) -> bool {
        self.runs(timer) && self.at.get(timer as usize).is_some_and(|at| *at <= now)
    }

    /// Stops the timer if its time has come; whether it has.
    pub(crate) fn take_due(&mut self, timer: Timer, now: Instant) -> bool {
        let due = self.is_due(timer, now);
        if due {
            self.stop(timer);
        }
        due
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.at.iter().copied().min().filter(|at| *at != Instant::FAR_FUTURE)
    }
}
