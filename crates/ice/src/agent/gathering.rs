//! How far gathering is.
use barertc_wire::Instant;

use crate::event::GatheringState;

pub(super) struct Gathering {
    state: GatheringState,
    /// When gathering ends at the latest; none before it began.
    until: Option<Instant>,
    untold: heapless::Deque<GatheringState, 2>,
}

impl Gathering {
    pub(super) const fn new() -> Self {
        Self { state: GatheringState::New, until: None, untold: heapless::Deque::new() }
    }

    pub(super) const fn state(&self) -> GatheringState {
        self.state
    }

    pub(super) const fn has_begun(&self) -> bool {
        self.until.is_some()
    }

    pub(super) fn is_running(&self) -> bool {
        self.state == GatheringState::Gathering
    }

    pub(super) fn begin(&mut self, until: Instant) {
        self.until = Some(until);
        self.set(GatheringState::Gathering);
    }

    /// `asking`: some server may still answer.
    pub(super) fn update(&mut self, now: Instant, asking: bool) {
        if self.is_running() && (!asking || self.until.is_some_and(|end| end <= now)) {
            self.set(GatheringState::Complete);
        }
    }

    pub(super) fn timeout(&self) -> Option<Instant> {
        self.until.filter(|_| self.is_running())
    }

    pub(super) fn poll_event(&mut self) -> Option<GatheringState> {
        self.untold.pop_front()
    }

    fn set(&mut self, state: GatheringState) {
        if self.state != state {
            self.state = state;
            if self.untold.is_full() {
                self.untold.pop_back();
            }
            let _ = self.untold.push_back(state);
        }
    }
}
