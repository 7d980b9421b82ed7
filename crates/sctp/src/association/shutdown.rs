//! Tearing down (RFC 9260 §9).

use barertc_arena::Allocator;
use barertc_wire::Instant;

use super::Association;
use super::state::State;
use crate::chunk::cause;
use crate::error::Discard;
use crate::serial::Tsn;
use crate::timer::Timer;

impl<A: Allocator> Association<A> {
    /// Ends the association in good order (RFC 9260 §9.2). Messages that were written are still sent and acknowledged,
    /// and then the peer is told. No message can be written and no channel be opened any more.
    /// [`Event::Closed`](super::Event::Closed) follows. An association that is not established ends at once.
    pub fn shutdown(&mut self, now: Instant) {
        match self.state {
            State::Established(peer) => self.enter(State::ShutdownPending(peer)),
            State::Closed | State::CookieWait(_) | State::CookieEchoed(..) => self.abort(now),
            _ => {}
        }
        self.progress(now);
    }

    /// Ends the association at once and tells the peer (RFC 9260 §9.1). Messages that are not acknowledged are lost.
    /// [`Event::Closed`](super::Event::Closed) follows.
    pub fn abort(&mut self, _now: Instant) {
        if !self.state.is_done() {
            if self.state.peer().is_some() {
                self.outbox.abort = Some(cause::USER_INITIATED);
            }
            self.end(None);
        }
    }

    /// Goes on with a shutdown for which everything is acknowledged by now.
    pub(super) fn shutdown_due(&mut self, now: Instant) {
        match self.state {
            State::ShutdownPending(peer) if self.tx.is_drained() => {
                self.enter(State::ShutdownSent(peer, 0));
                self.outbox.shutdown = true;
            }
            State::ShutdownReceived(peer) if self.tx.is_drained() => {
                self.enter(State::ShutdownAckSent(peer, 0));
                self.outbox.shutdown_ack = true;
            }
            _ => return,
        }
        self.timers.set(Timer::Shutdown, now + self.tx.rto.get());
    }

    pub(super) fn shutdown_expired(&mut self, now: Instant) {
        let most = self.config.max_retransmits;
        match &mut self.state {
            State::ShutdownSent(_, count) | State::ShutdownAckSent(_, count) => {
                *count = count.saturating_add(1);
                if *count > most {
                    // Both wanted the end, or the peer is gone: the end it is.
                    return self.end(None);
                }
            }
            _ => return,
        }
        if matches!(self.state, State::ShutdownSent(..)) {
            self.outbox.shutdown = true;
        } else {
            self.outbox.shutdown_ack = true;
        }
        self.tx.rto.back_off();
        self.timers.set(Timer::Shutdown, now + self.tx.rto.get());
    }

    pub(super) fn on_shutdown(&mut self, now: Instant, cumulative: u32) -> Result<(), Discard> {
        match self.state {
            State::Established(peer) | State::ShutdownPending(peer) | State::ShutdownReceived(peer) => {
                self.acked_up_to(now, Tsn(cumulative));
                self.enter(State::ShutdownReceived(peer));
                Ok(())
            }
            // Both sides at once.
            State::ShutdownSent(peer, _) => {
                self.acked_up_to(now, Tsn(cumulative));
                self.enter(State::ShutdownAckSent(peer, 0));
                self.outbox.shutdown_ack = true;
                self.outbox.shutdown = false;
                self.timers.set(Timer::Shutdown, now + self.tx.rto.get());
                Ok(())
            }
            State::ShutdownAckSent(..) => {
                self.outbox.shutdown_ack = true;
                Ok(())
            }
            _ => Err(Discard::Unexpected),
        }
    }

    /// SHUTDOWN acknowledges up to a TSN. One that was never sent acknowledges nothing, and the peer is leaving all the
    /// same: pion and its kin put their own TSN here.
    fn acked_up_to(&mut self, now: Instant, cumulative: Tsn) {
        if let Err(reason) = self.tx.acked_up_to(now, cumulative, &mut self.channels, &mut self.timers) {
            self.discards.count(reason);
        }
    }

    pub(super) fn on_shutdown_ack(&mut self) -> Result<(), Discard> {
        match &mut self.state {
            State::ShutdownSent(..) | State::ShutdownAckSent(..) => {
                self.outbox.shutdown_complete = Some(false);
                self.end(None);
                if let State::Done(end) = &mut self.state {
                    end.completed = true;
                }
                Ok(())
            }
            // Our SHUTDOWN COMPLETE was lost.
            State::Done(end) if end.completed => {
                self.outbox.shutdown_complete = Some(false);
                Ok(())
            }
            // RFC 9260 §8.5.1 E: the peer has an association that we don't.
            State::CookieWait(_) | State::CookieEchoed(..) => {
                self.outbox.shutdown_complete = Some(true);
                Ok(())
            }
            _ => Err(Discard::Unexpected),
        }
    }

    pub(super) fn on_shutdown_complete(&mut self) -> Result<(), Discard> {
        if matches!(self.state, State::ShutdownAckSent(..)) {
            self.end(None);
            Ok(())
        } else {
            Err(Discard::Unexpected)
        }
    }
}
