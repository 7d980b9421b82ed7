//! Time-outs, heartbeats, and what follows from both.

use barertc_arena::Allocator;
use barertc_wire::Instant;

use super::Association;
use super::path::{ALWAYS_FITS, SUSPICIOUS};
use crate::error::{Discard, Failure};
use crate::timer::Timer;

impl<A: Allocator> Association<A> {
    /// When to call [`handle_timeout`](Self::handle_timeout) next. `None` when there is nothing to wait for.
    #[must_use]
    pub fn timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Does what is due at `now`. A call that comes early does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.state.is_done() {
            return;
        }
        if self.timers.take_due(Timer::Setup, now) {
            self.setup_expired(now);
        }
        if self.timers.take_due(Timer::Shutdown, now) {
            self.shutdown_expired(now);
        }
        if self.timers.is_due(Timer::Retransmit, now) {
            self.tx.timed_out(now, &mut self.channels, &mut self.timers);
            self.suspect_path();
        } else if self.timers.take_due(Timer::Probe, now) {
            self.tx.probe(now);
        }
        let _ = self.timers.take_due(Timer::Pace, now);
        if self.timers.take_due(Timer::Sack, now) {
            self.acks.now = true;
        }
        if self.timers.take_due(Timer::Reset, now) {
            self.reset_expired(now);
        }
        if self.timers.take_due(Timer::Heartbeat, now) {
            self.heartbeat_expired(now);
        }
        if self.tx.errors > self.config.max_retransmits {
            self.fail(if self.path.too_large.is_some() { Failure::PathMtu } else { Failure::PeerUnreachable });
        }
        self.progress(now);
    }

    /// Moves on whatever waited for something that may have happened by now.
    pub(super) fn progress(&mut self, now: Instant) {
        if self.state.is_done() {
            return;
        }
        self.tx.wake_writers(&mut self.channels);
        self.open_due(now);
        self.reset_due(now);
        if self.rx.window_has_opened() && self.state.is_up() {
            self.acks.now = true;
        }
        self.shutdown_due(now);
    }

    // Heartbeats (RFC 9260 §8.3).

    /// The next one, a whole interval after the last packet.
    pub(super) fn arm_heartbeat(&mut self, now: Instant) {
        if !self.config.heartbeat_interval.is_zero() && self.path.is_quiet() && self.state.is_up() {
            self.timers.set(Timer::Heartbeat, now + self.config.heartbeat_interval + self.tx.rto.get());
        }
    }

    /// After time-outs in a row: does a small packet arrive where large ones don't?
    fn suspect_path(&mut self) {
        if self.tx.errors >= SUSPICIOUS && self.state.is_up() {
            self.path.renew();
            self.path.searching = true;
            self.outbox.heartbeat = true;
        }
    }

    fn heartbeat_expired(&mut self, now: Instant) {
        if !core::mem::take(&mut self.path.searching) && self.path.sent.take().is_some() {
            // The last one was not answered within an RTO.
            self.tx.errors = self.tx.errors.saturating_add(1);
            self.tx.rto.back_off();
        }
        self.path.renew();
        self.outbox.heartbeat = true;
        self.timers.set(Timer::Heartbeat, now + self.tx.rto.get());
    }

    pub(super) fn on_heartbeat_ack(&mut self, now: Instant, info: &[u8]) -> Result<(), Discard> {
        if info != self.path.heartbeat() {
            return Err(Discard::BadHeartbeat);
        }
        let sent = self.path.sent.take().ok_or(Discard::BadHeartbeat)?;
        if core::mem::take(&mut self.path.searching) {
            // The peer is there, and the data is still missing.
            if self.tx.errors >= SUSPICIOUS
                && let Some(bytes) = self.tx.first_packet()
                && bytes > ALWAYS_FITS
            {
                self.path.found(bytes);
            }
        } else {
            self.tx.rto.sample(now.saturating_since(sent));
            self.tx.errors = 0;
        }
        self.arm_heartbeat(now);
        Ok(())
    }
}
