//! Where the connection stands, what was seen of the peer, and what of that the owner has been told.
use barertc_wire::Instant;

use crate::config::Config;
use crate::event::{Event, FailureReason, State};

/// Changes of state that wait for an owner who polls late. The last one always finds room.
const MAX_UNTOLD: usize = 4;

/// What was seen of the peer since checking began.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// An authentic check.
    pub(super) check: bool,
    /// A check or response made with another password.
    pub(super) unauthenticated: bool,
    /// An error response to a check.
    pub(super) refused: Option<u16>,
    /// The end of its consent on a path that was in use.
    pub(super) consent_lost: bool,
}

pub(super) struct Progress {
    state: State,
    untold: heapless::Deque<State, MAX_UNTOLD>,
    /// When checking began.
    since: Option<Instant>,
    /// When the owner is to be told that nobody answers; none once it was.
    warn_at: Option<Instant>,
    warning: Option<FailureReason>,
    /// The path that was in use is gone, and there is no other one yet.
    lost: bool,
    /// The peer has no more candidates.
    ended: bool,
    /// Failure may be declared: checking has gone on for long enough.
    patience_over: bool,
    seen: Seen,
}

impl Progress {
    pub(super) const fn new() -> Self {
        Self {
            state: State::New,
            untold: heapless::Deque::new(),
            since: None,
            warn_at: None,
            warning: None,
            lost: false,
            ended: false,
            patience_over: false,
            seen: Seen { check: false, unauthenticated: false, refused: None, consent_lost: false },
        }
    }

    pub(super) const fn state(&self) -> State {
        self.state
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    pub(super) fn set(&mut self, state: State) {
        if self.state == state {
            return;
        }
        barertc_wire::trace!("state {:?}", state);
        self.state = state;
        if self.untold.is_full() {
            self.untold.pop_back();
        }
        let _ = self.untold.push_back(state);
    }

    pub(super) const fn is_checking(&self) -> bool {
        self.since.is_some()
    }

    pub(super) fn is_patience_over(&self, now: Instant, config: &Config) -> bool {
        self.patience_over || self.since.is_some_and(|since| since + config.patience <= now)
    }

    pub(super) const fn seen(&self) -> &Seen {
        &self.seen
    }

    pub(super) const fn seen_mut(&mut self) -> &mut Seen {
        &mut self.seen
    }

    /// Checking begins, unless it has begun already.
    pub(super) fn begin(&mut self, now: Instant, config: &Config) {
        if self.since.is_none() {
            self.since = Some(now);
            self.patience_over = false;
            self.warn_at = Some(now + config.no_answer_after);
        }
    }

    /// Checking will begin anew, with another description.
    pub(super) fn restart(&mut self) {
        self.since = None;
        self.warn_at = None;
        self.warning = None;
        self.lost = false;
        self.ended = false;
        self.patience_over = false;
        self.seen = Seen::default();
    }

    /// Something new may lead to a path: if nobody answers again, that is told again.
    pub(super) fn hope(&mut self, now: Instant, config: &Config) {
        if self.since.is_some() {
            self.warn_at = Some(now + config.no_answer_after);
        }
    }

    pub(super) fn end_of_candidates(&mut self) {
        self.ended = true;
    }

    /// Whether nothing more is to be expected from the peer's description, and that was not told yet.
    pub(super) const fn can_warn_early(&self) -> bool {
        self.ended && self.warn_at.is_some()
    }

    pub(super) fn warn(&mut self, reason: FailureReason) {
        self.warn_at = None;
        self.warning = Some(reason);
    }

    /// The way of the path in use is gone. The time for another one begins now.
    pub(super) fn lose_path(&mut self, now: Instant, config: &Config) {
        self.since = None;
        self.begin(now, config);
        self.lost = true;
    }

    pub(super) const fn has_lost_path(&self) -> bool {
        self.lost
    }

    /// A path has been found, so there is nothing to warn of.
    pub(super) fn found(&mut self) {
        self.lost = false;
        self.warn_at = None;
        self.warning = None;
    }

    /// Looks at the clock; `reason` says why there is no path.
    pub(super) fn handle_timeout(&mut self, now: Instant, config: &Config, reason: impl FnOnce() -> FailureReason) {
        self.patience_over = self.is_patience_over(now, config);
        if self.warn_at.is_some_and(|at| at <= now) {
            self.warn(reason());
        }
    }

    /// When there is something to see, while there is no path.
    pub(super) fn timeout(&self, config: &Config) -> Option<Instant> {
        let patience = self.since.filter(|_| !self.patience_over).map(|since| since + config.patience);
        Instant::earliest(self.warn_at, patience)
    }

    pub(super) fn poll_warning(&mut self) -> Option<Event> {
        self.warning.take().map(Event::NoAnswer)
    }

    pub(super) fn poll_state(&mut self) -> Option<Event> {
        self.untold.pop_front().map(Event::State)
    }
}
