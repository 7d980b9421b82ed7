//! Who nominates (RFC 8445 §6.1.1).

#[derive(Debug)]
pub(super) struct Role {
    controlling: bool,
    tie_breaker: u64,
    /// The role was changed by a conflict, and the owner has not been told.
    untold: bool,
}

impl Role {
    pub(super) const fn new(controlling: bool, tie_breaker: u64) -> Self {
        Self { controlling, tie_breaker, untold: false }
    }

    pub(super) const fn is_controlling(&self) -> bool {
        self.controlling
    }

    pub(super) const fn tie_breaker(&self) -> u64 {
        self.tie_breaker
    }

    /// Whether that was a change.
    pub(super) fn set(&mut self, controlling: bool) -> bool {
        let changes = self.controlling != controlling;
        self.controlling = controlling;
        self.untold |= changes;
        changes
    }

    /// After a 487 (RFC 8445 §7.2.5.1).
    pub(super) fn set_tie_breaker(&mut self, tie_breaker: u64) {
        self.tie_breaker = tie_breaker;
    }

    pub(super) fn poll_event(&mut self) -> Option<bool> {
        core::mem::take(&mut self.untold).then_some(self.controlling)
    }
}
