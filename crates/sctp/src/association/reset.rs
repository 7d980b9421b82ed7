//! Closing channels by resetting their streams (RFC 6525, RFC 8831 section 6.7).

use barertc_arena::{Allocator, Key};
use barertc_wire::{Instant, NoRoom, Writer};

use super::{Association, Phase};
use crate::channel::{OutReset, State, pending};
use crate::chunk::{ReconfigParam, ResetOutcome, ResetRequest, reconfig_params, write_outcome, write_request};
use crate::error::Discard;
use crate::serial::Tsn;

/// Streams that one request names at most, and streams refused that are remembered.
const REQUEST: usize = 16;

/// The two directions of requests.
#[derive(Debug)]
pub(super) struct Resets {
    next: u32,
    /// The request that has not been answered: its number and the last TSN before it.
    asked: Option<(u32, Tsn)>,
    send: bool,
    at: Option<Instant>,
    /// The number that the peer's next request must have.
    expected: u32,
    last_outcome: ResetOutcome,
    /// To be sent; one answer is enough, for there is one request at a time.
    answer: Option<(u32, ResetOutcome)>,
    /// Streams on which the peer sends and for which there is no channel.
    refused: [u16; REQUEST],
    refused_len: usize,
    refused_asked: usize,
}

impl Resets {
    pub(super) const fn new(first: Tsn) -> Self {
        Self {
            next: first.0,
            asked: None,
            send: false,
            at: None,
            expected: 0,
            last_outcome: ResetOutcome::Nothing,
            answer: None,
            refused: [0; REQUEST],
            refused_len: 0,
            refused_asked: 0,
        }
    }

    pub(super) fn start(&mut self, peer: Tsn) {
        self.expected = peer.0;
    }

    pub(super) fn stop(&mut self) {
        self.at = None;
        self.asked = None;
        self.send = false;
    }

    pub(super) const fn at(&self) -> Option<Instant> {
        self.at
    }

    fn refused(&self) -> &[u16] {
        self.refused.get(..self.refused_len).unwrap_or_default()
    }

    pub(super) fn refuse(&mut self, stream: u16) {
        if !self.refused().contains(&stream)
            && let Some(slot) = self.refused.get_mut(self.refused_len)
        {
            *slot = stream;
            self.refused_len = self.refused_len.saturating_add(1);
        }
    }

    fn forget_refused(&mut self) {
        let n = core::mem::take(&mut self.refused_asked);
        self.refused.rotate_left(n.min(REQUEST));
        self.refused_len = self.refused_len.saturating_sub(n);
    }
}

