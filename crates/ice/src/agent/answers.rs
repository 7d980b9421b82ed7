//! Responses that wait to be written, and the bound on how many.
use core::time::Duration;

use barertc_arena::{Allocator, Ring};
use barertc_wire::Instant;

use super::message::Answer;
use crate::config::Config;
use crate::error::Error;
use crate::event::Discard;

/// Responses that wait between two polls; requests beyond that are dropped.
const MAX_WAITING: usize = 8;

pub(super) struct Answers<A: Allocator> {
    waiting: Ring<Answer, A>,
    per_second: u32,
    /// A response takes a token. Tokens come back at an even rate, up to `per_second`.
    tokens: u32,
    tokens_at: Instant,
}

impl<A: Allocator> Answers<A> {
    pub(super) const fn bytes() -> usize {
        Ring::<Answer, A>::bytes(MAX_WAITING)
    }

    pub(super) fn new(config: &Config, alloc: A) -> Result<Self, Error> {
        let per_second = config.answers_per_second;
        let waiting = Ring::with_capacity(MAX_WAITING, alloc)?;
        Ok(Self { waiting, per_second, tokens: per_second, tokens_at: Instant::ZERO })
    }

    /// Takes a token for a response.
    pub(super) fn take_token(&mut self, now: Instant) -> Result<(), Discard> {
        let most = self.per_second;
        let each = Duration::from_secs(1).checked_div(most).ok_or(Discard::RateLimited)?;
        let passed = now.saturating_since(self.tokens_at);
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let new = nanos(passed).checked_div(nanos(each)).unwrap_or_default();
        let new = u32::try_from(new).unwrap_or(u32::MAX);
        let left = self.tokens.saturating_add(new);
        // The rest of the time counts for the next token, unless there are as many as there may be.
        self.tokens_at = if left >= most { now } else { self.tokens_at + each.saturating_mul(new) };
        self.tokens = left.min(most);
        self.tokens = self.tokens.checked_sub(1).ok_or(Discard::RateLimited)?;
        Ok(())
    }

    pub(super) fn push(&mut self, answer: Answer) -> Result<(), Discard> {
        self.waiting.push_back(answer).map_err(|_| Discard::AnswersFull)
    }

    pub(super) fn pop(&mut self) -> Option<Answer> {
        self.waiting.pop_front()
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    /// When the first one could have been sent: at once.
    pub(super) fn timeout(&self) -> Option<Instant> {
        self.waiting.front().map(|a| a.asked)
    }
}
