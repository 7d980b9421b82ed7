//! Closing channels by resetting their streams (RFC 6525, RFC 8831 §6.7).

use barertc_arena::{Allocator, Key};
use barertc_wire::{Instant, NoRoom, Writer};

use super::Association;
use super::resets::REQUEST;
use super::state::State;
use crate::channel::{OutReset, State as ChannelState, pending};
use crate::chunk::{ReconfigParam, ResetOutcome, ResetRequest, Response};
use crate::error::Discard;
use crate::timer::Timer;

impl<A: Allocator> Association<A> {
    /// The channel is to be closed: nothing more is written, what is queued is still sent, then our stream is reset.
    /// `deaf`: what arrives from now on is dropped, for the application has closed it.
    pub(super) fn start_closing(&mut self, key: Key, deaf: bool) {
        let Some(channel) = self.channels.get_mut(key) else { return };
        if deaf {
            channel.deaf = true;
            let unread = self.rx.drop_list(&mut channel.ready);
            if channel.state == ChannelState::Unopened {
                // The application has not chosen to leave them unread.
                (0..unread).for_each(|_| self.discards.count(Discard::ClosedChannel));
            }
            channel.reading = None;
            channel.cut = false;
        }
        if !matches!(channel.state, ChannelState::Unopened | ChannelState::Opening | ChannelState::Open) {
            return;
        }
        let unheard_of = channel.open_due || channel.stream.is_none();
        channel.untold = channel.state == ChannelState::Unopened;
        channel.state = ChannelState::Closing;
        channel.out_reset = OutReset::Wanted;
        channel.wants = 0;
        let open_message = core::mem::take(&mut channel.writing);
        self.channels.reset_due = true;
        if open_message {
            // A message that will never be finished must not hold up the others.
            self.tx.cut_last(&mut self.channels, key);
        }
        if unheard_of && let Some(channel) = self.channels.get_mut(key) {
            // The peer has never heard of it.
            channel.out_reset = OutReset::Done;
            channel.in_reset = true;
            channel.open_due = false;
        }
        self.close_if_done(key);
    }

    /// Both directions reset: the stream id is free, and once all is read the application hears of it.
    pub(super) fn close_if_done(&mut self, key: Key) {
        let Some(channel) = self.channels.get_mut(key) else { return };
        if channel.state == ChannelState::Closing && channel.out_reset == OutReset::Done && channel.in_reset {
            channel.state = ChannelState::Closed;
            if let Some(stream) = channel.stream {
                self.channels.unmap(stream);
                // Another channel may wait for the id.
                self.channels.dcep_due = true;
            }
        }
        let Some(channel) = self.channels.get(key) else { return };
        if channel.state == ChannelState::Closed && channel.is_read() {
            self.channels.raise(key, pending::CLOSED);
        }
    }

    // Our requests.

    /// Asks for the next resets, if some are wanted and none is under way.
    ///
    /// A stream is reset only when everything sent on it is acknowledged, and the request names the last TSN of what is:
    /// then no peer has a reason to put it off.
    pub(super) fn reset_due(&mut self, now: Instant) {
        self.leave_deferral();
        if !self.channels.reset_due && self.resets.refused().is_empty() {
            return;
        }
        let (true, State::Established(peer) | State::ShutdownPending(peer) | State::ShutdownReceived(peer)) =
            (self.resets.asked.is_none(), self.state)
        else {
            return;
        };
        let can = peer.capabilities.reconfig;
        let mut count = self.resets.refused().len();
        self.channels.reset_due = false;
        for i in (0..self.channels.with_stream()).rev() {
            let Some((_, key)) = self.channels.nth(i) else { continue };
            let Some(channel) = self.channels.get_mut(key) else { continue };
            if channel.out_reset != OutReset::Wanted || channel.messages > 0 {
                continue;
            }
            if !can {
                self.close_without_reset(key);
            } else if count < REQUEST {
                channel.out_reset = OutReset::Asked;
                count = count.saturating_add(1);
            } else {
                self.channels.reset_due = true;
            }
        }
        if count > 0 && can {
            self.resets.ask(self.tx.cumulative());
            self.timers.set(Timer::Reset, now + self.tx.rto.get());
        }
    }

    /// The peer cannot or will not reset the stream: the channel is closed here, and its id is not used again, for the
    /// peer goes on counting its messages. What has come before can still be read.
    fn close_without_reset(&mut self, key: Key) {
        let Some(channel) = self.channels.get_mut(key) else { return };
        channel.out_reset = OutReset::Done;
        if let Some(stream) = channel.stream {
            self.channels.spend(stream);
        }
        // The peer's own reset is not waited for.
        self.reset_incoming(key);
    }

    pub(super) fn reset_expired(&mut self, now: Instant) {
        let Some(asked) = self.resets.asked else { return };
        if !asked.in_progress {
            // While the peer is at it no error counts (RFC 6525 §5.2.7 rule H2).
            self.tx.errors = self.tx.errors.saturating_add(1);
            self.tx.rto.back_off();
        }
        self.resets.send = true;
        self.timers.set(Timer::Reset, now + self.tx.rto.get());
    }

    pub(super) fn write_resets(&mut self, now: Instant, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        if w.room() >= 16
            && let Some(response) = self.resets.answer.take()
        {
            response.write(w)?;
        }
        if self.resets.send
            && w.room() >= REQUEST.saturating_mul(2).saturating_add(24)
            && let Some(asked) = self.resets.asked
        {
            self.resets.send = false;
            self.timers.set(Timer::Reset, now + self.tx.rto.get());
            let channels = self.channels.streams().filter(|(_, c)| c.out_reset == OutReset::Asked).map(|(s, _)| s);
            let list = channels.chain(self.resets.refused_asked().iter().copied());
            ResetRequest::write(w, asked.number, self.resets.expected.wrapping_sub(1), asked.last, list)?;
        }
        Ok(())
    }