impl<A: Allocator> Association<A> {
    /// The channel is to be closed: nothing more is written, what is queued is still sent, then our stream is reset.
    /// `deaf`: what arrives from now on is dropped, for the application has closed it.
    pub(super) fn start_closing(&mut self, key: Key, deaf: bool) {
        let Some(channel) = self.channels.get_mut(key) else { return };
        if deaf {
            channel.deaf = true;
            self.rx.drop_list(&mut channel.ready);
            channel.reading = None;
        }
        if !matches!(channel.state, State::Unopened | State::Opening | State::Open) {
            return;
        }
        let opened_here = channel.open_due;
        channel.state = State::Closing;
        channel.out_reset = OutReset::Wanted;
        if channel.writing {
            // A message that will never be finished must not hold up the others.
            channel.writing = false;
            self.tx.cut_last(&mut self.channels, &mut self.events, key);
        }
        let Some(channel) = self.channels.get_mut(key) else { return };
        if opened_here || channel.stream.is_none() {
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
        if channel.state == State::Closing && channel.out_reset == OutReset::Done && channel.in_reset {
            channel.state = State::Closed;
            if let Some(stream) = channel.stream {
                self.unmap_stream(stream);
            }
        }
        let Some(channel) = self.channels.get_mut(key) else { return };
        if channel.state == State::Closed && channel.ready.head.is_none() && !channel.cut {
            self.events.raise(key, channel, pending::CLOSED);
        }
    }

    /// Asks for the next resets, if some are wanted and none is under way.
    pub(super) fn reset_due(&mut self, now: Instant) {
        if self.resets.asked.is_some() || !self.is_up() || self.phase == Phase::ShutdownAckSent {
            return;
        }
        let can = self.peer.is_some_and(|p| p.capabilities.reconfig);
        let mut count = self.resets.refused_len;
        for i in 0..self.streams.len() {
            let Some((_, key)) = self.streams.get(i).copied() else { break };
            let Some(channel) = self.channels.get_mut(key) else { continue };
            // RFC 6525 section 5.1.2 rule A2: everything queued has got its TSN.
            if channel.out_reset != OutReset::Wanted || channel.first.is_some() || count >= REQUEST {
                continue;
            }
            if can {
                channel.out_reset = OutReset::Asked;
                count = count.saturating_add(1);
            } else {
                // The peer cannot reset: the channel is closed here, and its id stays in use.
                channel.out_reset = OutReset::Done;
                if channel.ready.head.is_none() {
                    self.events.raise(key, channel, pending::CLOSED);
                }
            }
        }
        if count > 0 && can {
            self.resets.refused_asked = self.resets.refused_len;
            self.resets.asked = Some((self.resets.next, self.tx.next_tsn().prev()));
            self.resets.next = self.resets.next.wrapping_add(1);
            self.resets.send = true;
            self.resets.at = Some(now + self.tx.rto.get());
        }
    }

    pub(super) fn reset_expired(&mut self, now: Instant) {
        self.resets.at = None;
        if self.resets.asked.is_some() {
            self.tx.errors = self.tx.errors.saturating_add(1);
            self.tx.rto.back_off();
            self.resets.send = true;
            self.resets.at = Some(now + self.tx.rto.get());
        }
    }

    pub(super) fn write_resets(&mut self, now: Instant, w: &mut Writer<'_>) -> Result<(), NoRoom> {
        if w.room() >= 16
            && let Some((number, outcome)) = self.resets.answer.take()
        {
            write_outcome(w, number, outcome)?;
        }
        if self.resets.send
            && w.room() >= REQUEST.saturating_mul(2).saturating_add(24)
            && let Some((number, last)) = self.resets.asked
        {
            self.resets.send = false;
            self.resets.at = Some(now + self.tx.rto.get());
            let channels = self
                .streams
                .iter()
                .filter(|(_, key)| self.channels.get(*key).is_some_and(|c| c.out_reset == OutReset::Asked));
            let refused = self.resets.refused.iter().take(self.resets.refused_asked);
            let list = channels.map(|(s, _)| *s).chain(refused.copied());
            write_request(w, number, self.resets.expected.wrapping_sub(1), last, list)?;
        }
        Ok(())
    }

    pub(super) fn on_reconfig(&mut self, value: &[u8]) -> Result<(), Discard> {
        for param in reconfig_params(value) {
            match param.map_err(|_| Discard::Malformed)? {
                ReconfigParam::Outgoing(request) => self.on_reset(&request)?,
                ReconfigParam::Incoming(request) => self.answer(request.number, ResetOutcome::Denied)?,
                ReconfigParam::Unsupported(number) => self.answer(number, ResetOutcome::Denied)?,
                ReconfigParam::Response { number, outcome } => self.on_outcome(number, outcome)?,
            }
        }
        Ok(())
    }

    /// Answers a request in turn, or repeats the last answer.
    fn answer(&mut self, number: u32, outcome: ResetOutcome) -> Result<(), Discard> {
        if number == self.resets.expected {
            self.resets.expected = number.wrapping_add(1);
            self.resets.last_outcome = outcome;
            self.resets.answer = Some((number, outcome));
            Ok(())
        } else if number == self.resets.expected.wrapping_sub(1) {
            self.resets.answer = Some((number, self.resets.last_outcome));
            Ok(())
        } else {
            self.resets.answer = Some((number, ResetOutcome::BadNumber));
            Err(Discard::BadReconfig)
        }
    }

    /// The peer has reset streams (RFC 6525 section 5.2.2).
    fn on_reset(&mut self, request: &ResetRequest<'_>) -> Result<(), Discard> {
        if request.number != self.resets.expected {
            return self.answer(request.number, ResetOutcome::BadNumber);
        }
        if request.last.is_after(self.rx.tracker.cumulative()) {
            // Data from before the reset is missing: the peer asks again.
            self.resets.answer = Some((request.number, ResetOutcome::InProgress));
            return Ok(());
        }
        let mut any = false;
        let all = request.streams().next().is_none();
        for i in (0..self.streams.len()).rev() {
            let Some((stream, key)) = self.streams.get(i).copied() else { continue };
            if all || request.streams().any(|s| s == stream) {
                any = true;
                self.reset_incoming(key);
            }
        }
        self.answer(request.number, if any { ResetOutcome::Performed } else { ResetOutcome::Nothing })
    }

    fn reset_incoming(&mut self, key: Key) {
        let Some(channel) = self.channels.get_mut(key) else { return };
        self.rx.reset(channel);
        channel.in_reset = true;
        if channel.cut && channel.state != State::Unopened {
            self.events.raise(key, channel, pending::READABLE);
        }
        if channel.state == State::Unopened {
            // Nobody knows of this channel here.
            channel.deaf = true;
        }
        let deaf = channel.deaf;
        self.start_closing(key, deaf);
        self.close_if_done(key);
    }

    fn on_outcome(&mut self, number: u32, outcome: ResetOutcome) -> Result<(), Discard> {
        if self.resets.asked.is_none_or(|(n, _)| n != number) {
            return Err(Discard::BadReconfig);
        }
        self.tx.errors = 0;
        if outcome == ResetOutcome::InProgress {
            // The timer asks again.
            return Ok(());
        }
        self.resets.asked = None;
        self.resets.send = false;
        self.resets.at = None;
        self.resets.forget_refused();
        for i in (0..self.streams.len()).rev() {
            let Some((_, key)) = self.streams.get(i).copied() else { continue };
            if let Some(channel) = self.channels.get_mut(key)
                && channel.out_reset == OutReset::Asked
            {
                channel.out_reset = OutReset::Done;
                self.close_if_done(key);
            }
        }
        Ok(())
    }
}
