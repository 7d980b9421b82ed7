//! Time-outs, heartbeats, and what follows from both.

use core::time::Duration;

use barertc_arena::Allocator;
use barertc_wire::Instant;

use super::{Association, Event, Phase};
use crate::error::{Discard, Failure};

impl<A: Allocator> Association<A> {
    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        if self.phase == Phase::Done {
            return None;
        }
        [
            self.t1,
            self.t2,
            self.tx.t3,
            self.tx.probe_at(),
            self.sack_at,
            self.heartbeat_at,
            self.resets.at(),
            self.tx.pace_at,
        ]
        .into_iter()
        .fold(None, Instant::earliest)
    }

    /// Does what is due by now; nothing when it is called early.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.phase == Phase::Done {
            return;
        }
        let is_due = |at: Option<Instant>| at.is_some_and(|t| t <= now);
        if is_due(self.t1) {
            self.t1_expired(now);
        }
        if is_due(self.t2) {
            self.t2_expired(now);
        }
        if is_due(self.tx.t3) {
            self.tx.timed_out(now, &mut self.channels, &mut self.events);
        } else if is_due(self.tx.probe_at()) {
            self.tx.probe(now);
        }
        if is_due(self.tx.pace_at) {
            self.tx.pace_at = None;
        }
        if is_due(self.sack_at) {
            self.sack_at = None;
            self.sack_now = true;
        }
        if is_due(self.resets.at()) {
            self.reset_expired(now);
        }
        if is_due(self.heartbeat_at) {
            self.heartbeat_expired(now);
        }
        if self.tx.errors > self.config.max_retransmits {
            self.fail(Failure::PeerUnreachable);
        }
        self.progress(now);
    }

    /// Moves on whatever waited for something that may have happened by now.
    pub(super) fn progress(&mut self, now: Instant) {
        if self.phase == Phase::Done {
            return;
        }
        self.tx.wake_writers(&mut self.channels, &mut self.events);
        self.open_due(now);
        self.reset_due(now);
        if self.rx.window_has_opened() && self.is_up() {
            self.sack_now = true;
        }
        match self.phase {
            Phase::ShutdownPending if self.tx.is_drained() => {
                self.phase = Phase::ShutdownSent;
                self.due.shutdown = true;
                self.t2 = Some(now + self.tx.rto.get());
            }
            Phase::ShutdownReceived if self.tx.is_drained() => {
                self.phase = Phase::ShutdownAckSent;
                self.due.shutdown_ack = true;
                self.t2 = Some(now + self.tx.rto.get());
            }
            _ => {}
        }
    }

    /// T2-shutdown (section 9.2).
    fn t2_expired(&mut self, now: Instant) {
        self.t2_count = self.t2_count.saturating_add(1);
        if self.t2_count > self.config.max_retransmits {
            self.t2 = None;
            self.end(Event::Closed);
            return;
        }
        match self.phase {
            Phase::ShutdownSent => self.due.shutdown = true,
            Phase::ShutdownAckSent => self.due.shutdown_ack = true,
            _ => return,
        }
        self.tx.rto.back_off();
        self.t2 = Some(now + self.tx.rto.get());
    }

    // Heartbeats (section 8.3).

    /// The next one, a whole interval after the last packet.
    pub(super) fn arm_heartbeat(&mut self, now: Instant) {
        if !self.config.heartbeat_interval.is_zero() && self.heartbeat_sent.is_none() && self.is_up() {
            self.heartbeat_at = Some(now + self.config.heartbeat_interval + self.tx.rto.get());
        }
    }

    fn heartbeat_expired(&mut self, now: Instant) {
        if self.heartbeat_sent.take().is_some() {
            // The last one was not answered within an RTO.
            self.tx.errors = self.tx.errors.saturating_add(1);
            self.tx.rto.back_off();
        }
        self.nonce = self.nonce.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
        self.due.heartbeat = true;
        self.heartbeat_at = Some(now + self.tx.rto.get());
    }

    /// HEARTBEAT's value: one parameter with a number that only we know.
    pub(super) fn heartbeat_info(&self) -> [u8; 12] {
        let [a, b, c, d, e, f, g, h] = self.nonce.to_be_bytes();
        [0, 1, 0, 12, a, b, c, d, e, f, g, h]
    }

    pub(super) fn on_heartbeat_ack(&mut self, now: Instant, info: &[u8]) -> Result<(), Discard> {
        if info != self.heartbeat_info() {
            return Err(Discard::BadHeartbeat);
        }
        let sent = self.heartbeat_sent.take().ok_or(Discard::BadHeartbeat)?;
        let rtt: Duration = now.saturating_since(sent);
        self.tx.rto.sample(rtt);
        self.tx.errors = 0;
        self.arm_heartbeat(now);
        Ok(())
    }
}