    fn on_response(&mut self, response: Response) -> Result<(), Discard> {
        let Some(asked) = self.resets.asked.as_mut().filter(|a| a.number == response.number) else {
            return Err(Discard::BadReconfig);
        };
        self.tx.errors = 0;
        if response.outcome == ResetOutcome::InProgress {
            // The timer asks again: as RFC 6525 has it first, and under a new number if that is not heard.
            if core::mem::replace(&mut asked.in_progress, true) {
                self.resets.renumber();
            }
            return Ok(());
        }
        self.resets.asked = None;
        self.resets.send = false;
        self.timers.stop(Timer::Reset);
        self.resets.forget_refused();
        self.channels.reset_due = true;
        let done = matches!(response.outcome, ResetOutcome::Performed | ResetOutcome::Nothing);
        for i in (0..self.channels.with_stream()).rev() {
            let Some((_, key)) = self.channels.nth(i) else { continue };
            if let Some(channel) = self.channels.get_mut(key)
                && channel.out_reset == OutReset::Asked
            {
                if done {
                    channel.out_reset = OutReset::Done;
                    self.close_if_done(key);
                } else {
                    self.close_without_reset(key);
                }
            }
        }
        if done { Ok(()) } else { Err(Discard::ResetRefused) }
    }

    // The peer's.

    pub(super) fn on_reconfig(&mut self, value: &[u8]) -> Result<(), Discard> {
        let mut result = Ok(());
        for (n, param) in ReconfigParam::all(value).enumerate() {
            let step = match param {
                // Two parameters are the most that a chunk may have (RFC 6525 §3.1).
                _ if n >= 2 => Err(Discard::Malformed),
                Err(_) => Err(Discard::Malformed),
                Ok(ReconfigParam::Outgoing(request)) => self.on_request(&request),
                Ok(ReconfigParam::Incoming(request)) => self.answer(request.number, ResetOutcome::Denied),
                Ok(ReconfigParam::Unsupported(number)) => self.answer(number, ResetOutcome::Denied),
                Ok(ReconfigParam::Response(response)) => self.on_response(response),
            };
            // An answer that is old does not take the request beside it with it.
            if let Err(reason) = step {
                match result {
                    Ok(()) => result = Err(reason),
                    Err(_) => self.discards.count(reason),
                }
            }
            if n >= 2 {
                break;
            }
        }
        result
    }

    /// Answers a request in turn, or repeats the last answer.
    fn answer(&mut self, number: u32, outcome: ResetOutcome) -> Result<(), Discard> {
        if number == self.resets.expected {
            self.resets.expected = number.wrapping_add(1);
            self.resets.last_outcome = outcome;
            self.resets.answer = Some(Response { number, outcome });
            Ok(())
        } else if number == self.resets.expected.wrapping_sub(1) {
            self.resets.answer = Some(Response { number, outcome: self.resets.last_outcome });
            Ok(())
        } else {
            self.resets.answer = Some(Response { number, outcome: ResetOutcome::BadNumber });
            Err(Discard::BadReconfig)
        }
    }

    /// The peer has reset streams (RFC 6525 §5.2.2).
    fn on_request(&mut self, request: &ResetRequest<'_>) -> Result<(), Discard> {
        if request.number != self.resets.expected {
            return self.answer(request.number, ResetOutcome::BadNumber);
        }
        let waits = request.last.is_after(self.rx.tracker.cumulative());
        let mut any = false;
        let all = request.streams().next().is_none();
        for i in (0..self.channels.with_stream()).rev() {
            let Some((stream, key)) = self.channels.nth(i) else { continue };
            if all || request.streams().any(|s| s == stream) {
                any = true;
                if waits && let Some(channel) = self.channels.get_mut(key) {
                    channel.in_deferred = true;
                } else {
                    self.reset_incoming(key);
                }
            }
        }
        if waits {
            // Rule E2: data from before the reset is missing. It is done when that has come, whether the peer asks again
            // or not, under this number or the next.
            if self.resets.deferred.is_none_or(|last| request.last.is_after(last)) {
                self.resets.deferred = Some(request.last);
            }
            return self.answer(request.number, ResetOutcome::InProgress);
        }
        self.answer(request.number, if any { ResetOutcome::Performed } else { ResetOutcome::Nothing })
    }

    /// Everything from before a reset that was put off has come (rules E3 to E6).
    fn leave_deferral(&mut self) {
        if self.resets.deferred.is_none_or(|last| last.is_after(self.rx.tracker.cumulative())) {
            return;
        }
        self.resets.deferred = None;
        for i in (0..self.channels.with_stream()).rev() {
            let Some((_, key)) = self.channels.nth(i) else { continue };
            if let Some(channel) = self.channels.get_mut(key)
                && core::mem::take(&mut channel.in_deferred)
            {
                self.reset_incoming(key);
            }
        }
        self.resets.last_outcome = ResetOutcome::Performed;
        let number = self.resets.expected.wrapping_sub(1);
        self.resets.answer = Some(Response { number, outcome: ResetOutcome::Performed });
    }

    fn reset_incoming(&mut self, key: Key) {
        let Some(channel) = self.channels.get_mut(key) else { return };
        self.rx.reset(channel);
        channel.in_reset = true;
        channel.in_deferred = false;
        if channel.state == ChannelState::Unopened {
            // Nobody knows of this channel here.
            channel.deaf = true;
        }
        let deaf = channel.deaf;
        if channel.cut && !deaf {
            self.channels.raise(key, pending::READABLE);
        }
        self.start_closing(key, deaf);
        self.close_if_done(key);
    }
}
